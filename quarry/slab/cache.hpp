// quarry/slab/cache.hpp: a cache whose objects have a type, and pointers that give them back.
#pragma once

#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

// The only owner of one T. Move it, or let go of it.
template <class T, PageSource P, Hardening H = kPlain>
class ObjectPtr {
 public:
  ObjectPtr() noexcept = default;
  ObjectPtr(ObjectPtr&& other) noexcept : object_{other.release()}, cache_{other.cache_} {}
  ObjectPtr& operator=(ObjectPtr&& other) noexcept {
    if (this != &other) {
      reset();
      object_ = other.release();
      cache_ = other.cache_;
    }
    return *this;
  }
  ~ObjectPtr() { reset(); }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept {
    check(object_ != nullptr, "no object here");
    return *object_;
  }
  T* operator->() const noexcept { return &**this; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  // Destroys the object and gives its memory back.
  void reset() noexcept {
    T* const object = release();
    if (object == nullptr) return;
    object->~T();
    check(static_cast<bool>(cache_->free(object)), "an object that was given back behind its owner's back");
  }
  // Leaves the object to the caller, who hands it to Cache::adopt() one day.
  [[nodiscard]] T* release() noexcept {
    T* const object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  template <class U, PageSource Q, Hardening R>
  friend class Cache;
  ObjectPtr(T* object, KmemCache<P, H>& cache) noexcept : object_{object}, cache_{&cache} {}

  T* object_ = nullptr;
  KmemCache<P, H>* cache_ = nullptr;
};

// Ts from slabs. The handle may be copied; destroy() ends them all.
template <class T, PageSource P, Hardening H = kPlain>
class Cache {
  static_assert(std::is_nothrow_destructible_v<T>);

 public:
  using Pointer = ObjectPtr<T, P, H>;

  // Errors    those of SlabAllocator::create().
  static Result<Cache> create(SlabAllocator<P, H>& slabs, TextView name,
                              LineAlign line_align = LineAlign::no) noexcept {
    const Result<KmemCache<P, H>*> made =
        slabs.create({.name = name, .size = sizeof(T), .align = alignof(T), .line_align = line_align});
    if (!made) return made.error();
    return Cache{slabs, *made.value()};
  }

  // A T made from `arguments`, on the node that `where` says.
  //
  // Errors    those of KmemCache::alloc(). No T was made.
  template <class... Arguments>
  Result<Pointer> make_on(const Where& where, Arguments&&... arguments) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, Arguments...>);
    const Result<void*> memory = cache_->alloc(where);
    if (!memory) return memory.error();
    return Pointer{::new (memory.value()) T(std::forward<Arguments>(arguments)...), *cache_};
  }
  template <class... Arguments>
  Result<Pointer> make(Arguments&&... arguments) noexcept {
    return make_on(Where{}, std::forward<Arguments>(arguments)...);
  }

  // Owns again what release() let go of.
  //
  // Errors    wrong_owner: no live object of this cache. Nothing changed.
  Result<Pointer> adopt(T* object) noexcept {
    if (cache_->state_of(object) != ObjectState::live) return Error::wrong_owner;
    return Pointer{object, *cache_};
  }

  // Errors    those of SlabAllocator::destroy(); while objects are left the cache lives on.
  Result<Leaks> destroy() noexcept { return slabs_->destroy(*cache_); }
  KmemCache<P, H>& untyped() noexcept { return *cache_; }

 private:
  Cache(SlabAllocator<P, H>& slabs, KmemCache<P, H>& cache) noexcept : slabs_{&slabs}, cache_{&cache} {}

  SlabAllocator<P, H>* slabs_;
  KmemCache<P, H>* cache_;
};

}  // namespace quarry::slab

// quarry/page/descriptor.hpp: sixteen bytes for each page frame.
//
// Four words of 32 bits. A descriptor describes a block, from the block's first frame; the other frames of
// a block are its tails, and their descriptors say nothing: all zero. Only a slab's tails have word 0 of their head, so that the
// cache of an object is one look away, and its slab's head is the frame's number with `order` low bits cleared.
//
//              word 0                                     word 1     word 2     word 3
//   state      31       20 19      8 7    4 3 2   0
//   -----------------------------------------------------------------------------------------------------
//   nothing    0           0         0      0             0          0          0
//   free       list        part      order  1             next       previous   0
//   allocated  type        part      order  2             references owner's    owner's
//   slab       cache       part      order  3             next       previous   free head | in use
//   per_cpu    type        part      order  4             next frame | previous frame, 48 bits each
//   isolated   list        part      order  5             next       previous   0
//   reserved   0           part      order  6             references owner's    owner's
//
//   nothing    A tail, a frame that was never given to the page allocator (reserved since boot, or a hole), one of
//              a section whose bring-up is deferred, or of one that is offline. Zeroed memory says so unwritten.
//   list       The MigrateType of the free list that the block stands on. A pageblock's own type is in the
//              memory map's pageblock bits and may differ.
//   type       The MigrateType that was asked for.
//   part       Index of the zone part (quarry/buddy) that the block belongs to; it names zone and node.
//   next, previous   1 + the frame's distance from the start of the part; 0 is the end of the list. A part
//              spans at most 2^31 frames.
//   frame      A frame's number, kNoFrame at an end: a per-CPU list may reach across parts. Where a core keeps its blocks
//              in arrays these words say nothing, and `type` is the list's.
//   bit 3      of a slab, whether its cache's number is below kQuickCaches; 0 in all other states.
//   free head  of a slab, low 16 bits: number of the first free object, kNoObject when there is none.
//   in use     of a slab, high 16 bits: number of objects handed out.
//   owner's    Two words that whoever holds the page may use. Zero when it is handed out.
//   reserved   Taken from use on purpose: a bad page.
//
// An embedder's own fields may follow, which nothing here touches: see extra.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/atomic.hpp"
#include "quarry/base/bits.hpp"
#include "quarry/base/units.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::page {

enum class State : std::uint8_t { nothing, free, allocated, slab, per_cpu, isolated, reserved };

// A place in a list: 0 is none, anything else 1 + an index into a zone part.
enum class Link : std::uint32_t { none = 0 };

class Descriptor {
 public:
  static constexpr unsigned kMaxParts = 1u << 12;
  static constexpr unsigned kMaxCaches = 1u << 12;
  static constexpr unsigned kQuickCaches = 64;
  static constexpr std::uint16_t kNoObject = 0xffff;
  static constexpr Pfn kNoFrame{(std::uint64_t{1} << 48) - 1};

  // Word 0, read once.
  class Tag {
   public:
    constexpr State state() const noexcept { return static_cast<State>(raw_ & 7); }
    constexpr Order order() const noexcept { return Order{(raw_ >> 4) & 0xf}; }
    constexpr unsigned part() const noexcept { return (raw_ >> 8) & 0xfff; }
    constexpr MigrateType list() const noexcept { return static_cast<MigrateType>(raw_ >> 20); }
    constexpr std::size_t index_of_list() const noexcept { return raw_ >> 20; }
    // All but the order.
    constexpr std::uint32_t kind() const noexcept { return raw_ & ~0xf0u; }
    constexpr bool is_free(Order order, unsigned part) const noexcept {
      return (raw_ & 0xfffff) == of(State::free, order, part, 0).raw_;
    }
    // Whether this is a slab of a cache with a number below kQuickCaches: one bit says both.
    constexpr bool is_quick_slab() const noexcept { return (raw_ & kQuick) != 0; }
    // What all frames of a cache's slabs of one order have in common, whichever part they are of.
    static constexpr std::uint32_t slab_of(std::uint32_t cache, Order order) noexcept {
      return static_cast<std::uint32_t>(State::slab) | quick(cache) | order.raw() << 4 | cache << 20;
    }
    constexpr bool is_slab_of(std::uint32_t common) const noexcept { return (raw_ & 0xfff000ff) == common; }
    constexpr std::uint32_t cache_of_slab() const noexcept { return raw_ >> 20; }
    constexpr bool is_allocated(Order order) const noexcept {
      return (raw_ & 0xff) == of(State::allocated, order, 0, 0).raw_;
    }

   private:
    friend class Descriptor;
    static constexpr std::uint32_t kQuick = 8;
    static constexpr std::uint32_t quick(std::uint32_t cache) noexcept {
      return cache < kQuickCaches ? kQuick : 0;
    }
    constexpr explicit Tag(std::uint32_t raw) noexcept : raw_{raw} {}
    static constexpr Tag of(State state, Order order, unsigned part, unsigned high) noexcept {
      return Tag{static_cast<std::uint32_t>(state) | order.raw() << 4 | part << 8 | high << 20};
    }
    std::uint32_t raw_;
  };
  constexpr Tag tag() const noexcept { return Tag{tag_}; }

  constexpr State state() const noexcept { return tag().state(); }
  constexpr Order order() const noexcept { return tag().order(); }
  constexpr unsigned part() const noexcept { return tag().part(); }
  constexpr MigrateType list() const noexcept { return tag().list(); }
  constexpr bool is_free(Order order, unsigned part) const noexcept { return tag().is_free(order, part); }
  constexpr bool is_allocated(Order order) const noexcept { return tag().is_allocated(order); }
  // Allocated with this order, and by one user.
  constexpr bool is_sole(Order order) const noexcept { return is_sole(tag(), order); }
  constexpr bool is_sole(Tag tag, Order order) const noexcept { return tag.is_allocated(order) && a_ == 1; }
  // The same of one whose tag is of this kind. `kind` says that it is allocated, or nothing.
  constexpr bool is_sole(std::uint32_t kind, Order order) const noexcept {
    return tag_ == (kind | order.raw() << 4) && a_ == 1;
  }

  // The tag of a block in use, of which a whole one is made by adding order and type.
  static constexpr std::uint32_t in_use_tag(unsigned part) noexcept {
    return tag(State::allocated, Order{0}, part, 0);
  }
  // Of a block that rests on a core, which has one user since it came there.
  constexpr void leave_core(std::uint32_t in_use, Order order, MigrateType type) noexcept {
    tag_ = in_use | order.raw() << 4 | index_of(type) << 20;
    b_ = c_ = 0;
  }

  // Whole-state changes: every word that the new state defines is written.
  constexpr void become_nothing() noexcept {
    tag_ = 0;
    a_ = 0;
    b_ = c_ = 0;
  }
  constexpr void become_free(Order order, unsigned part, MigrateType list, Link next,
                             Link previous) noexcept {
    *this = {tag(State::free, order, part, index_of(list)), static_cast<std::uint32_t>(next),
             static_cast<std::uint32_t>(previous), 0};
  }
  constexpr void become_allocated(Order order, unsigned part, MigrateType type) noexcept {
    tag_ = Tag::of(State::allocated, order, part, index_of(type)).raw_;
    a_ = 1;
    b_ = c_ = 0;
  }
  // From nothing to a core's array, by a tag that is the same for many. What is left unwritten is written when it leaves.
  static constexpr std::uint32_t resting_tag(Order order, unsigned part, MigrateType type) noexcept {
    return tag(State::per_cpu, order, part, index_of(type));
  }
  constexpr void become_at_rest(std::uint32_t resting) noexcept {
    tag_ = resting;
    a_ = 1;
  }
  // From allocated only, keeping order and part.
  constexpr void become_per_cpu(MigrateType list, Pfn next, Pfn previous) noexcept {
    const std::uint32_t was = tag_;
    check((was & 7) == static_cast<std::uint32_t>(State::allocated), "this page is not in use");
    tag_ = (was & 0xffff0) | static_cast<std::uint32_t>(State::per_cpu) | index_of(list) << 20;
    set_frames(next, previous);
  }
  // The same for lists that keep no links here: nothing but the state changes. `tag` is what it has.
  constexpr void rest_on_core() noexcept {
    tag_ = tag_ ^ static_cast<std::uint32_t>(State::allocated) ^ static_cast<std::uint32_t>(State::per_cpu);
  }
  constexpr void rest_on_core(std::uint32_t kind, Order order) noexcept {
    tag_ = (kind | order.raw() << 4) ^ static_cast<std::uint32_t>(State::allocated) ^
           static_cast<std::uint32_t>(State::per_cpu);
  }
  // From allocated only, keeping order and part; the links, the counts and the free list start empty.
  constexpr void become_slab(unsigned cache) noexcept {
    check(state() == State::allocated && cache < kMaxCaches, "this page cannot become a slab");
    *this = {tag(State::slab, order(), part(), cache) | Tag::quick(cache), 0, 0, kNoObject};
  }
  // From nothing only: a tail of the slab that `head` describes. become_nothing() undoes it.
  constexpr void become_slab_tail(const Descriptor& head) noexcept {
    check(state() == State::nothing && head.state() == State::slab, "this page is no slab's tail");
    *this = {head.tag_, 0, 0, 0};
  }
  // From slab only, before it is freed.
  constexpr void leave_slab(MigrateType type) noexcept {
    check(state() == State::slab, "this page is no slab");
    become_allocated(order(), part(), type);
  }

  // Lists: free, slab, per_cpu and isolated.
  constexpr Link next() const noexcept { return static_cast<Link>(a_.load()); }
  constexpr Link previous() const noexcept { return static_cast<Link>(b_); }
  constexpr void set_next(Link link) noexcept { a_ = static_cast<std::uint32_t>(link); }
  constexpr void set_previous(Link link) noexcept { b_ = static_cast<std::uint32_t>(link); }

  // Per-CPU lists.
  constexpr Pfn next_frame() const noexcept { return Pfn{a_ | std::uint64_t{b_ & 0xffff} << 32}; }
  constexpr Pfn previous_frame() const noexcept { return Pfn{b_ >> 16 | std::uint64_t{c_} << 16}; }
  constexpr void set_frames(Pfn next, Pfn previous) noexcept {
    a_ = static_cast<std::uint32_t>(next.raw);
    b_ = static_cast<std::uint32_t>((next.raw >> 32 & 0xffff) | previous.raw << 16);
    c_ = static_cast<std::uint32_t>(previous.raw >> 16);
  }
  constexpr void set_next_frame(Pfn next) noexcept {
    a_ = static_cast<std::uint32_t>(next.raw);
    b_ = (b_ & 0xffff'0000u) | static_cast<std::uint32_t>(next.raw >> 32 & 0xffff);
  }
  constexpr void set_previous_frame(Pfn previous) noexcept {
    b_ = (b_ & 0xffff) | static_cast<std::uint32_t>(previous.raw << 16);
    c_ = static_cast<std::uint32_t>(previous.raw >> 16);
  }

  // Allocated.
  constexpr std::uint32_t references() const noexcept { return a_; }
  constexpr void set_references(std::uint32_t count) noexcept { a_ = count; }
  // One user more or less; any core may, at any time. False: there were as many as can be, or it is the only one.
  bool add_reference() noexcept { return change_references(UINT32_MAX, 1); }
  bool drop_reference() noexcept { return change_references(1, 0u - 1); }
  constexpr std::uint64_t owner_word() const noexcept { return b_ | std::uint64_t{c_} << 32; }
  constexpr void set_owner_word(std::uint64_t word) noexcept {
    b_ = static_cast<std::uint32_t>(word);
    c_ = static_cast<std::uint32_t>(word >> 32);
  }

  // Slab.
  constexpr unsigned cache() const noexcept { return tag_ >> 20; }
  constexpr std::uint16_t free_object() const noexcept { return static_cast<std::uint16_t>(c_); }
  constexpr std::uint16_t objects_in_use() const noexcept { return static_cast<std::uint16_t>(c_ >> 16); }
  // `object` becomes the first free one, and one less is in use.
  //
  // Returns   the one that was first.
  constexpr std::uint16_t put_object(std::uint16_t object) noexcept {
    const std::uint32_t was = c_;
    c_ = ((was & 0xffff'0000u) - 0x1'0000u) | object;
    return static_cast<std::uint16_t>(was);
  }
  constexpr void set_objects(std::uint16_t first_free, std::uint16_t in_use) noexcept {
    c_ = first_free | std::uint32_t{in_use} << 16;
  }

  friend constexpr bool operator==(const Descriptor&, const Descriptor&) noexcept = default;
  constexpr Descriptor() noexcept = default;

 private:
  constexpr Descriptor(std::uint32_t tag, std::uint32_t a, std::uint32_t b, std::uint32_t c) noexcept
      : tag_{tag}, a_{a}, b_{b}, c_{c} {}
  bool change_references(std::uint32_t except, std::uint32_t by) noexcept {
    std::uint32_t now = a_;
    do
      if (now == except) return false;
    while (!a_.exchange_if(now, now + by));
    return true;
  }
  static constexpr std::uint32_t tag(State state, Order order, unsigned part, unsigned high) noexcept {
    return Tag::of(state, order, part, high).raw_;
  }

  Shared<std::uint32_t> tag_;  // word 0: others look at it while its holder changes it
  Shared<std::uint32_t> a_;    // and at how many use it
  std::uint32_t b_ = 0;
  std::uint32_t c_ = 0;
};
static_assert(sizeof(Descriptor) == 16 && alignof(Descriptor) == 4);
static_assert(static_cast<unsigned>(State::reserved) < 8);  // three bits

}  // namespace quarry::page

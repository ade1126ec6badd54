// shell/stage.hpp: the shell's machine over a PageSystem, on a platform whose memory has a way back.
#pragma once

#include "quarry/memory/page_system.hpp"
#include "quarry/view/slabinfo.hpp"
#include "shell/machine.hpp"

namespace quarry::shell {

template <class System, port::InverseMap P>
class Stage : public Machine {
 public:
  static constexpr Geometry kGeometry = System::kGeometry;

  // `early` and `system`, which is up when the shell begins, outlive this.
  Stage(const memory::EarlySystem& early, System& system, P platform) noexcept
      : Machine{early}, system_{&system}, platform_{platform} {}

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept override {
    return pages().alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept override { return pages().free_pages(page, order); }
  std::size_t alloc_bulk(std::span<Pfn> into, const buddy::Request& request) noexcept override {
    return pages().alloc_pages_bulk(into, request);
  }
  Result<Pfn> alloc_exact(PageCount count, const buddy::Request& request) noexcept override {
    return pages().alloc_pages_exact(count, request);
  }
  Result<Done> free_exact(Pfn first, PageCount count) noexcept override {
    return pages().free_pages_exact(first, count);
  }
  Result<Done> isolate(PfnRange range) noexcept override { return pages().isolate(range); }
  void undo_isolation(PfnRange range, page::MigrateType type) noexcept override {
    pages().undo_isolation(range, type);
  }
  Result<Done> alloc_range(PfnRange range, page::MigrateType type) noexcept override {
    return pages().alloc_range(range, type);
  }
  Result<Done> free_range(PfnRange range) noexcept override { return pages().free_range(range); }
  buddy::Misuse last_misuse() const noexcept override { return pages().last_misuse(); }
  void set_mover(const buddy::Mover& mover) noexcept override { pages().set_mover(mover); }
  std::byte* memory_of(PfnRange range) noexcept override { return platform_.map(range); }

  std::optional<AreaLook> area(std::size_t place) const noexcept override {
    if (place >= system_->areas().size()) return std::nullopt;
    const auto& area = system_->areas()[place];
    return AreaLook{area.name(), area.pages(), area.order_per_bit(), area.stats()};
  }
  Result<Pfn> alloc_from_area(std::size_t place, PageCount count, Order alignment) noexcept override {
    return system_->areas()[place].alloc(count, alignment);
  }
  Result<Done> release_to_area(std::size_t place, PfnRange range) noexcept override {
    return system_->areas()[place].release(range);
  }
  buddy::AreaMisuse area_misuse(std::size_t place) const noexcept override {
    return system_->areas()[place].last_misuse();
  }

  void drain(std::optional<unsigned> core) noexcept override {
    if (core)
      pages().drain(*core);
    else
      pages().drain_all();
  }
  unsigned core_count() const noexcept override { return port::cores_of(platform_).core_count(); }
  unsigned core() const noexcept override { return port::cores_of(platform_).this_core(); }
  NodeId home() const noexcept override { return system_->frames().home_of(core()); }

  Result<PhysAddr> kmalloc(const ObjectRequest& request) noexcept override {
    auto& kmalloc = system_->kmalloc();
    const auto object = request.content == Content::zeros
                            ? kmalloc.kzalloc(request.size, request.where, request.memory)
                            : kmalloc.kmalloc(request.size, request.where, request.memory);
    if (!object) return object.error();
    return address(object.value());
  }
  Result<Done> kfree(PhysAddr object) noexcept override {
    void* const memory = pointer(object);
    if (memory == nullptr) return Error::out_of_range;
    return system_->kmalloc().kfree_checked(memory);
  }
  Result<PhysAddr> krealloc(PhysAddr object, std::uint64_t size) noexcept override;
  ObjectLook look_at_object(PhysAddr object) noexcept override;

  Result<CacheId> create_cache(const slab::CacheSpec& spec) noexcept override {
    const auto made = slabs().create(spec);
    if (!made) return made.error();
    return id_of(*made.value());
  }
  Result<slab::Leaks> destroy_cache(CacheId id, const LeakTeller& leak) noexcept override;
  std::optional<CacheId> find_cache(TextView name) noexcept override {
    for (Cache* cache = slabs().first(); cache != nullptr; cache = cache->next())
      if (cache->name() == name) return id_of(*cache);
    return std::nullopt;
  }
  CacheLook look_at_cache(CacheId id) noexcept override { return look(cache_of(id)); }
  std::size_t look_at_caches(std::span<CacheLook> into) noexcept override {
    std::size_t count = 0;
    for (Cache* cache = slabs().first(); cache != nullptr; cache = cache->next(), ++count)
      if (count < into.size()) into[count] = look(*cache);
    return count;
  }
  std::size_t alloc_objects(CacheId id, std::span<PhysAddr> into, const slab::Where& where) noexcept override;
  PageCount shrink(std::optional<CacheId> id) noexcept override {
    const PageCount before = pages_in_slabs();
    if (id)
      cache_of(*id).shrink();
    else
      slabs().give_back();
    const PageCount after = pages_in_slabs();
    return PageCount{before > after ? before.raw - after.raw : 0};
  }
  view::SlabMemory slab_memory() noexcept override {
    return view::slab_memory(slabs().first(), system_->kmalloc().large_pages());
  }

  buddy::ZoneStats stats(std::uint32_t zone) const noexcept override { return pages().stats(zone); }
  PageCount pages_on(std::uint32_t zone, unsigned core) const noexcept override {
    return pages().pages_on(zone, core);
  }
  buddy::Obstacle obstacle(std::uint32_t zone, Order order,
                           const buddy::Request& request) const noexcept override {
    return pages().obstacle(zone, order, request);
  }
  std::optional<PageLook> look_at(Pfn page) noexcept override;
  void print_slabinfo(TextSink& out) noexcept override { view::print_slabinfo(out, slabs().first()); }
  buddy::Finding audit() const noexcept override { return pages().audit(); }
  TextView slab_audit() noexcept override {
    const auto audit = slabs().audit();
    return audit.holds() ? TextView{} : slab::name_of(audit.broken);
  }

 protected:
  ~Stage() = default;
  typename System::Allocator& pages() const noexcept { return system_->allocator(); }

 private:
  using Cache = typename std::remove_reference_t<decltype(std::declval<System&>().slabs())>::Cache;

  auto& slabs() noexcept { return system_->slabs(); }
  static CacheId id_of(const Cache& cache) noexcept { return static_cast<CacheId>(cache.id()); }
  Cache& cache_of(CacheId id) noexcept {
    Cache* const cache = slabs().by_id(static_cast<std::uint32_t>(id));
    check(cache != nullptr, "there is no such cache");
    return *cache;
  }
  static CacheLook look(Cache& cache) noexcept {
    return {id_of(cache), cache.users(), cache.packing().order, cache.stats()};
  }
  PageCount pages_in_slabs() noexcept {
    const view::SlabMemory memory = view::slab_memory(slabs().first(), PageCount{});
    return PageCount{memory.reclaimable.raw + memory.unreclaimable.raw};
  }
  std::byte* pointer(PhysAddr at) noexcept {
    const Pfn page = kGeometry.page_size().pfn_down(at);
    std::byte* const start = platform_.map({page, page + PageCount{1}});
    return start == nullptr ? nullptr : start + (at.raw - kGeometry.page_size().address_of(page).raw);
  }

  Result<PhysAddr> address(const void* memory) noexcept {
    const auto page = platform_.pfn_of(memory);
    if (!page) return page.error();
    const std::byte* const start = platform_.map({page.value(), page.value() + PageCount{1}});
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(memory) - start);
    return kGeometry.page_size().address_of(page.value()) + Bytes{offset};
  }

  System* system_;
  [[no_unique_address]] P platform_;
};

template <class System, port::InverseMap P>
Result<PhysAddr> Stage<System, P>::krealloc(PhysAddr object, std::uint64_t size) noexcept {
  const ObjectLook what = look_at_object(object);
  if (what.state != slab::ObjectState::live) return Error::wrong_owner;
  const auto moved = system_->kmalloc().krealloc(pointer(object), size);
  if (!moved) return moved.error();
  return address(moved.value());
}

template <class System, port::InverseMap P>
ObjectLook Stage<System, P>::look_at_object(PhysAddr object) noexcept {
  using slab::ObjectState;
  const void* const memory = pointer(object);
  if (memory == nullptr) return {.state = ObjectState::unmapped};
  if (const auto found = slabs().cache_of(memory)) {
    Cache& cache = *found.value();
    return {cache.state_of(memory), id_of(cache), cache.name(), cache.packing().object_size};
  }
  const auto size = system_->kmalloc().ksize(memory);
  if (size) return {.state = ObjectState::live, .size = size.value()};
  switch (size.error()) {
    case Error::bad_argument: return {.state = ObjectState::misaligned};
    case Error::out_of_range: return {.state = ObjectState::unmapped};
    default: return {.state = ObjectState::no_slab};
  }
}

template <class System, port::InverseMap P>
Result<slab::Leaks> Stage<System, P>::destroy_cache(CacheId id, const LeakTeller& leak) noexcept {
  struct Told {
    Stage* stage;
    const LeakTeller* to;
  } told{this, &leak};
  return slabs().destroy(cache_of(id), {&told, [](void* self, const slab::Leak& found) noexcept {
                                          const Told& us = *static_cast<Told*>(self);
                                          if (us.to->tell != nullptr)
                                            us.to->tell(us.to->self, us.stage->address(found.object).value());
                                        }});
}

template <class System, port::InverseMap P>
std::size_t Stage<System, P>::alloc_objects(CacheId id, std::span<PhysAddr> into,
                                            const slab::Where& where) noexcept {
  Cache& cache = cache_of(id);
  std::size_t count = 0;
  for (; count < into.size(); ++count) {
    const auto object = cache.alloc(where);
    if (!object) break;
    into[count] = address(object.value()).value();
  }
  return count;
}

template <class System, port::InverseMap P>
std::optional<PageLook> Stage<System, P>::look_at(Pfn page) noexcept {
  if (pages().descriptor(page) == nullptr) return std::nullopt;  // a deferred section is brought up
  const auto place = memory::place_of(pages(), early().layout(), page);
  if (!place) return std::nullopt;
  PageLook look = place.value();
  const bool is_block = look.state == page::State::free || look.state == page::State::allocated ||
                        look.state == page::State::slab;
  if (!is_block) look.block = {};
  return look;
}

}  // namespace quarry::shell

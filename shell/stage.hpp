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

  Result<PhysAddr> kmalloc(std::uint64_t size, NodeId node) noexcept override;
  Result<Done> kfree(PhysAddr object) noexcept override {
    void* const memory = pointer(object);
    if (memory == nullptr) return Error::out_of_range;
    return system_->kmalloc().kfree(memory);
  }
  Result<std::uint64_t> ksize(PhysAddr object) noexcept override {
    const void* const memory = pointer(object);
    if (memory == nullptr) return Error::out_of_range;
    return system_->kmalloc().ksize(memory);
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
  void print_slabinfo(TextSink& out) noexcept override {
    view::print_slabinfo(out, system_->slabs().first());
  }
  buddy::Finding audit() const noexcept override { return pages().audit(); }
  TextView slab_audit() noexcept override {
    const auto audit = system_->slabs().audit();
    return audit.holds() ? TextView{} : slab::name_of(audit.broken);
  }

 protected:
  ~Stage() = default;
  typename System::Allocator& pages() const noexcept { return system_->allocator(); }

 private:
  std::byte* pointer(PhysAddr at) noexcept {
    const Pfn page = kGeometry.page_size().pfn_down(at);
    std::byte* const start = platform_.map({page, page + PageCount{1}});
    return start == nullptr ? nullptr : start + (at.raw - kGeometry.page_size().address_of(page).raw);
  }

  System* system_;
  [[no_unique_address]] P platform_;
};

template <class System, port::InverseMap P>
Result<PhysAddr> Stage<System, P>::kmalloc(std::uint64_t size, NodeId node) noexcept {
  const auto object = system_->kmalloc().kmalloc(size, {.node = node});
  if (!object) return object.error();
  const auto page = platform_.pfn_of(object.value());
  if (!page) return page.error();
  const std::byte* const start = platform_.map({page.value(), page.value() + PageCount{1}});
  const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(object.value()) - start);
  return kGeometry.page_size().address_of(page.value()) + Bytes{offset};
}

template <class System, port::InverseMap P>
std::optional<PageLook> Stage<System, P>::look_at(Pfn page) noexcept {
  const page::Descriptor* const own = pages().descriptor(page);
  if (own == nullptr) return std::nullopt;
  auto& map = pages().map();
  PageLook look{.state = own->state(), .block = {}, .pageblock = map.pageblock_type(page)};
  for (std::uint32_t zone = 0; zone < pages().zone_count(); ++zone) {
    if (!early().layout().zones[zone].is_populated()) continue;
    const auto free = pages().zone_pages(zone).block_of(page);
    if (!free) continue;
    look.state = page::State::free;
    look.block = {free.value().page, free.value().page + free.value().order.pages()};
    return look;
  }
  const auto head = page::head_of(map, page);
  if (!head) return look;
  const page::Descriptor& block = map.at(head.value());
  look.state = block.state();
  if (look.state == page::State::allocated || look.state == page::State::slab)
    look.block = {head.value(), head.value() + block.order().pages()};
  return look;
}

}  // namespace quarry::shell

// shell/machine.hpp: a machine that is up, as the shell's commands use it, whatever its geometry and policy.
#pragma once

#include <optional>
#include <span>

#include "quarry/buddy/area_stats.hpp"
#include "quarry/buddy/law.hpp"
#include "quarry/buddy/misuse.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/buddy/zone_stats.hpp"
#include "quarry/memory/early_system.hpp"
#include "quarry/page/descriptor.hpp"
#include "quarry/view/zoneinfo.hpp"

namespace quarry::shell {

// What a page is, for those who look at it.
struct PageLook {
  page::State state = page::State::nothing;
  PfnRange block{};  // that it lies in; empty: none is known
  page::MigrateType pageblock = page::MigrateType::movable;
};

// A contiguous area, for those who look at it.
struct AreaLook {
  TextView name;
  PfnRange pages{};
  Order order_per_bit{0};
  buddy::AreaStats stats{};
};

// Requests and refusals are those of PageAllocator and Kmalloc; objects are named by physical address. What a machine
// does not override it does not have: such requests find nothing.
class Machine {
 public:
  virtual Result<Pfn> alloc_pages(Order, const buddy::Request&) noexcept { return Error::not_found; }
  virtual Result<Done> free_pages(Pfn, Order) noexcept { return Error::not_found; }
  virtual std::size_t alloc_bulk(std::span<Pfn>, const buddy::Request&) noexcept { return 0; }
  virtual Result<Pfn> alloc_exact(PageCount, const buddy::Request&) noexcept { return Error::not_found; }
  virtual Result<Done> free_exact(Pfn, PageCount) noexcept { return Error::not_found; }
  virtual Result<Done> isolate(PfnRange) noexcept { return Error::not_found; }
  virtual void undo_isolation(PfnRange, page::MigrateType) noexcept {}
  virtual Result<Done> alloc_range(PfnRange, page::MigrateType) noexcept { return Error::not_found; }
  virtual Result<Done> free_range(PfnRange) noexcept { return Error::not_found; }
  virtual buddy::Misuse last_misuse() const noexcept { return buddy::Misuse::none; }
  virtual void set_mover(const buddy::Mover&) noexcept {}
  virtual std::byte* memory_of(PfnRange) noexcept { return nullptr; }  // null: it is not mapped

  // Contiguous areas, by their place; none: there is no such area.
  virtual std::optional<AreaLook> area(std::size_t) const noexcept { return std::nullopt; }
  virtual Result<Pfn> alloc_from_area(std::size_t, PageCount, Order) noexcept { return Error::not_found; }
  virtual Result<Done> release_to_area(std::size_t, PfnRange) noexcept { return Error::not_found; }
  virtual buddy::AreaMisuse area_misuse(std::size_t) const noexcept { return buddy::AreaMisuse::none; }

  virtual void drain(std::optional<unsigned>) noexcept {}  // a core; none: all
  virtual unsigned core_count() const noexcept { return 1; }
  virtual unsigned core() const noexcept { return 0; }
  // From here on that core, below core_count(), asks.
  //
  // Errors    whatever forbids it.
  virtual Result<Done> run_on(unsigned core) noexcept {
    if (core != this->core()) return Error::not_found;
    return Done{};
  }

  virtual Result<PhysAddr> kmalloc(std::uint64_t, NodeId) noexcept { return Error::not_found; }
  virtual Result<Done> kfree(PhysAddr) noexcept { return Error::not_found; }
  virtual Result<std::uint64_t> ksize(PhysAddr) noexcept { return Error::not_found; }

  virtual buddy::ZoneStats stats(std::uint32_t) const noexcept { return {}; }
  virtual PageCount pages_on(std::uint32_t, unsigned) const noexcept { return {}; }
  virtual buddy::Obstacle obstacle(std::uint32_t, Order, const buddy::Request&) const noexcept { return {}; }
  virtual std::optional<PageLook> look_at(Pfn) noexcept {
    return std::nullopt;
  }  // none: there is no such page
  virtual void print_slabinfo(TextSink&) noexcept {}
  virtual buddy::Finding audit() const noexcept { return {}; }
  virtual TextView slab_audit() noexcept { return {}; }  // the law that is broken; empty: all hold
  virtual view::DeviceColumn device_column() const noexcept { return view::DeviceColumn::absent; }
  // Whether its page allocator's observer is the shell's StepWatcher.
  virtual bool tells_steps() const noexcept { return true; }
  virtual TextView policy() const noexcept { return "linux"; }  // or "compact"

  const memory::EarlySystem& early() const noexcept { return early_; }
  const Geometry& geometry() const noexcept { return early_.machine().geometry; }

 protected:
  explicit Machine(const memory::EarlySystem& early) noexcept : early_{early} {}
  ~Machine() = default;

 private:
  const memory::EarlySystem& early_;
};

}  // namespace quarry::shell

// cli/shell_machine.hpp: a machine that is up, as the shell's commands use it, whatever its geometry and policy.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/policy.hpp"
#include "quarry/buddy/law.hpp"
#include "quarry/buddy/misuse.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/buddy/zone_stats.hpp"
#include "quarry/memory/early_system.hpp"
#include "quarry/page/descriptor.hpp"
#include "quarry/view/zoneinfo.hpp"

namespace quarry::cli {

// What a page is, for those who look at it.
struct PageLook {
  page::State state = page::State::nothing;
  PfnRange block{};  // that it lies in; empty: none is known
  page::MigrateType pageblock = page::MigrateType::movable;
};

// Requests and refusals are those of PageAllocator and Kmalloc; objects are named by physical address.
class ShellMachine {
 public:
  virtual ~ShellMachine() = default;

  virtual Result<Pfn> alloc_pages(Order order, const buddy::Request& request) = 0;
  virtual Result<Done> free_pages(Pfn page, Order order) = 0;
  virtual std::size_t alloc_bulk(std::span<Pfn> pages, const buddy::Request& request) = 0;
  virtual Result<Pfn> alloc_exact(PageCount count, const buddy::Request& request) = 0;
  virtual Result<Done> free_exact(Pfn first, PageCount count) = 0;
  virtual Result<Done> isolate(PfnRange pages) = 0;
  virtual void undo_isolation(PfnRange pages, page::MigrateType type) = 0;
  virtual Result<Done> alloc_range(PfnRange pages, page::MigrateType type) = 0;
  virtual Result<Done> free_range(PfnRange pages) = 0;
  virtual buddy::Misuse last_misuse() const = 0;
  virtual void set_mover(const buddy::Mover& mover) = 0;
  virtual std::byte* memory_of(PfnRange pages) = 0;  // null: it is not mapped

  virtual void drain(std::optional<unsigned> core) = 0;  // none: all
  virtual unsigned core_count() const = 0;
  virtual unsigned core() const = 0;
  virtual void run_on(unsigned core) = 0;  // below core_count()

  virtual Result<PhysAddr> kmalloc(std::uint64_t size, NodeId node) = 0;
  virtual Result<Done> kfree(PhysAddr object) = 0;
  virtual Result<std::uint64_t> ksize(PhysAddr object) = 0;

  virtual const memory::EarlySystem& early() const = 0;
  virtual const Geometry& geometry() const = 0;
  virtual PolicyChoice policy() const = 0;
  virtual buddy::ZoneStats stats(std::uint32_t zone) const = 0;
  virtual PageCount pages_on(std::uint32_t zone, unsigned core) const = 0;
  virtual buddy::Obstacle obstacle(std::uint32_t zone, Order order, const buddy::Request& request) const = 0;
  virtual std::optional<PageLook> look_at(Pfn page) = 0;  // none: there is no such page
  virtual std::string slabinfo() = 0;
  virtual buddy::Finding audit() const = 0;
  virtual std::string slab_audit() = 0;  // the law that is broken; empty: all hold
  virtual view::DeviceColumn device_column() const = 0;
};

}  // namespace quarry::cli

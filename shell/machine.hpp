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
#include "quarry/memory/page_place.hpp"
#include "quarry/page/descriptor.hpp"
#include "quarry/slab/kmem_cache.hpp"
#include "quarry/view/slab_memory.hpp"
#include "quarry/view/zoneinfo.hpp"

namespace quarry::shell {

// What a page is, for those who look at it.
using PageLook = memory::PagePlace;

// A contiguous area, for those who look at it.
struct AreaLook {
  TextView name;
  PfnRange pages{};
  Order order_per_bit{0};
  buddy::AreaStats stats{};
};

// A cache, by the number that it has while it is there.
enum class CacheId : std::uint16_t {};

// A cache, for those who look at it.
struct CacheLook {
  CacheId id{};
  unsigned users = 1;  // creations that it serves
  Order order{0};      // of a slab
  slab::CacheStats stats{};
};

// What an address is to caches and kmalloc.
struct ObjectLook {
  slab::ObjectState state = slab::ObjectState::no_slab;
  std::optional<CacheId> cache{};  // none: it is a block of kmalloc's, or nobody's
  TextView name{};                 // of the cache
  std::uint64_t size = 0;          // bytes that may be used
};

// An object of kmalloc's: how large, where, of what kind of memory, and what is to be in it.
enum class Content : std::uint8_t { any, zeros };
struct ObjectRequest {
  std::uint64_t size = 0;  // bytes
  slab::Where where{};
  slab::Memory memory = slab::Memory::normal;
  Content content = Content::any;
};

// Is told of each object that keeps a cache alive.
struct LeakTeller {
  void* self = nullptr;
  void (*tell)(void* self, PhysAddr object) noexcept = nullptr;
};

// Requests and refusals are those of PageAllocator, Kmalloc and SlabAllocator; objects are named by physical address. What a machine
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
  virtual NodeId home() const noexcept { return NodeId{}; }  // whose memory is nearest to that core
  // From here on that core, below core_count(), asks.
  //
  // Errors    whatever forbids it.
  virtual Result<Done> run_on(unsigned core) noexcept {
    if (core != this->core()) return Error::not_found;
    return Done{};
  }

  virtual Result<PhysAddr> kmalloc(const ObjectRequest&) noexcept { return Error::not_found; }
  // These look at what they are given first: it may be anything.
  virtual Result<Done> kfree(PhysAddr) noexcept { return Error::not_found; }
  virtual Result<PhysAddr> krealloc(PhysAddr, std::uint64_t) noexcept { return Error::not_found; }
  virtual ObjectLook look_at_object(PhysAddr) noexcept { return {}; }

  // The name's characters outlive the cache.
  virtual Result<CacheId> create_cache(const slab::CacheSpec&) noexcept { return Error::not_found; }
  virtual Result<slab::Leaks> destroy_cache(CacheId, const LeakTeller&) noexcept { return Error::not_found; }
  virtual std::optional<CacheId> find_cache(TextView) noexcept { return std::nullopt; }
  virtual CacheLook look_at_cache(CacheId) noexcept { return {}; }  // of one that is there
  // Caches in the order of creation, as many as fit.
  //
  // Returns   how many there are.
  virtual std::size_t look_at_caches(std::span<CacheLook>) noexcept { return 0; }
  // Objects of a cache that is there; less than asked for where memory ends.
  virtual std::size_t alloc_objects(CacheId, std::span<PhysAddr>, const slab::Where&) noexcept { return 0; }
  // Gives back what nobody uses: of one cache, or of all.
  //
  // Returns   the pages that went.
  virtual PageCount shrink(std::optional<CacheId>) noexcept { return {}; }
  virtual view::SlabMemory slab_memory() noexcept { return {}; }

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

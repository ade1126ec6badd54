// quarry/vm/vmalloc.hpp: memory in one piece to the kernel's eye, of frames that lie anywhere.
//
//   vmalloc()    |---------|---------|-|-|guard|      frames of its own: huge blocks where the size allows, then single ones
//   vmap()       |-|-|-|-|guard|                      frames of somebody else
//   ioremap()    |---------|-|-|guard|                registers and memory of devices, by the largest pages that fit
//
// What is given back stays mapped, and its frames taken, until enough has come together for one flush: then all of it
// is unmapped, the processors forget it, and frames, tables and addresses are free again. So nobody ever reaches a frame that
// has another owner, nor another area by an old translation. Whoever finds no memory or no room has the backlog
// purged before it gives up.
//
// Two locks, in this order. The tables' lock: one call on the tree at a time. The arena's: quarry/vm/address_arena.hpp.
#pragma once

#include <span>

#include "quarry/slab/page_source.hpp"
#include "quarry/vm/address_arena.hpp"
#include "quarry/vm/frame_zero.hpp"
#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

enum class HugeBlocks : std::uint8_t {
  allowed,  // from the size of a large page on, frames come in blocks that one large page maps
  never,    // for memory of which parts will be protected otherwise
};

struct VmallocRequest {
  Bytes size;                 // rounded up to whole pages
  TextView caller{};          // the characters outlive the area
  NodeId node = slab::kHere;  // whose memory is tried first
  // High memory first, where there is any: what the direct map does not reach is left for nobody else.
  zones::ZoneType highest = zones::ZoneType::highmem;
  HugeBlocks huge = HugeBlocks::allowed;
  Bytes alignment{};  // of the address; a power of two, less than a page is a page
  Access access{.write = true};
};

struct VmallocConfig {
  VirtRange range;  // whole pages, which the tree translates and nobody else maps
  AreaRecords records;
  Bytes backlog{
      32 << 20};  // of addresses; more than this is purged. Linux: 32 MiB, as often as log2(cores) + 1
  PageCount most{UINT64_MAX};  // of one request: those of the machine, so that what cannot be does not try
  FrameZero zero{};            // for vzalloc() of high memory
};

struct VmallocStats {
  ArenaStats areas{};
  PageCount frames{};         // owned by areas, those in the backlog included, without lists and tables
  std::uint64_t flushes = 0;  // how often processors were told, with whatever had come together
};

namespace detail {
template <class Tree>
struct FormatOf;
template <TableFormat Format, class Map>
struct FormatOf<PageTable<Format, Map>> {
  using Type = Format;
};
}  // namespace detail

// Tree        a vm::PageTable
// P           where frames come from
// TableLock   of the whole tree, which others may map in as well; may be held while pages are asked for and processors are told
//
// No function is called under a guard or with a lock held, nor from an interrupt: processors are told.
template <class Tree, FrameSource P, Lock TableLock>
class Vmalloc {
 public:
  using Cores = typename P::Cores;

  // What it points at outlives it.
  Vmalloc(Tree& tree, TableLock& table_lock, P& frames, const VmallocConfig& config) noexcept;
  Vmalloc(const Vmalloc&) = delete;
  Vmalloc& operator=(const Vmalloc&) = delete;

  // Memory of the caller's own, its content anything.
  //
  // Returns   its first address.
  // Errors    bad_argument: no bytes, or no power of two. no_room: no such gap between areas. no_memory: no frames, no
  //           table or no record. out_of_range: the tree does not translate the range, or a list's page is not in the direct
  //           map. Nothing is left behind.
  // Cost      O(pages), and a purge where something was missing.
  Result<VirtAddr> vmalloc(const VmallocRequest& request) noexcept;
  // The same with every byte zero. Without a VmallocConfig::zero no frames of high memory are taken.
  //
  // Errors    as vmalloc(); out_of_range: the direct map does not reach the frames, and nobody else does; those of the zero.
  Result<VirtAddr> vzalloc(const VmallocRequest& request) noexcept;
  // Errors    not_found: no area begins there. wrong_owner: it was freed already, or is no vmalloc()'s. Nothing changed.
  // Cost      O(log n); O(pages of the backlog) when that is full.
  Result<Done> vfree(VirtAddr at) noexcept;

  // Shows the caller's frames in the order in which they stand.
  //
  // Errors    bad_argument: no frames. out_of_range: no processor has such a frame. Otherwise as vmalloc().
  Result<VirtAddr> vmap(std::span<const Pfn> frames, Access access, TextView caller = {}) noexcept;
  // The frames may be mapped until the next purge(). Errors: as vfree().
  Result<Done> vunmap(VirtAddr at) noexcept;

  // Shows the bytes of a device. The address is aligned to the size, so that large pages fit where the device lies as well.
  //
  // Returns   where the first byte is, which need not begin a page.
  // Errors    bad_argument: no bytes. out_of_range: no processor has such memory. Otherwise as vmalloc().
  Result<VirtAddr> ioremap(PhysRange range, TextView caller = {},
                           Access access = {.write = true, .type = MemoryType::device}) noexcept;
  // Of an address that ioremap() returned. Errors: as vfree().
  Result<Done> iounmap(VirtAddr at) noexcept;

  // Empties the backlog: afterwards no processor reaches anything that was given back before.
  //
  // Returns   how many areas went.
  std::uint64_t purge() noexcept QUARRY_EXCLUDES(table_lock_);

  // The live area that holds `at`. Errors: not_found. Cost: O(log n).
  Result<AreaInfo> find(VirtAddr at) const noexcept { return arena_.find(at); }

  // The lowest area that begins at `from` or later, in the backlog or not, and how many of its frames each node has, by the
  // node's id; ids without a place are left out.
  //
  // Errors    not_found: there is none.
  // Cost      O(log n + blocks).
  Result<AreaInfo> next(VirtAddr from, std::span<PageCount> on_nodes) noexcept QUARRY_EXCLUDES(table_lock_);

  VmallocStats stats() const noexcept;
  ArenaFinding audit() const noexcept { return arena_.audit(); }

 private:
  using Format = typename detail::FormatOf<Tree>::Type;
  static constexpr Geometry kGeometry = P::kGeometry;
  static constexpr PageSize kPage = kGeometry.page_size();
  static_assert(kPage.shift() == Format::kPageShift);
  static constexpr unsigned kHugeOrder = Shape<Format>::kIndexBits;
  static constexpr bool kHasHugeBlocks =
      kHugeOrder <= kGeometry.max_order().raw() && Format::kHighestLeaf > 0;
  static constexpr PageCount kHugePages{std::uint64_t{1} << kHugeOrder};
  enum class Content : std::uint8_t { any, zero };

  // Frames mapped one behind another; those that follow each other in memory by one call.
  class Mapper {
   public:
    Mapper(Tree& tree, VirtAddr begin, Access access) noexcept
        : tree_{tree}, begin_{begin}, end_{begin}, access_{access} {}
    Result<Done> add(PhysRange frames) noexcept;
    // Maps what is left, or ends what was mapped if anything failed.
    Result<Done> finish(Result<Done> so_far) noexcept;

   private:
    Result<Done> map_run() noexcept;
    Tree& tree_;
    VirtAddr begin_, end_;
    Access access_;
    PhysRange run_{};  // of frames that are not mapped yet
    typename Tree::Row row_{};
  };

  // An address and an error in turn: a second attempt after a purge, if that may help.
  template <class Attempt>
  Result<VirtAddr> try_twice(Attempt&& attempt) noexcept;
  // An area for `pages`, mapped by what `fill` does to it.
  template <class Fill>
  Result<VirtAddr> make_area(const AreaRequest& request, AreaKind kind, TextView caller,
                             Fill&& fill) noexcept;
  Result<VirtAddr> allocate(const VmallocRequest& request, Content content) noexcept;
  Result<Done> take_frames(Area& area, const VmallocRequest& request, Content content) noexcept;
  Result<Done> zero(PfnRange frames) noexcept;
  Result<Block> take_huge(const buddy::Request& request) noexcept;
  Result<std::size_t> take_row(std::span<Pfn> row, const buddy::Request& request) noexcept;
  Result<Done> add_block(Area& area, const buddy::Request& request, Block block, Content content) noexcept;
  Result<Done> map_blocks(const Area& area, Access access) noexcept QUARRY_EXCLUDES(table_lock_);
  Result<Done> map_frames(const Area& area, std::span<const Pfn> frames, Access access) noexcept
      QUARRY_EXCLUDES(table_lock_);
  Result<Done> map_device(const Area& area, PhysRange range, Access access) noexcept
      QUARRY_EXCLUDES(table_lock_);
  Result<Done> retire(VirtAddr at, AreaKind kind) noexcept;
  void forget(Area& first) noexcept QUARRY_UNLOCKED;
  void release_frames(Area& area) noexcept;
  static PhysRange bytes_of(PfnRange frames) noexcept {
    return {kPage.address_of(frames.begin()), kPage.address_of(frames.end())};
  }
  static bool is_address(Pfn frame) noexcept { return frame.raw < UINT64_MAX >> kPage.shift(); }

  TableLock& table_lock_;
  Tree& tree_ QUARRY_GUARDED_BY(table_lock_);
  P& frames_;
  PageCount most_;
  FrameZero zero_;
  AddressArena<Cores> arena_;
  Atomic<std::size_t> frames_taken_{};
  Atomic<std::size_t> flushes_{};
};

}  // namespace quarry::vm

#include "quarry/vm/vmalloc_impl.hpp"
#include "quarry/vm/vmalloc_map_impl.hpp"

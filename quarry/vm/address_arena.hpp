// quarry/vm/address_arena.hpp: virtual addresses, handed out lowest first and not again before they are forgotten.
//
//   |## a ##|guard|#### b ####|guard|  gap  |zz retired zz|guard|       gap        |
//
// What is given back stays taken, in a backlog, until a purge has had every processor forget its translations. Purging many
// at a time costs one flush; the backlog is bounded because who gives back is told when it is full.
//
// One lock guards the tree, the states of all areas and the backlog. It is held for O(log n), and never while records are
// asked for, given back, or processors told.
#pragma once

#include <optional>
#include <utility>

#include "quarry/port/core_hold.hpp"
#include "quarry/vm/area.hpp"
#include "quarry/vm/arena_law.hpp"

namespace quarry::vm {

struct AreaRequest {
  Bytes size;                                      // whole pages
  Bytes alignment{};                               // a power of two; less than a page is a page
  Bytes guard{};                                   // whole pages behind it that stay free
  std::optional<VirtRange> within = std::nullopt;  // area and guard lie in here; none: anywhere
};

// What a look at an area finds, copied: the area may go meanwhile.
struct AreaInfo {
  VirtRange range;
  Bytes guard{};
  AreaState state = AreaState::live;
  AreaKind kind = AreaKind::vmalloc;
  TextView caller{};
  PhysAddr phys{};
  PageCount pages{};
};
AreaInfo info_of(const Area& area) noexcept;

enum class Backlog : std::uint8_t { below, full };  // full: a purge is due

struct ArenaStats {
  std::uint64_t live = 0;     // areas, those being filled included
  std::uint64_t retired = 0;  // areas in the backlog, those being purged included
  Bytes backlog{};            // their addresses, guards included
};

template <port::Cores Cores>
class AddressArena {
 public:
  // `range` and `backlog` in whole pages: the backlog is full when it is larger.
  AddressArena(const Cores& cores, VirtRange range, PageSize page, AreaRecords records,
               Bytes backlog) noexcept;
  AddressArena(const AddressArena&) = delete;
  AddressArena& operator=(const AddressArena&) = delete;

  // Takes the lowest free addresses that the request allows.
  //
  // Returns   an area in state `taken`, the caller's to fill in, then to publish() or to abandon().
  // Errors    bad_argument: size or guard are no whole pages, no bytes, an alignment that is no power of two. no_room: there is no
  //           such gap; a purge may make one. Those of the records. Nothing changed.
  // Cost      O(log n), and AreaTree::lowest_fit()'s for odd alignments.
  // Source    Linux 6.1, mm/vmalloc.c, "alloc_vmap_area" (behaviour; Linux passes over gaps that an aligned area
  //           fits into only by luck, here the lowest fit is the lowest).
  Result<Area*> take(const AreaRequest& request) noexcept;

  // From now on the area is found, and anybody may retire it.
  void publish(Area& area) noexcept;
  // Ends an area that was never live. No processor remembers any of its translations.
  void abandon(Area& area) noexcept;

  // Gives a live area back, to be purged some day.
  //
  // Returns   whether the backlog is full now.
  // Errors    not_found: no live area begins at `begin`. wrong_owner: it was given back already, or is of another kind.
  //           Nothing changed.
  // Cost      O(log n).
  Result<Backlog> retire(VirtAddr begin, AreaKind kind) noexcept;

  // Ends all areas of the backlog that nobody looks at. `forget` is called once with the first of a list
  // (Area::next), with nothing held, if there is one: when it returns no processor remembers a translation of any of them.
  //
  // Returns   how many areas went.
  // Cost      O(log n) for each.
  template <class Forget>
  std::uint64_t purge(Forget&& forget) noexcept;

  // The live area that holds `at`, guards not included.
  //
  // Errors    not_found: none does.
  // Cost      O(log n).
  Result<AreaInfo> find(VirtAddr at) const noexcept;

  // The lowest area that begins at `from` or later and is not still being filled. It is not purged before unpin().
  //
  // Returns   null: there is none.
  // Cost      O(log n), and as much for each area that is being filled.
  Area* pin_next(VirtAddr from, AreaInfo& info) noexcept;
  void unpin(Area& area) noexcept;

  ArenaStats stats() const noexcept;

  // Tries every law on every area. Nothing changes the arena meanwhile.
  //
  // Returns   the first that is broken, and where.
  // Cost      O(n).
  ArenaFinding audit() const noexcept;

 private:
  using Lock = typename Cores::Lock;
  using Hold = port::CoreHold<Cores>;
  static Area* area_of(AreaNode* node) noexcept { return static_cast<Area*>(node); }
  bool is_whole(Bytes size) const noexcept { return is_aligned(size.raw, page_.bytes().raw); }
  Result<Fit> find_room(const AreaRequest& request) const noexcept QUARRY_REQUIRES(lock_);
  Area* detach_backlog() noexcept;
  bool may_go(Area& area) noexcept;
  void end(Area& area) noexcept;
  ArenaFinding audit_below(const AreaNode& node, std::uint64_t& end, ArenaStats& seen) const noexcept
      QUARRY_REQUIRES(lock_);
  ArenaLaw law_of(const AreaNode& node, std::uint64_t end, ArenaStats& seen) const noexcept
      QUARRY_REQUIRES(lock_);
  ArenaLaw law_of_area(const Area& area, ArenaStats& seen) const noexcept QUARRY_REQUIRES(lock_);
  ArenaFinding audit_backlog(const ArenaStats& seen) const noexcept QUARRY_REQUIRES(lock_);

  const Cores& cores_;
  PageSize page_;
  AreaRecords records_;
  Bytes most_backlog_;
  mutable Lock lock_;
  AreaTree tree_ QUARRY_GUARDED_BY(lock_);
  Area* backlog_ QUARRY_GUARDED_BY(lock_) = nullptr;  // law: retired areas, the last retired one first
  ArenaStats stats_ QUARRY_GUARDED_BY(lock_){};
};

}  // namespace quarry::vm

#include "quarry/vm/address_arena_audit_impl.hpp"
#include "quarry/vm/address_arena_impl.hpp"

// quarry/vm/page_table.hpp: the page tables of one address space, written through the port's direct map.
//
//   map()      |======== 1 GiB ========|== 2 MiB ==|-|-|-|      the largest pages that alignment allows
//   unmap()    |== 2 MiB ==|    (a hole)     |== 2 MiB ==|      what is cut is split, emptied tables go back
//
// A change is planned before it is made: the plan finds what forbids it and counts the tables that are missing,
// all of which are taken before the first entry is written. So what fails has changed nothing.
//
// Not thread-safe: the caller serialises calls on one tree. Processors may walk it all the while.
#pragma once

#include <optional>
#include <utility>

#include "quarry/port/platform.hpp"
#include "quarry/vm/format.hpp"
#include "quarry/vm/table_hooks.hpp"
#include "quarry/vm/table_law.hpp"

namespace quarry::vm {

// What the processor has of what its format allows.
struct Processor {
  Bytes largest_page{UINT64_MAX};  // no page above this size; less than the smallest: that one only
  unsigned phys_bits = 64;         // width of a physical address, where it is less than the format's
  std::uint64_t lacks = 0;         // of the format's kOptional: these bits stay 0 in every entry
};

template <TableFormat Format, class P>
  requires port::DirectMap<P>
class PageTable {
 public:
  // Takes a root from `pages`; nothing is mapped. Whatever the hooks point at outlives the tree.
  //
  // Errors    those of `pages`; out_of_range: the direct map does not reach what it gave. Nothing is taken then.
  static Result<PageTable> make(P platform, TablePages pages, Walkers walkers = {},
                                Processor processor = {}) noexcept;
  PageTable(PageTable&& other) noexcept
      : platform_{other.platform_},
        pages_{other.pages_},
        walkers_{other.walkers_},
        highest_leaf_{other.highest_leaf_},
        phys_bits_{other.phys_bits_},
        kept_bits_{other.kept_bits_},
        root_{other.root_},
        tables_{std::exchange(other.tables_, 0)} {}
  PageTable& operator=(PageTable&&) = delete;

  // What the processor's register wants: the address of the topmost table.
  PhysAddr root() const noexcept { return root_; }
  // Tables taken and not given back, the root included.
  std::uint64_t tables() const noexcept { return tables_; }

  // From now on tables come from and go to `pages`, those too that others gave: memblock's early, the page
  // allocator's later.
  void set_pages(TablePages pages) noexcept { pages_ = pages; }
  // From now on these processors walk the tree.
  void set_walkers(Walkers walkers) noexcept { walkers_ = walkers; }

  // Maps `to`, whole pages, at `at` and what follows. None of it is mapped yet.
  //
  // Errors    bad_argument: not whole pages, or none. out_of_range: the tree does not translate such addresses, or the
  //           processor has no such memory. busy: a part is mapped or a window. Those of `pages`. Nothing changed.
  // Cost      O(entries written + entries passed on the way).
  Result<Done> map(VirtAddr at, PhysRange to, Access access) noexcept;

  // Mappings one behind the other, which find the table of the one before at hand.
  class Row;

  // The same, of a row: told by finish_map(), before which nobody relies on it.
  //
  // Errors    as map(). What the row has stays.
  Result<Done> map(VirtAddr at, PhysRange to, Access access, Row& row) noexcept;
  // Tells one range around all of it, if there is any.
  void finish_map(Row& row) noexcept;

  // Ends what maps `range`, whole pages, all of which are mapped.
  //
  // Errors    bad_argument, out_of_range: as above. not_found: a part is not mapped. Those of `pages`, when a large
  //           page is to be split. Nothing changed.
  // Cost      as map(); a table of which a part goes is searched for what is left.
  Result<Done> unmap(VirtRange range) noexcept;

  // What begin_unmap() ended and finish_unmap() has not told yet.
  class Ended;

  // The same in two steps, so that many ranges are told at once: entries go now, processors are told and emptied
  // tables given back by finish_unmap(), before which nothing is mapped and nothing audited.
  //
  // Errors    as unmap(); what `ended` held already stays in it. Nothing changed.
  Result<Done> begin_unmap(VirtRange range, Ended& ended) noexcept;
  // Tells one range around all that ended, if anything did.
  void finish_unmap(Ended& ended) noexcept;

  // Allows something else in `range`, whole pages, all of which are mapped. Large pages that are cut are split;
  // pages are never joined again. What is allowed already stays as it is.
  //
  // Where the format breaks before making, what is split is absent for a moment: the range must not hold this
  // code, its stack or a table.
  //
  // Errors    as unmap(). Nothing changed.
  Result<Done> protect(VirtRange range, Access access) noexcept;

  // Where `at` leads.
  //
  // Errors    out_of_range: the tree translates no such address. not_found: nothing is mapped there.
  // Cost      O(levels).
  Result<Mapping> lookup(VirtAddr at) const noexcept;

  // --- Windows: pages that show one frame after the other -------------------------------------------------
  //
  // Their tables are there once and stay, so showing another frame needs no memory and fails never. Who opened a window writes
  // its entry, one at a time, while others call on the rest of the tree.

  // Makes `range`, whole pages of which nothing is mapped, a row of windows that are shut, until the end of the tree.
  //
  // Errors    as map(). Nothing changed.
  Result<Done> open_windows(VirtRange range) noexcept;
  // Whether any entry leads to `frames`: the processor has such memory.
  bool reaches(PhysRange frames) const noexcept {
    return frames.empty() || (frames.end().raw - 1) >> phys_bits_ == 0;
  }
  // Shows a frame that is reached, from now on, in a window that is shut and that whoever used it has forgotten.
  //
  // Cost      O(levels) and a barrier.
  void show(VirtAddr window, PhysAddr frame, Access access) noexcept;
  // The end of what a window shows, once it is forgotten.
  void shut(VirtAddr window) noexcept;
  // Has all processors forget windows that are shut, or the one that calls, where no other used them.
  void forget(VirtRange windows) noexcept { walkers_.tell_gone(windows); }
  void forget_here(VirtRange windows) noexcept { walkers_.tell_gone_here(windows); }
  bool can_forget_here() const noexcept { return walkers_.can_tell_here(); }

  // Gives back all tables, the root as well, mapped or not. The end of this tree.
  void release() noexcept;

  // Tries every law on every entry.
  //
  // Returns   the first that is broken, and where.
  // Cost      O(entries).
  TableFinding audit() const noexcept;

 private:
  using Entry = std::uint64_t;
  using Tree = Shape<Format>;
  static constexpr PageSize kPage{Format::kPageShift};
  static constexpr unsigned kEntriesInPage = 1u << Tree::kIndexBits;
  static constexpr Entry kShut = 2;  // a window: absent, but its table is not empty

  // Offsets into what the tree translates: an address without the bits above kVirtBits.
  struct Span {
    std::uint64_t begin;
    std::uint64_t end;
  };
  // The parts of a span that lie under one entry each of a table of one level.
  struct Part {
    std::uint64_t begin;
    std::uint64_t end;
    unsigned level;
    bool is_whole() const noexcept { return end - begin == Tree::span(level); }
    std::uint64_t slot() const noexcept { return begin & ~(Tree::span(level) - 1); }
  };
  static Part first_part(Span span, unsigned level) noexcept;

  // Table pages apart from the tree, linked through their first entry: an address of a page reads as absent.
  struct Chain {
    std::uint64_t count = 0;
    PhysAddr first;
  };

  struct NewMapping {
    PhysAddr to;  // what the offset `from` becomes
    std::uint64_t from;
    std::optional<Access> access;  // none: windows
    unsigned highest_leaf;
    PhysAddr at(std::uint64_t offset) const noexcept { return to + Bytes{offset - from}; }
  };
  // What becomes of pages, and the offsets whose translation changed.
  struct Change {
    std::optional<Access> access;  // none: they end
    VirtAddr base;                 // of offset 0, modulo 2^64
    Span changed;                  // begins after it ends: nothing did yet
    Chain spare{};
    Chain emptied{};

    void add(Span span) noexcept {
      if (span.begin < changed.begin) changed.begin = span.begin;
      if (changed.end < span.end) changed.end = span.end;
    }
    VirtRange range_of(Span span) const noexcept {
      return {VirtAddr{base.raw + span.begin}, VirtAddr{base.raw + span.end}};
    }
  };

  PageTable(P platform, TablePages pages, Walkers walkers, Processor processor) noexcept;
  static unsigned highest_leaf_of(Processor processor) noexcept;

  // page_table_impl.hpp
  static Entry load(const Entry* entry) noexcept { return __atomic_load_n(entry, __ATOMIC_RELAXED); }
  // What was written before is seen by who sees this.
  static void store(Entry* entry, Entry value) noexcept { __atomic_store_n(entry, value, __ATOMIC_RELEASE); }
  Entry* find_table(PhysAddr at) const noexcept;
  Entry* table(PhysAddr at) const noexcept;
  Entry leaf(PhysAddr at, unsigned level, Access access) const noexcept {
    return Format::leaf_at(at, level, access) & kept_bits_;
  }
  bool is_as(Entry entry, unsigned level, const std::optional<Access>& access) const noexcept;
  static bool is_empty(const Entry* table, unsigned level) noexcept;
  static bool is_empty_around(const Entry* table, const Part& part) noexcept;
  Result<Chain> take(std::uint64_t count) noexcept;
  PhysAddr pop(Chain& chain) noexcept;
  void push(Chain& chain, PhysAddr at) noexcept;
  void give_back(Chain chain) noexcept;
  Result<Span> span_of(VirtAddr begin, Bytes size) const noexcept;

  // page_table_map_impl.hpp
  Result<Done> build(Span span, const NewMapping& mapping) noexcept;
  Result<Done> map_silently(VirtAddr at, PhysRange to, Access access) noexcept;
  bool map_in_table(VirtAddr at, PhysRange to, Access access, const Row& row) noexcept;
  Entry* smallest_table_of(VirtAddr at) const noexcept;
  static bool fits(const Part& part, const NewMapping& mapping) noexcept;
  Result<std::uint64_t> plan_map(const Entry* table, unsigned level, Span span,
                                 const NewMapping& mapping) const noexcept;
  void make_entries(Entry* table, unsigned level, Span span, const NewMapping& mapping,
                    Chain& spare) noexcept;

  // page_table_windows_impl.hpp
  Entry* window(VirtAddr at) const noexcept;

  // page_table_change_impl.hpp
  Result<Done> change_and_tell(VirtRange range, std::optional<Access> access) noexcept;
  Result<Done> change(VirtRange range, std::optional<Access> access, Ended& ended) noexcept;
  Result<std::uint64_t> plan_change(const Entry* table, unsigned level, Span span,
                                    const std::optional<Access>& access) const noexcept;
  static std::uint64_t tables_to_split(const Part& part) noexcept;
  void change_entries(Entry* table, unsigned level, Span span, Change& change) noexcept;
  void change_leaf(Entry* entry, const Part& part, Change& change) noexcept;
  void change_below(Entry* entry, const Part& part, Change& change) noexcept;
  void split(Entry* entry, const Part& part, Change& change) noexcept;
  void break_entry(Entry* entry, Span span, const Change& change) noexcept;

  // page_table_audit_impl.hpp
  void give_back_below(Entry* table, unsigned level, Chain& chain) noexcept;
  TableFinding audit_table(const Entry* table, unsigned level, std::uint64_t offset,
                           std::uint64_t& tables) const noexcept;
  TableLaw law_of(Entry entry, unsigned level) const noexcept;

  [[no_unique_address]] mutable P platform_;
  TablePages pages_;
  Walkers walkers_;
  unsigned highest_leaf_;
  unsigned phys_bits_;
  Entry kept_bits_;
  PhysAddr root_;
  std::uint64_t tables_ = 0;  // law: the root and those below; 0: released, or moved from
};

template <TableFormat Format, class P>
  requires port::DirectMap<P>
class PageTable<Format, P>::Row {
  friend PageTable;
  VirtRange made_{};  // so far; empty: nothing
  Entry* table_ =
      nullptr;  // of smallest pages, that the last of them is in; null: there is none, or it is full
};

template <TableFormat Format, class P>
  requires port::DirectMap<P>
class PageTable<Format, P>::Ended {
  friend PageTable;
  void add(VirtRange range) noexcept {
    const bool was_empty = changed_.empty();
    changed_ = {was_empty || range.begin() < changed_.begin() ? range.begin() : changed_.begin(),
                was_empty || changed_.end() < range.end() ? range.end() : changed_.end()};
  }
  VirtRange changed_{};  // around all that did; empty: nothing did
  Chain emptied_{};
};

}  // namespace quarry::vm

#include "quarry/vm/page_table_audit_impl.hpp"
#include "quarry/vm/page_table_change_impl.hpp"
#include "quarry/vm/page_table_impl.hpp"
#include "quarry/vm/page_table_map_impl.hpp"
#include "quarry/vm/page_table_windows_impl.hpp"

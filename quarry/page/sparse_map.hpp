// quarry/page/sparse_map.hpp: descriptors section by section, only where there is memory (SPARSEMEM).
//
//   roots     |  *  |  0  |  *  |        one for each kSectionsPerRoot sections up to the highest present one
//                |           `-> sections  | * | * | 0 | * | ...
//                `-> sections | 0 | * | ...      |   |
//   runs         descriptors of neighbouring sections of one node stand in one array
#pragma once

#include <span>

#include "quarry/base/geometry.hpp"
#include "quarry/base/range.hpp"
#include "quarry/page/extra.hpp"
#include "quarry/page/metadata_source.hpp"
#include "quarry/page/pageblock_bits.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::page {

template <Geometry G, class Extra = NoExtra>
class SparseMap {
  static_assert(!G.is_flat());

 public:
  using Descriptor = DescriptorWith<Extra>;
  static constexpr Geometry kGeometry = G;
  static constexpr unsigned kSectionShift = G.section_bits_ - G.page_shift_;
  static constexpr std::uint64_t kSectionPages = std::uint64_t{1} << kSectionShift;
  static constexpr unsigned kRootShift = 8;
  static constexpr std::uint64_t kSectionsPerRoot = std::uint64_t{1} << kRootShift;
  static constexpr std::uint64_t kPageblocks = kSectionPages >> G.pageblock_order().raw();

  SparseMap() noexcept = default;
  SparseMap(const SparseMap&) = delete;
  SparseMap& operator=(const SparseMap&) = delete;

  // Takes tables and descriptors for every section that has memory. A section belongs to the first node
  // that has memory in it. Once only.
  //
  // Errors    no_memory: the source has none; the map is not to be used.
  // Cost      O(regions + sections); writes the sections' tables, no descriptor and no pageblock bits.
  Result<Done> init(const zones::Layout& layout, MetadataSource source) noexcept;

  [[gnu::always_inline]] Descriptor* find(Pfn page) const noexcept {
    const std::uint64_t in_main = page.raw - main_begin_;
    if (in_main < main_pages_) [[likely]] {
      if (main_first_ == nullptr) __builtin_unreachable();
      return main_first_ + in_main;
    }
    return find_section(page);
  }
  // A run of frames whose descriptors stand in a row, for who looks further on his own: most frames of most machines. Those of
  // sections that were taken out since say nothing, and stay readable.
  struct MainRun {
    std::uint64_t begin = 0, pages = 0;
    Descriptor* first = nullptr;
  };
  MainRun main_run() const noexcept { return {main_begin_, main_pages_, main_first_}; }
  // The same by way of roots and sections.
  Descriptor* find_section(Pfn page) const noexcept {
    const Section* const section = section_of(page);
    if (section == nullptr) return nullptr;
    Descriptor* const first = section->first.load_relaxed();
    return first == nullptr ? nullptr : first + (page.raw & (kSectionPages - 1));
  }
  // `page` has a descriptor.
  [[gnu::always_inline]] Descriptor& at(Pfn page) const noexcept {
    Descriptor* const found = find(page);
    check(found != nullptr, "this frame has no descriptor");
    return *found;
  }
  // `descriptor` is one of this map's.
  //
  // Cost      O(runs).
  Pfn pfn_of(const Descriptor& descriptor) const noexcept;

  // `page` has a descriptor.
  [[gnu::always_inline]] MigrateType pageblock_type(Pfn page) const noexcept {
    return PageblockBits::get(bits_of(page), pageblock_in_root(page));
  }
  // The type that an isolated pageblock had before; of others the type.
  MigrateType type_beneath_isolation(Pfn page) const noexcept {
    return PageblockBits::get_beneath(bits_of(page), pageblock_in_root(page));
  }
  void set_pageblock_type(Pfn page, MigrateType type) noexcept {
    PageblockBits::set(bits_of(page), pageblock_in_root(page), type);
  }
  NodeId node_of(Pfn page) const noexcept { return known_section_of(page).node; }

  // A deferred section is online and wholly free, and nobody has touched its descriptors yet. The page
  // allocator says so and takes it back; see PageAllocator::release() in quarry/buddy.
  bool is_deferred(Pfn page) const noexcept {
    const Section* const section = section_of(page);
    return section != nullptr && (section->flags.load_relaxed() & kDeferred) != 0;
  }
  void set_deferred(Pfn page, std::uint32_t zone) noexcept {
    Section& section = known_section_of(page);
    section.zone = zone;
    section.flags.fetch_or_relaxed(kDeferred);
  }
  // Whose free pages a deferred section is: an index into Layout::zones.
  std::uint32_t zone_of_deferred(Pfn page) const noexcept { return known_section_of(page).zone; }
  void clear_deferred(Pfn page) noexcept { known_section_of(page).flags.fetch_and_relaxed(~kDeferred); }
  // Some blocks of a touched section were given to the page allocator at some time.
  bool is_untouched(Pfn page) const noexcept { return !is_touched(known_section_of(page)); }
  void set_touched(Pfn page) noexcept {
    Section& section = known_section_of(page);
    if (!is_touched(section)) section.flags.fetch_or_relaxed(kTouched);
  }
  // The start of the first deferred section in `within`, whose ends are whole sections; its end when none.
  Pfn next_deferred(PfnRange within) const noexcept;

  // --- Hot-plug -----------------------------------------------------------------------------------
  //   absent --add_sections()--> offline --set_online()--> online       those of init() are online at once
  //          <-remove_sections()-        <-set_offline()-
  //
  // Describes whole sections that are not present. Their descriptors say nothing yet; they are offline.
  //
  // Errors    bad_argument: no whole sections. busy: one is present. no_memory: the source has none. Nothing changed.
  // Cost      O(sections), and O(runs) for each that was there before; tables grow by being copied.
  // Source    Linux 6.1, "sparse_add_section".
  Result<Done> add_sections(PfnRange pages, NodeId node, MetadataSource source) noexcept;
  // Forgets whole sections that are offline. What described them goes back to the source if it takes anything back and the
  // section was added after init(); otherwise the map keeps it for the day the section comes again.
  //
  // Errors    bad_argument: no whole sections, or one is not present. busy: one is online. Nothing changed.
  // Source    Linux 6.1, "sparse_remove_section".
  Result<Done> remove_sections(PfnRange pages, MetadataSource source) noexcept;
  bool is_online(Pfn page) const noexcept {
    const Section* const section = section_of(page);
    return section != nullptr && (section->flags.load_relaxed() & kOnline) != 0;
  }
  // `page` has a descriptor; its section serves zone `zone`, an index into Layout::zones, from now on.
  void set_online(Pfn page, std::uint32_t zone) noexcept;
  void set_offline(Pfn page) noexcept;
  // The zone of a section that was set online; of those online since init() the layout tells.
  //
  // Errors    not_found: it was not.
  Result<std::uint32_t> zone_of_section(Pfn page) const noexcept {
    const Section* const section = section_of(page);
    if (section == nullptr || (section->flags.load_relaxed() & kPlugged) == 0) return Error::not_found;
    return section->zone.load();
  }

  // Where the page extensions of `page`'s section begin, to be read and set by Extensions; null: no descriptor.
  struct ExtensionBase {
    std::byte** base;
    PfnRange pages;  // the section's
    NodeId node;
  };
  ExtensionBase extension_base(Pfn page) const noexcept;

  // The first frame at or after `from` and below `end` that has a descriptor; `end` when there is none.
  Pfn next_present(Pfn from, Pfn end) const noexcept;
  // What was taken from the source, most of it never written.
  Bytes metadata() const noexcept { return metadata_; }

 private:
  static constexpr std::uint32_t kOnline = 1;
  static constexpr std::uint32_t kDeferred = 2;
  static constexpr std::uint32_t kTouched = 4;
  static constexpr std::uint32_t kPlugged = 8;  // its zone is known from set_online()

  struct Section {
    Atomic<Descriptor*> first;  // null: not present
    NodeId node;
    Atomic<std::uint32_t> flags;
    Shared<std::uint32_t> zone;  // while deferred, or plugged
    std::byte* extensions;       // null: there are none. Kept while the section is absent

    void describe(Descriptor* descriptors, NodeId of, std::uint32_t set) noexcept {
      node = of;
      zone = 0;
      flags.store_release(set);
      first.store_release(descriptors);
    }
  };
  struct Root {
    Atomic<Section*> sections;  // null: none of them is present
    PageblockBits::Word* bits;  // pageblock bits of all its sections
  };
  // In the place of a root, in front of the first one: who has found the roots knows how many there are.
  struct RootsHead {
    std::uint64_t count;
  };
  static_assert(sizeof(RootsHead) <= sizeof(Root));
  struct Run {
    std::uint64_t first_section, sections;
    Descriptor* first;
    bool may_go_back;  // taken for this one section, after init()
  };
  struct SectionSpan {
    std::uint64_t begin, end;
  };

  static constexpr std::uint64_t root_of(Pfn page) noexcept {
    return page.raw >> (kSectionShift + kRootShift);
  }
  static constexpr std::uint64_t pageblock_in_root(Pfn page) noexcept {
    return (page.raw & ((kSectionPages << kRootShift) - 1)) >> G.pageblock_order().raw();
  }
  // Null where no root is.
  [[gnu::always_inline]] Section* section_of(Pfn page) const noexcept {
    const std::uint64_t root = root_of(page);
    const Root* const roots = roots_.load_relaxed();
    if (roots == nullptr || root >= count_of(roots)) return nullptr;
    Section* const sections = roots[root].sections.load_relaxed();
    return sections == nullptr ? nullptr : sections + ((page.raw >> kSectionShift) & (kSectionsPerRoot - 1));
  }
  [[gnu::always_inline]] PageblockBits::Word* bits_of(Pfn page) const noexcept {
    return roots_.load_relaxed()[root_of(page)].bits;
  }
  [[gnu::always_inline]] static std::uint64_t count_of(const Root* roots) noexcept {
    return reinterpret_cast<const RootsHead*>(roots - 1)->count;
  }
  Result<Root*> take_roots(std::uint64_t count, NodeId near, MetadataSource source) noexcept;
  Section& known_section_of(Pfn page) const noexcept {
    Section* const section = section_of(page);
    check(section != nullptr && section->first.load_relaxed() != nullptr, "this frame has no section");
    return *section;
  }
  static SectionSpan sections_of(PfnRange pages) noexcept {
    return {pages.begin().raw >> kSectionShift, (pages.end().raw + kSectionPages - 1) >> kSectionShift};
  }
  Result<Done> add_run(SectionSpan sections, NodeId node, MetadataSource source) noexcept;
  Result<Done> add_root(std::uint64_t root, NodeId node, MetadataSource source) noexcept;
  static bool is_touched(const Section& section) noexcept {
    return (section.flags.load_relaxed() & kTouched) != 0;
  }
  static bool is_whole_sections(PfnRange pages) noexcept {
    return !pages.empty() && ((pages.begin().raw | pages.end().raw) & (kSectionPages - 1)) == 0;
  }
  Result<Done> add_section(std::uint64_t section, NodeId node, MetadataSource source) noexcept;
  void remove_section(std::uint64_t section, MetadataSource source) noexcept;
  Result<Done> make_room(std::uint64_t roots, std::size_t runs, NodeId node, MetadataSource source) noexcept;
  Run* run_of(std::uint64_t section) const noexcept;

  Atomic<Root*> roots_;
  // The longest run of init(), all of whose sections are present; most frames are there, and found without looking further.
  std::uint64_t main_begin_ = 0;
  Shared<std::uint64_t> main_pages_;
  Descriptor* main_first_ = nullptr;
  Run* runs_ = nullptr;  // in the order they were added
  std::size_t run_count_ = 0, run_room_ = 0;
  Bytes metadata_;
};

}  // namespace quarry::page

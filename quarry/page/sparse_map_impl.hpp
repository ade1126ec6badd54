// quarry/page/sparse_map_impl.hpp: the bodies of SparseMap, for memory_map.cpp, which instantiates them.
#pragma once

#include "quarry/page/sparse_map.hpp"

namespace quarry::page {

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::init(const zones::Layout& layout, MetadataSource source) noexcept {
  check(roots_.load_relaxed() == nullptr, "a memory map is initialised once");
  std::uint64_t sections_end = 0;
  for (const zones::NodeRange& range : layout.node_ranges) {
    const SectionSpan span = sections_of(range.span);
    if (span.end > sections_end) sections_end = span.end;
  }
  const NodeId first = layout.nodes.empty() ? NodeId::first : layout.nodes[0].id;
  const auto roots = take_roots((sections_end + kSectionsPerRoot - 1) >> kRootShift, first, source);
  if (!roots) return roots.error();
  // A range is one run, or two when sections in its middle are present already: never with sorted ranges.
  run_room_ = layout.node_ranges.size();
  const auto runs = source.take<Run>(run_room_, first);
  if (!runs) return runs.error();
  roots_.store_release(roots.value()), runs_ = runs.value();
  metadata_.raw += run_room_ * sizeof(Run);

  const std::span<const zones::NodeRange> ranges = layout.node_ranges;
  for (std::size_t i = 0; i < ranges.size();) {
    if (ranges[i].span.empty()) {
      ++i;
      continue;
    }
    const NodeId node = ranges[i].node;
    SectionSpan span = sections_of(ranges[i].span);
    // Ranges of a node whose sections follow each other share a run, so that most pages are in the largest one.
    while (++i < ranges.size() && ranges[i].node == node) {
      const SectionSpan next = sections_of(ranges[i].span);
      if (ranges[i].span.empty() || next.begin > span.end || next.begin < span.begin) break;
      if (next.end > span.end) span.end = next.end;
    }
    while (span.begin < span.end && find(Pfn{span.begin << kSectionShift}) != nullptr) ++span.begin;
    while (span.begin < span.end && find(Pfn{(span.end - 1) << kSectionShift}) != nullptr) --span.end;
    if (span.begin == span.end) continue;
    if (const auto added = add_run(span, node, source); !added) return added.error();
  }
  for (std::size_t i = 0; i < run_count_; ++i) {
    const std::uint64_t pages = runs_[i].sections << kSectionShift;
    if (pages <= main_pages_) continue;
    main_begin_ = runs_[i].first_section << kSectionShift;
    main_first_ = runs_[i].first;
    main_pages_ = pages;
  }
  return Done{};
}

template <Geometry G, class Extra>
auto SparseMap<G, Extra>::take_roots(std::uint64_t count, NodeId near, MetadataSource source) noexcept
    -> Result<Root*> {
  const auto taken = source.take<Root>(count + 1, near);
  if (!taken) return taken.error();
  ::new (static_cast<void*>(taken.value())) RootsHead{count};
  metadata_.raw += (count + 1) * sizeof(Root);
  return taken.value() + 1;
}

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::add_root(std::uint64_t root, NodeId node, MetadataSource source) noexcept {
  Root& entry = roots_.load_relaxed()[root];
  if (entry.sections.load_relaxed() != nullptr) return Done{};
  constexpr std::uint64_t words = PageblockBits::words_for(kPageblocks << kRootShift);
  const auto sections = source.take<Section>(kSectionsPerRoot, node);
  if (!sections) return sections.error();
  const auto bits = source.take<PageblockBits::Word>(words, node);
  if (!bits) return bits.error();
  entry.bits = bits.value();
  entry.sections.store_release(sections.value());
  metadata_.raw += kSectionsPerRoot * sizeof(Section) + words * sizeof(PageblockBits::Word);
  return Done{};
}

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::add_run(SectionSpan sections, NodeId node, MetadataSource source) noexcept {
  check(run_count_ < run_room_, "more runs than ranges");
  const std::uint64_t pages = (sections.end - sections.begin) << kSectionShift;
  const auto taken = source.take<Descriptor>(pages, node);
  if (!taken) return taken.error();
  metadata_.raw += pages * sizeof(Descriptor);
  runs_[run_count_++] = {sections.begin, sections.end - sections.begin, taken.value(), false};
  Descriptor* next = taken.value();
  for (std::uint64_t at = sections.begin; at < sections.end; ++at, next += kSectionPages) {
    if (const auto added = add_root(at >> kRootShift, node, source); !added) return added.error();
    Section& section = *section_of(Pfn{at << kSectionShift});
    check(section.first.load_relaxed() == nullptr, "node ranges are sorted by address");
    section.describe(next, node, kOnline);
  }
  return Done{};
}

template <Geometry G, class Extra>
Pfn SparseMap<G, Extra>::pfn_of(const Descriptor& descriptor) const noexcept {
  for (std::size_t i = 0; i < run_count_; ++i) {
    const Run& run = runs_[i];
    const std::uint64_t pages = run.sections << kSectionShift;
    const auto at = reinterpret_cast<std::uintptr_t>(&descriptor);
    const auto first = reinterpret_cast<std::uintptr_t>(run.first);
    if (first <= at && at - first < pages * sizeof(Descriptor))
      return Pfn{(run.first_section << kSectionShift) + static_cast<std::uint64_t>(&descriptor - run.first)};
  }
  check(false, "not a descriptor of this map");
  return Pfn{};
}

template <Geometry G, class Extra>
Pfn SparseMap<G, Extra>::next_deferred(PfnRange within) const noexcept {
  Pfn at = within.begin();
  while (at < within.end() && !is_deferred(at)) {
    const std::uint64_t step = section_of(at) == nullptr ? kSectionPages << kRootShift : kSectionPages;
    at = Pfn{(at.raw & ~(step - 1)) + step};
  }
  return at < within.end() ? at : within.end();
}

template <Geometry G, class Extra>
Pfn SparseMap<G, Extra>::next_present(Pfn from, Pfn end) const noexcept {
  while (from < end && find(from) == nullptr) {
    const std::uint64_t step = section_of(from) == nullptr ? kSectionPages << kRootShift : kSectionPages;
    from = Pfn{(from.raw & ~(step - 1)) + step};
  }
  return from < end ? from : end;
}

}  // namespace quarry::page

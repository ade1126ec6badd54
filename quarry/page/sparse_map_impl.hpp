// quarry/page/sparse_map_impl.hpp: the bodies of SparseMap, for memory_map.cpp, which instantiates them.
#pragma once

#include "quarry/page/sparse_map.hpp"

namespace quarry::page {

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::init(const zones::Layout& layout, MetadataSource source) noexcept {
  check(roots_ == nullptr, "a memory map is initialised once");
  std::uint64_t sections_end = 0;
  for (const zones::NodeRange& range : layout.node_ranges) {
    const SectionSpan span = sections_of(range.span);
    if (span.end > sections_end) sections_end = span.end;
  }
  const NodeId first = layout.nodes.empty() ? NodeId::first : layout.nodes[0].id;
  root_count_ = (sections_end + kSectionsPerRoot - 1) >> kRootShift;
  const auto roots = source.take<Root>(root_count_, first);
  if (!roots) return roots.error();
  // A range is one run, or two when sections in its middle are present already: never with sorted ranges.
  run_room_ = layout.node_ranges.size();
  const auto runs = source.take<Run>(run_room_, first);
  if (!runs) return runs.error();
  roots_ = roots.value(), runs_ = runs.value();
  metadata_.raw += root_count_ * sizeof(Root) + run_room_ * sizeof(Run);

  for (const zones::NodeRange& range : layout.node_ranges) {
    if (range.span.empty()) continue;
    SectionSpan span = sections_of(range.span);
    while (span.begin < span.end && find(Pfn{span.begin << kSectionShift}) != nullptr) ++span.begin;
    while (span.begin < span.end && find(Pfn{(span.end - 1) << kSectionShift}) != nullptr) --span.end;
    if (span.begin == span.end) continue;
    if (const auto added = add_run(span, range.node, source); !added) return added.error();
  }
  return Done{};
}

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::add_root(std::uint64_t root, NodeId node, MetadataSource source) noexcept {
  if (roots_[root].sections != nullptr) return Done{};
  constexpr std::uint64_t root_bits = PageblockBits::bytes_for(kPageblocks << kRootShift);
  const auto sections = source.take<Section>(kSectionsPerRoot, node);
  if (!sections) return sections.error();
  const auto bits = source.take<std::uint8_t>(root_bits, node);
  if (!bits) return bits.error();
  roots_[root] = {sections.value(), bits.value()};
  metadata_.raw += kSectionsPerRoot * sizeof(Section) + root_bits;
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
    Section& section = roots_[at >> kRootShift].sections[at & (kSectionsPerRoot - 1)];
    check(section.first == nullptr, "node ranges are sorted by address");
    section = {next, node, kOnline, 0, nullptr};
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

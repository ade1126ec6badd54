// quarry/page/sparse_hotplug_impl.hpp: bodies of SparseMap: sections that come and go.
#pragma once

#include "quarry/page/sparse_map.hpp"

namespace quarry::page {

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::add_sections(PfnRange pages, NodeId node, MetadataSource source) noexcept {
  if (!is_whole_sections(pages)) return Error::bad_argument;
  const SectionSpan span = sections_of(pages);
  for (std::uint64_t at = span.begin; at < span.end; ++at)
    if (find(Pfn{at << kSectionShift}) != nullptr) return Error::busy;
  const std::uint64_t roots = ((span.end - 1) >> kRootShift) + 1;
  std::size_t runs = run_count_;
  for (std::uint64_t at = span.begin; at < span.end; ++at)
    if (run_of(at) == nullptr) ++runs;
  if (const auto done = make_room(roots, runs, node, source); !done) return done;
  for (std::uint64_t at = span.begin; at < span.end; ++at) {
    const auto added = add_section(at, node, source);
    if (added) continue;
    while (at-- > span.begin) remove_section(at, source);
    return added;
  }
  return Done{};
}

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::add_section(std::uint64_t section, NodeId node,
                                              MetadataSource source) noexcept {
  if (const auto added = add_root(section >> kRootShift, node, source); !added) return added;
  const Run* const kept = run_of(section);
  Descriptor* first =
      kept != nullptr ? kept->first + ((section - kept->first_section) << kSectionShift) : nullptr;
  if (first == nullptr) {
    const auto taken = source.take<Descriptor>(kSectionPages, node);
    if (!taken) return taken.error();
    first = taken.value();
    metadata_.raw += kSectionPages * sizeof(Descriptor);
    runs_[run_count_++] = {section, 1, first, true};
  } else if constexpr (!std::is_same_v<Extra, NoExtra>) {
    for (std::uint64_t i = 0; i < kSectionPages; ++i) first[i] = Descriptor{};  // a frame's own fields
  }
  section_of(Pfn{section << kSectionShift})->describe(first, node, 0);
  return Done{};
}

template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::remove_sections(PfnRange pages, MetadataSource source) noexcept {
  if (!is_whole_sections(pages)) return Error::bad_argument;
  const SectionSpan span = sections_of(pages);
  for (std::uint64_t at = span.begin; at < span.end; ++at)
    if (find(Pfn{at << kSectionShift}) == nullptr) return Error::bad_argument;
  for (std::uint64_t at = span.begin; at < span.end; ++at)
    if (is_online(Pfn{at << kSectionShift})) return Error::busy;
  for (std::uint64_t at = span.begin; at < span.end; ++at) remove_section(at, source);
  return Done{};
}

template <Geometry G, class Extra>
void SparseMap<G, Extra>::remove_section(std::uint64_t section, MetadataSource source) noexcept {
  const Pfn begin{section << kSectionShift};
  for (std::uint64_t i = 0; i < kPageblocks; ++i)
    set_pageblock_type(begin + PageCount{i << G.pageblock_order_}, MigrateType::movable);
  if (begin.raw - main_begin_ < main_pages_) main_pages_ = 0;
  Section& entry = known_section_of(begin);
  entry.describe(nullptr, entry.node, 0);
  Run* const run = run_of(section);
  check(run != nullptr, "a section that nothing describes");
  if (!run->may_go_back || !source.takes_back()) return;
  source.give_back(run->first, kSectionPages);
  metadata_.raw -= kSectionPages * sizeof(Descriptor);
  *run = runs_[--run_count_];
}

// Larger tables, where the ones there are too small. The old table of runs goes back to the source, if it takes it; in
// that of roots somebody may be looking something up: it stays.
template <Geometry G, class Extra>
Result<Done> SparseMap<G, Extra>::make_room(std::uint64_t roots, std::size_t runs, NodeId node,
                                            MetadataSource source) noexcept {
  if (runs > run_room_) {
    const std::size_t room = runs > 2 * run_room_ ? runs : 2 * run_room_;
    const auto taken = source.take<Run>(room, node);
    if (!taken) return taken.error();
    for (std::size_t i = 0; i < run_count_; ++i) taken.value()[i] = runs_[i];
    if (runs_ != nullptr) source.give_back(runs_, run_room_);
    metadata_.raw += (room - (source.takes_back() ? run_room_ : 0)) * sizeof(Run);
    runs_ = taken.value(), run_room_ = room;
  }
  const Root* const old = roots_.load_relaxed();
  if (roots > count_of(old)) {
    const auto taken = take_roots(roots, node, source);
    if (!taken) return taken.error();
    for (std::uint64_t i = 0; i < count_of(old); ++i) {
      taken.value()[i].bits = old[i].bits;
      taken.value()[i].sections.store_release(old[i].sections.load_relaxed());
    }
    roots_.store_release(taken.value());
  }
  return Done{};
}

// The run that has a section's descriptors, present or not; null: none has.
template <Geometry G, class Extra>
auto SparseMap<G, Extra>::run_of(std::uint64_t section) const noexcept -> Run* {
  for (std::size_t i = 0; i < run_count_; ++i)
    if (section - runs_[i].first_section < runs_[i].sections) return runs_ + i;
  return nullptr;
}

template <Geometry G, class Extra>
void SparseMap<G, Extra>::set_online(Pfn page, std::uint32_t zone) noexcept {
  Section& section = known_section_of(page);
  check((section.flags.load_relaxed() & kOnline) == 0, "this section is online already");
  section.zone = zone;
  section.flags.store_release(kOnline | kPlugged);
}

template <Geometry G, class Extra>
void SparseMap<G, Extra>::set_offline(Pfn page) noexcept {
  Section& section = known_section_of(page);
  check((section.flags.load_relaxed() & (kOnline | kDeferred)) == kOnline, "this section cannot go offline");
  section.flags.store_release(0);
}

template <Geometry G, class Extra>
auto SparseMap<G, Extra>::extension_base(Pfn page) const noexcept -> ExtensionBase {
  Section* const section = section_of(page);
  if (section == nullptr || section->first.load_relaxed() == nullptr) return {nullptr, {}, NodeId::first};
  const Pfn begin{page.raw & ~(kSectionPages - 1)};
  return {&section->extensions, {begin, begin + PageCount{kSectionPages}}, section->node};
}

}  // namespace quarry::page

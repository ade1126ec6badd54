// quarry/page/flat_map_impl.hpp: the bodies of FlatMap, for memory_map.cpp, which instantiates them.
#pragma once

#include "quarry/base/bits.hpp"
#include "quarry/page/flat_map.hpp"

namespace quarry::page {

template <Geometry G, class Extra>
Result<Done> FlatMap<G, Extra>::init(const zones::Layout& layout, MetadataSource source) noexcept {
  check(arrays_.empty(), "a memory map is initialised once");
  const NodeId near = layout.nodes.empty() ? NodeId::first : layout.nodes[0].id;
  const auto arrays = source.take<Array>(layout.nodes.size(), near);
  if (!arrays) return arrays.error();
  metadata_.raw += layout.nodes.size() * sizeof(Array);
  std::size_t count = 0;
  for (const zones::Node& node : layout.nodes) {
    if (node.span.empty()) continue;
    const std::uint64_t block = G.max_order().pages().raw;
    const std::uint64_t begin = align_down(node.span.begin().raw, block);
    const std::uint64_t end = align_down(node.span.end().raw + block - 1, block);
    const std::uint64_t words = PageblockBits::words_for((end - begin) >> G.pageblock_order().raw());
    const auto first = source.take<Descriptor>(end - begin, node.id);
    if (!first) return first.error();
    const auto bits = source.take<PageblockBits::Word>(words, node.id);
    if (!bits) return bits.error();
    arrays.value()[count++] = {first.value(), bits.value(), Pfn{begin}, Pfn{end}, node.id, nullptr};
    metadata_.raw += (end - begin) * sizeof(Descriptor) + words * sizeof(PageblockBits::Word);
  }
  arrays_ = {arrays.value(), count};
  return Done{};
}

template <Geometry G, class Extra>
Pfn FlatMap<G, Extra>::pfn_of(const Descriptor& descriptor) const noexcept {
  for (const Array& array : arrays_) {
    const std::uint64_t pages = array.end.raw - array.begin.raw;
    const auto at = reinterpret_cast<std::uintptr_t>(&descriptor);
    const auto first = reinterpret_cast<std::uintptr_t>(array.first);
    if (first <= at && at - first < pages * sizeof(Descriptor))
      return Pfn{array.begin.raw + static_cast<std::uint64_t>(&descriptor - array.first)};
  }
  check(false, "not a descriptor of this map");
  return Pfn{};
}

template <Geometry G, class Extra>
auto FlatMap<G, Extra>::extension_base(Pfn page) const noexcept -> ExtensionBase {
  Array* const array = array_of(page);
  if (array == nullptr) return {nullptr, {}, NodeId::first};
  return {&array->extensions, {array->begin, array->end}, array->node};
}

template <Geometry G, class Extra>
Pfn FlatMap<G, Extra>::next_present(Pfn from, Pfn end) const noexcept {
  if (from >= end || find(from) != nullptr) return from < end ? from : end;
  Pfn next = end;
  for (const Array& array : arrays_)
    if (from < array.begin && array.begin < next) next = array.begin;
  return next;
}

}  // namespace quarry::page

// quarry/page/flat_map.hpp: one array of descriptors for each node, holes included (FLATMEM).
//
//   node      [====== RAM ======)      hole      [==== RAM ====)
//   array   |------------------------------------------------------|   whole blocks of the highest order
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
class FlatMap {
  static_assert(G.is_flat());

 public:
  using Descriptor = DescriptorWith<Extra>;
  static constexpr Geometry kGeometry = G;

  FlatMap() noexcept = default;
  FlatMap(const FlatMap&) = delete;
  FlatMap& operator=(const FlatMap&) = delete;

  // Takes an array for every node that has memory. Once only.
  //
  // Errors    no_memory: the source has none; the map is not to be used.
  // Cost      O(nodes).
  Result<Done> init(const zones::Layout& layout, MetadataSource source) noexcept;

  [[gnu::always_inline]] Descriptor* find(Pfn page) const noexcept {
    const Array* const array = array_of(page);
    return array == nullptr ? nullptr : array->first + (page.raw - array->begin.raw);
  }
  // `page` has a descriptor.
  [[gnu::always_inline]] Descriptor& at(Pfn page) const noexcept {
    Descriptor* const found = find(page);
    check(found != nullptr, "this frame has no descriptor");
    return *found;
  }
  // A run of frames whose descriptors stand in a row: the first array.
  struct MainRun {
    std::uint64_t begin = 0, pages = 0;
    Descriptor* first = nullptr;
  };
  MainRun main_run() const noexcept {
    if (arrays_.empty()) return {};
    const Array& array = arrays_.front();
    return {array.begin.raw, array.end.raw - array.begin.raw, array.first};
  }
  // `descriptor` is one of this map's.
  Pfn pfn_of(const Descriptor& descriptor) const noexcept;

  // `page` has a descriptor.
  [[gnu::always_inline]] MigrateType pageblock_type(Pfn page) const noexcept {
    const Array& array = known_array_of(page);
    return PageblockBits::get(array.bits, pageblock_in(array, page));
  }
  // The type that an isolated pageblock had before; of others the type.
  MigrateType type_beneath_isolation(Pfn page) const noexcept {
    const Array& array = known_array_of(page);
    return PageblockBits::get_beneath(array.bits, pageblock_in(array, page));
  }
  void set_pageblock_type(Pfn page, MigrateType type) noexcept {
    const Array& array = known_array_of(page);
    PageblockBits::set(array.bits, pageblock_in(array, page), type);
  }
  NodeId node_of(Pfn page) const noexcept { return known_array_of(page).node; }

  // Where the page extensions of `page`'s array begin, to be read and set by Extensions; null: no descriptor.
  struct ExtensionBase {
    std::byte** base;
    PfnRange pages;  // what the array describes
    NodeId node;
  };
  ExtensionBase extension_base(Pfn page) const noexcept;

  // The first frame at or after `from` and below `end` that has a descriptor; `end` when there is none.
  Pfn next_present(Pfn from, Pfn end) const noexcept;
  // What was taken from the source.
  Bytes metadata() const noexcept { return metadata_; }

 private:
  struct Array {
    Descriptor* first;
    PageblockBits::Word* bits;
    Pfn begin, end;  // multiples of the largest block
    NodeId node;
    std::byte* extensions;  // null: there are none
  };

  [[gnu::always_inline]] Array* array_of(Pfn page) const noexcept {
    for (Array& array : arrays_)
      if (array.begin <= page && page < array.end) return &array;
    return nullptr;
  }
  [[gnu::always_inline]] const Array& known_array_of(Pfn page) const noexcept {
    const Array* const array = array_of(page);
    check(array != nullptr, "this frame has no descriptor");
    return *array;
  }
  static std::uint64_t pageblock_in(const Array& array, Pfn page) noexcept {
    return (page.raw - array.begin.raw) >> G.pageblock_order().raw();
  }

  std::span<Array> arrays_;  // where two spans overlap, the first node's array describes the frame
  Bytes metadata_;
};

}  // namespace quarry::page

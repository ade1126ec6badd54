// quarry/page/metadata_source.hpp: where the memory of descriptors and tables comes from.
#pragma once

#include <cstddef>

#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"

namespace quarry::page {

// Memory outside the simulated RAM, or memblock's: the embedder decides. What is taken is kept for as long
// as the machine runs.
//
// Law: the bytes read as zero. Whoever can should hand out memory that nobody has touched yet: large parts
// of it may never be written.
struct MetadataSource {
  // Errors    no_memory: there is none.
  using Take = Result<std::byte*> (*)(void* self, Bytes size, Bytes alignment, NodeId near) noexcept;
  void* self;
  Take take_bytes;

  // `count` zeroed objects. Zero must be a value that a T may start with.
  template <class T>
  Result<T*> take(std::uint64_t count, NodeId near) const noexcept {
    if (count > SIZE_MAX / sizeof(T)) return Error::no_memory;
    const auto bytes = take_bytes(self, Bytes{count * sizeof(T)}, Bytes{alignof(T)}, near);
    if (!bytes) return bytes.error();
    return reinterpret_cast<T*>(bytes.value());
  }
};

}  // namespace quarry::page

// quarry/page/metadata_source.hpp: where the memory of descriptors and tables comes from.
#pragma once

#include <cstddef>

#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"

namespace quarry::page {

// Memory outside the simulated RAM, or memblock's: the embedder decides. What is taken is kept for as long
// as the machine runs, or until memory that it described is removed.
//
// Law: the bytes read as zero. Whoever can should hand out memory that nobody has touched yet: large parts
// of it may never be written.
struct MetadataSource {
  // Errors    no_memory: there is none.
  using Take = Result<std::byte*> (*)(void* self, Bytes size, Bytes alignment, NodeId near) noexcept;
  // `at` and `size` as they were taken. Nobody reads there any more.
  using GiveBack = void (*)(void* self, std::byte* at, Bytes size) noexcept;
  void* self;
  Take take_bytes;
  GiveBack give_back_bytes = nullptr;  // null: nothing can be given back, so whoever took it keeps it

  // `count` zeroed objects. Zero must be a value that a T may start with.
  template <class T>
  Result<T*> take(std::uint64_t count, NodeId near) const noexcept {
    if (count > SIZE_MAX / sizeof(T)) return Error::no_memory;
    const auto bytes = take_bytes(self, Bytes{count * sizeof(T)}, Bytes{alignof(T)}, near);
    if (!bytes) return bytes.error();
    return reinterpret_cast<T*>(bytes.value());
  }
  bool takes_back() const noexcept { return give_back_bytes != nullptr; }
  // `count` objects that one take() handed out; they stay where they are if the source takes nothing back.
  template <class T>
  void give_back(T* first, std::uint64_t count) const noexcept {
    if (give_back_bytes != nullptr)
      give_back_bytes(self, reinterpret_cast<std::byte*>(first), Bytes{count * sizeof(T)});
  }
};

}  // namespace quarry::page

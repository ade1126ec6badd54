// quarry/page/test_source.hpp: a metadata source for tests, that counts and can take back.
#pragma once

#include "quarry/base/bits.hpp"
#include "quarry/page/metadata_source.hpp"

namespace quarry::page {

inline constexpr std::size_t kTestSourceMemory = std::size_t{4} << 20;
alignas(64) inline std::byte test_source_memory[kTestSourceMemory];

// Each range that is given back serves the next one of its size.
class TestSource {
 public:
  static constexpr std::size_t kMemory = kTestSourceMemory;

  MetadataSource keeping() noexcept {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept {
              return static_cast<TestSource*>(self)->take(size, alignment);
            }};
  }
  MetadataSource taking_back() noexcept {
    MetadataSource source = keeping();
    source.give_back_bytes = [](void* self, std::byte* at, Bytes size) noexcept {
      static_cast<TestSource*>(self)->give_back(at, size);
    };
    return source;
  }

  std::uint64_t held = 0;        // bytes that are out
  std::uint64_t room = kMemory;  // bytes that may be
  bool is_wrong = false;         // something was given back that was not out

 private:
  struct Piece {
    std::byte* at;
    std::uint64_t size;
    bool is_out;
  };
  Result<std::byte*> take(Bytes size, Bytes alignment) noexcept {
    if (size.raw > room - held) return Error::no_memory;
    Piece* piece = nullptr;
    for (std::size_t i = 0; i < count_ && piece == nullptr; ++i)
      if (!pieces_[i].is_out && pieces_[i].size == size.raw) piece = pieces_ + i;
    if (piece == nullptr) {
      const std::uint64_t at = align_down(used_ + alignment.raw - 1, alignment.raw);
      if (count_ == kPieces || at > kMemory || kMemory - at < size.raw) return Error::no_memory;
      used_ = at + size.raw;
      piece = pieces_ + count_++;
      *piece = {test_source_memory + static_cast<std::size_t>(at), size.raw, false};
    }
    piece->is_out = true;
    held += size.raw;
    for (std::size_t i = 0; i < size.raw; ++i) piece->at[i] = std::byte{0};
    return piece->at;
  }
  void give_back(std::byte* at, Bytes size) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if (pieces_[i].at != at || pieces_[i].size != size.raw || !pieces_[i].is_out) continue;
      pieces_[i].is_out = false;
      held -= size.raw;
      for (std::size_t byte = 0; byte < size.raw; ++byte)
        at[byte] = std::byte{0xee};  // nobody reads there any more
      return;
    }
    is_wrong = true;
  }

  static constexpr std::size_t kPieces = 64;

  Piece pieces_[kPieces];
  std::size_t count_ = 0;
  std::uint64_t used_ = 0;
};

}  // namespace quarry::page

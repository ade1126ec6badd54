// tests/granted.hpp: for tests, memory that can be used up.
#pragma once

#include <array>

#include "shell/memory.hpp"

namespace quarry::shell {

// Grants pieces of one array from the front; what comes back is counted, and the array is whole again when all is back.
template <std::size_t Size>
class Granted {
 public:
  std::size_t kept_back = 0;  // of the array

  Memory memory() noexcept {
    return {this,
            [](void* self, std::size_t bytes) noexcept { return static_cast<Granted*>(self)->take(bytes); },
            [](void* self, std::byte* memory, std::size_t bytes) noexcept {
              static_cast<Granted*>(self)->give_back(memory, bytes);
            }};
  }
  std::size_t out() const noexcept { return out_; }

 private:
  std::byte* take(std::size_t bytes) noexcept {
    bytes = (bytes + Memory::kAlignment - 1) & ~(Memory::kAlignment - 1);
    if (used_ + bytes > Size - kept_back) return nullptr;
    std::byte* const granted = &storage_[used_];
    used_ += bytes, out_ += bytes;
    return granted;
  }
  void give_back(std::byte* memory, std::size_t bytes) noexcept {
    bytes = (bytes + Memory::kAlignment - 1) & ~(Memory::kAlignment - 1);
    check(memory >= storage_.data() && memory + bytes <= storage_.data() + used_ && bytes <= out_,
          "memory that was not granted");
    out_ -= bytes;
    if (out_ == 0) used_ = 0;
  }

  std::size_t used_ = 0, out_ = 0;
  alignas(Memory::kAlignment) std::array<std::byte, Size> storage_{};
};

}  // namespace quarry::shell

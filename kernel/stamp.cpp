#include "kernel/stamp.hpp"

#include <new>

namespace kernel {
namespace {

constexpr std::uint64_t kPageBytes = 4096, kLineBytes = 64, kSelf = 0x5157'4152'5259'2121;

std::uint64_t word_at(const Stamp& block, std::uint64_t index) noexcept {
  return (block.sequence ^ std::uint64_t{block.owner} << 56 ^ index) * 0x9e37'79b9'7f4a'7c15;
}

// Calls f(word, index) for the words that are written and checked.
template <class F>
void for_each_word(const Stamp& block, std::uint64_t bytes, F&& f) noexcept {
  auto* const words = reinterpret_cast<std::uint64_t*>(const_cast<Stamp*>(&block));
  for (std::uint64_t at = sizeof(Stamp); at + sizeof(std::uint64_t) <= bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t in_page = at % kPageBytes;
    if (bytes > kPageBytes && in_page == kLineBytes) at += kPageBytes - 2 * kLineBytes;
    f(words[at / sizeof(std::uint64_t)], at / sizeof(std::uint64_t));
  }
}

std::uint64_t self_of(const Stamp* block) noexcept { return reinterpret_cast<std::uint64_t>(block) ^ kSelf; }

}  // namespace

Stamp* stamp(void* memory, std::uint64_t bytes, const Stamp& what) noexcept {
  Stamp* const block = ::new (memory) Stamp{what};
  block->self = self_of(block);
  for_each_word(*block, bytes,
                [block](std::uint64_t& word, std::uint64_t index) { word = word_at(*block, index); });
  return block;
}

quarry::TextView complaint_about(const Stamp& block, std::uint64_t bytes) noexcept {
  if (block.self != self_of(&block)) return "a block that was passed on has no stamp";
  bool is_whole = true;
  for_each_word(block, bytes, [&](const std::uint64_t& word, std::uint64_t index) {
    is_whole = is_whole && word == word_at(block, index);
  });
  return is_whole ? "" : "a block was written to by somebody else";
}

void unstamp(Stamp& block) noexcept { block.self = 0; }

}  // namespace kernel

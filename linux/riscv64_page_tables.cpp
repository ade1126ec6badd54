#include "linux/riscv64_page_tables.hpp"

#include <algorithm>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/riscv64_steps.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kBlock = boot::riscv64::kBlock.raw;
constexpr unsigned kBlockBits = 21, kBitsEach = 9;

// Where the linear map begins. It follows from the mode of translation alone.
std::uint64_t page_offset(unsigned va_bits) noexcept {
  if (va_bits <= 39) return 0xffffffd800000000;
  return va_bits <= 48 ? 0xffffaf8000000000 : 0xff60000000000000;
}

}  // namespace

Result<Done> Riscv64PageTables::need(unsigned level, std::uint64_t address) {
  if (!tables_.insert({level, address >> level}).second) return Done{};
  const auto at = take_between(*state_, kPageTables, {.size = kPage, .alignment = kPage});
  if (!at) return at.error();
  return Done{};
}

Result<Done> Riscv64PageTables::map(std::uint64_t begin, std::uint64_t end, By by) {
  const unsigned top = kernel_->limits.va_bits - kBitsEach;  // what one entry of the first table spans
  for (std::uint64_t at = begin; at < end; at = (at & ~(kBlock - 1)) + kBlock) {
    for (unsigned level = top; level > kBlockBits; level -= kBitsEach)
      if (const auto done = need(level, at); !done) return done;
    if (by == By::blocks) continue;
    if (const auto done = need(kBlockBits, at); !done) return done;
  }
  return Done{};
}

Result<Done> Riscv64PageTables::map_everything() {
  const boot::Machine& machine = state_->machine;
  const std::uint64_t map_begin = machine.limits.maps_below_kernel
                                      ? state_->memblock.start_of_dram().raw & ~(kBlock - 1)
                                      : boot::riscv64::lowest_memory(machine).raw;
  const std::uint64_t map_end = map_begin + boot::riscv64::linear_map_size(machine).raw;
  const std::uint64_t to_virtual = page_offset(kernel_->limits.va_bits) - map_begin;
  for (const early::MemoryRange& memory : state_->memblock.memory_ranges()) {
    const std::uint64_t begin = std::max(memory.range.begin().raw, map_begin);
    const std::uint64_t end = std::min(memory.range.end().raw, map_end);
    if (begin >= end) continue;
    const By by = ((begin | (end - begin)) & (kBlock - 1)) == 0 ? By::blocks : By::pages;
    if (const auto done = map(begin + to_virtual, end + to_virtual, by); !done) return done;
  }
  const Symbols& symbols = kernel_->symbols;
  if (!symbols.known()) return Done{};
  return map(kernel_->link_base, symbols.end, By::blocks);
}

}  // namespace quarry::lnx

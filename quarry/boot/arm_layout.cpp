// quarry/boot/arm_layout.cpp: how a 32-bit address space is divided, and what follows for RAM.
#include <optional>

#include "quarry/base/bits.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot::arm {
namespace {

constexpr std::uint64_t kDefaultPageOffset = 0xc000'0000;
constexpr std::uint64_t kImageMultiple = 128u << 20;
constexpr std::uint64_t kLeastVmalloc = 16u << 20;
constexpr std::uint64_t kLeastLowmem = 32u << 20;

// Calls f(base, size) for each bank that the machine describes, in order.
template <class F>
void each_bank(const State& state, F f) noexcept {
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (tree)
    for (const firmware::FdtNode node : tree.value().root().children()) {
      const auto memory = firmware::memory_node(tree.value(), node);
      if (!memory || !memory->available) continue;
      for (const firmware::FdtReg reg : memory->regs)
        if (reg.size.raw != 0) f(PhysRange::sized(reg.base, reg.size));
    }
  for (const ExtraMemory& bank : state.machine.extra_memory)
    if (!bank.empty()) f(bank);
}

}  // namespace

std::uint64_t page_offset(const Machine& machine) noexcept {
  return machine.limits.page_offset != 0 ? machine.limits.page_offset : kDefaultPageOffset;
}

bool is_narrow(const Machine& machine) noexcept { return machine.limits.phys_bits <= 32; }

PhysAddr phys_offset(const State& state) noexcept {
  const std::uint64_t image = state.machine.kernel.whole.begin().raw;
  const PhysAddr below{align_down(image, kImageMultiple)};
  bool is_ram = false;
  std::uint64_t lowest = UINT64_MAX;
  each_bank(state, [&](PhysRange bank) {
    is_ram = is_ram || bank.contains(below);
    if (bank.begin().raw < lowest) lowest = bank.begin().raw;
  });
  if (is_ram || lowest == UINT64_MAX) return below;
  const auto first = align_up(lowest, kPmdSize);
  return first ? PhysAddr{first.value()} : below;
}

Bytes vmalloc_size(const State& state) noexcept {
  const std::uint64_t most = kVmallocEnd - (page_offset(state.machine) + kLeastLowmem + kVmallocGap);
  const auto option = command_line_of(state).last("vmalloc");
  if (!option) return state.machine.limits.vmalloc_size;
  ValueReader reader{option->value};
  const auto size = reader.size();
  if (!size || size.value() < kLeastVmalloc) return Bytes{kLeastVmalloc};
  return Bytes{size.value() < most ? size.value() : most};
}

PhysAddr lowmem_end(const State& state) noexcept {
  const std::uint64_t low = kVmallocEnd - vmalloc_size(state).raw - kVmallocGap - page_offset(state.machine);
  return PhysAddr{low + phys_offset(state).raw};
}

MemoryReach reach(const State& state) noexcept {
  return {.lowest = phys_offset(state),
          .highest = PhysAddr{is_narrow(state.machine) ? std::uint64_t{UINT32_MAX} : UINT64_MAX}};
}

}  // namespace quarry::boot::arm

// kernel/x86_64/core_tables.hpp: what each core has of its own: descriptor table, task state, stacks for disaster.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch_inline.hpp"

namespace kernel::x86 {

inline constexpr std::uint16_t kCode = 8, kTaskState = 24;

// Source    Intel SDM volume 3, section 8.7, "Task management in 64-bit mode".
struct [[gnu::packed]] TaskState {
  std::uint32_t reserved_0 = 0;
  std::uint64_t stacks[3] = {};  // of rings 0 to 2: everything runs in ring 0
  std::uint64_t reserved_1 = 0;
  std::uint64_t interrupt_stacks[7] = {};  // chosen by an interrupt gate, counted from 1
  std::uint64_t reserved_2 = 0;
  std::uint16_t reserved_3 = 0;
  std::uint16_t io_map = sizeof(TaskState);  // none
};

// A double fault finds a broken stack, and a request to stop may find one, too: they have stacks of their own.
enum class InterruptStack : std::uint8_t { as_it_is = 0, double_fault = 1, stop = 2 };

struct CoreTables {
  static constexpr std::size_t kStackBytes = 4096;

  unsigned index = 0;                        // at GS:0
  std::uint32_t guards = arch::kNothingDue;  // at GS:4
  std::uint64_t line = 0;                    // at GS:8: 64 * index
  alignas(8) std::uint64_t descriptors[5] = {0, 0x00af'9a00'0000'ffff, 0x00cf'9200'0000'ffff, 0, 0};
  TaskState task{};
  alignas(16) std::byte double_fault_stack[kStackBytes] = {};
  alignas(16) std::byte stop_stack[kStackBytes] = {};
};

// Makes `tables` those of the core that calls, and the exceptions go to traps.cpp.
void use_core_tables(CoreTables& tables, unsigned index) noexcept;

}  // namespace kernel::x86

// kernel/arch.hpp: everything that the shared part of the reference kernel asks of an architecture.
//
// kernel/ARCH/ implements it; kernel/ARCH/arch_inline.hpp, found by the include path, has what must be in line:
//
//     inline constexpr std::uint64_t kDirectMap;    physical address 0 is seen here, before and after use_tables()
//     inline constexpr std::uint64_t kVmalloc;      kVmallocBytes of addresses from here on are vmalloc's; no RAM is
//     inline constexpr std::uint64_t kVmallocBytes; seen at kVmalloc or above
//     inline constexpr TextView kName;              "x86_64" "aarch64"
//     using TableFormat = ...;                      of quarry/vm: the tree that has kDirectMap and all of mappings()
//     using IrqState = ...;                         interrupts as they were
//     IrqState disable_interrupts() noexcept;       returns how they were
//     void restore_interrupts(IrqState) noexcept;
//     void enable_interrupts() noexcept;
//     void wait_for_interrupt() noexcept;           with interrupts disabled: enables them, sleeps until one came,
//                                                   disables them; none is lost between the two
//     unsigned this_core() noexcept;                0-based and dense; 0 boots
//     void enter_guard() noexcept;                  one guard more on this core, which puts interrupts off
//     bool leave_guard() noexcept;                  one less; whether it was the last and something was put off
//     void begin_due() noexcept;                    then: a guard again, and nothing is put off
//     bool put_off() noexcept;                      in an interrupt: whether there is a guard, which will look after it
//     void publish_tables() noexcept;               entries that were absent are there: every walk sees them now
//     void forget(begin, end) noexcept;             what is remembered of these virtual addresses, on this core, or
//     inline constexpr bool kForgetsEverywhere;     on all of them
//     std::uint64_t ticks() noexcept;               counts up on every core
//
// Order of a boot: the architecture's entry sets up console, exceptions and boot tables, describes the machine,
// and calls kernel::main(). Everything below may be called from then on.
#pragma once

#include <cstdint>
#include <span>

#include "arch_inline.hpp"
#include "quarry/base/locking.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/text.hpp"
#include "quarry/boot/machine.hpp"

namespace kernel {

// What an architecture's entry hands over. Views into memory that stays.
struct BootInfo {
  quarry::boot::Machine machine;
  // Memory for the boot-time tables, of boot_storage_size() bytes at least; machine.kernel reserves it (as part of
  // `whole`, or as `brk` on x86). Zeroed.
  std::span<std::byte> storage;
  // Physical memory that the boot tables map at arch::kDirectMap: table pages are taken from it.
  quarry::PhysRange boot_mapped;
};

// --- What the shared part offers to an architecture -----------------------------------------------------------

// How many bytes of boot storage a machine wants, by what firmware lists.
struct FirmwareCounts {
  std::size_t map_entries = 0;  // memory map, or memory and reserved-memory nodes of a tree
  std::size_t nodes = 1;        // at most: memory affinities, or nodes that a tree or a SLIT names
  std::size_t cores = 1;
};
quarry::Bytes boot_storage_size(const FirmwareCounts& counts) noexcept;

// Runs the kernel on the boot core, with interrupts disabled.
[[noreturn]] void main(const BootInfo& info) noexcept;
// An inter-processor interrupt arrived on this core; called by its handler, interrupts disabled.
void asked(unsigned core) noexcept;
// The end of an exception that nobody expects. The architecture has called begin_panic() of kernel/panic.hpp and printed
// what it is and its registers. Prints the frames from `frame` on (frame pointers: caller's frame, return address), and
// powers off with status 1.
[[noreturn]] void stop(const void* frame) noexcept;

namespace arch {

// --- What an architecture offers ------------------------------------------------------------------------------

// The serial console, busy-waiting. "\n" goes out as "\r\n".
void write(quarry::TextView text) noexcept;
// A byte that was typed, or -1.
int read() noexcept;

// Ends the emulator, whose exit status is 0 for 0 and another otherwise (kernel/run maps codes).
[[noreturn]] void power_off(int status) noexcept;

// How many cores firmware lists as usable, this one included.
unsigned core_count() noexcept;
// Starts core `index` on `stack`, of whose memory the architecture may keep its own per-core tables at the end;
// it calls `entry(index)` with interrupts disabled and exceptions handled. Called on core 0, one core at a time.
//
// Returns   whether the core said that it runs, within a second or so.
bool start_core(unsigned index, std::span<std::byte> stack, void (*entry)(unsigned)) noexcept;
// Interrupts a started core: asked() runs there, soon.
void ask(unsigned core) noexcept;
// All other cores stop for good, whatever they do.
void stop_other_cores() noexcept;

// --- Page tables: built by the shared part with quarry/vm's writer ---------------------------------------------

enum class MapAs : std::uint8_t { code, constants, data, device };
// What is reached beside RAM at kDirectMap: the image where it is linked, devices, and at kDirectMap too, what stays in use
// when a limit takes its RAM.
struct Mapping {
  std::uint64_t at;  // virtual
  quarry::PhysRange range;
  MapAs as;
};
std::span<const Mapping> mappings() noexcept;
// The size of the largest page that this processor has, in bits: 30, 21.
unsigned largest_page_bits() noexcept;
// From here on these tables count, on this core and on those that are started later.
void use_tables(quarry::PhysAddr root) noexcept;

}  // namespace arch
}  // namespace kernel

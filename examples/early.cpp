// examples/early.cpp: the boot-time allocator alone, as a kernel would use it before it has anything else.
//
// Freestanding: the four mem functions and quarry::panic are all that is left undefined.
#include "quarry/early/guard.hpp"
#include "quarry/early/memblock.hpp"

using namespace quarry;

namespace {

// Room for the first regions. When it is full, memblock moves into memory of the machine itself.
constinit early::Region first_memory[128], first_reserved[128];

// This kernel sees physical memory where it is.
std::byte* identity(void*, PhysRange range) noexcept {
  return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(range.begin().raw));
}

}  // namespace

// Takes what the boot loader said and returns where a stack of 16 KiB may lie; 0 when there is no room.
extern "C" std::uint64_t early_main(std::uint64_t ram_base, std::uint64_t ram_size,
                                    std::uint64_t kernel_end) {
  early::Memblock memblock{early::Config{}, {first_memory, first_reserved, {}}, {nullptr, &identity}};
  const PhysRange ram = PhysRange::sized(PhysAddr{ram_base}, Bytes{ram_size});
  if (!memblock.add(ram, "RAM")) return 0;
  if (!memblock.reserve({ram.begin(), PhysAddr{kernel_end}}, "kernel image")) return 0;
  memblock.allow_resize();

  {
    // Taken for as long as this scope lasts, and given back at its end, whichever way it is left.
    const auto scratch = early::TemporaryReservation::allocate(
        memblock, {.size = Bytes{4096}, .alignment = Bytes{64}}, "scratch");
    if (!scratch) return 0;
  }
  std::uint64_t free_bytes = 0;
  for (const early::MemoryRange& free : memblock.free_ranges()) free_bytes += free.range.size().raw;
  if (free_bytes < 16384 || memblock.audit()) return 0;

  const auto stack = memblock.alloc(Bytes{16384}, Bytes{4096}, "stack");
  return stack ? stack.value().raw : 0;
}

#include "local_apic.hpp"

#include "cpu.hpp"
#include "kernel/arch.hpp"

namespace kernel::x86 {
namespace {

constexpr unsigned kId = 0x20, kEndOfInterrupt = 0xb0, kSpurious = 0xf0, kCommand = 0x300,
                   kDestination = 0x310;
constexpr unsigned kLocalInterrupt0 = 0x350;
constexpr std::uint32_t kMasked = 1u << 16;
constexpr std::uint16_t kOldControllerMask = 0x21, kOldControllerMask2 = 0xa1;
constexpr std::uint32_t kAssert = 1u << 14, kAllButMe = 3u << 18, kIsPending = 1u << 12,
                        kSoftwareEnable = 1u << 8;
constexpr std::uint64_t kEnableX2apic = 1u << 10, kEnable = 1u << 11;

bool has_x2apic() noexcept { return (cpuid(1).c >> 21 & 1) != 0; }
bool uses_x2apic() noexcept { return (read_msr(Msr::apic_base) & kEnableX2apic) != 0; }

volatile std::uint32_t* memory_register(unsigned reg) noexcept {
  constexpr std::uint64_t page = 0xfee0'0000;
  return reinterpret_cast<volatile std::uint32_t*>(arch::kDirectMap + page + reg);
}
constexpr std::uint32_t msr_of(unsigned reg) noexcept {
  return static_cast<std::uint32_t>(Msr::x2apic) + (reg >> 4);
}

}  // namespace

void LocalApic::enable() noexcept {
  // What the BIOS left: the old controller would go on with its timer, by vectors that are exceptions here. First its
  // own masks, which take back what is on its way, then the line that it comes by.
  out8(kOldControllerMask, 0xff);
  out8(kOldControllerMask2, 0xff);
  std::uint64_t base = read_msr(Msr::apic_base) | kEnable;
  if (has_x2apic()) base |= kEnableX2apic;
  write_msr(Msr::apic_base, base);
  write(kSpurious, kSoftwareEnable | kSpuriousVector);
  write(kLocalInterrupt0, kMasked);
}

std::uint32_t LocalApic::id() noexcept { return uses_x2apic() ? read(kId) : read(kId) >> 24; }
void LocalApic::end_of_interrupt() noexcept { write(kEndOfInterrupt, 0); }

void LocalApic::send(std::uint32_t apic_id, Deliver how, unsigned vector) noexcept {
  command(apic_id, static_cast<std::uint32_t>(how) | kAssert | vector);
}
void LocalApic::send_nmi_to_others() noexcept {
  command(0, static_cast<std::uint32_t>(Deliver::nmi) | kAssert | kAllButMe);
}

std::uint32_t LocalApic::read(unsigned reg) noexcept {
  return uses_x2apic() ? static_cast<std::uint32_t>(read_msr(msr_of(reg))) : *memory_register(reg);
}
void LocalApic::write(unsigned reg, std::uint32_t value) noexcept {
  if (uses_x2apic())
    write_msr(msr_of(reg), value);
  else
    *memory_register(reg) = value;
}
void LocalApic::command(std::uint32_t destination, std::uint32_t low) noexcept {
  // What was written before is seen by the core that is interrupted; a write to an MSR would not wait for it.
  asm volatile("mfence" ::: "memory");
  if (uses_x2apic()) return write_msr(msr_of(kCommand), std::uint64_t{destination} << 32 | low);
  *memory_register(kDestination) = destination << 24;
  *memory_register(kCommand) = low;
  while ((*memory_register(kCommand) & kIsPending) != 0) quarry::relax_core();
}

}  // namespace kernel::x86

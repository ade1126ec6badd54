// kernel/aarch64/gic.cpp
//
// Source    Arm Generic Interrupt Controller Architecture Specification, version 2 (IHI 0048B.b): 4.3, 4.4; versions 3
//           and 4 (IHI 0069G): 12.8 to 12.11.
#include "gic.hpp"

#include "kernel/arch.hpp"

namespace kernel::aarch64 {
namespace {

constexpr std::uint32_t kSpurious = 1020;  // and above: nothing is pending
constexpr std::uint32_t kAllPriorities = 0xff;

// The distributor's.
constexpr std::uint64_t kControl = 0x000, kTargets = 0x800, kSoftware = 0xf00;
// The interface's of v2.
constexpr std::uint64_t kCpuControl = 0x00, kPriorityMask = 0x04, kAcknowledge = 0x0c, kEnd = 0x10;
// A redistributor's of v3; its second frame has what the distributor has of a core's own interrupts in v2.
constexpr std::uint64_t kType = 0x08, kWake = 0x14, kSecondFrame = 0x1'0000;
constexpr std::uint64_t kGroup = 0x080, kEnable = 0x100;
constexpr std::uint32_t kSent = 0x3;  // our two interrupts

// Interrupts of group 0 come as FIQ, which nothing here ever masks: so a core stops even where it takes no
// interrupts. Where firmware keeps group 0 for itself, it all is group 1, and IRQ.
constexpr std::uint32_t kUrgent = 0x2;  // Interrupt::stop
constinit bool owns_group_0 = false;

constinit Gic gic{};
// v2 calls a core by a bit; each reads its own.
constexpr unsigned kMostTargets = 8;
constinit std::uint8_t targets[kMostTargets] = {};

Registers my_redistributor() noexcept {
  const std::uint64_t mine = my_affinity();
  const std::uint64_t wanted = (mine >> 32) << 24 | (mine & 0xff'ffff);
  for (unsigned run = 0; run < Gic::kMostRuns && gic.redistributors[run]; ++run) {
    for (std::uint64_t at = 0; at < gic.run_bytes[run];) {
      const Registers one = gic.redistributors[run].at(at);
      const std::uint64_t type = one.read64(kType);
      if (type >> 32 == wanted) return one;
      constexpr std::uint64_t is_last = 1u << 4, has_virtual_interrupts = 1u << 1;
      if ((type & is_last) != 0) break;
      at += (type & has_virtual_interrupts) != 0 ? 4 * kSecondFrame : 2 * kSecondFrame;
    }
  }
  return {};
}

void join_v3() noexcept {
  constexpr std::uint32_t sleeps = 1u << 1, children_sleep = 1u << 2;
  const Registers mine = my_redistributor();
  if (!mine) return;
  mine.write(kWake, mine.read(kWake) & ~sleeps);
  while ((mine.read(kWake) & children_sleep) != 0) quarry::relax_core();
  const Registers own = mine.at(kSecondFrame);
  own.write(kGroup, owns_group_0 ? ~kUrgent : UINT32_MAX);
  own.write(kEnable, kSent);
  AARCH64_WRITE("s3_0_c12_c12_5", AARCH64_READ("s3_0_c12_c12_5") | 1);  // ICC_SRE_EL1: by registers
  AARCH64_WRITE("s3_0_c4_c6_0", kAllPriorities);                        // ICC_PMR_EL1
  AARCH64_WRITE("s3_0_c12_c12_7", 1);                                   // ICC_IGRPEN1_EL1
  if (owns_group_0) AARCH64_WRITE("s3_0_c12_c12_6", 1);                 // ICC_IGRPEN0_EL1
}

void join_v2() noexcept {
  const unsigned core = arch::this_core();
  if (core < kMostTargets) targets[core] = static_cast<std::uint8_t>(gic.distributor.read(kTargets));
  gic.distributor.write(kGroup, ~kUrgent);
  gic.distributor.write(kEnable, kSent);
  gic.cpu_interface.write(kPriorityMask, kAllPriorities);
  constexpr std::uint32_t both_groups = 0x3, acknowledge_both = 0x4, group_0_is_fiq = 0x8;
  gic.cpu_interface.write(kCpuControl, both_groups | acknowledge_both | group_0_is_fiq);
}

}  // namespace

// Where firmware keeps group 0, what is written to its bits has no effect.
void start_gic(const Gic& found) noexcept {
  gic = found;
  constexpr std::uint32_t both_groups = 0x3, group_1 = 0x2, by_affinity = 1u << 4,
                          one_security_state = 1u << 6;
  if (gic.version == Gic::Version::v3) {
    owns_group_0 = (gic.distributor.read(kControl) & one_security_state) != 0;
    gic.distributor.write(kControl, by_affinity | (owns_group_0 ? both_groups : group_1));
  }
  if (gic.version == Gic::Version::v2) gic.distributor.write(kControl, both_groups);
  join_gic();
}

void join_gic() noexcept {
  if (gic.version == Gic::Version::v3) join_v3();
  if (gic.version == Gic::Version::v2) join_v2();
}

Interrupt take_interrupt() noexcept {
  std::uint32_t got = kSpurious;
  if (gic.version == Gic::Version::v3) {
    got = static_cast<std::uint32_t>(AARCH64_READ("s3_0_c12_c12_0"));  // ICC_IAR1_EL1
    if (got < kSpurious) AARCH64_WRITE("s3_0_c12_c12_1", got);         // ICC_EOIR1_EL1
  } else if (gic.version == Gic::Version::v2) {
    got = gic.cpu_interface.read(kAcknowledge);
    if ((got & 0x3ff) < kSpurious) gic.cpu_interface.write(kEnd, got);
  }
  switch (got & 0x3ff) {
    case 0: return Interrupt::ask;
    case 1: return Interrupt::stop;
    default: return Interrupt::none;
  }
}

void send(Interrupt interrupt, unsigned core, std::uint64_t affinity) noexcept {
  const auto id = static_cast<std::uint32_t>(interrupt);
  asm volatile("dsb ishst" ::: "memory");
  if (gic.version == Gic::Version::v3) {
    // Of 16 cores that differ in the lowest 4 bits of affinity 0, one.
    const std::uint64_t aff0 = affinity & 0xff, aff1 = affinity >> 8 & 0xff, aff2 = affinity >> 16 & 0xff,
                        aff3 = affinity >> 32 & 0xff;
    AARCH64_WRITE("s3_0_c12_c11_5", aff3 << 48 | (aff0 >> 4) << 44 | aff2 << 32 | std::uint64_t{id} << 24 |
                                        aff1 << 16 | std::uint64_t{1} << (aff0 & 15));  // ICC_SGI1R_EL1
  } else if (gic.version == Gic::Version::v2 && core < kMostTargets) {
    gic.distributor.write(kSoftware, std::uint32_t{targets[core]} << 16 | id);
  }
}

void send_to_others(Interrupt interrupt) noexcept {
  const auto id = static_cast<std::uint32_t>(interrupt);
  asm volatile("dsb ishst" ::: "memory");
  constexpr std::uint64_t others = std::uint64_t{1} << 40;
  if (gic.version == Gic::Version::v3 && interrupt == Interrupt::stop && owns_group_0)
    AARCH64_WRITE("s3_0_c12_c11_7", others | std::uint64_t{id} << 24);  // ICC_SGI0R_EL1
  else if (gic.version == Gic::Version::v3)
    AARCH64_WRITE("s3_0_c12_c11_5", others | std::uint64_t{id} << 24);
  else if (gic.version == Gic::Version::v2)
    gic.distributor.write(kSoftware, 1u << 24 | id);
}

}  // namespace kernel::aarch64

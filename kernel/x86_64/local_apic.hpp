// kernel/x86_64/local_apic.hpp: how cores interrupt each other.
//
// Source    Intel SDM volume 3, chapter 10, "Advanced programmable interrupt controller".
#pragma once

#include <cstdint>

namespace kernel::x86 {

inline constexpr unsigned kAskVector = 32, kSpuriousVector = 47;

// The one of the core that calls. Registers are memory (xAPIC) or, where the processor has it, MSRs (x2APIC).
class LocalApic {
 public:
  // Turns it on; on each core before it is used there.
  static void enable() noexcept;
  static std::uint32_t id() noexcept;
  static void end_of_interrupt() noexcept;

  enum class Deliver : std::uint32_t { fixed = 0, nmi = 4u << 8, init = 5u << 8, startup = 6u << 8 };
  // To the core with that APIC id. `vector` of a startup is the page where it begins.
  static void send(std::uint32_t apic_id, Deliver how, unsigned vector) noexcept;
  static void send_nmi_to_others() noexcept;

 private:
  static std::uint32_t read(unsigned reg) noexcept;
  static void write(unsigned reg, std::uint32_t value) noexcept;
  static void command(std::uint32_t destination, std::uint32_t low) noexcept;
};

}  // namespace kernel::x86

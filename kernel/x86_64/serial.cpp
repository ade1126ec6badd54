// kernel/x86_64/serial.cpp: the console, COM1, and the two ways to leave the emulator.
//
// Source    16550 data sheet; QEMU, isa-debug-exit; ACPI's PM1a control register where QEMU's chipsets have it.
#include "serial.hpp"

#include "cpu.hpp"
#include "kernel/arch.hpp"

namespace kernel {
namespace {

constexpr std::uint16_t kPort = 0x3f8;
constexpr std::uint16_t kDivisorHigh = kPort + 1, kFifo = kPort + 2, kLine = kPort + 3, kModem = kPort + 4,
                        kStatus = kPort + 5;

}  // namespace

void x86::start_serial() noexcept {
  out8(kDivisorHigh, 0);  // no interrupts
  out8(kLine, 0x80);      // the divisor is seen: 1, which is 115200
  out8(kPort, 1);
  out8(kDivisorHigh, 0);
  out8(kLine, 0x03);  // 8n1
  // No FIFO: to turn it on forgets what was typed before.
  out8(kFifo, 0);
  out8(kModem, 0x03);
}

void arch::write(quarry::TextView text) noexcept {
  constexpr std::uint8_t can_send = 0x20;
  const auto send = [](char c) {
    while ((x86::in8(kStatus) & can_send) == 0) quarry::relax_core();
    x86::out8(kPort, static_cast<std::uint8_t>(c));
  };
  for (const char c : text) {
    if (c == '\n') send('\r');
    send(c);
  }
}

int arch::read() noexcept {
  constexpr std::uint8_t has_byte = 0x01;
  return (x86::in8(kStatus) & has_byte) != 0 ? x86::in8(kPort) : -1;
}

void arch::power_off(int status) noexcept {
  constexpr std::uint16_t debug_exit = 0xf4, pm1a_control = 0x604, sleep_enable_s5 = 0x2000;
  constexpr std::uint8_t success = 0x10;  // QEMU exits with 2 * value + 1
  x86::out8(debug_exit, status == 0 ? success : 1);
  x86::out16(pm1a_control, sleep_enable_s5);
  x86::halt();
}

}  // namespace kernel

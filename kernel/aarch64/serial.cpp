// kernel/aarch64/serial.cpp
//
// Source    PrimeCell UART (PL011) Technical Reference Manual (DDI 0183G), 3.3.
#include "serial.hpp"

#include "kernel/arch.hpp"

namespace kernel {
namespace {

constexpr std::uint64_t kData = 0x00, kFlags = 0x18, kControl = 0x30, kInterrupts = 0x38;
constexpr std::uint32_t kReceiveEmpty = 1u << 4, kTransmitFull = 1u << 5;

constinit aarch64::Registers uart{};

}  // namespace

// Speed and framing stay as firmware left them, and so do the FIFOs: to turn them on forgets what was typed.
void aarch64::start_serial(Registers pl011) noexcept {
  constexpr std::uint32_t on_both_ways = 0x301;
  uart = pl011;
  if (!uart) return;
  uart.write(kInterrupts, 0);
  uart.write(kControl, on_both_ways);
}

void arch::write(quarry::TextView text) noexcept {
  if (!uart) return;
  const auto send = [](char c) {
    while ((uart.read(kFlags) & kTransmitFull) != 0) quarry::relax_core();
    uart.write(kData, static_cast<unsigned char>(c));
  };
  for (const char c : text) {
    if (c == '\n') send('\r');
    send(c);
  }
}

int arch::read() noexcept {
  if (!uart || (uart.read(kFlags) & kReceiveEmpty) != 0) return -1;
  return static_cast<int>(uart.read(kData) & 0xff);
}

}  // namespace kernel

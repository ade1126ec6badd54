// quarry/boot/x86_crashkernel.cpp: memory for a crash kernel on x86_64.
#include "quarry/boot/crashkernel.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::x86 {
namespace {

constexpr Bytes kAlignment{16u << 20};
constexpr Bytes kAlignmentAt{1u << 20};
constexpr PhysAddr kLowMax{std::uint64_t{1} << 32};
constexpr PhysAddr kHighMax{std::uint64_t{1} << 46};
constexpr Bytes kDefaultLow{256u << 20};  // enough for swiotlb and what else must lie under 4G

struct Wanted {
  CrashkernelRequest request;
  bool high = false;
};

Result<Wanted> wanted(const CommandLine& line, Bytes ram) noexcept {
  const auto plain = parse_crashkernel(line, CrashkernelForm::plain, ram);
  if (plain && plain.value().size.raw != 0) return Wanted{.request = plain.value()};
  const auto high = parse_crashkernel(line, CrashkernelForm::high, ram);
  if (high && high.value().size.raw != 0) return Wanted{.request = high.value(), .high = true};
  return high ? Error::not_found : high.error();
}

Result<PhysAddr> place(State& state, const Wanted& wanted) noexcept {
  const CrashkernelRequest& request = wanted.request;
  if (request.at != PhysAddr{0}) {
    const PhysRange there = PhysRange::sized(request.at, request.size);
    return state.memblock.phys_alloc_range(
        {.size = request.size, .alignment = kAlignmentAt, .min = there.begin(), .max = there.end()},
        "crashkernel");
  }
  const PhysAddr min{kAlignment.raw};
  if (!wanted.high) {
    const auto low = state.memblock.phys_alloc_range(
        {.size = request.size, .alignment = kAlignment, .min = min, .max = kLowMax}, "crashkernel");
    if (low) return low;
  }
  return state.memblock.phys_alloc_range(
      {.size = request.size, .alignment = kAlignment, .min = min, .max = kHighMax}, "crashkernel");
}

// Memory under 4G beside a crash kernel above it; false when there is no place for it.
Result<bool> reserve_low(State& state, const CommandLine& line) noexcept {
  const auto asked = parse_crashkernel(line, CrashkernelForm::low, state.memblock.phys_mem_size());
  const Bytes size = asked ? asked.value().size : kDefaultLow;
  if (size.raw == 0) return true;
  const auto at = state.memblock.phys_alloc_range(
      {.size = size, .alignment = kAlignment, .min = PhysAddr{0}, .max = kLowMax}, "crashkernel low");
  if (!at) {
    const auto noted =
        state.note(Note::Kind::printed, "crashkernel: no low memory, nothing reserved", {}, size.raw);
    if (!noted) return noted.error();
    return false;
  }
  state.crashkernel_low = PhysRange::sized(at.value(), size);
  return true;
}

}  // namespace

Result<Done> reserve_crashkernel(State& state) noexcept {
  const CommandLine line{state.machine.command_line};
  const auto asked = wanted(line, state.memblock.phys_mem_size());
  if (!asked && asked.error() == Error::not_found) return Done{};
  if (!asked) return state.note(Note::Kind::warning, "malformed crashkernel= ignored");
  const auto at = place(state, asked.value());
  const Bytes size = asked.value().request.size;
  if (!at) return state.note(Note::Kind::printed, "crashkernel: no suitable area found", {}, size.raw);
  const PhysRange range = PhysRange::sized(at.value(), size);
  if (at.value() >= kLowMax) {
    const auto low = reserve_low(state, line);
    if (!low) return low.error();
    if (!low.value()) return state.memblock.free(range, "crashkernel");
  }
  state.crashkernel = range;
  return Done{};
}

}  // namespace quarry::boot::x86

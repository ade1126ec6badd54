#include "linux/log_buffer.hpp"

#include <algorithm>
#include <bit>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kLog{"log buffer", "no room for the log buffer"};
constexpr unsigned kBytesPerRecordShift = 5;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 31;

}  // namespace

Result<Done> LogBuffer::take(boot::State& state, Bytes size) {
  const std::uint64_t records = size.raw >> kBytesPerRecordShift;
  const Bytes parts[] = {size, Bytes{records * sizes_->log_descriptor.raw},
                         Bytes{records * sizes_->log_record_info.raw}};
  const Bytes word{state.machine.arch == boot::Arch::arm ? 4u : 8u};
  PhysRange taken[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const early::Request request{.size = parts[i], .alignment = word};
    const auto at = state.allocator.alloc_try_nid_raw(request, kLog.owner);
    if (!at) {
      while (i-- > 0)
        if (const auto done = give_back(state, taken[i], kLog); !done) return done;
      return state.note(boot::Note::Kind::warning, "no room for a larger log buffer", {}, size.raw);
    }
    taken[i] = PhysRange::sized(at.value(), parts[i]);
  }
  is_replaced_ = true;
  return Done{};
}

Result<Done> LogBuffer::set_up_early(boot::State& state) {
  const auto option = boot::CommandLine{state.machine.command_line}.last("log_buf_len");
  if (!option) return Done{};
  const auto asked = boot::ValueReader{option->value}.size();
  if (!asked || asked.value() == 0) return Done{};
  const std::uint64_t size = std::bit_ceil(std::min(asked.value(), kMostBytes));
  return size > std::uint64_t{1} << shift_ ? take(state, Bytes{size}) : Result<Done>{Done{}};
}

Result<Done> LogBuffer::set_up_late(boot::State& state) {
  if (is_replaced_ || state.machine.cpus <= 1) return Done{};
  const std::uint64_t own = std::uint64_t{1} << shift_;
  const std::uint64_t extra = std::uint64_t{state.machine.cpus - 1} << processor_shift_;
  if (extra <= own / 2) return Done{};
  return take(state, Bytes{std::bit_ceil(own + extra)});
}

}  // namespace quarry::lnx

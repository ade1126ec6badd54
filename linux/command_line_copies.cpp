#include "linux/command_line_copies.hpp"

#include <algorithm>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kCopies{"command line", "no room for the command line"};

// Options that Linux 6.1 itself does not know: for the loader, the decompressor, init, or from older kernels.
bool is_unknown(TextView name) noexcept {
  constexpr TextView names[] = {"BOOT_IMAGE", "nokaslr", "kaslr", "reservelow", "splash", "rhgb", "nosplash"};
  return std::any_of(std::begin(names), std::end(names),
                     [name](TextView known) { return boot::same_name(known, name); });
}

}  // namespace

Result<Done> allocate_command_lines(boot::State& state) {
  const Bytes size{state.machine.command_line.size() + 1};
  return take_all(state, kCopies, 2, {.size = size, .alignment = kCacheLine});
}

Result<Done> print_unknown_options(boot::State& state) {
  std::uint64_t bytes = 0;
  for (const boot::Option& option : boot::CommandLine{state.machine.command_line}) {
    if (!is_unknown(option.name)) continue;
    bytes += option.name.size() + 1;
    if (option.has_value) bytes += option.value.size() + 1;
  }
  if (bytes == 0) return Done{};
  const early::Request line{.size = Bytes{bytes + 1}, .alignment = kCacheLine};
  const auto at = state.allocator.alloc_try_nid_raw(line, kCopies.owner);
  if (!at) return Done{};
  return give_back(state, PhysRange::sized(at.value(), line.size), kCopies);
}

}  // namespace quarry::lnx

// A machine from the log of a kernel that a device tree told of memory: a part of describe_parts.hpp.
#include <fmt/format.h>

#include "linux/describe_parts.hpp"
#include "linux/log_board.hpp"

namespace quarry::lnx {

bool needs_board(const LogInputs& log, const DescribeOptions& options) {
  if (log.is_32bit_x86 || !log.foreign_arch.empty() || !options.memory.empty() || !log.e820.empty())
    return false;
  // A log without its beginning may be of any machine.
  const auto arch = options.arch ? options.arch : log.arch;
  const bool is_board = arch && *arch != boot::Arch::x86_64;
  return is_board && (log.efi_map.empty() || log.arch == boot::Arch::arm);
}

Expected<MachineDescription> describe_board(std::span<const std::byte> bytes, const LogInputs& log,
                                            std::string_view name, const DescribeOptions& options) {
  const auto board = read_log_board(bytes);
  if (!board) return Problem{board.problem().exit_status, fmt::format("{}: {}", name, board.problem().text)};
  const boot::Arch arch = options.arch.value_or(log.arch.value_or(boot::Arch::arm64));
  LogInputs given = log;
  given.arch = log.arch.value_or(arch);
  given.efi_map.clear();  // the banks have it all
  DescribeOptions placed = options;
  if (!placed.kernel_at) placed.kernel_at = board->kernel_at;
  auto machine = describe_tree(tree_of(*board, arch, log), name, given, placed);
  if (!machine) return machine;
  if (!options.kernel) apply_to_kernel(*board, machine->kernel);
  machine->source = fmt::format("boot log {}", name);
  machine->is_tree_from_log = true;
  machine->tree_name = fmt::format("a tree made of what {} lists", name);
  machine->notes.emplace_back(
      "the device tree is not in the log: memory and reservations are those that the kernel listed");
  if (board->is_place_assumed)
    machine->notes.push_back(fmt::format("where memory begins is not in the log: {:#x} is assumed (--memory)",
                                         board->banks.front().range.begin().raw));
  return machine;
}

}  // namespace quarry::lnx

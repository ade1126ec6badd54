// linux/log_board.hpp: a board's memory, as far as the log of a kernel tells that was given it by a device tree.
//
// Such a kernel does not print what it was given. What it made of it stands in: it is an input here, and so must not be
// compared with afterwards.
//
//   log    Early memory node ranges, MEMBLOCK configuration, Memory:   -> banks
//          Ignoring memory range                                       -> what of them it did not take
//          Reserved memory: …, OF: reserved mem: …                     -> nodes of /reserved-memory
//          Zone ranges (names), cma: Reserved N MiB (size), NUMA:      -> options of the kernel's configuration
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "linux/boot_log.hpp"
#include "linux/kernel_profile.hpp"

namespace quarry::lnx {

struct LogBoard {
  struct Bank {
    PhysRange range;
    unsigned node = 0;
  };
  struct Reservation {
    std::string name;
    PhysRange range;
    bool no_map = false;
    bool reusable = false;
    bool is_refused = false;  // not to be mapped, but something was there already
  };
  std::vector<Bank> banks;  // ascending, neighbours of a node joined
  std::vector<Reservation> reservations;
  std::optional<PhysAddr> kernel_at;  // riscv64: what lies below it is ignored
  bool is_place_assumed = false;      // only sizes are in the log
  bool has_nodes = false;

  // What zones' names and the default area's size tell of the configuration; none: not said.
  std::optional<bool> has_zone_dma, has_zone_dma32, has_highmem;
  std::optional<Bytes> cma_size;
};

// Errors    malformed_input: nothing says how much memory there is, and where; the text names what is expected.
// Cost      two passes.
Expected<LogBoard> read_log_board(std::span<const std::byte> log);

// A tree that says what the log does: banks, reservations, model and command line.
std::vector<std::byte> tree_of(const LogBoard& board, boot::Arch arch, const LogInputs& log);

// Takes over what the log tells of the kernel's configuration.
void apply_to_kernel(const LogBoard& board, KernelProfile& kernel);

// Takes what was an input out of what there is to compare with.
void forget_inputs(LogOutcomes& outcomes);

}  // namespace quarry::lnx

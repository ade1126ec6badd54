#include "linux/log_board.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "linux/log_scanner.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kMiB = 1u << 20, kPageBytes = 4096;
constexpr std::uint32_t kNoMap = 4;  // of memblock's flags

// What single lines say, before it is known which of them is to be believed.
struct Hints {
  std::vector<PhysRange> ignored;        // "Ignoring memory range 0xA - 0xB"
  std::vector<Bytes> sizes;              // "Memory: 256MB 256MB = 512MB total"
  std::optional<Bytes> low;              // "lowmem  : 0xA - 0xB"
  std::optional<Bytes> total;            // "On node 0 totalpages: N"
  std::optional<PhysAddr> lowest_named;  // of all physical addresses that reservations name
};

void name_place(PhysAddr at, Hints& hints) {
  if (!hints.lowest_named || at < *hints.lowest_named) hints.lowest_named = at;
}

LogBoard::Reservation& reservation(std::string_view name, PhysRange range, LogBoard& board) {
  for (LogBoard::Reservation& known : board.reservations)
    if (known.range == range || (!name.empty() && known.name == name)) return known;
  return board.reservations.emplace_back(LogBoard::Reservation{.name = std::string{name}, .range = range});
}

// "base 0x82a00000, size 80 MiB" or "… at 0x90000000, size 640 MiB", from the address on.
std::optional<PhysRange> based_range(Scanner at) {
  const auto base = at.hex();
  if (!base || !at.skip(", size ")) return std::nullopt;
  const auto mib = at.decimal();
  if (!mib || *mib == 0 || *mib > UINT32_MAX || !at.skip(" MiB")) return std::nullopt;
  if (*base > UINT64_MAX - *mib * kMiB) return std::nullopt;
  return PhysRange::sized(PhysAddr{*base}, Bytes{*mib * kMiB});
}

// 'region@0': the name up to the quote.
std::string_view quoted(Scanner& at) {
  const std::string_view rest = at.rest();
  const std::size_t end = rest.find('\'');
  if (end == std::string_view::npos) return {};
  static_cast<void>(at.skip(rest.substr(0, end + 1)));
  return rest.substr(0, end);
}

// "Reserved memory: …", of kernels before 6.3, and what they add to it.
bool read_reserved(Scanner at, LogBoard& board) {
  if (at.skip("created CMA memory pool at ")) {
    if (const auto range = based_range(at)) reservation("", *range, board).reusable = true;
    return true;
  }
  if (at.skip("created DMA memory pool at ")) {
    if (const auto range = based_range(at)) reservation("", *range, board).no_map = true;
    return true;
  }
  const bool has_failed = at.skip("failed to reserve memory for node '");
  if (!has_failed && !at.skip("reserved region for node '") && !at.skip("allocated memory for '"))
    return false;
  const std::string_view name = quoted(at);
  const auto range = at.skip_to("base ") ? based_range(at) : std::nullopt;
  // What is refused is a node that must not be mapped, over something that is reserved and stays so.
  if (range && !name.empty()) reservation(name, *range, board).is_refused = has_failed;
  return true;
}

// "OF: reserved mem: 0xA..0xB (4096 KiB) nomap non-reusable NAME", since 6.3.
bool read_listed(Scanner at, LogBoard& board) {
  const auto first = at.hex();
  if (!first || !at.skip("..")) return false;
  const auto last = at.hex();
  const auto range = last ? range_of_inclusive(*first, *last) : std::nullopt;
  if (!range || range->empty() || !at.skip_to(") ")) return false;
  const bool no_map = at.skip("nomap ");
  if (!no_map && !at.skip("map ")) return false;
  const bool reusable = at.skip("reusable ");
  if (!reusable && !at.skip("non-reusable ")) return false;
  LogBoard::Reservation& made = reservation(at.word(), *range, board);
  made.no_map = no_map;
  made.reusable = reusable;
  return true;
}

// "256MB 256MB = 512MB total": the banks of kernels before 3.x.
void read_sizes(Scanner at, Hints& hints) {
  std::vector<Bytes> sizes;
  while (const auto mib = at.decimal()) {
    if (!at.skip("MB")) return;
    if (*mib != 0 && *mib < (std::uint64_t{1} << 40)) sizes.push_back(Bytes{*mib * kMiB});
    at.spaces();
    if (at.skip("= ")) {
      hints.sizes = std::move(sizes);
      return;
    }
  }
}

void read_hint(std::string_view text, LogBoard& board, Hints& hints) {
  Scanner at{text};
  static_cast<void>(at.skip("OF: fdt: "));
  if (at.skip("Ignoring memory range ")) {
    const auto begin = at.hex();
    if (!begin || !at.skip(" - ")) return;
    const auto end = at.hex();
    if (end && *begin < *end) hints.ignored.push_back({PhysAddr{*begin}, PhysAddr{*end}});
  } else if (at.skip("Reserved memory: ") || at.skip("Removed memory: ")) {
    static_cast<void>(read_reserved(at, board));
  } else if (at.skip("OF: reserved mem: ")) {
    static_cast<void>(read_listed(at, board));
  } else if (at.skip("Memory: ")) {
    read_sizes(at, hints);
  } else if (at.skip("On node 0 totalpages: ")) {
    if (const auto pages = at.decimal(); pages && *pages < (std::uint64_t{1} << 50))
      hints.total = Bytes{*pages * kPageBytes};
  } else if (at.skip("lowmem")) {
    at.spaces();
    if (!at.skip(":")) return;
    at.spaces();
    const auto begin = at.hex();
    if (!begin || !at.skip(" - ")) return;
    if (const auto end = at.hex(); end && *begin < *end) hints.low = Bytes{*end - *begin};
  } else if (at.skip("NUMA:") || at.skip("numa:")) {
    board.has_nodes = true;
  } else if (at.skip("cma: Reserved ")) {
    const auto mib = at.decimal();
    if (!mib || !at.skip(" MiB at ") || *mib > UINT32_MAX) return;
    if (!board.cma_size) board.cma_size = Bytes{*mib * kMiB};
    if (const auto base = at.hex()) name_place(PhysAddr{*base}, hints);
  }
}

void add_bank(PhysRange range, unsigned node, LogBoard& board) {
  if (range.empty()) return;
  if (!board.banks.empty() && board.banks.back().node == node &&
      board.banks.back().range.end() == range.begin())
    board.banks.back().range = {board.banks.back().range.begin(), range.end()};
  else
    board.banks.push_back({range, node});
}

// The last configuration that memblock=debug printed: of a kernel that did not live to list its nodes.
void take_dump(const LoggedMemblock& dump, LogBoard& board) {
  for (const LoggedRegion& region : dump.memory) {
    add_bank(region.range, 0, board);
    if ((region.flags & kNoMap) != 0)
      board.reservations.push_back({.name = fmt::format("unmapped@{:x}", region.range.begin().raw),
                                    .range = region.range,
                                    .no_map = true});
  }
}

// Only sizes are known: banks follow each other from 256 MiB below what is named first, or from 0.
void take_sizes(const Hints& hints, LogBoard& board) {
  constexpr std::uint64_t step = 256 * kMiB;
  std::vector<Bytes> sizes = hints.sizes;
  if (sizes.empty() && hints.total)
    sizes.push_back(hints.low && *hints.low > *hints.total ? *hints.low : *hints.total);
  if (sizes.empty()) return;
  board.is_place_assumed = true;
  std::uint64_t at = hints.lowest_named ? hints.lowest_named->raw & ~(step - 1) : 0;
  for (const Bytes size : sizes) {
    if (size.raw > UINT64_MAX - at) return;
    board.banks.push_back({PhysRange::sized(PhysAddr{at}, size), 0});
    at += size.raw;
  }
}

void take_zone_names(const LogOutcomes& outcomes, LogBoard& board) {
  if (outcomes.zone_ranges.empty()) return;
  const auto has = [&](std::string_view name) {
    return std::any_of(outcomes.zone_ranges.begin(), outcomes.zone_ranges.end(),
                       [name](const LoggedZone& zone) { return zone.name == name; });
  };
  board.has_zone_dma = has("DMA");
  board.has_zone_dma32 = has("DMA32");
  board.has_highmem = has("HighMem");
}

TextView processor_of(boot::Arch arch) {
  switch (arch) {
    case boot::Arch::arm: return "arm,armv7";
    case boot::Arch::riscv64: return "riscv";
    case boot::Arch::arm64:
    case boot::Arch::x86_64: break;
  }
  return "arm,armv8";
}

}  // namespace

Expected<LogBoard> read_log_board(std::span<const std::byte> log) {
  LogBoard board;
  Hints hints;
  Messages messages{log};
  unsigned boots = 0;
  while (const auto message = messages.next()) {
    if (message->text.starts_with("Linux version ") && ++boots > 1) break;
    read_hint(message->text, board, hints);
  }
  for (const LogBoard::Reservation& made : board.reservations) name_place(made.range.begin(), hints);
  const LogOutcomes outcomes = read_log_outcomes(log);
  take_zone_names(outcomes, board);
  for (const PhysRange ignored : hints.ignored) {
    add_bank(ignored, 0, board);
    board.kernel_at = ignored.end();
  }
  for (const LoggedNodeRange& range : outcomes.node_ranges) add_bank(range.range, range.node, board);
  if (outcomes.node_ranges.empty() && !outcomes.dumps.empty()) take_dump(outcomes.dumps.back(), board);
  if (outcomes.node_ranges.empty() && outcomes.dumps.empty()) take_sizes(hints, board);
  if (!board.banks.empty()) return board;
  return Problem{
      ExitStatus::malformed_input,
      "the log does not say what memory there is: expected BIOS-e820 or 'efi: mem' lines, 'Early memory "
      "node ranges', a MEMBLOCK configuration or the sizes of banks (or the device tree beside it: --dtb "
      "FILE, or --memory BASE+SIZE)"};
}

std::vector<std::byte> tree_of(const LogBoard& board, boot::Arch arch, const LogInputs& log) {
  const TextView processor = processor_of(arch);
  TreeWriter tree;
  tree.number("#address-cells", 2).number("#size-cells", 2);
  tree.text("model", log.model.empty() ? "a board of which there is a log" : log.model);
  tree.begin("cpus").number("#address-cells", 1).number("#size-cells", 0);
  for (unsigned cpu = 0; cpu < std::clamp(log.cpus.value_or(1), 1u, 4096u); ++cpu)
    tree.begin(fmt::format("cpu@{:x}", cpu))
        .text("device_type", "cpu")
        .text("compatible", {processor.data(), processor.size()})
        .number("reg", cpu)
        .end();
  tree.end();
  for (const LogBoard::Bank& bank : board.banks) {
    tree.begin(fmt::format("memory@{:x}", bank.range.begin().raw)).text("device_type", "memory");
    if (board.has_nodes) tree.number("numa-node-id", bank.node);
    tree.ranges("reg", std::span{&bank.range, 1}).end();
  }
  tree.begin("reserved-memory").number("#address-cells", 2).number("#size-cells", 2).flag("ranges");
  for (const LogBoard::Reservation& made : board.reservations) {
    tree.begin(made.name.empty() ? fmt::format("pool@{:x}", made.range.begin().raw) : made.name);
    if (made.reusable) tree.text("compatible", "shared-dma-pool").flag("reusable");
    if (made.no_map && !made.is_refused) tree.flag("no-map");
    tree.ranges("reg", std::span{&made.range, 1}).end();
  }
  tree.end();
  return tree.finish();
}

void apply_to_kernel(const LogBoard& board, KernelProfile& kernel) {
  boot::Limits& limits = kernel.limits;
  limits.has_zone_dma = board.has_zone_dma.value_or(limits.has_zone_dma);
  limits.has_zone_dma32 = board.has_zone_dma32.value_or(limits.has_zone_dma32);
  limits.has_highmem = board.has_highmem.value_or(limits.has_highmem);
  if (board.cma_size) {
    limits.has_cma = true;
    limits.cma_size = *board.cma_size;
  } else {
    limits.cma_size = Bytes{0};
  }
}

void forget_inputs(LogOutcomes& outcomes) {
  outcomes.node_ranges.clear();
  outcomes.pools.clear();
  outcomes.reserved_memory_lines.clear();
  outcomes.dumps.clear();
}

}  // namespace quarry::lnx

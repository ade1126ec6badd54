#include "linux/boot_log_lines.hpp"

#include <algorithm>

#include "linux/reserved_memory_lines.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

// "NUMBER MiB" or "NUMBERMB" as bytes; none past 2^64.
std::optional<std::uint64_t> mebibytes(Scanner& at) {
  const auto number = at.decimal();
  if (!number || *number > UINT64_MAX / kMiB) return std::nullopt;
  return *number * kMiB;
}

std::optional<PhysRange> sized(std::uint64_t base, std::uint64_t size) {
  if (size > UINT64_MAX - base) return std::nullopt;
  return PhysRange::sized(PhysAddr{base}, Bytes{size});
}

// "0x1000-0x1fff] usable": what stands behind "WHO: [mem ".
void read_map_line(std::string_view who, Scanner at, LogOutcomes& out) {
  const auto range = at.mem_range();
  if (!range || !at.skip(" ") || at.at_end()) return;
  const auto known =
      std::find_if(out.maps.begin(), out.maps.end(), [&](const LoggedMap& map) { return map.who == who; });
  LoggedMap& map = known != out.maps.end() ? *known : out.maps.emplace_back(LoggedMap{std::string{who}, {}});
  map.entries.push_back({*range, std::string{at.rest()}});
}
void read_bios_map(Scanner at, LogOutcomes& out) { read_map_line("BIOS-e820", at, out); }
void read_user_map(Scanner at, LogOutcomes& out) { read_map_line("user", at, out); }
void read_extended_map(Scanner at, LogOutcomes& out) { read_map_line("extended", at, out); }
void read_modified_map(Scanner at, LogOutcomes& out) { read_map_line("modified", at, out); }
void read_setup_map(Scanner at, LogOutcomes& out) { read_map_line("reserve setup_data", at, out); }

void read_update(Scanner at, LogOutcomes& out) {
  const auto range = at.mem_range();
  constexpr std::string_view arrow = " ==> ";
  const std::size_t cut = at.rest().find(arrow);
  if (!range || !at.skip(" ") || cut == std::string_view::npos) return;
  out.map_changes.push_back({*range, std::string{at.rest().substr(0, cut - 1)},
                             std::string{at.rest().substr(cut - 1 + arrow.size())}});
}

void read_removal(Scanner at, LogOutcomes& out) {
  const auto range = at.mem_range();
  if (range && at.skip(" ")) out.map_changes.push_back({*range, std::string{at.rest()}, {}});
}

void read_last_pfn(Scanner at, LogOutcomes& out) {
  const auto pfn = at.hex();
  if (!pfn) return;
  out.last_pfns.push_back(*pfn);
  if (at.skip(" max_arch_pfn = ")) out.max_arch_pfn = at.hex();
}

// "Node 0 PXM 3 [mem …]", "Node 0 PXM 0 0-a0000" in older kernels.
void read_affinity(Scanner at, LogOutcomes& out) {
  const auto node = at.decimal();
  if (!node || !at.skip(" PXM ")) return;
  const auto domain = at.decimal();
  if (!domain || *domain > UINT32_MAX || !at.skip(" ")) return;
  if (const auto range = at.mem_range())
    out.affinity.push_back({as_node(*node), static_cast<std::uint32_t>(*domain), *range});
}

void read_faked(Scanner at, LogOutcomes& out) {
  if (at.skip("a node at ")) {
    if (const auto range = at.mem_range()) out.faked.push_back({0, *range});
    return;
  }
  if (!at.skip("node ")) return;
  const auto node = at.decimal();
  if (!node || !at.skip(" at ")) return;
  if (const auto range = at.mem_range()) out.emulated.push_back({as_node(*node), *range});
}

// "On node 0, zone DMA: 1 pages in unavailable ranges", "On node 0 totalpages: 2066372"
void read_on_node(Scanner at, LogOutcomes& out) {
  LoggedUnavailable entry;
  const auto node = at.decimal();
  if (node) entry.node = as_node(*node);
  if (node && at.skip(" totalpages: ")) {
    if (const auto pages = at.decimal()) out.zone_pages.push_back({as_node(*node), {}, *pages});
    return;
  }
  if (!at.skip(", zone ") && !at.skip(" zone ")) return;
  const std::string_view name = at.word();
  at.spaces();
  const auto pages = at.decimal();
  if (name.size() < 2 || !pages || !at.skip(" pages in unavailable ranges")) return;
  entry.zone = name.substr(0, name.size() - 1);
  entry.pages = *pages;
  out.unavailable.push_back(entry);
}

void read_fallback(Scanner at, LogOutcomes& out) {
  const auto node = at.decimal();
  if (!node || !at.skip(":")) return;
  std::vector<unsigned> order{as_node(*node)};
  at.spaces();
  while (const auto next = at.decimal()) {
    order.push_back(as_node(*next));
    at.spaces();
  }
  out.fallback_order.push_back(std::move(order));
}

void read_zonelists(Scanner at, LogOutcomes& out) {
  const auto count = at.decimal();
  if (!count || !at.skip(" zonelists")) return;
  out.zonelists = count;
  if (at.skip_to("Total pages: ")) out.total_pages = at.decimal();
}

void read_policy(Scanner at, LogOutcomes& out) { out.policy_zone = at.word(); }

// "123K/456K available (14343K kernel code, 2327K rwdata, … 0K cma-reserved)"
void read_memory_line(Scanner at, LogOutcomes& out) {
  const auto managed = at.decimal();
  if (!managed || !(at.skip("K/") || at.skip("k/"))) return;
  const auto total = at.decimal();
  if (!total || out.managed_kib) return;
  out.managed_kib = managed;
  out.total_kib = total;
  if (!at.skip_to("(")) return;
  while (const auto kib = at.decimal()) {
    if (!(at.skip("K ") || at.skip("k "))) return;
    const std::size_t end = at.rest().find_first_of(",)");
    if (end == std::string_view::npos) return;
    out.memory_shares.push_back({std::string{at.rest().substr(0, end)}, *kib});
    if (!at.skip_to(at.rest().substr(end, 1))) return;
    at.spaces();
  }
}

void read_node_data(Scanner at, LogOutcomes& out) {
  const bool has_node = at.skip("(");
  const auto node = has_node ? at.decimal() : std::optional<std::uint64_t>{out.node_data.size()};
  if (!node || !at.skip_to("[mem ")) return;
  if (const auto range = at.inclusive_range()) out.node_data.push_back({as_node(*node), *range});
}

// Before kernels cut zones, the same words were used for something else.
void read_initmem(Scanner at, LogOutcomes& out) {
  const auto node = at.decimal();
  if (!node || out.zone_ranges.empty()) return;
  at.spaces();
  if (at.skip("as memoryless")) {
    out.initmem.push_back({as_node(*node), {}});
  } else if (const auto range = at.mem_range()) {
    out.initmem.push_back({as_node(*node), *range});
  }
}

void read_cma(Scanner at, LogOutcomes& out) {
  const auto size = mebibytes(at);
  if (!size || !at.skip(" MiB at ")) return;
  const auto base = at.hex();
  if (!base) return;
  if (const auto range = sized(*base, *size)) out.cma.push_back(*range);
}

// "created CMA memory pool at 0x7e000000, size 32 MiB"
void read_pool(Scanner at, LogOutcomes& out) {
  const std::string_view kind = at.word();
  if (!at.skip(" memory pool at ")) return;
  const auto base = at.hex();
  if (!base || !at.skip(", size ")) return;
  const auto size = mebibytes(at);
  if (!size) return;
  if (const auto range = sized(*base, *size)) out.pools.push_back({std::string{kind}, {}, *range});
}

// "initialized node linux,cma, compatible id …" names the pool of the line before it; later kernels have
// "0x00000000b0000000..0x00000000bfffffff (262144 KiB) nomap non-reusable foo@b0000000".
void read_reserved_node(Scanner at, LogOutcomes& out) {
  if (at.skip("initialized node ")) {
    const std::size_t end = at.rest().find(", compatible id");
    if (end != std::string_view::npos && !out.pools.empty() && out.pools.back().node.empty())
      out.pools.back().node = at.rest().substr(0, end);
    return;
  }
  const auto first = at.hex();
  if (!first || !at.skip("..")) return;
  const auto last = at.hex();
  const auto range = last ? range_of_inclusive(*first, *last) : std::nullopt;
  if (!range || !at.skip_to("KiB) ")) return;
  const std::string_view map = at.word();
  at.spaces();
  const std::string_view reusable = at.word();
  at.spaces();
  out.pools.push_back({std::string{map} + " " + std::string{reusable}, std::string{at.rest()}, *range});
}

// "Reserving 128MB of memory at 880MB for crashkernel", "crashkernel reserved: 0xA - 0xB (512 MB)"
void read_crashkernel_at(Scanner at, LogOutcomes& out) {
  const auto size = mebibytes(at);
  if (!size || !at.skip("MB of ")) return;
  at.skip("low ");
  if (!at.skip("memory at ")) return;
  const auto base = mebibytes(at);
  if (!base || !at.skip("MB for crashkernel")) return;
  if (const auto range = sized(*base, *size)) out.crashkernel.push_back(*range);
}
void read_crashkernel(Scanner at, LogOutcomes& out) {
  const auto begin = at.hex();
  if (!begin || !at.skip(" - ")) return;
  const auto end = at.hex();
  if (end && *end >= *begin) out.crashkernel.push_back({PhysAddr{*begin}, PhysAddr{*end}});
}

void read_bounce_buffers(Scanner at, LogOutcomes& out) {
  // The end is one past the last byte.
  const auto begin = at.hex();
  if (!begin || !at.skip("-")) return;
  const auto end = at.hex();
  if (end && *end >= *begin) out.bounce_buffers = PhysRange{PhysAddr{*begin}, PhysAddr{*end}};
}

void read_log_buffer(Scanner at, LogOutcomes& out) {
  const auto bytes = at.decimal();
  if (bytes && at.skip(" bytes")) out.log_buffer = bytes;
}

void read_percpu(Scanner at, LogOutcomes& out) {
  LoggedPercpu percpu;
  const auto pages = at.decimal();
  if (!pages || !at.skip(" pages/cpu ")) return;
  percpu.pages = *pages;
  if (at.skip("@")) at.word(), at.spaces();
  struct Field {
    std::string_view letter;
    std::uint64_t& into;
  };
  const Field fields[] = {{"s", percpu.static_bytes},
                          {"r", percpu.reserved_bytes},
                          {"d", percpu.dynamic_bytes},
                          {"u", percpu.unit_bytes}};
  for (const Field& field : fields) {
    at.spaces();
    const auto number = at.skip(field.letter) ? at.decimal() : std::nullopt;
    if (!number) return;
    field.into = *number;
  }
  out.percpu = percpu;
}

void read_block_size(Scanner at, LogOutcomes& out) { out.block_mib = at.decimal(); }

// "NAME hash table entries: N (order: M, B bytes…)". Caches made after the boot may be as large as they like.
bool read_hash(std::string_view text, LogOutcomes& out) {
  constexpr std::string_view words = " hash table entries: ";
  const std::size_t at = text.find(words);
  if (at == std::string_view::npos || at == 0) return false;
  Scanner scanner{text.substr(at + words.size())};
  const auto entries = scanner.decimal();
  if (!entries || !scanner.skip_to(", ")) return true;
  const auto bytes = scanner.decimal();
  if (bytes && scanner.skip(" bytes"))
    out.hashes.push_back({std::string{text.substr(0, at)}, *entries, *bytes});
  return true;
}

bool read_zone_pages(std::string_view text, LogOutcomes& out) {
  Scanner at{text};
  const std::string_view zone = at.word();
  if (!at.skip(" zone: ")) return false;
  const auto pages = at.decimal();
  if (pages && at.skip(" pages, LIFO") && !out.zone_pages.empty())
    out.zone_pages.push_back({out.zone_pages.back().node, std::string{zone}, *pages});
  return true;
}

struct LineKind {
  std::string_view begins;
  void (*read)(Scanner at, LogOutcomes& out);
};
constexpr LineKind kLines[] = {
    {"BIOS-e820: ", read_bios_map},
    {"user: ", read_user_map},
    {"extended: ", read_extended_map},
    {"modified: ", read_modified_map},
    {"reserve setup_data: ", read_setup_map},
    {"e820: update ", read_update},
    {"e820: remove ", read_removal},
    {"e820: last_pfn = ", read_last_pfn},
    {"last_pfn = ", read_last_pfn},
    {"ACPI: SRAT: Node ", read_affinity},
    {"SRAT: Node ", read_affinity},
    {"Faking ", read_faked},
    {"NUMA: Faking ", read_faked},
    {"On node ", read_on_node},
    {"Fallback order for Node ", read_fallback},
    {"Built ", read_zonelists},
    {"Policy zone: ", read_policy},
    {"Memory: ", read_memory_line},
    {"NODE_DATA", read_node_data},
    {"NUMA: NODE_DATA", read_node_data},
    {"Initmem setup node ", read_initmem},
    {"cma: Reserved ", read_cma},
    {"Reserved memory: created ", read_pool},
    {"OF: reserved mem: ", read_reserved_node},
    {"Reserving ", read_crashkernel_at},
    {"crashkernel reserved: ", read_crashkernel},
    {"crashkernel low memory reserved: ", read_crashkernel},
    {"software IO TLB: mapped [mem ", read_bounce_buffers},
    {"printk: log_buf_len: ", read_log_buffer},
    {"log_buf_len: ", read_log_buffer},
    {"percpu: Embedded ", read_percpu},
    {"PERCPU: Embedded ", read_percpu},
    {"x86/mm: Memory block size: ", read_block_size},
};

}  // namespace

unsigned as_node(std::uint64_t number) noexcept {
  return static_cast<unsigned>(std::min<std::uint64_t>(number, 65535));
}

void read_outcome_line(std::string_view text, LogOutcomes& out) {
  auto& said = out.reserved_memory_lines;
  if (is_reserved_memory_line(text, said.empty() ? std::string_view{} : said.back())) said.emplace_back(text);
  for (const LineKind& line : kLines)
    if (text.starts_with(line.begins)) return line.read(Scanner{text.substr(line.begins.size())}, out);
  if (text.starts_with("Kernel panic"))
    out.panicked = out.panicked || !out.managed_kib;
  else if (!read_hash(text, out))
    read_zone_pages(text, out);
}

}  // namespace quarry::lnx

// The input half of a boot log: see boot_log.hpp. Knows no line that a kernel prints about its own decisions.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "linux/boot_log.hpp"
#include "linux/efi_names.hpp"
#include "linux/log_origins.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {
namespace {

using Message = Messages::Message;

// Some text of a line for a message: short, and printable.
std::string excerpt(std::string_view text) {
  std::string result{text.substr(0, 60)};
  std::replace_if(result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

Problem malformed(const Message& message, std::string_view expected) {
  return {ExitStatus::malformed_input,
          fmt::format("line {}: '{}': expected {}", message.line, excerpt(message.text), expected)};
}

using Outcome = std::optional<Problem>;  // of one line: what is wrong with it, if anything

// Consoles print lines twice: of equal entries the first stays where it is.
void keep_first_of_equals(std::vector<firmware::MapEntry>& map) {
  std::set<std::tuple<std::uint64_t, std::uint64_t, firmware::MapType>> seen;
  std::erase_if(map, [&seen](const firmware::MapEntry& entry) {
    return !seen.insert({entry.base.raw, entry.size.raw, entry.type}).second;
  });
}

// The same for short lists, one by one.
template <class T>
void add_once(std::vector<T>& list, const T& entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
}

std::optional<firmware::MapType> map_type(Scanner& at) {
  using firmware::MapType;
  constexpr std::pair<std::string_view, MapType> names[] = {
      {"usable", MapType::usable},
      {"reserved", MapType::reserved},
      {"ACPI data", MapType::acpi},
      {"ACPI NVS", MapType::nvs},
      {"unusable", MapType::unusable},
      {"soft reserved", MapType::soft_reserved},
      {"Soft Reserved", MapType::soft_reserved},
      {"device reserved", MapType::reserved},
  };
  for (const auto& [name, type] : names)
    if (at.skip(name)) return type;
  Scanner probe = at;
  const bool is_persistent = probe.skip("persistent (type ");
  if (!is_persistent && !probe.skip("type ")) return std::nullopt;
  const auto number = probe.decimal();
  if (!number || *number > UINT32_MAX || (is_persistent && !probe.skip(")"))) return std::nullopt;
  at = probe;
  return MapType{static_cast<std::uint32_t>(*number)};
}

// "[mem 0x0-0x9fbff] usable", or before 3.5 "0000000000000000 - 000000000009fc00 (usable)".
Outcome read_e820(const Message& message, Scanner at, LogInputs& inputs) {
  constexpr std::string_view wanted_form =
      "[mem 0xFIRST-0xLAST] and usable, reserved, ACPI data, ACPI NVS, unusable, persistent (type N), soft "
      "reserved or type N";
  at.spaces();
  if (at.rest().starts_with("[gap ")) return std::nullopt;
  std::optional<PhysRange> range = at.mem_range();
  bool in_parentheses = false;
  if (!range) {
    const auto begin = at.hex();
    at.spaces();
    if (!begin || !at.skip("-")) return malformed(message, wanted_form);
    at.spaces();
    const auto end = at.hex();
    at.spaces();
    in_parentheses = at.skip("(");
    if (!end || *end < *begin || !in_parentheses) return malformed(message, wanted_form);
    range = PhysRange{PhysAddr{*begin}, PhysAddr{*end}};
  }
  at.spaces();
  const auto type = map_type(at);
  const std::string_view tail = at.rest();
  const bool ends = tail.empty() || tail[0] == ' ' || tail[0] == '[' || (in_parentheses && tail[0] == ')');
  if (!type || !ends) return malformed(message, wanted_form);
  inputs.e820.push_back({range->begin(), range->size(), *type});
  return std::nullopt;
}

// "type=3, attr=0xf, range=[0x0-0x1000) (0MB)" or "[Conventional|   |...|UC] range=[0x0-0xfff] (0MB)".
Outcome read_efi_x86(const Message& message, Scanner at, LogInputs& inputs) {
  constexpr std::string_view wanted_form = "memNN: [TYPE|ATTRIBUTES] range=[0xFIRST-0xLAST]";
  EfiEntry entry;
  if (at.skip("type=")) {
    const auto type = at.decimal();
    if (!type || *type > UINT32_MAX || !at.skip(", attr=")) return malformed(message, wanted_form);
    const auto attributes = at.hex();
    if (!attributes) return malformed(message, wanted_form);
    entry.type = static_cast<std::uint32_t>(*type);
    entry.attributes = *attributes;
  } else if (!at.skip("[") || !read_efi_words(at, entry)) {
    return malformed(message, wanted_form);
  }
  if (!at.skip_to("range=[")) return malformed(message, wanted_form);
  const auto first = at.hex();
  if (!first || !at.skip("-")) return malformed(message, wanted_form);
  const auto last = at.hex();
  if (!last) return malformed(message, wanted_form);
  const bool exclusive = at.skip(")");
  if (!exclusive && !at.skip("]")) return malformed(message, wanted_form);
  if (exclusive && *last < *first) return malformed(message, wanted_form);
  const auto range =
      exclusive ? PhysRange{PhysAddr{*first}, PhysAddr{*last}} : range_of_inclusive(*first, *last);
  if (!range) return malformed(message, wanted_form);
  entry.base = range->begin();
  entry.size = range->size();
  add_once(inputs.efi_map, entry);
  return std::nullopt;
}

// arm64: "0x000040000000-0x000043ffffff [Conventional|   |...|  ]".
Outcome read_efi_arm64(const Message& message, Scanner at, LogInputs& inputs) {
  EfiEntry entry;
  const auto range = at.inclusive_range();
  at.spaces();
  if (!range || !at.skip("[") || !read_efi_words(at, entry))
    return malformed(message, "0xFIRST-0xLAST [TYPE|ATTRIBUTES]");
  entry.base = range->begin();
  entry.size = range->size();
  add_once(inputs.efi_map, entry);
  return std::nullopt;
}

std::optional<std::uint64_t> value_after(std::string_view text, std::string_view key) {
  Scanner at{text};
  if (!at.skip_to(key)) return std::nullopt;
  return at.hex();
}

Outcome read_efi(const Message& message, Scanner at, LogInputs& inputs) {
  at.spaces();
  const std::string_view text = at.rest();
  if (text.starts_with("mem") && text.size() > 3 && '0' <= text[3] && text[3] <= '9') {
    at.skip("mem");
    if (!at.decimal() || !at.skip(":")) return std::nullopt;
    at.spaces();
    return read_efi_x86(message, at, inputs);
  }
  if (text.starts_with("0x")) return read_efi_arm64(message, at, inputs);
  if (at.skip("MemMap Address")) {
    if (const auto address = value_after(text, ": "))
      inputs.efi_memory_map = PhysRange{PhysAddr{*address}, PhysAddr{*address}};
  } else if (at.skip("MemMap Size") && inputs.efi_memory_map) {
    if (const auto size = value_after(text, ": "))
      inputs.efi_memory_map = PhysRange::sized(inputs.efi_memory_map->begin(), Bytes{*size});
  } else {
    if (const auto address = value_after(text, "MEMATTR=")) inputs.efi_memory_attributes = PhysAddr{*address};
    if (const auto address = value_after(text, "MEMRESERVE="))
      inputs.efi_memory_reservations = PhysAddr{*address};
  }
  return std::nullopt;
}

// "Node 0 PXM 0 [mem 0x0-0x9ffff] hotplug", before 3.5 "Node 0 PXM 0 0-a0000"; "PXM 0 -> APIC 0x00 -> Node 0".
Outcome read_srat(const Message& message, Scanner at, LogInputs& inputs) {
  constexpr std::string_view wanted_form = "Node N PXM N [mem 0xFIRST-0xLAST] or PXM N -> APIC N -> Node N";
  at.spaces();
  if (at.skip("PXM ")) {
    const auto domain = at.decimal();
    if (!domain || !at.skip(" -> ")) return malformed(message, wanted_form);
    if (!at.skip("APIC ") && !at.skip("MPIDR ")) return malformed(message, wanted_form);
    const auto cpu = at.hex();
    if (!cpu) return malformed(message, wanted_form);
    inputs.cpu_affinity.push_back(
        {.cpu = static_cast<std::uint32_t>(*cpu), .domain = static_cast<std::uint32_t>(*domain)});
    return std::nullopt;
  }
  if (!at.skip("Node ")) return std::nullopt;
  if (!at.decimal() || !at.skip(" PXM ")) return malformed(message, wanted_form);
  const auto domain = at.decimal();
  if (!domain || !at.skip(" ")) return malformed(message, wanted_form);
  auto range = at.mem_range();
  if (!range) {
    const auto begin = at.hex();
    if (!begin || !at.skip("-")) return malformed(message, wanted_form);
    const auto end = at.hex();
    if (!end || *end < *begin) return malformed(message, wanted_form);
    range = PhysRange{PhysAddr{*begin}, PhysAddr{*end}};
  }
  inputs.memory_affinity.push_back({.base = range->begin(),
                                    .size = range->size(),
                                    .domain = static_cast<std::uint32_t>(*domain),
                                    .hotpluggable = at.rest().find("hotplug") != std::string_view::npos});
  return std::nullopt;
}

// "SRAT 0x000000007FFE24D2 000240 (v01 ...": a table that the log lists. Other ACPI lines say nothing here.
void read_acpi_table(Scanner at, LogInputs& inputs) {
  const std::string_view signature = at.word();
  const auto is_signature_character = [](char c) {
    return ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || c == '!' || c == '$';
  };
  if (signature.size() != 4 || !std::all_of(signature.begin(), signature.end(), is_signature_character))
    return;
  at.spaces();
  const auto address = at.hex();
  if (!address || !at.skip(" ")) return;
  const auto length = at.hex();
  if (!length || *length > UINT32_MAX || !(at.at_end() || at.rest().starts_with(" "))) return;
  add_once(inputs.acpi_tables,
           AcpiTable{std::string{signature}, PhysRange::sized(PhysAddr{*address}, Bytes{*length})});
}

Outcome read_ramdisk(const Message& message, Scanner at, LogInputs& inputs) {
  at.spaces();
  auto range = at.mem_range();
  if (!range) {
    const auto begin = at.hex();
    at.spaces();
    if (!begin || !at.skip("-")) return malformed(message, "[mem 0xFIRST-0xLAST]");
    at.spaces();
    const auto end = at.hex();
    if (!end || *end < *begin) return malformed(message, "[mem 0xFIRST-0xLAST]");
    range = PhysRange{PhysAddr{*begin}, PhysAddr{*end}};
  }
  if (!inputs.ramdisk) inputs.ramdisk = range;
  return std::nullopt;
}

// How many processors: "Allowing 8 CPUs", "Allowing 4 present CPUs plus 2 hotplug CPUs", "Total of 4 processors".
void read_cpus(std::string_view text, LogInputs& inputs) {
  const auto number_after = [text](std::string_view key) -> std::optional<unsigned> {
    Scanner at{text};
    if (!at.skip_to(key)) return std::nullopt;
    const auto value = at.decimal();
    if (!value || *value == 0 || *value > 65536) return std::nullopt;
    return static_cast<unsigned>(*value);
  };
  if (inputs.cpus) return;
  if (text.starts_with("smpboot: Allowing ") || text.starts_with("SMP: Allowing ")) {
    inputs.cpus = number_after("Allowing ");
  } else if (text.starts_with("CPU topo: Allowing ")) {
    inputs.cpus = number_after("Allowing ");
    Scanner at{text};
    if (const auto more = at.skip_to("plus ") ? at.decimal() : std::nullopt;
        inputs.cpus && more && *more < 65536)
      *inputs.cpus += static_cast<unsigned>(*more);
  } else if (text.starts_with("SMP: Total of ")) {
    inputs.cpus = number_after("Total of ");
  } else if (text.starts_with("smp: Brought up ") || text.starts_with("Brought up ") ||
             text.starts_with("SMP: Brought up ")) {
    const auto after_nodes = number_after("node, ");
    inputs.cpus = after_nodes ? after_nodes : number_after("nodes, ");
    if (!inputs.cpus && text.find("node") == std::string_view::npos) inputs.cpus = number_after("up ");
  }
}

void set_once(std::string& field, std::string_view text) {
  if (field.empty()) field = text;
}

void read_names(std::string_view text, LogInputs& inputs) {
  Scanner at{text};
  if (at.skip("Command line: ")) {
    Scanner trimmed = at;
    trimmed.spaces();
    inputs.command_line = trimmed.rest();
  } else if (at.skip("Kernel command line: ")) {
    set_once(inputs.command_line, at.rest());
  } else if (at.skip("Machine model: ") || at.skip("OF: fdt: Machine model: ") ||
             at.skip("OF: fdt:Machine model: ") || at.skip("Machine: ") || at.skip("DMI: ")) {
    set_once(inputs.model, at.rest());
  }
  if (text.starts_with("kasan: KernelAddressSanitizer initialized")) inputs.has_kasan = true;
  if (text.starts_with("SMBIOS ") || text.starts_with("DMI: ")) inputs.has_smbios = true;
}

// A line of the firmware's map: the BIOS', or what Xen gives its guests in place of one.
bool is_map_line(std::string_view text) {
  return text.starts_with("BIOS-e820:") || text.starts_with("Xen: [mem ");
}

void read_arch(std::string_view text, LogInputs& inputs) {
  const auto is = [&](boot::Arch arch) {
    if (!inputs.arch) inputs.arch = arch;
  };
  if (text.find("HIGHMEM available") != std::string_view::npos ||
      text.find("LOWMEM available") != std::string_view::npos)
    inputs.is_32bit_x86 = true;
  if (text.starts_with("CPU0 revision is:") || text.starts_with("MIPS: machine is"))
    inputs.foreign_arch = "mips";
  if (text.starts_with("dcache_bsize ") || text.starts_with("CPU maps initialized for"))
    inputs.foreign_arch = "powerpc";
  if (is_map_line(text) || text.starts_with("x86/fpu")) return is(boot::Arch::x86_64);
  if (text.starts_with("Boot CPU: AArch64") || text.starts_with("CPU features: detected"))
    return is(boot::Arch::arm64);
  if (text.starts_with("Booting Linux on physical CPU 0x0000000000 [0x")) return is(boot::Arch::arm64);
  if (text.starts_with("CPU: ARM") || text.starts_with("CPU: PIPT") || text.starts_with("Memory policy:"))
    return is(boot::Arch::arm);
  if (text.starts_with("riscv: ") || text.starts_with("SBI specification")) return is(boot::Arch::riscv64);
}

Outcome read_message(const Message& message, LogInputs& inputs) {
  read_names(message.text, inputs);
  read_cpus(message.text, inputs);
  read_arch(message.text, inputs);
  Scanner at{message.text};
  if (is_map_line(message.text) && at.skip_to(":")) return read_e820(message, at, inputs);
  if (at.skip("efi:")) return read_efi(message, at, inputs);
  if (at.skip("RAMDISK:")) return read_ramdisk(message, at, inputs);
  if (at.skip("SRAT:") || at.skip("ACPI: SRAT:") || at.skip("ACPI: NUMA: SRAT:"))
    return read_srat(message, at, inputs);
  if (at.skip("ACPI: ")) read_acpi_table(at, inputs);
  return std::nullopt;
}

bool has_content(const LogInputs& inputs) {
  return !inputs.e820.empty() || !inputs.command_line.empty() || inputs.cpus || !inputs.efi_map.empty();
}

}  // namespace

Expected<LogInputs> read_log_inputs(std::span<const std::byte> log) {
  LogInputs inputs;
  Messages messages{log};
  while (const auto message = messages.next()) {
    Scanner at{message->text};
    if (at.skip("Linux version ")) {
      if (!inputs.banner.empty() && has_content(inputs)) break;  // the next boot
      inputs.banner = message->text;
      inputs.release = at.word();
      continue;
    }
    const SaidBefore before{inputs};
    if (auto problem = read_message(*message, inputs)) return *std::move(problem);
    before.note(*message, inputs);
  }
  keep_first_of_equals(inputs.e820);
  return inputs;
}

std::optional<Problem> require_map(const LogInputs& inputs) {
  if (!inputs.e820.empty() || !inputs.efi_map.empty()) return std::nullopt;
  return Problem{ExitStatus::malformed_input,
                 "the log has no map of memory: expected lines 'BIOS-e820: [mem 0xFIRST-0xLAST] usable' or "
                 "'efi: mem00: ...' (or a device tree beside it: --dtb FILE, or --memory BASE+SIZE)"};
}

bool looks_like_boot_log(std::span<const std::byte> bytes) {
  constexpr std::size_t enough = 100'000;
  constexpr std::string_view signs[] = {
      "Linux version ",    "BIOS-e820:",   "Command line: ",           "Kernel command line: ",
      "Booting Linux on ", "Zone ranges:", "Early memory node ranges", "MEMBLOCK configuration",
      "memblock_reserve: "};
  Messages messages{bytes.first(std::min(bytes.size(), enough))};
  while (const auto message = messages.next())
    for (const std::string_view sign : signs)
      if (message->text.starts_with(sign)) return true;
  return false;
}

std::vector<firmware::MapEntry> map_of_efi(std::span<const EfiEntry> entries) {
  using firmware::MapType;
  constexpr std::uint64_t write_back = 0x8, cacheable = 0xe;  // WB, WT, WC
  std::vector<firmware::MapEntry> map;
  for (const EfiEntry& entry : entries) {
    if ((entry.attributes & cacheable) == 0) continue;
    const bool is_plain = (1 <= entry.type && entry.type <= 4) || entry.type == 7 || entry.type == 14;
    MapType type = MapType::reserved;
    if (is_plain && (entry.attributes & write_back) != 0) type = MapType::usable;
    if (entry.type == 9) type = MapType::acpi;
    map.push_back({entry.base, entry.size, type});
  }
  return map;
}

}  // namespace quarry::lnx

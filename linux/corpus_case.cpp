#include "linux/corpus_case.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "linux/acpi_files.hpp"
#include "linux/file_bytes.hpp"
#include "linux/log_description.hpp"
#include "linux/tree_facts.hpp"

namespace quarry::lnx {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Sizes of the trees that Debian's kernel packages have for these boards, edited as the recorder does; QEMU's
// loader makes its own tree's size of them. A tree that is not listed counts as large as what was recorded.
struct BoardTree {
  std::string_view name;
  Bytes size;
};
constexpr BoardTree kBoardTrees[] = {
    {"broadcom/bcm2837-rpi-3-b.dtb", Bytes{15037}},
    {"bcm2836-rpi-2-b.dtb", Bytes{20025}},
    {"exynos4210-smdkv310.dtb", Bytes{41818}},
    {"imx6q-sabrelite.dtb", Bytes{42749}},
    {"imx7d-sdb.dtb", Bytes{38842}},
    {"sun8i-h3-orangepi-pc.dtb", Bytes{23416}},
    {"vexpress-v2p-ca15-tc1.dtb", Bytes{13024}},
    {"vexpress-v2p-ca9.dtb", Bytes{14087}},
};
// The initrd of every recorded arm64 boot; under UEFI no tree says where it ends.
constexpr Bytes kArm64Initrd{0xf17fc};

Problem malformed(const std::string& file, std::string_view what) {
  return {ExitStatus::malformed_input, fmt::format("{}: {}", file, what)};
}

// A number, or text such as "0x40000000", "64M", "1.5G", "-1".
std::optional<std::uint64_t> number_of(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) return static_cast<std::uint64_t>(value.get<std::int64_t>());
  if (!value.is_string()) return std::nullopt;
  const std::string text = value.get<std::string>();
  if (text.empty()) return std::nullopt;
  const std::size_t suffix = std::string_view{"KMGT"}.find(static_cast<char>(std::toupper(text.back())));
  const unsigned shift = suffix == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(suffix) + 1);
  const std::string digits = shift == 0 ? text : text.substr(0, text.size() - 1);
  char* end = nullptr;
  if (digits.find('.') != std::string::npos) {
    const double number = std::strtod(digits.c_str(), &end);
    if (*end != '\0' || !(number >= 0)) return std::nullopt;
    return static_cast<std::uint64_t>(std::ldexp(number, static_cast<int>(shift)));
  }
  const std::uint64_t number = std::strtoull(digits.c_str(), &end, 0);
  if (digits.empty() || *end != '\0') return std::nullopt;
  return number << shift;
}

std::optional<PhysAddr> address_in(const json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return std::nullopt;
  const auto number = number_of(object.at(key));
  return number ? std::optional{PhysAddr{*number}} : std::nullopt;
}

std::optional<std::uint32_t> e820_type(const json& value) {
  constexpr std::pair<std::string_view, std::uint32_t> type_names[] = {
      {"usable", 1},   {"reserved", 2}, {"acpi", 3},  {"nvs", 4},
      {"unusable", 5}, {"pmem7", 7},    {"pram", 12}, {"soft_reserved", 0xefffffff}};
  if (value.is_string())
    for (const auto& [name, number] : type_names)
      if (value.get_ref<const std::string&>() == name) return number;
  const auto number = number_of(value);
  return number && *number <= UINT32_MAX ? std::optional{static_cast<std::uint32_t>(*number)} : std::nullopt;
}

// What one directory is read into, step by step.
struct Reader {
  const FileSource& files;
  std::string where;
  json file;
  LogInputs log;
  MachineDescription machine;
  std::optional<TreeFacts> tree;

  std::string path(const char* name) const { return where + "/" + name; }
  std::string text(const char* key, std::string otherwise = {}) const {
    return file.contains(key) && file.at(key).is_string() ? file.at(key).get<std::string>()
                                                          : std::move(otherwise);
  }
  bool is_x86() const { return machine.kernel.arch == boot::Arch::x86_64; }

  std::optional<Problem> read_case();
  std::optional<Problem> read_kernel();
  std::optional<Problem> read_log();
  std::optional<Problem> read_map();
  void leave_loader_data();
  std::optional<Problem> read_tree();
  std::optional<Problem> read_tables();
  void read_processors();
  std::string command_line_of_case() const;
  Bytes recorded_tree_size() const;
  void place_all();
};

std::optional<Problem> Reader::read_case() {
  const std::string at = path("case.json");
  const auto bytes = files("case.json");
  if (!bytes) return malformed(at, "cannot be read: expected the description of a case");
  const std::string_view content = text_of(*bytes);
  file = json::parse(content.begin(), content.end(), nullptr, false);
  if (!file.is_object() || !arch_of(text("arch")))
    return malformed(at, "expected a JSON object with \"arch\": \"x86_64\", \"arm64\" or \"armhf\"");
  machine.source = "corpus case " + text("name", where.substr(where.find_last_of('/') + 1));
  return std::nullopt;
}

std::optional<Problem> Reader::read_kernel() {
  const std::string at = path("kernel.txt");
  const auto bytes = files("kernel.txt");
  if (!bytes) return malformed(at, "cannot be read: expected the kernel's profile");
  auto profile = read_kernel_profile(text_of(*bytes));
  if (!profile) return malformed(at, profile.problem().text);
  machine.kernel = *std::move(profile);
  if (machine.kernel.arch != *arch_of(text("arch")))
    return malformed(at, "arch: expected the architecture that case.json has");
  return std::nullopt;
}

std::optional<Problem> Reader::read_log() {
  const std::string at = path("dmesg.txt");
  const auto bytes = files("dmesg.txt");
  if (!bytes) {
    machine.command_line = command_line_of_case();
    return std::nullopt;
  }
  auto inputs = read_log_inputs(*bytes);
  if (!inputs) return malformed(at, inputs.problem().text);
  log = *std::move(inputs);
  name_origins(log.origins, at);
  take_log(log, machine);
  if (machine.command_line.empty()) machine.command_line = command_line_of_case();
  return std::nullopt;
}

std::string Reader::command_line_of_case() const {
  const bool is_arm64 = machine.kernel.arch == boot::Arch::arm64;
  std::string console = is_x86()   ? "console=ttyS0,115200 earlycon=uart8250,io,0x3f8,115200n8"
                        : is_arm64 ? "console=ttyAMA0 earlycon=pl011,0x9000000"
                                   : "console=ttyAMA0";
  std::string line = text("console", std::move(console));
  line += line.empty() ? "loglevel=8 memblock=debug panic=-1" : " loglevel=8 memblock=debug panic=-1";
  if (is_x86() && !file.contains("kaslr")) line += " nokaslr";
  if (is_arm64 && !file.contains("rodata_full")) line += " rodata=on";
  if (const std::string more = text("cmdline"); !more.empty()) line += " " + more;
  return line;
}

// The map that was handed to the kernel as it is, where the case made it; else what the log shows of it.
std::optional<Problem> Reader::read_map() {
  if (text("boot") == "e820" && file.contains("e820") && file.at("e820").is_array()) {
    machine.map.clear();
    std::erase_if(machine.origins, [](const Origin& origin) { return origin.kind == Origin::Kind::map; });
    for (const json& entry : file.at("e820")) {
      const bool is_triple = entry.is_array() && entry.size() == 3;
      const auto base = is_triple ? number_of(entry[0]) : std::nullopt;
      const auto size = is_triple ? number_of(entry[1]) : std::nullopt;
      const auto type = is_triple ? e820_type(entry[2]) : std::nullopt;
      if (!base || !size || !type)
        return malformed(path("case.json"), "e820: expected entries [base, size, type]");
      machine.origins.push_back({Origin::Kind::map, PhysRange::sized(PhysAddr{*base}, Bytes{*size}),
                                 fmt::format("{}: e820[{}]", path("case.json"), machine.map.size()),
                                 entry.dump()});
      machine.map.push_back({PhysAddr{*base}, Bytes{*size}, firmware::MapType{*type}});
    }
    machine.map_source = "e820";
    leave_loader_data();
  }
  if (is_x86() && machine.map.empty())
    return malformed(path("dmesg.txt"),
                     "no map of memory: expected lines 'BIOS-e820: [mem 0xFIRST-0xLAST] usable'");
  return std::nullopt;
}

// What the recorder's loader leaves below 2 MiB beside the map: entries past the 128th in setup_data, and UEFI's map.
void Reader::leave_loader_data() {
  constexpr PhysAddr setup_data_place{0x103000}, efi_map_place{0x109000};
  constexpr std::size_t entries_in_place = 128, entry_bytes = 20, head_bytes = 16, descriptor_bytes = 40;
  if (machine.map.size() > entries_in_place)
    machine.setup_data.push_back(
        {"setup_data",
         PhysRange::sized(setup_data_place,
                          Bytes{head_bytes + entry_bytes * (machine.map.size() - entries_in_place)})});
  if (file.contains("efi_memmap"))
    machine.efi_tables.push_back(
        {"EFI memory map",
         PhysRange::sized(efi_map_place, Bytes{descriptor_bytes * machine.efi_map.size()})});
}

std::optional<Problem> Reader::read_tree() {
  if (is_x86()) return std::nullopt;
  std::string at = path("machine.dtb");
  auto bytes = files("machine.dtb");
  if (!bytes) {
    at = path("given.dtb");
    bytes = files("given.dtb");
  }
  if (!bytes) return malformed(at, "cannot be read: expected the machine's device tree");
  auto facts = read_tree_facts(*bytes, at);
  if (!facts) return facts.problem();
  tree = *std::move(facts);
  machine.tree = *std::move(bytes);
  machine.tree_name = at;
  if (machine.model.empty()) machine.model = tree->model;
  if (machine.command_line.empty()) machine.command_line = tree->bootargs;
  return std::nullopt;
}

std::optional<Problem> Reader::read_tables() {
  // The tables say more than the log's lines: entries that are disabled, and distances.
  if (const auto srat = files("srat.bin"))
    if (auto problem = read_srat(*srat, path("srat.bin"), machine)) return problem;
  if (const auto slit = files("slit.bin"))
    if (auto problem = read_slit(*slit, path("slit.bin"), machine)) return problem;
  if (const auto madt = files("madt.bin"); madt && is_x86())
    if (auto problem = read_madt(*madt, path("madt.bin"), machine)) return problem;
  return std::nullopt;
}

void Reader::read_processors() {
  // QEMU's default processor maps 2 MiB at most, by four levels of tables; "max" has all that there is.
  const bool has_all = text("cpu").starts_with("max");
  machine.has_gigabyte_pages = has_all;
  const auto levels = machine.kernel.config.find("CONFIG_PGTABLE_LEVELS");
  if (is_x86() && has_all && levels != machine.kernel.config.end() && levels->second == "5")
    machine.kernel.limits.phys_bits = 52;
  if (log.cpus && is_x86()) return;  // processors that may be plugged count, and only the log has them
  // A board has as many processors as its tree says, however many the case asks for.
  if (tree && tree->cpus != 0)
    machine.cpus = tree->cpus;
  else if (const auto smp = file.contains("smp") ? number_of(file.at("smp")) : std::nullopt;
           smp && *smp < 65536)
    machine.cpus = static_cast<unsigned>(std::max<std::uint64_t>(*smp, 1));
}

// result.json's dtb_totalsize is a property of the tree that was given, kept there because the recorder shrank
// the tree; consulted only for a board that is not in the table above.
Bytes Reader::recorded_tree_size() const {
  const auto bytes = files("result.json");
  if (!bytes) return Bytes{0};
  const std::string_view content = text_of(*bytes);
  const json result = json::parse(content.begin(), content.end(), nullptr, false);
  if (!result.is_object() || !result.contains("dtb_totalsize")) return Bytes{0};
  return Bytes{number_of(result.at("dtb_totalsize")).value_or(0)};
}

void Reader::place_all() {
  if (is_x86()) return place_x86_kernel(log, machine);
  const std::string how = text("boot", "loader");
  if (how == "uefi") return place_uefi_arm64(kArm64Initrd, machine);
  LoaderRequest request;
  request.arch = machine.kernel.arch;
  request.kind = how == "qemu" ? LoaderRequest::Kind::qemu : LoaderRequest::Kind::loader;
  if (file.contains("load")) {
    request.kernel = address_in(file.at("load"), "kernel");
    request.tree = address_in(file.at("load"), "dtb");
  }
  request.ram_base = address_in(file, "ram_base");
  request.initrd = tree->initrd;
  request.lowest_memory = tree->lowest_memory;
  request.tree_bytes = tree->size;
  const std::string board = text("dtb");
  request.is_board_tree = !board.empty() || file.contains("dtb_machine");
  for (const BoardTree& known : kBoardTrees)
    if (board == known.name) request.board_tree_bytes = known.size;
  const Placement placed = place(request, machine.kernel);
  machine.image = image_at(machine.kernel, placed.kernel_base);
  machine.tree_at = placed.tree_at;
  machine.tree_size = placed.tree_size.raw != 0 ? placed.tree_size : recorded_tree_size();
  machine.initrd = tree->initrd;
}

}  // namespace

bool is_corpus_case(const fs::path& directory) {
  std::error_code error;
  return fs::is_regular_file(directory / "case.json", error);
}

Expected<MachineDescription> read_corpus_case(const FileSource& files, const std::string& where) {
  Reader reader{.files = files, .where = where, .file = {}, .log = {}, .machine = {}, .tree = {}};
  constexpr std::optional<Problem> (Reader::* reading_steps[])() = {&Reader::read_case, &Reader::read_kernel,
                                                                    &Reader::read_log,  &Reader::read_map,
                                                                    &Reader::read_tree, &Reader::read_tables};
  for (const auto step : reading_steps)
    if (auto problem = (reader.*step)()) return *std::move(problem);
  reader.read_processors();
  reader.place_all();
  return std::move(reader.machine);
}

Expected<MachineDescription> read_corpus_case(const fs::path& directory) {
  return read_corpus_case([&](std::string_view name) { return read_file(directory / name); },
                          directory.string());
}

}  // namespace quarry::lnx

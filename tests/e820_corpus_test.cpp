// The e820 policy against recorded boots: what Linux printed about its map after each thing it did to it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "quarry/firmware/uefi_map.hpp"
#include "quarry/map/e820_map.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::map {
namespace {

using corpus::MemLine;

// A map and its memory.
class Room {
 public:
  explicit Room(std::size_t capacity = 8192)
      : entries_(capacity),
        spare_(capacity),
        origins_(capacity),
        spare_origins_(capacity),
        heap_(capacity),
        edges_(2 * capacity) {}
  E820Map map() { return E820Map{{entries_, origins_, spare_, spare_origins_, edges_, heap_}}; }

 private:
  std::vector<MapEntry> entries_, spare_;
  std::vector<std::uint32_t> origins_, spare_origins_, heap_;
  std::vector<Edge> edges_;
};

// Linux's word for a type, and back.
std::string word_of(MapType type) {
  switch (type) {
    case MapType::usable:
    case MapType::reserved_kern: return "usable";
    case MapType::reserved: return "reserved";
    case MapType::acpi: return "ACPI data";
    case MapType::nvs: return "ACPI NVS";
    case MapType::unusable: return "unusable";
    case MapType::pmem: return "persistent (type 7)";
    case MapType::pram: return "persistent (type 12)";
    case MapType::soft_reserved: return "soft reserved";
  }
  return "type " + std::to_string(static_cast<std::uint32_t>(type));
}

MapType type_of(const std::string& word) {
  for (const MapType type : {MapType::usable, MapType::reserved, MapType::acpi, MapType::nvs,
                             MapType::unusable, MapType::pmem, MapType::pram, MapType::soft_reserved})
    if (word_of(type) == word) return type;
  EXPECT_TRUE(word.starts_with("type ")) << word;
  return MapType{static_cast<std::uint32_t>(std::stoul(word.substr(5)))};
}

std::string shown(PhysRange range, const std::string& word) {
  char text[80];
  std::snprintf(text, sizeof text, "%llx-%llx ", static_cast<unsigned long long>(range.begin().raw),
                static_cast<unsigned long long>(range.end().raw));
  return text + word;
}

std::vector<std::string> shown(const E820Map& map) {
  std::vector<std::string> lines;
  for (const MapEntry& entry : map.entries())
    lines.push_back(shown(PhysRange::sized(entry.base, entry.size), word_of(entry.type)));
  return lines;
}

// The lines of one printed table.
std::vector<MemLine> table_in(const std::vector<std::string>& log, const std::string& prefix) {
  std::vector<MemLine> table;
  for (const std::string& line : log)
    if (auto found = corpus::mem_line(line, prefix)) table.push_back(*found);
  return table;
}

std::vector<std::string> shown(const std::vector<MemLine>& table) {
  std::vector<std::string> lines;
  lines.reserve(table.size());
  for (const MemLine& line : table) lines.push_back(shown(line.range, line.rest));
  return lines;
}

std::uint64_t number_in(const nlohmann::json& value) {
  if (value.is_number()) return value.get<std::uint64_t>();
  const auto text = value.get<std::string>();
  return parse_size({text.data(), text.size()}).value().value;
}

std::vector<MapEntry> reported_in(const nlohmann::json& table) {
  std::vector<MapEntry> entries;
  const std::map<std::string, MapType> names = {
      {"usable", MapType::usable}, {"reserved", MapType::reserved},          {"acpi", MapType::acpi},
      {"nvs", MapType::nvs},       {"unusable", MapType::unusable},          {"pmem7", MapType::pmem},
      {"pram", MapType::pram},     {"soft_reserved", MapType::soft_reserved}};
  for (const auto& entry : table)
    entries.push_back({PhysAddr{number_in(entry[0])}, Bytes{number_in(entry[1])},
                       entry[2].is_string() ? names.at(entry[2]) : MapType{entry[2].get<std::uint32_t>()}});
  return entries;
}

constexpr std::size_t kZeroPageEntries = 128;  // the others come by setup_data

TEST(E820Corpus, sanitising_what_a_loader_reported_gives_what_linux_printed) {
  unsigned cases = 0, extended = 0;
  for (const auto& folder : corpus::cases_with("dmesg.txt")) {
    const auto description = nlohmann::json::parse(corpus::text_of(folder / "case.json"));
    if (!description.contains("e820")) continue;
    SCOPED_TRACE(folder.filename());
    const std::vector<MapEntry> reported = reported_in(description["e820"]);
    const auto log = corpus::log_of(folder);
    const auto first = std::span{reported}.first(std::min(reported.size(), kZeroPageEntries));

    Room room;
    E820Map map = room.map();
    ASSERT_EQ(map.set_up(first, 0, 0).value(), MapSource::reported);
    EXPECT_EQ(shown(map), shown(table_in(log, "BIOS-e820: ")));
    EXPECT_EQ(map.audit(), std::nullopt);
    ++cases;
    if (first.size() == reported.size()) continue;
    const auto rest = std::span{reported}.subspan(kZeroPageEntries);
    ASSERT_EQ(map.extend(rest, kZeroPageEntries).value(), rest.size());
    EXPECT_EQ(shown(map), shown(table_in(log, "extended: ")));
    ++extended;
  }
  EXPECT_EQ(cases, 17u) << "all that the corpus has";
  EXPECT_EQ(extended, 1u);
}

// One boot, line by line: a printed table is what the map must be by then, a printed change is done to it.
class Replay {
 public:
  explicit Replay(const std::filesystem::path& folder)
      : command_line_{corpus::text_of(folder / "cmdline.txt")} {
    for (const std::string& line : corpus::log_of(folder)) {
      if (auto found = corpus::mem_line(line, "BIOS-e820: ")) bios_.push_back(*found);
      if (auto found = corpus::mem_line(line, "user: ")) user_.push_back(*found);
      if (auto found = corpus::mem_line(line, "extended: ")) extended_.push_back(*found);
      if (auto found = corpus::mem_line(line, "e820: update ")) update(*found);
      if (auto found = corpus::mem_line(line, "e820: remove ")) remove(*found);
      if (line.starts_with("last_pfn = ")) last_pfn(line);
    }
  }
  unsigned pfns() const { return pfns_; }
  unsigned users() const { return users_; }

 private:
  void take(std::vector<MemLine>& table) {
    map_.clear();
    for (const MemLine& line : table)
      ASSERT_TRUE(map_.add({line.range.begin(), line.range.size(), type_of(line.rest)}));
    table.clear();
  }
  // Brings the map up to what was printed last. A map that the user changed by the options whose work
  // is logged must come out of that work.
  void catch_up() {
    if (!bios_.empty()) take(bios_);
    if (!extended_.empty()) take(extended_);
    if (user_.empty()) return;
    ASSERT_TRUE(map_.sanitize());
    const bool logged =
        command_line_.find("memmap=") == std::string::npos || command_line_.find('%') != std::string::npos;
    if (logged) {
      EXPECT_EQ(shown(map_), shown(user_));
      ++users_;
    }
    take(user_);
  }
  void update(const MemLine& line) {
    catch_up();
    const std::size_t arrow = line.rest.find(" ==> ");
    const MapType from = type_of(line.rest.substr(0, arrow));
    MapType to = type_of(line.rest.substr(arrow + 5));
    if (from == to) to = MapType::reserved_kern;  // also printed as usable
    EXPECT_TRUE(map_.update_range(line.range, from, to));
  }
  void remove(const MemLine& line) {
    catch_up();
    EXPECT_TRUE(
        map_.remove_range(line.range, line.rest.empty() ? std::nullopt : std::optional{type_of(line.rest)}));
  }
  void last_pfn(const std::string& line) {
    catch_up();
    ASSERT_TRUE(map_.sanitize());
    EXPECT_EQ(map_.audit(), std::nullopt);
    std::uint64_t last = 0, limit = 0;
    ASSERT_EQ(std::sscanf(line.c_str(), "last_pfn = 0x%lx max_arch_pfn = 0x%lx", &last, &limit), 2);
    // Once for all of RAM; then, if some lies above 4 GiB, for what is below.
    const PageSize page{12};
    const Pfn below = pfns_ == 0 ? Pfn{limit} : page.pfn_down(PhysAddr{std::uint64_t{1} << 32});
    EXPECT_EQ(map_.end_of_ram(below, page).raw, last);
    ++pfns_;
  }

  std::string command_line_;
  std::vector<MemLine> bios_, user_, extended_;
  Room room_;
  E820Map map_ = room_.map();
  unsigned pfns_ = 0, users_ = 0;
};

TEST(E820Corpus, updates_and_removals_end_where_linux_says_that_ram_ends) {
  unsigned cases = 0, low = 0, users = 0;
  for (const auto& folder : corpus::cases_with("dmesg.txt")) {
    if (!folder.filename().string().starts_with("x86-")) continue;
    SCOPED_TRACE(folder.filename());
    const Replay replay{folder};
    EXPECT_GE(replay.pfns(), 1u);
    ++cases;
    low += replay.pfns() > 1 ? 1u : 0u;
    users += replay.users();
  }
  EXPECT_GE(cases, 77u);
  EXPECT_GE(low, 10u);
  EXPECT_GE(users, 5u);
}

// ---- The UEFI memory map ----------------------------------------------------------------------------

// A descriptor as the log prints it: "[Boot Data   |RUN|...|WB|WT|WC|UC] range=[0xA-0xB] (0MB)".
struct Printed {
  firmware::UefiType type;
  std::uint64_t attribute;
  PhysRange range;
};

std::optional<Printed> printed_in(const std::string& line) {
  static const std::regex pattern{
      R"(^efi: mem\d+: \[([^|]*)\|(.*)\] range=\[0x([0-9a-f]+)-0x([0-9a-f]+)\].*$)"};
  static const std::map<std::string, firmware::UefiType> names = {
      {"Reserved", firmware::UefiType::reserved},
      {"Loader Code", firmware::UefiType::loader_code},
      {"Loader Data", firmware::UefiType::loader_data},
      {"Boot Code", firmware::UefiType::boot_services_code},
      {"Boot Data", firmware::UefiType::boot_services_data},
      {"Runtime Code", firmware::UefiType::runtime_services_code},
      {"Runtime Data", firmware::UefiType::runtime_services_data},
      {"Conventional", firmware::UefiType::conventional},
      {"ACPI Reclaim", firmware::UefiType::acpi_reclaim},
      {"ACPI Mem NVS", firmware::UefiType::acpi_nvs},
      {"MMIO", firmware::UefiType::mapped_io}};
  std::smatch match;
  if (!std::regex_match(line, match, pattern)) return std::nullopt;
  std::string name = match[1];
  name.erase(name.find_last_not_of(' ') + 1);
  const std::string flags = match[2];
  std::uint64_t attribute = 0;
  if (flags.find("WB") != std::string::npos) attribute |= firmware::UefiAttribute::kWb;
  if (flags.find("UC") != std::string::npos) attribute |= firmware::UefiAttribute::kUc;
  if (flags.find("RUN") != std::string::npos) attribute |= firmware::UefiAttribute::kRuntime;
  const PhysAddr first{std::stoull(match[3], nullptr, 16)}, last{std::stoull(match[4], nullptr, 16)};
  return Printed{names.at(name), attribute, {first, last + Bytes{1}}};
}

constexpr std::size_t kStep = 48;  // between descriptors, as OVMF's

void put(std::vector<std::byte>& out, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

TEST(E820Corpus, a_uefi_map_becomes_the_map_that_linux_was_given) {
  unsigned cases = 0;
  for (const auto& folder : corpus::cases_with("dmesg.txt")) {
    const std::string name = folder.filename();
    if (!name.starts_with("x86-uefi-")) continue;
    SCOPED_TRACE(name);
    std::vector<std::byte> bytes;
    const auto log = corpus::log_of(folder);
    for (const std::string& line : log) {
      const auto found = printed_in(line);
      if (!found) continue;
      put(bytes, static_cast<std::uint32_t>(found->type), 4), put(bytes, 0, 4);
      put(bytes, found->range.begin().raw, 8), put(bytes, 0, 8);
      put(bytes, found->range.size().raw >> 12, 8), put(bytes, found->attribute, 8),
          put(bytes, 0, kStep - 40);
    }
    const auto map = firmware::UefiMap::from(bytes, kStep).value();
    ASSERT_GT(map.size(), 100u);
    std::vector<MapEntry> storage(map.size());
    Table<MapEntry> entries{storage};
    ASSERT_TRUE(map.to_entries(firmware::SoftReserve::on, entries));
    Room room;
    E820Map e820 = room.map();
    ASSERT_EQ(e820.set_up(entries.view(), 0, 0).value(), MapSource::reported);
    EXPECT_EQ(shown(e820), shown(table_in(log, "BIOS-e820: ")));
    ++cases;
  }
  EXPECT_GE(cases, 4u);
}

}  // namespace
}  // namespace quarry::map

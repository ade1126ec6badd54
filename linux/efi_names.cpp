#include "linux/efi_names.hpp"

#include <string_view>

namespace quarry::lnx {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<std::uint32_t> type_of(std::string_view name) noexcept {
  constexpr std::string_view types[] = {"Reserved",  "Loader Code",  "Loader Data",  "Boot Code",
                                        "Boot Data", "Runtime Code", "Runtime Data", "Conventional",
                                        "Unusable",  "ACPI Reclaim", "ACPI Mem NVS", "MMIO",
                                        "MMIO Port", "PAL Code",     "Persistent",   "Unaccepted"};
  if (name == "Memory Mapped I/O") return 11;
  if (name == "MMIO Port Space") return 12;
  if (name == "Conventional Memory") return 7;
  if (name == "ACPI Memory NVS") return 10;
  if (name == "ACPI Reclaim Memory") return 9;
  if (name == "Persistent Memory") return 14;
  for (std::uint32_t type = 0; type < std::size(types); ++type)
    if (name == types[type]) return type;
  Scanner at{name};
  if (!at.skip("type=")) return std::nullopt;
  const auto number = at.decimal();
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::uint64_t attribute_of(std::string_view word) noexcept {
  struct Name {
    std::string_view word;
    std::uint64_t bit;
  };
  constexpr Name names[] = {{"UC", 0x1},     {"WC", 0x2},         {"WT", 0x4},     {"WB", 0x8},
                            {"UCE", 0x10},   {"WP", 0x1000},      {"RP", 0x2000},  {"XP", 0x4000},
                            {"NV", 0x8000},  {"MR", 0x10000},     {"RO", 0x20000}, {"SP", 0x40000},
                            {"CC", 0x80000}, {"RUN", kEfiRuntime}};
  for (const Name& name : names)
    if (word == name.word) return name.bit;
  Scanner at{word};
  if (at.skip("attr=")) return at.hex().value_or(0);
  return 0;
}

}  // namespace

bool read_efi_words(Scanner& at, EfiEntry& entry) noexcept {
  const std::size_t close = at.rest().find(']');
  if (close == std::string_view::npos) return false;
  std::string_view words = at.rest().substr(0, close);
  at = Scanner{at.rest().substr(close + 1)};
  bool is_type = true;
  while (true) {
    const std::size_t bar = words.find('|');
    const std::string_view word = trimmed(words.substr(0, bar));
    if (is_type) {
      const auto type = type_of(word);
      if (!type) return false;
      entry.type = *type;
      is_type = false;
    } else {
      entry.attributes |= attribute_of(word);
    }
    if (bar == std::string_view::npos) return true;
    words.remove_prefix(bar + 1);
  }
}

}  // namespace quarry::lnx

#include "linux/log_origins.hpp"

#include <algorithm>

namespace quarry::lnx {

SaidBefore::SaidBefore(const LogInputs& inputs)
    : e820_{inputs.e820.size()},
      efi_{inputs.efi_map.size()},
      affinity_{inputs.memory_affinity.size()},
      tables_{inputs.acpi_tables.size()},
      has_ramdisk_{inputs.ramdisk.has_value()},
      command_line_{inputs.command_line} {}

void SaidBefore::note(const Messages::Message& message, LogInputs& inputs) const {
  using Kind = Origin::Kind;
  const auto note_range = [&](Kind kind, PhysRange range) {
    constexpr std::size_t most_of_a_line = 160;
    std::string words{message.text.substr(0, most_of_a_line)};
    std::replace_if(words.begin(), words.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    inputs.origins.push_back({kind, range, std::to_string(message.line), std::move(words)});
  };
  const auto note_entry = [&](Kind kind, const auto& entry) {
    note_range(kind, PhysRange::sized(entry.base, entry.size));
  };
  if (inputs.e820.size() > e820_) note_entry(Kind::map, inputs.e820.back());
  if (inputs.efi_map.size() > efi_) note_entry(Kind::map, inputs.efi_map.back());
  if (inputs.memory_affinity.size() > affinity_) note_entry(Kind::affinity, inputs.memory_affinity.back());
  if (inputs.acpi_tables.size() > tables_) note_range(Kind::table, inputs.acpi_tables.back().range);
  if (inputs.ramdisk && !has_ramdisk_) note_range(Kind::initrd, *inputs.ramdisk);
  if (inputs.command_line != command_line_) note_range(Kind::command_line, {});
}

}  // namespace quarry::lnx

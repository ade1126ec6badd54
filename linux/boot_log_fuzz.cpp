// Any bytes as a boot log. Laws: nothing crashes; what is read stands in the bytes: no more entries than lines that begin
// as theirs do; a refusal is one line with a number; the same bytes are read the same way twice.
#include <algorithm>
#include <cstdlib>

#include "linux/boot_log.hpp"
#include "linux/log_board.hpp"
#include "linux/tree_facts.hpp"

namespace {

using namespace quarry::lnx;

void law(bool holds) {
  if (!holds) std::abort();
}

std::size_t occurrences(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// What stands in for a tree is one: every bank in it, and nothing that is no range.
void board_laws(const LogBoard& board, const LogInputs& inputs) {
  law(!board.banks.empty());
  for (const LogBoard::Bank& bank : board.banks) law(!bank.range.empty());
  const auto tree = tree_of(board, quarry::boot::Arch::arm64, inputs);
  const auto facts = read_tree_facts(tree, "made");
  law(facts.operator bool());
  law(facts->has_memory);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto inputs = read_log_inputs(bytes);
  if (inputs) {
    law(inputs->e820.size() <= occurrences(text, "BIOS-e820:") + occurrences(text, "Xen: [mem "));
    law(inputs->efi_map.size() <= occurrences(text, "efi:"));
    law(inputs->memory_affinity.size() + inputs->cpu_affinity.size() <= occurrences(text, "SRAT:"));
    law(inputs->acpi_tables.size() <= occurrences(text, "ACPI: "));
    law(inputs->ramdisk.has_value() <= (occurrences(text, "RAMDISK:") > 0));
    law(text.find(inputs->release) != std::string_view::npos);
    law(text.find(inputs->command_line) != std::string_view::npos);
    law(require_map(*inputs).has_value() == (inputs->e820.empty() && inputs->efi_map.empty()));
    const auto again = read_log_inputs(bytes);
    law(again.operator bool());
  } else {
    law(inputs.problem().text.starts_with("line "));
    law(inputs.problem().text.find('\n') == std::string::npos);
  }
  const LogOutcomes outcomes = read_log_outcomes(bytes);
  law(outcomes.dumps.size() <= occurrences(text, "MEMBLOCK configuration:"));
  law(outcomes.node_data.size() <= occurrences(text, "NODE_DATA"));
  (void)looks_like_boot_log(bytes);
  if (const auto board = read_log_board(bytes)) board_laws(*board, inputs ? *inputs : LogInputs{});
  return 0;
}

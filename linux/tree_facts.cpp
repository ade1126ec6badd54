#include "linux/tree_facts.hpp"

#include <fmt/format.h>

#include <string_view>

#include "quarry/firmware/fdt.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::lnx {
namespace {

std::string string_of(TextView text) { return {text.data(), text.size()}; }

void read_memory(const firmware::Fdt& tree, TreeFacts& facts) {
  for (const firmware::FdtNode node : tree.root().children()) {
    const auto memory = firmware::memory_node(tree, node);
    if (!memory || !memory->available) continue;
    for (const firmware::FdtReg reg : memory->regs) {
      if (reg.size.raw == 0) continue;
      if (!facts.has_memory || reg.base < facts.lowest_memory) facts.lowest_memory = reg.base;
      facts.has_memory = true;
    }
  }
}

// By the words that a processor is compatible with. All Arm cores not in the list have 64 bits.
void read_processors(const firmware::Fdt& tree, TreeFacts& facts) {
  constexpr std::string_view k32[] = {
      "arm,cortex-a5",  "arm,cortex-a7",  "arm,cortex-a8",    "arm,cortex-a9",    "arm,cortex-a12",
      "arm,cortex-a15", "arm,cortex-a17", "arm,arm1176jzf-s", "arm,arm1176",      "arm,arm926ejs",
      "arm,arm926ej-s", "arm,arm1136",    "arm,armv7",        "arm,cortex-a32",   "qcom,krait",
      "qcom,scorpion",  "marvell,pj4b",   "marvell,mohawk",   "marvell,feroceon", "brcm,brahma-b15",
      "ti,omap3"};
  facts.cpus = firmware::count_cpus(tree);
  const auto cpus = tree.find("/cpus");
  if (!cpus) return;
  for (const firmware::FdtNode node : cpus->children()) {
    const auto compatible = node.property("compatible");
    if (!compatible || !firmware::cpu_node(*cpus, node)) continue;
    bool is_32bit = false, is_riscv = false;
    for (std::size_t i = 0; const auto text = compatible->text(i); ++i) {
      const std::string name = string_of(*text);
      for (const std::string_view known : k32) is_32bit = is_32bit || name == known;
      is_riscv = is_riscv || name.find("riscv") != std::string::npos;
    }
    if (is_riscv)
      facts.is_riscv = true;
    else if (is_32bit)
      facts.is_32bit_arm = true;
    else
      facts.is_64bit_arm = true;
  }
}

}  // namespace

Expected<TreeFacts> read_tree_facts(std::span<const std::byte> bytes, const std::string& name) {
  firmware::FdtFault fault{};
  const auto read = firmware::Fdt::from(bytes, &fault);
  if (!read)
    return Problem{ExitStatus::malformed_input,
                   fmt::format("{}: byte {}: {}: expected a flattened device tree", name, fault.offset,
                               string_of(fault.what))};
  const firmware::Fdt& tree = read.value();
  TreeFacts facts;
  facts.size = Bytes{tree.bytes().size()};
  facts.model = string_of(firmware::model(tree));
  const firmware::FdtChosen chosen = firmware::chosen(tree);
  if (chosen.bootargs) facts.bootargs = string_of(*chosen.bootargs);
  if (chosen.initrd_start && chosen.initrd_end && *chosen.initrd_start < *chosen.initrd_end)
    facts.initrd = {*chosen.initrd_start, *chosen.initrd_end};
  if (const auto node = tree.find("/chosen")) facts.points_to_uefi = node->has("linux,uefi-system-table");
  read_memory(tree, facts);
  read_processors(tree, facts);
  return facts;
}

}  // namespace quarry::lnx

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
      facts.memory.push_back(PhysRange::sized(reg.base, reg.size));
    }
  }
}

void read_taken(const firmware::Fdt& tree, TreeFacts& facts) {
  const auto take = [&](PhysAddr base, Bytes size) {
    if (size.raw != 0) facts.taken.push_back(PhysRange::sized(base, size));
  };
  for (const firmware::FdtReservation entry : tree.reservations()) take(entry.base, entry.size);
  const auto reserved = firmware::reserved_memory(tree);
  if (!reserved || !reserved->well_formed) return;
  for (const firmware::FdtNode child : reserved->node.children()) {
    const firmware::FdtReservedNode node = firmware::reserved_node(tree, child);
    if (!node.available || !node.regs.whole()) continue;
    for (const firmware::FdtReg reg : node.regs) take(reg.base, reg.size);
  }
}

unsigned bits_of(TextView mmu_type) {
  if (mmu_type == "riscv,sv39") return 39;
  if (mmu_type == "riscv,sv48") return 48;
  return mmu_type == "riscv,sv57" ? 57 : 0;
}

// By the words that a processor is compatible with. All cores of the Arm architecture not meant here have 64 bits.
bool has_32_bits(std::string_view processor) {
  constexpr std::string_view whole[] = {"arm,cortex-a5",  "arm,cortex-a7",  "arm,cortex-a8",
                                        "arm,cortex-a9",  "arm,cortex-a12", "arm,cortex-a15",
                                        "arm,cortex-a17", "arm,cortex-a32", "brcm,brahma-b15"};
  constexpr std::string_view families[] = {
      "arm,arm7",     "arm,arm9",       "arm,arm10",        "arm,arm11",    "arm,armv7",     "arm,cortex-m",
      "arm,cortex-r", "arm,sa1",        "faraday,fa",       "intel,xscale", "marvell,pj",    "marvell,sheeva",
      "marvell,88f",  "marvell,mohawk", "marvell,feroceon", "qcom,krait",   "qcom,scorpion", "ti,omap"};
  for (const std::string_view known : whole)
    if (processor == known) return true;
  for (const std::string_view family : families)
    if (processor.starts_with(family)) return true;
  return false;
}

void read_processors(const firmware::Fdt& tree, TreeFacts& facts) {
  facts.cpus = firmware::count_cpus(tree);
  const auto cpus = tree.find("/cpus");
  if (!cpus) return;
  for (const firmware::FdtNode node : cpus->children()) {
    const auto compatible = node.property("compatible");
    if (!compatible || !firmware::cpu_node(*cpus, node)) continue;
    if (const auto mmu = node.property("mmu-type"); mmu && facts.satp_bits == 0)
      facts.satp_bits = bits_of(mmu->text());
    bool is_32bit = false, is_riscv = false;
    for (std::size_t i = 0; const auto text = compatible->text(i); ++i) {
      const std::string name = string_of(*text);
      is_32bit = is_32bit || has_32_bits(name);
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
  read_taken(tree, facts);
  read_processors(tree, facts);
  return facts;
}

}  // namespace quarry::lnx

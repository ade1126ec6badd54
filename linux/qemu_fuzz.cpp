// Any bytes as a command line of QEMU. Laws: nothing crashes; a refusal is one line; of what is described RAM has the size
// that -m says, the nodes have all of it, the map is sorted and disjoint, and the same line is read the same way twice.
#include <algorithm>
#include <cstdlib>

#include "linux/qemu_machine.hpp"
#include "linux/qemu_words.hpp"
#include "linux/tree_facts.hpp"

namespace {

using namespace quarry;
using namespace quarry::lnx;

void law(bool holds) {
  if (!holds) std::abort();
}

void problem_laws(const Problem& problem) {
  law(problem.exit_status == ExitStatus::bad_arguments);
  law(!problem.text.empty() && problem.text.find('\n') == std::string::npos);
}

void machine_laws(const QemuMachine& qemu) {
  law(qemu.maximum >= qemu.ram);
  for (const std::string& note : qemu.notes) law(note.find('\n') == std::string::npos);
  law(qemu.cpus.size() == qemu.topology.max_cpus && qemu.topology.cpus <= qemu.topology.max_cpus);
  std::uint64_t memory = 0;
  for (const QemuNode& node : qemu.nodes) memory += node.memory.raw;
  law(qemu.nodes.empty() || memory == qemu.ram.raw);
  law(qemu.distances.empty() || qemu.distances.size() == qemu.nodes.size() * qemu.nodes.size());
  for (const QemuCpu& cpu : qemu.cpus) law(cpu.node.has_value() == !qemu.nodes.empty());
}

// Firmware takes some of RAM for itself, and nothing is added.
void pc_laws(const QemuMachine& qemu) {
  MachineDescription machine;
  if (const auto problem = describe_pc(qemu, machine)) return problem_laws(*problem);
  std::uint64_t usable = 0;
  PhysAddr end{};
  for (const firmware::MapEntry& entry : machine.map) {
    law(entry.size.raw != 0 && entry.base >= end);
    end = entry.base + entry.size;
    if (entry.type == firmware::MapType::usable) usable += entry.size.raw;
  }
  law(usable <= qemu.ram.raw);
  std::uint64_t affine = 0;
  for (const firmware::MemoryAffinity& memory : machine.memory_affinity)
    if (!memory.hotpluggable) affine += memory.size.raw;
  law(affine <= qemu.ram.raw);
}

void tree_laws(const QemuMachine& qemu) {
  const bool is_riscv = qemu.arch == boot::Arch::riscv64;
  const auto tree = is_riscv ? riscv_virt_tree(qemu, {}) : arm_virt_tree(qemu, {});
  const auto facts = read_tree_facts(tree, "made");
  law(facts.operator bool());
  std::uint64_t memory = 0;
  for (const PhysRange bank : facts->memory) memory += bank.size().raw;
  law(memory == qemu.ram.raw);
  law(facts->cpus == qemu.topology.cpus);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  const auto qemu = parse_qemu(line);
  if (!qemu) {
    problem_laws(qemu.problem());
    return 0;
  }
  machine_laws(*qemu);
  if (qemu->arch == boot::Arch::x86_64)
    pc_laws(*qemu);
  else
    tree_laws(*qemu);
  const auto again = parse_qemu(line);
  law(again.operator bool() && again->ram == qemu->ram && again->type == qemu->type &&
      again->notes == qemu->notes);
  return 0;
}

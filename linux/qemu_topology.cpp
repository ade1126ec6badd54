// -smp: how many processors there are, how they are grouped, and the numbers that APICs have: a part of qemu_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "linux/qemu_parts.hpp"

namespace quarry::lnx {
namespace {

constexpr unsigned kMostCpus = 512;
constexpr unsigned kFirstVersionOfCores = 602;  // until 6.1, processors that nothing groups are sockets

unsigned at_least_one(unsigned number) { return number == 0 ? 1 : number; }

// What -smp leaves open: newer machines make cores of it, older ones sockets.
QemuTopology fill_in(const QemuRequest::Smp& given, unsigned version) {
  QemuTopology made{.cpus = given.cpus,
                    .max_cpus = given.max_cpus != 0 ? given.max_cpus : given.cpus,
                    .sockets = given.sockets,
                    .dies = at_least_one(given.dies),
                    .clusters = at_least_one(given.clusters),
                    .cores = given.cores,
                    .threads = given.threads};
  const std::uint64_t inner = std::uint64_t{made.dies} * made.clusters;
  const bool has_count = made.max_cpus != 0, prefers_sockets = version != 0 && version < kFirstVersionOfCores;
  unsigned& first = prefers_sockets ? made.sockets : made.cores;
  unsigned& second = prefers_sockets ? made.cores : made.sockets;
  if (has_count && (first == 0 || second == 0)) {
    unsigned& open = first == 0 ? first : second;
    unsigned& other = first == 0 ? second : first;
    other = at_least_one(other);
    made.threads = at_least_one(made.threads);
    open = static_cast<unsigned>(made.max_cpus / (other * inner * made.threads));
  } else if (!has_count) {
    made.sockets = at_least_one(made.sockets);
    made.cores = at_least_one(made.cores);
    made.threads = at_least_one(made.threads);
  }
  if (made.threads == 0)
    made.threads = static_cast<unsigned>(made.max_cpus / (made.sockets * inner * made.cores));
  if (made.max_cpus == 0)
    made.max_cpus = static_cast<unsigned>(
        std::min<std::uint64_t>(made.sockets * inner * made.cores * made.threads, kMostCpus + 1));
  if (made.cpus == 0) made.cpus = made.max_cpus;
  return made;
}

unsigned most_cpus(const QemuMachine& machine) {
  constexpr unsigned of_pc = 255, of_newer_x86 = 288, of_gic_2 = 8, of_virt = 512;
  switch (machine.board) {
    case QemuBoard::pc: return of_pc;
    case QemuBoard::q35:
    case QemuBoard::microvm: return of_newer_x86;
    case QemuBoard::virt: break;
  }
  const bool is_arm = machine.arch != boot::Arch::riscv64;
  return is_arm && machine.gic_version == 2 ? of_gic_2 : of_virt;
}

// An APIC's number has as many bits for each level as the largest number there needs.
//
//   [ socket | die | core | thread ]
void number_processors(const QemuTopology& topology, QemuMachine& machine) {
  const auto width = [](unsigned count) { return static_cast<unsigned>(std::bit_width(count - 1)); };
  const unsigned core_at = width(topology.threads), die_at = core_at + width(topology.cores),
                 socket_at = die_at + width(topology.dies);
  // Clusters are not numbered on x86, and elsewhere nothing is but the socket.
  const unsigned cores = topology.cores * topology.clusters;
  for (unsigned i = 0; i < topology.max_cpus; ++i) {
    QemuCpu cpu;
    cpu.thread = i % topology.threads;
    cpu.core = i / topology.threads % cores;
    cpu.die = i / (topology.threads * cores) % topology.dies;
    cpu.socket = i / (topology.threads * cores * topology.dies);
    cpu.apic = cpu.socket << socket_at | cpu.die << die_at | cpu.core << core_at | cpu.thread;
    machine.cpus.push_back(cpu);
  }
}

}  // namespace

std::optional<Problem> read_smp(std::string_view word, QemuRequest& request) {
  QemuProperties given{"-smp", word, "cpus"};
  QemuRequest::Smp& smp = request.smp;
  smp.word = word;
  const struct {
    const char* name;
    unsigned& into;
  } fields[] = {{"cpus", smp.cpus},      {"maxcpus", smp.max_cpus},  {"sockets", smp.sockets},
                {"dies", smp.dies},      {"clusters", smp.clusters}, {"cores", smp.cores},
                {"threads", smp.threads}};
  for (const auto& field : fields) {
    const auto number = given.take_number(field.name, kMostCpus);
    if (!number) return number.problem();
    if (*number) field.into = **number;
  }
  return given.refuse_rest("cpus, maxcpus, sockets, dies, clusters, cores or threads");
}

std::optional<Problem> complete_topology(const QemuRequest& request, QemuMachine& machine) {
  const std::string& word = request.smp.word;
  const bool is_x86 = machine.arch == boot::Arch::x86_64;
  const bool is_arm = !is_x86 && machine.arch != boot::Arch::riscv64;
  if (!is_x86 && request.smp.dies > 1)
    return qemu_problem("-smp", word, fmt::format("dies: machine {} has none", machine.type));
  if (!is_arm && request.smp.clusters > 1)
    return qemu_problem("-smp", word, fmt::format("clusters: machine {} has none", machine.type));
  const QemuTopology made = fill_in(request.smp, machine.version);
  const std::uint64_t product =
      std::uint64_t{made.sockets} * made.dies * made.clusters * made.cores * made.threads;
  if (product != made.max_cpus)
    return qemu_problem("-smp", word,
                        fmt::format("{} sockets of {} dies, {} clusters, {} cores and {} threads are {} "
                                    "processors: expected {}",
                                    made.sockets, made.dies, made.clusters, made.cores, made.threads, product,
                                    made.max_cpus));
  if (made.cpus > made.max_cpus)
    return qemu_problem("-smp", word,
                        fmt::format("maxcpus={}: expected at least as many as the {} that are there",
                                    made.max_cpus, made.cpus));
  if (const unsigned most = most_cpus(machine); made.max_cpus > most)
    return qemu_problem(
        "-smp", word,
        fmt::format("{} processors: machine {} has {} at most", made.max_cpus, machine.type, most));
  machine.topology = made;
  number_processors(made, machine);
  return std::nullopt;
}

}  // namespace quarry::lnx

// -numa: nodes, what is theirs, and how far they are from each other: a part of qemu_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "linux/qemu_parts.hpp"

namespace quarry::lnx {
namespace {

constexpr unsigned kMostNodes = 128, kNear = 10, kFar = 255;
constexpr Bytes kMiB{1u << 20};

Problem numa_problem(const std::string& word, const std::string& what) {
  return qemu_problem("-numa", word, what);
}

std::optional<Problem> read_node(QemuProperties& given, QemuRequest& request) {
  QemuRequest::Node node;
  node.word = given.word();
  const auto id = given.take_number("nodeid", kMostNodes - 1);
  if (!id) return id.problem();
  const auto memory = given.take_size("mem", kMiB);
  if (!memory) return memory.problem();
  node.id = *id;
  node.memory = *memory;
  node.backend = given.take("memdev");
  node.cpus = given.take_all("cpus");
  given.take("initiator");  // of HMAT alone
  if (auto problem = given.refuse_rest("nodeid, cpus, memdev, mem or initiator")) return problem;
  if (node.memory && node.backend) return numa_problem(node.word, "mem and memdev: expected one of them");
  request.nodes.push_back(std::move(node));
  return std::nullopt;
}

std::optional<Problem> read_distance(QemuProperties& given, QemuRequest& request) {
  QemuRequest::Distance distance;
  distance.word = given.word();
  const struct {
    const char* name;
    unsigned& into;
  } fields[] = {{"src", distance.from}, {"dst", distance.to}, {"val", distance.value}};
  for (const auto& field : fields) {
    const auto number = given.take_number(field.name, kFar);
    if (!number) return number.problem();
    if (!*number) return numa_problem(distance.word, fmt::format("expected {}= as well", field.name));
    field.into = **number;
  }
  if (auto problem = given.refuse_rest("src, dst and val")) return problem;
  const unsigned least = distance.from == distance.to ? kNear : kNear + 1;
  if (distance.value < kNear || (distance.from == distance.to && distance.value != kNear))
    return numa_problem(distance.word,
                        fmt::format("val={}: expected {}", distance.value,
                                    distance.from == distance.to ? "10, a node's distance from itself"
                                                                 : fmt::format("{} to {}", least - 1, kFar)));
  request.node_distances.push_back(std::move(distance));
  return std::nullopt;
}

std::optional<Problem> read_cpu_place(QemuProperties& given, QemuRequest& request) {
  QemuRequest::CpuPlace place;
  place.word = given.word();
  const auto node = given.take_number("node-id", kMostNodes - 1);
  if (!node) return node.problem();
  if (!*node) return numa_problem(place.word, "expected node-id=");
  place.node = **node;
  const struct {
    const char* name;
    std::optional<unsigned>& into;
  } fields[] = {{"socket-id", place.socket},
                {"die-id", place.die},
                {"core-id", place.core},
                {"thread-id", place.thread}};
  for (const auto& field : fields) {
    const auto number = given.take_number(field.name, 65535);
    if (!number) return number.problem();
    field.into = *number;
  }
  if (auto problem = given.refuse_rest("node-id, socket-id, die-id, core-id or thread-id")) return problem;
  request.cpu_places.push_back(std::move(place));
  return std::nullopt;
}

// "3", or "0-3".
std::optional<std::pair<unsigned, unsigned>> parse_cpus(std::string_view text) {
  unsigned first = 0, last = 0;
  const char* const end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, first);
  if (read.ec != std::errc{}) return std::nullopt;
  last = first;
  if (read.ptr != end) {
    if (*read.ptr != '-') return std::nullopt;
    read = std::from_chars(read.ptr + 1, end, last);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  }
  return first <= last ? std::optional{std::pair{first, last}} : std::nullopt;
}

// Turns the requests into as many nodes, in order of their numbers, which leave none out.
std::optional<Problem> make_nodes(const QemuRequest& request, QemuMachine& machine,
                                  std::vector<const QemuRequest::Node*>& by_number) {
  by_number.assign(kMostNodes, nullptr);
  unsigned given = 0;
  for (const QemuRequest::Node& node : request.nodes) {
    const unsigned number = node.id.value_or(given);
    if (number >= kMostNodes)
      return numa_problem(node.word, fmt::format("expected {} nodes at most", kMostNodes));
    if (by_number[number] != nullptr)
      return numa_problem(node.word,
                          fmt::format("node {} is there already: expected another nodeid", number));
    by_number[number] = &node;
    ++given;
  }
  by_number.resize(given);
  const auto missing = std::find(by_number.begin(), by_number.end(), nullptr);
  if (missing != by_number.end())
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -numa: node {} is missing: expected nodes that are numbered from 0 on",
                               missing - by_number.begin())};
  machine.nodes.resize(given);
  return std::nullopt;
}

std::optional<Problem> give_memory(const QemuRequest& request, QemuMachine& machine,
                                   const std::vector<const QemuRequest::Node*>& by_number) {
  Bytes sum{0};
  for (std::size_t i = 0; i < by_number.size(); ++i) {
    const QemuRequest::Node& node = *by_number[i];
    Bytes& memory = machine.nodes[i].memory;
    if (node.memory) memory = *node.memory;
    if (node.backend) {
      const auto backend = request.backends.find(*node.backend);
      if (backend == request.backends.end())
        return numa_problem(node.word, fmt::format("memdev={}: expected the id of a -object memory-backend-…",
                                                   *node.backend));
      memory = backend->second;
    }
    if (memory.raw > machine.ram.raw - std::min(sum.raw, machine.ram.raw))
      return numa_problem(node.word,
                          fmt::format("the nodes have more than the {} bytes of -m", machine.ram.raw));
    sum = Bytes{sum.raw + memory.raw};
  }
  if (sum != machine.ram)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -numa: the nodes have {} bytes together: expected the {} of -m",
                               sum.raw, machine.ram.raw)};
  return std::nullopt;
}

std::optional<Problem> give_processors(const QemuRequest& request, QemuMachine& machine,
                                       const std::vector<const QemuRequest::Node*>& by_number) {
  const auto move = [&](QemuCpu& cpu, unsigned node, const std::string& word) -> std::optional<Problem> {
    if (cpu.node && *cpu.node != node)
      return numa_problem(word, fmt::format("a processor of it is on node {} already", *cpu.node));
    cpu.node = node;
    return std::nullopt;
  };
  for (unsigned node = 0; node < by_number.size(); ++node)
    for (const std::string& text : by_number[node]->cpus) {
      const auto range = parse_cpus(text);
      if (!range || range->second >= machine.cpus.size())
        return numa_problem(by_number[node]->word,
                            fmt::format("cpus={}: expected processors from 0 to {}, such as 0-1", text,
                                        machine.cpus.size() - 1));
      for (unsigned cpu = range->first; cpu <= range->second; ++cpu)
        if (auto problem = move(machine.cpus[cpu], node, by_number[node]->word)) return problem;
    }
  for (const QemuRequest::CpuPlace& place : request.cpu_places) {
    if (place.node >= by_number.size())
      return numa_problem(place.word, fmt::format("node-id={}: there is no such node", place.node));
    bool is_any = false;
    for (QemuCpu& cpu : machine.cpus) {
      const bool is_there =
          place.socket.value_or(cpu.socket) == cpu.socket && place.die.value_or(cpu.die) == cpu.die &&
          place.core.value_or(cpu.core) == cpu.core && place.thread.value_or(cpu.thread) == cpu.thread;
      if (!is_there) continue;
      is_any = true;
      if (auto problem = move(cpu, place.node, place.word)) return problem;
    }
    if (!is_any) return numa_problem(place.word, "no processor is there");
  }
  return std::nullopt;
}

// The node that a board gives a processor that none claims.
unsigned usual_node(const QemuMachine& machine, unsigned cpu) {
  const unsigned nodes = static_cast<unsigned>(machine.nodes.size());
  if (machine.arch != boot::Arch::riscv64) return machine.cpus[cpu].socket % nodes;
  const unsigned share = machine.topology.cpus / nodes;
  return share == 0 ? 0 : std::min(cpu / share, nodes - 1);
}

// One direction of a pair is enough, unless some pair has two that differ: then all need both.
std::optional<Problem> make_distances(const QemuRequest& request, QemuMachine& machine) {
  const std::size_t nodes = machine.nodes.size();
  if (request.node_distances.empty()) return std::nullopt;
  std::vector<std::uint8_t> table(nodes * nodes, 0);
  for (const QemuRequest::Distance& distance : request.node_distances) {
    if (distance.from >= nodes || distance.to >= nodes)
      return numa_problem(distance.word, fmt::format("node {} is not there: expected nodes from 0 to {}",
                                                     std::max(distance.from, distance.to), nodes - 1));
    table[distance.from * nodes + distance.to] = static_cast<std::uint8_t>(distance.value);
  }
  bool is_uneven = false, is_one_way = false;
  for (std::size_t from = 0; from < nodes; ++from)
    for (std::size_t to = 0; to < from; ++to) {
      const std::uint8_t there = table[from * nodes + to], back = table[to * nodes + from];
      if (there == 0 && back == 0)
        return Problem{
            ExitStatus::bad_arguments,
            fmt::format("qemu: -numa dist: the distance between nodes {} and {} is missing", to, from)};
      is_one_way = is_one_way || there == 0 || back == 0;
      is_uneven = is_uneven || (there != 0 && back != 0 && there != back);
    }
  if (is_uneven && is_one_way)
    return Problem{
        ExitStatus::bad_arguments,
        "qemu: -numa dist: some pair has two distances that differ: expected both directions of all"};
  for (std::size_t from = 0; from < nodes; ++from)
    for (std::size_t to = 0; to < nodes; ++to) {
      std::uint8_t& distance = table[from * nodes + to];
      if (from == to) distance = kNear;
      if (distance == 0) distance = table[to * nodes + from];
    }
  machine.distances = std::move(table);
  return std::nullopt;
}

}  // namespace

std::optional<Problem> read_numa(std::string_view word, QemuRequest& request) {
  QemuProperties given{"-numa", word, "type"};
  const std::string type = given.take("type").value_or("");
  if (type == "node") return read_node(given, request);
  if (type == "dist") return read_distance(given, request);
  if (type == "cpu") return read_cpu_place(given, request);
  if (type.starts_with("hmat-")) return std::nullopt;  // says how fast memory is, not where
  return qemu_problem("-numa", word, "expected node, dist, cpu, hmat-lb or hmat-cache");
}

std::optional<Problem> complete_nodes(const QemuRequest& request, QemuMachine& machine) {
  if (request.nodes.empty()) {
    const auto first = !request.node_distances.empty() ? std::optional{request.node_distances.front().word}
                       : !request.cpu_places.empty()   ? std::optional{request.cpu_places.front().word}
                                                       : std::nullopt;
    if (first) return numa_problem(*first, "there is no node: expected -numa node as well");
    // Memory that may be plugged needs a node, and one is made for it.
    if (machine.maximum > machine.ram || machine.slots != 0) machine.nodes.push_back({machine.ram});
  } else {
    std::vector<const QemuRequest::Node*> by_number;
    if (auto problem = make_nodes(request, machine, by_number)) return problem;
    if (auto problem = give_memory(request, machine, by_number)) return problem;
    if (auto problem = give_processors(request, machine, by_number)) return problem;
  }
  if (machine.nodes.empty()) return std::nullopt;
  for (unsigned cpu = 0; cpu < machine.cpus.size(); ++cpu)
    if (!machine.cpus[cpu].node) machine.cpus[cpu].node = usual_node(machine, cpu);
  return make_distances(request, machine);
}

}  // namespace quarry::lnx

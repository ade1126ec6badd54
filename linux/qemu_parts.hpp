// linux/qemu_parts.hpp: what the files that parse a QEMU command line share.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "linux/qemu_machine.hpp"
#include "linux/qemu_words.hpp"

namespace quarry::lnx {

// What a line says before it is known to make sense: options may come in any order, and refer to each other.
struct QemuRequest {
  struct Option {
    std::string name, value;  // "-m", "4G"
  };
  std::vector<Option> options;
  std::optional<std::string> machine_type;
  std::string machine_word;  // as written, for messages
  std::map<std::string, Bytes> backends;
  std::string memory_backend;

  // Of -smp; 0: not given.
  struct Smp {
    unsigned cpus = 0, max_cpus = 0, sockets = 0, dies = 0, clusters = 0, cores = 0, threads = 0;
    std::string word;
  } smp;

  struct Node {
    std::optional<unsigned> id;
    std::optional<Bytes> memory;
    std::optional<std::string> backend;
    std::vector<std::string> cpus;
    std::string word;
  };
  struct Distance {
    unsigned from = 0, to = 0, value = 0;
    std::string word;
  };
  struct CpuPlace {
    unsigned node = 0;
    std::optional<unsigned> socket, die, core, thread;
    std::string word;
  };
  std::vector<Node> nodes;
  std::vector<Distance> node_distances;
  std::vector<CpuPlace> cpu_places;

  struct Module {
    std::string device, backend, word;  // "pc-dimm", "d0"
  };
  std::vector<Module> modules;
};

// What an option is that does not change what RAM there is; null: it is not known.
enum class HarmlessArgument { none, one };
std::optional<HarmlessArgument> harmless_option(std::string_view name);

// -M, into both; and which board a type such as "pc-q35-7.2" names.
std::optional<Problem> read_machine(std::string_view word, QemuRequest& request, QemuMachine& machine);
std::optional<Problem> read_machine_type(const std::string& type, const std::string& word,
                                         QemuMachine& machine);
// -numa, into the request; and the request's nodes into the machine, whose processors are known by then.
std::optional<Problem> read_numa(std::string_view word, QemuRequest& request);
std::optional<Problem> complete_nodes(const QemuRequest& request, QemuMachine& machine);
// -smp, into the request; and the machine's topology and processors.
std::optional<Problem> read_smp(std::string_view word, QemuRequest& request);
std::optional<Problem> complete_topology(const QemuRequest& request, QemuMachine& machine);
// -drive, -hda and the like; and the drive that a board has if nobody says anything.
struct QemuDrives {
  unsigned virtio = 0, other = 0;
  bool has_second_cd = false, has_devices = false, has_no_defaults = false;
};
void read_drive(const QemuRequest::Option& option, QemuDrives& drives);
void complete_drives(const QemuDrives& drives, QemuMachine& machine);
// -device.
void read_device(std::string_view word, QemuRequest& request, QemuMachine& machine, QemuDrives& drives);
// -cpu.
std::optional<Problem> read_processor(std::string_view word, QemuMachine& machine);

}  // namespace quarry::lnx

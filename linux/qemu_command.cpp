#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "linux/qemu_parts.hpp"

namespace quarry::lnx {
namespace {

constexpr Bytes kMiB{1u << 20};
constexpr std::string_view kProgram = "qemu-system-";

// The program before the options: "qemu-system-aarch64", "/usr/bin/kvm".
struct Program {
  std::optional<boot::Arch> arch;
  bool has_kvm = false;
};
Expected<Program> read_program(std::string_view word) {
  const std::string_view name = word.substr(word.find_last_of('/') + 1);
  if (name == "kvm" || name == "qemu-kvm") return Program{boot::Arch::x86_64, true};
  if (name.starts_with(kProgram)) {
    const std::string_view target = name.substr(kProgram.size());
    if (target == "x86_64") return Program{boot::Arch::x86_64};
    if (target == "aarch64") return Program{boot::Arch::arm64};
    if (target == "arm") return Program{boot::Arch::arm};
    if (target == "riscv64") return Program{boot::Arch::riscv64};
  }
  return qemu_problem(word, "",
                      "expected options, or before them one of qemu-system-x86_64, -aarch64, -arm, -riscv64");
}

bool needs_argument(std::string_view name) {
  constexpr std::string_view known[] = {"M",      "machine", "m",      "smp",       "numa",      "object",
                                        "append", "kernel",  "initrd", "dtb",       "cpu",       "bios",
                                        "device", "accel",   "pflash", "acpitable", "readconfig"};
  return std::find(std::begin(known), std::end(known), name) != std::end(known);
}

// Splits into options and their arguments, and refuses what is not known.
std::optional<Problem> collect(const std::vector<std::string>& words, std::size_t first,
                               QemuRequest& request) {
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with('-') || word == "-") {
      // A disk's image may stand alone; it leaves RAM as it is.
      if (word.find('=') == std::string::npos && word.find('.') != std::string::npos) continue;
      return qemu_problem(word, "", "expected an option, which begins with '-'");
    }
    const std::string name = word.substr(word.starts_with("--") ? 2 : 1);
    const auto harmless = harmless_option(name);
    const bool is_alone = name == "enable-kvm" || name == "no-acpi" || harmless == HarmlessArgument::none;
    if (!is_alone && !needs_argument(name) && !harmless)
      return qemu_problem(word, "",
                          "this option is not understood: leave it out if it does not change memory");
    if (is_alone) {
      request.options.push_back({"-" + name, ""});
      continue;
    }
    if (i + 1 == words.size()) return qemu_problem(word, "", "expected a word after it");
    request.options.push_back({"-" + name, words[++i]});
  }
  return std::nullopt;
}

std::optional<Problem> read_memory(std::string_view word, QemuMachine& machine) {
  QemuProperties given{"-m", word, "size"};
  const auto size = given.take_size("size", kMiB);
  if (!size) return size.problem();
  const auto slots = given.take_number("slots", 256);
  if (!slots) return slots.problem();
  const auto maximum = given.take_size("maxmem");
  if (!maximum) return maximum.problem();
  if (auto problem = given.refuse_rest("size, slots or maxmem")) return problem;
  constexpr std::uint64_t step = 8192, most = std::uint64_t{1} << 52;
  if (*size && (*size)->raw != 0) {
    if ((*size)->raw > most) return qemu_problem("-m", word, "expected 4P at most");
    machine.ram = Bytes{((*size)->raw + step - 1) & ~(step - 1)};
  }
  machine.slots = slots->value_or(0);
  machine.maximum = maximum->value_or(machine.ram);
  if (*slots && machine.slots != 0 && !*maximum)
    return qemu_problem("-m", word, "slots: expected maxmem= as well");
  if (machine.maximum < machine.ram || machine.maximum.raw > most)
    return qemu_problem("-m", word,
                        fmt::format("maxmem: expected at least the {} bytes that are there, and 4P at most",
                                    machine.ram.raw));
  if (machine.slots != 0 && machine.maximum == machine.ram)
    return qemu_problem("-m", word, "maxmem: expected more than what is there, for the slots to hold");
  return std::nullopt;
}

std::optional<Problem> read_object(std::string_view word, QemuRequest& request) {
  QemuProperties given{"-object", word, "qom-type"};
  const std::string type = given.take("qom-type").value_or("");
  if (!type.starts_with("memory-backend-")) return std::nullopt;  // secrets, threads, filters
  const auto id = given.take("id");
  const auto size = given.take_size("size");
  if (!size) return size.problem();
  if (!id) return qemu_problem("-object", word, "expected id=");
  if (!*size && type != "memory-backend-epc") return qemu_problem("-object", word, "expected size=");
  request.backends[*id] = size->value_or(Bytes{0});
  return std::nullopt;
}

// An option whose value is kept, or is read at once.
std::optional<Problem> read_option(const QemuRequest::Option& option, QemuRequest& request,
                                   QemuMachine& machine, QemuDrives& drives) {
  const std::string& name = option.name;
  const std::string& value = option.value;
  if (name == "-M" || name == "-machine") return read_machine(value, request, machine);
  if (name == "-m") return read_memory(value, machine);
  if (name == "-smp") return read_smp(value, request);
  if (name == "-numa") return read_numa(value, request);
  if (name == "-object") return read_object(value, request);
  if (name == "-append") machine.append = value;
  if (name == "-kernel") machine.kernel = value;
  if (name == "-initrd") machine.initrd = value;
  if (name == "-dtb") machine.dtb = value;
  if (name == "-bios") machine.bios = value;
  if (name == "-pflash") machine.bios = value;
  if (name == "-drive" && value.find("if=pflash") != std::string::npos) machine.bios = value;
  if (name == "-no-acpi") machine.has_acpi = false;
  if (name == "-enable-kvm" || (name == "-accel" && value.starts_with("kvm"))) machine.has_kvm = true;
  if (name == "-device") read_device(value, request, machine, drives);
  read_drive(option, drives);
  if (name == "-readconfig")
    return qemu_problem(name, value, "a file of options is not read: expected its options");
  if (name == "-acpitable")
    machine.notes.push_back(fmt::format("-acpitable {}: not read (--srat, --slit)", value));
  return std::nullopt;
}

// The architecture: the program's, --arch's, what the processor has, or what the machine is made for.
std::optional<Problem> choose_arch(const Program& program, std::optional<boot::Arch> wanted,
                                   const QemuRequest& request, std::string_view processor,
                                   QemuMachine& machine) {
  constexpr std::string_view of_32_bits[] = {"cortex-a7", "cortex-a8", "cortex-a9", "cortex-a15"};
  const bool has_32_bits =
      std::find(std::begin(of_32_bits), std::end(of_32_bits), processor) != std::end(of_32_bits);
  const bool is_virt = machine.board == QemuBoard::virt;
  boot::Arch arch = is_virt ? boot::Arch::arm64 : boot::Arch::x86_64;
  if (is_virt && processor.starts_with("rv64")) arch = boot::Arch::riscv64;
  if (program.arch)
    arch = *program.arch;
  else if (wanted)
    arch = *wanted;
  if (arch == boot::Arch::arm64 && has_32_bits) arch = boot::Arch::arm;
  if (is_virt == (arch == boot::Arch::x86_64)) {
    const TextView name = boot::name_of(arch);
    if (request.machine_type || arch == boot::Arch::x86_64)
      return qemu_problem(
          "-M", request.machine_word,
          fmt::format("no machine of {}: expected {}", std::string_view{name.data(), name.size()},
                      is_virt ? "pc, q35 or microvm" : "virt"));
    return Problem{ExitStatus::bad_arguments, "qemu: this program has no usual machine: expected -M virt"};
  }
  machine.arch = arch;
  if (!is_virt) return std::nullopt;
  const bool is_64bit_arm = arch == boot::Arch::arm64;
  if (is_64bit_arm && processor.empty())
    machine.notes.emplace_back("QEMU's usual processor of virt has 32 bits: a cortex-a57 is assumed (-cpu)");
  if (!program.arch && !wanted && processor.empty())
    machine.notes.emplace_back("-M virt is of arm64, arm or riscv64: arm64 is assumed (--arch)");
  return std::nullopt;
}

// DIMMs are memory that the kernel plugs in after it has booted.
std::optional<Problem> check_modules(const QemuRequest& request, QemuMachine& machine) {
  Bytes room{machine.maximum.raw - machine.ram.raw};
  if (request.modules.size() > machine.slots)
    return qemu_problem("-device", request.modules[machine.slots].word,
                        fmt::format("there are {} slots: expected more of -m slots=", machine.slots));
  for (const QemuRequest::Module& module : request.modules) {
    const auto backend = request.backends.find(module.backend);
    if (backend == request.backends.end())
      return qemu_problem("-device", module.word, "memdev: expected the id of a -object memory-backend-…");
    if (backend->second > room)
      return qemu_problem("-device", module.word, fmt::format("{} bytes are left below maxmem", room.raw));
    room = Bytes{room.raw - backend->second.raw};
    if (module.device == "nvdimm")
      machine.notes.emplace_back(
          "-device nvdimm: persistent memory, and what firmware keeps for it, is not modelled");
    else
      machine.notes.push_back(
          fmt::format("-device pc-dimm: its {} bytes are plugged in after the boot, and are not in "
                      "the firmware's map",
                      backend->second.raw));
  }
  return std::nullopt;
}

std::optional<Problem> check_backend(const QemuRequest& request, QemuMachine& machine) {
  if (request.memory_backend.empty()) return std::nullopt;
  const auto backend = request.backends.find(request.memory_backend);
  if (backend == request.backends.end())
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: memory-backend={}: expected the id of a -object memory-backend-…",
                               request.memory_backend)};
  const bool has_size = std::any_of(request.options.begin(), request.options.end(),
                                    [](const QemuRequest::Option& option) { return option.name == "-m"; });
  if (!has_size) machine.ram = machine.maximum = backend->second;
  if (machine.ram != backend->second)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: memory-backend={}: it has {} bytes: expected the {} of -m",
                               request.memory_backend, backend->second.raw, machine.ram.raw)};
  return std::nullopt;
}

Expected<QemuMachine> parse_line(std::string_view line, std::optional<boot::Arch> arch) {
  const auto words = shell_words(line);
  if (!words) return words.problem();
  QemuRequest request;
  QemuMachine machine;
  Program program;
  const bool has_program = !words->empty() && !(*words)[0].starts_with('-');
  if (has_program) {
    const auto read = read_program((*words)[0]);
    if (!read) return read.problem();
    program = *read;
    machine.has_kvm = program.has_kvm;
  }
  if (auto problem = collect(*words, has_program ? 1 : 0, request)) return *std::move(problem);
  machine.maximum = machine.ram;
  std::optional<std::string> processor;
  QemuDrives drives;
  for (const QemuRequest::Option& option : request.options) {
    if (option.name == "-cpu") processor = option.value;
    if (auto problem = read_option(option, request, machine, drives)) return *std::move(problem);
  }
  const bool is_for_virt =
      (program.arch ? program.arch : arch).value_or(boot::Arch::x86_64) != boot::Arch::x86_64;
  if (request.machine_type)
    if (auto problem = read_machine_type(*request.machine_type, request.machine_word, machine))
      return *std::move(problem);
  if (!request.machine_type && is_for_virt)
    return Problem{ExitStatus::bad_arguments, "qemu: -M: expected a machine, such as -M virt"};
  const std::string_view model =
      processor ? std::string_view{*processor}.substr(0, processor->find(',')) : "";
  if (auto problem = choose_arch(program, arch, request, model, machine)) return *std::move(problem);
  const std::string usual = machine.arch == boot::Arch::x86_64    ? "qemu64"
                            : machine.arch == boot::Arch::arm64   ? "cortex-a57"
                            : machine.arch == boot::Arch::riscv64 ? "rv64"
                                                                  : "cortex-a15";
  if (auto problem = read_processor(processor.value_or(usual), machine)) return *std::move(problem);
  complete_drives(drives, machine);
  if (auto problem = check_backend(request, machine)) return *std::move(problem);
  if (auto problem = complete_topology(request, machine)) return *std::move(problem);
  if (auto problem = complete_nodes(request, machine)) return *std::move(problem);
  if (auto problem = check_modules(request, machine)) return *std::move(problem);
  return machine;
}

}  // namespace

Expected<QemuMachine> parse_qemu(std::string_view line, std::optional<boot::Arch> arch) {
  auto machine = parse_line(line, arch);
  if (machine) {
    for (std::string& note : machine->notes) keep_on_one_line(note);
    return machine;
  }
  Problem problem = machine.problem();
  keep_on_one_line(problem.text);
  return problem;
}

}  // namespace quarry::lnx

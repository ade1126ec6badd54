#include "linux/describe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "linux/acpi_files.hpp"
#include "linux/corpus_case.hpp"
#include "linux/describe_parts.hpp"
#include "linux/file_bytes.hpp"
#include "linux/log_description.hpp"
#include "linux/tree_facts.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

bool is_device_tree(std::span<const std::byte> bytes) {
  constexpr std::byte magic[] = {std::byte{0xd0}, std::byte{0x0d}, std::byte{0xfe}, std::byte{0xed}};
  return bytes.size() >= 4 && std::equal(std::begin(magic), std::end(magic), bytes.begin());
}

// A file that is none, or none that can be taken in.
Problem unreadable(std::string_view name) {
  return {ExitStatus::bad_arguments,
          fmt::format("{}: cannot be read: expected a file of at most {} MiB", name, kLargestFile >> 20)};
}

std::string text_of(TextView text) { return {text.data(), text.size()}; }

Problem unknown_machine(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Builtin& builtin : builtins()) names.push_back(builtin.name);
  return {ExitStatus::bad_arguments,
          fmt::format(
              "'{}': no such file, directory or built-in machine: expected a device tree, a boot log, a case "
              "directory, 'qemu:' and its options, 'host', '-' or one of {}",
              name, fmt::join(names, ", "))};
}

boot::Arch arch_of_tree(const TreeFacts& facts, const DescribeOptions& options, MachineDescription& machine) {
  if (options.arch) return *options.arch;
  const bool tells = facts.is_riscv || facts.is_64bit_arm || facts.is_32bit_arm;
  const bool runs_both = facts.is_64bit_arm;  // cores of 64 bits run kernels of 32 as well
  if (options.kernel) {
    const boot::Arch arch = options.kernel->arch;
    if (arch == boot::Arch::arm ? !tells || runs_both : arch == boot::Arch::arm64 && !tells) return arch;
  }
  if (facts.is_riscv) return boot::Arch::riscv64;
  if (facts.is_64bit_arm) return boot::Arch::arm64;
  if (facts.is_32bit_arm) return boot::Arch::arm;
  // Without /cpus: a tree that only leads to UEFI's tables, or a board older than processors in trees.
  const bool is_old = facts.cpus == 0 && !facts.points_to_uefi;
  machine.notes.push_back(
      fmt::format("the tree names no processor that tells the architecture: {} is assumed (--arch)",
                  is_old ? "arm" : "arm64"));
  return is_old ? boot::Arch::arm : boot::Arch::arm64;
}

// Which architectures a tree, or the log with it, leaves room for. Cores of 64 bits run kernels of 32 as well.
std::optional<Problem> require_arch(boot::Arch arch, const TreeFacts& facts, const LogInputs& log,
                                    std::string_view name) {
  const std::string word = text_of(boot::name_of(arch));
  const auto refuse = [](std::string text) { return Problem{ExitStatus::bad_arguments, std::move(text)}; };
  const bool is_arm = facts.is_64bit_arm || facts.is_32bit_arm;
  if (arch == boot::Arch::x86_64)
    return refuse(fmt::format("--arch x86_64: {} is a device tree: expected arm64, arm or riscv64", name));
  if (facts.is_riscv && !is_arm && arch != boot::Arch::riscv64)
    return refuse(fmt::format("--arch {}: the processors of {} are of riscv64", word, name));
  if (arch == boot::Arch::riscv64 && is_arm && !facts.is_riscv)
    return refuse(fmt::format("--arch riscv64: the processors of {} are Arm's", name));
  if (arch == boot::Arch::arm64 && facts.is_32bit_arm && !facts.is_64bit_arm)
    return refuse(fmt::format("--arch arm64: the processors of {} have 32 bits: expected arm", name));
  if (log.arch && *log.arch != arch)
    return refuse(
        fmt::format("--arch {}: the log is of a kernel of {}", word, text_of(boot::name_of(*log.arch))));
  return std::nullopt;
}

// Whether a log without a tree is one of that architecture, and says enough for it.
std::optional<Problem> require_log_of(boot::Arch arch, const LogInputs& log, std::string_view name,
                                      const DescribeOptions& options) {
  const std::string word = text_of(boot::name_of(arch));
  const boot::Arch known = log.e820.empty() ? log.arch.value_or(arch) : boot::Arch::x86_64;
  if (known != arch)
    return Problem{ExitStatus::bad_arguments, fmt::format("--arch {}: the log {} is of a kernel of {}", word,
                                                          name, text_of(boot::name_of(known)))};
  if (arch == boot::Arch::arm && options.memory.empty())
    return Problem{
        ExitStatus::malformed_input,
        fmt::format("{}: a log of 32-bit arm, where memory comes from a tree or tags: expected the tree "
                    "beside it (--dtb FILE) or --memory BASE+SIZE",
                    name)};
  if (options.tree_at)
    return Problem{ExitStatus::bad_arguments, fmt::format("--dtb-at: {} has no device tree", name)};
  return std::nullopt;
}

// What was said beside the machine's own files.
void note_origins(const DescribeOptions& options, MachineDescription& machine) {
  std::vector<Origin> said;
  const auto note = [&](Origin::Kind kind, PhysRange range, std::string where) {
    said.push_back({kind, range, std::move(where), {}});
  };
  for (const PhysRange range : options.memory) note(Origin::Kind::option, range, "--memory");
  if (options.initrd) note(Origin::Kind::initrd, *options.initrd, "--initrd");
  if (options.command_line) note(Origin::Kind::command_line, {}, "--cmdline");
  machine.origins.insert(machine.origins.begin(), said.begin(), said.end());
}

}  // namespace

std::optional<Problem> require_fitting(const DescribeOptions& options, const MachineDescription& machine) {
  const std::string arch = text_of(boot::name_of(machine.kernel.arch));
  const auto refuse = [](std::string text) { return Problem{ExitStatus::bad_arguments, std::move(text)}; };
  if (options.arch && *options.arch != machine.kernel.arch) {
    return refuse(fmt::format("--arch {}: {} is a machine of {}", text_of(boot::name_of(*options.arch)),
                              machine.source, arch));
  }
  if (options.tree_at && machine.tree.empty())
    return refuse(fmt::format("--dtb-at: {} has no device tree", machine.source));
  if (options.tree_file)
    return refuse(fmt::format("--dtb {}: {} is no boot log: expected a log that the tree belongs to",
                              *options.tree_file, machine.source));
  return std::nullopt;
}

Expected<PhysRange> parse_base_and_size(std::string_view text, std::string_view option) {
  const auto wrong = [&] {
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("{} '{}': expected BASE+SIZE, such as 0x80000000+512M", option, text)};
  };
  const std::size_t plus = text.find('+');
  if (plus == std::string_view::npos || plus == 0) return wrong();
  std::string_view base = text.substr(0, plus);
  const std::string_view size = text.substr(plus + 1);
  if (base.starts_with("0x") || base.starts_with("0X")) base.remove_prefix(2);
  std::uint64_t at = 0;
  const auto [end, error] = std::from_chars(base.data(), base.data() + base.size(), at, 16);
  if (error != std::errc{} || end != base.data() + base.size()) return wrong();
  const auto bytes = parse_size({size.data(), size.size()});
  if (!bytes || bytes.value().length != size.size() || bytes.value().value == 0) return wrong();
  if (bytes.value().value > UINT64_MAX - at) return wrong();
  return PhysRange{PhysAddr{at}, PhysAddr{at + bytes.value().value}};
}

std::optional<Problem> apply_options(const DescribeOptions& options, MachineDescription& machine) {
  const auto read = [](const std::optional<std::string>& file, const char* option,
                       auto decode) -> std::optional<Problem> {
    if (!file) return std::nullopt;
    const auto bytes = read_file(*file);
    if (!bytes)
      return Problem{ExitStatus::bad_arguments, fmt::format("{} {}: cannot be read", option, *file)};
    return decode(*bytes);
  };
  if (auto problem = read(options.srat_file, "--srat",
                          [&](const auto& bytes) { return read_srat(bytes, *options.srat_file, machine); }))
    return problem;
  if (auto problem = read(options.slit_file, "--slit",
                          [&](const auto& bytes) { return read_slit(bytes, *options.slit_file, machine); }))
    return problem;
  if (options.command_line) machine.command_line = *options.command_line;
  if (options.cpus) machine.cpus = *options.cpus;
  if (options.initrd) machine.initrd = *options.initrd;
  if (options.tree_at) machine.tree_at = *options.tree_at;
  machine.extra_memory.insert(machine.extra_memory.end(), options.memory.begin(), options.memory.end());
  note_origins(options, machine);
  return place_kernel(options, machine);
}

Expected<MachineDescription> describe_tree(std::vector<std::byte> tree, std::string_view name,
                                           const LogInputs& log, const DescribeOptions& options) {
  auto facts = read_tree_facts(tree, std::string{name});
  if (!facts) return facts.problem();
  MachineDescription machine;
  take_log(log, machine);
  machine.source = fmt::format("device tree {}", name);
  machine.tree = std::move(tree);
  machine.tree_name = name;
  const boot::Arch arch = log.arch && !options.arch ? *log.arch : arch_of_tree(*facts, options, machine);
  if (auto problem = require_arch(arch, *facts, log, name)) return *std::move(problem);
  if (auto problem = choose_kernel(arch, log.release, options, machine)) return *std::move(problem);
  if (!facts->has_memory && options.memory.empty() && machine.map.empty())
    return Problem{
        ExitStatus::malformed_input,
        fmt::format("{}: no memory node in use has a size, as in trees that leave memory to the boot loader: "
                    "expected a /memory node with reg, or --memory BASE+SIZE",
                    name)};
  if (machine.model.empty()) machine.model = facts->model;
  if (machine.command_line.empty()) machine.command_line = facts->bootargs;
  if (!log.cpus && facts->cpus != 0) machine.cpus = facts->cpus;
  if (machine.initrd.empty()) machine.initrd = facts->initrd;
  if (auto problem = apply_options(options, machine)) return *std::move(problem);
  if (!options.kernel_at || !options.tree_at) {
    machine.notes.emplace_back(
        "where the boot loader puts kernel and tree is assumed (--kernel-at, --dtb-at)");
    place_by_habit(*facts, options, machine);
  }
  if (arch == boot::Arch::riscv64 && facts->satp_bits != 0) machine.kernel.limits.va_bits = facts->satp_bits;
  return machine;
}

Expected<MachineDescription> describe_log(const LogInputs& log, std::string_view name,
                                          const DescribeOptions& options) {
  const std::string_view foreign =
      log.is_32bit_x86 ? std::string_view{"32-bit x86"} : std::string_view{log.foreign_arch};
  if (!foreign.empty())
    return Problem{
        ExitStatus::malformed_input,
        fmt::format("{}: a log of a {} kernel: expected x86_64, arm64, arm or riscv64", name, foreign)};
  const auto no_map = options.memory.empty() ? require_map(log) : std::nullopt;
  if (no_map) return Problem{no_map->exit_status, fmt::format("{}: {}", name, no_map->text)};
  MachineDescription machine;
  take_log(log, machine);
  machine.source = fmt::format("boot log {}", name);
  const bool is_efi_only = log.e820.empty() && !log.efi_map.empty();
  const boot::Arch arch =
      options.arch.value_or(log.arch.value_or(is_efi_only ? boot::Arch::arm64 : boot::Arch::x86_64));
  if (auto problem = require_log_of(arch, log, name, options)) return *std::move(problem);
  if (auto problem = choose_kernel(arch, log.release, options, machine)) return *std::move(problem);
  if (arch == boot::Arch::x86_64) {
    place_x86_kernel(log, machine);
    if (machine.command_line.find("nokaslr") == std::string::npos)
      machine.notes.emplace_back(
          "the log does not say where the kernel was put (KASLR): 16 MiB is assumed (--kernel-at)");
  } else if (arch == boot::Arch::arm64) {
    place_uefi_arm64(Bytes{0}, machine);
  }
  if (!options.memory.empty()) place_by_habit({}, options, machine);
  if (auto problem = apply_options(options, machine)) return *std::move(problem);
  return machine;
}

Expected<MachineDescription> describe_bytes(std::span<const std::byte> bytes, std::string_view name,
                                            const DescribeOptions& options) {
  const auto refuse = [&](std::string_view what) {
    return Problem{ExitStatus::malformed_input, fmt::format("{}: {}", name, what)};
  };
  if (bytes.empty()) return refuse("the file is empty: expected a device tree or a boot log");
  if (needs_kernel(options)) {
    const auto complete = with_kernel(options);
    return complete ? describe_bytes(bytes, name, *complete) : complete.problem();
  }
  if (is_device_tree(bytes) && options.tree_file)
    return Problem{
        ExitStatus::bad_arguments,
        fmt::format("--dtb {}: {} is a device tree itself: expected a boot log that the tree belongs to",
                    *options.tree_file, name)};
  if (is_device_tree(bytes)) return describe_tree({bytes.begin(), bytes.end()}, name, {}, options);
  if (!looks_like_boot_log(bytes))
    return refuse("neither a device tree (its first bytes are d00dfeed) nor a kernel's boot log");
  auto log = read_log_inputs(bytes);
  if (!log) return refuse(log.problem().text);
  name_origins(log->origins, name);
  if (!options.tree_file && needs_board(*log, options)) return describe_board(bytes, *log, name, options);
  if (!options.tree_file) return describe_log(*log, name, options);
  auto tree = read_file(*options.tree_file);
  if (!tree)
    return Problem{ExitStatus::bad_arguments, fmt::format("--dtb {}: cannot be read", *options.tree_file)};
  return describe_tree(*std::move(tree), *options.tree_file, *log, options);
}

Expected<MachineDescription> describe(std::string_view name, const DescribeOptions& options) {
  if (needs_kernel(options)) {
    const auto complete = with_kernel(options);
    return complete ? describe(name, *complete) : complete.problem();
  }
  if (name == "host") return describe_host(options);
  if (const auto line = qemu_line(name)) return describe_qemu(*line, options);
  if (name == "-") {
    std::istream& in = options.standard_input != nullptr ? *options.standard_input : std::cin;
    const auto bytes = read_all(in);
    return bytes ? describe_bytes(*bytes, "standard input", options) : unreadable("standard input");
  }
  const auto finished = [&](Expected<MachineDescription> machine) -> Expected<MachineDescription> {
    if (!machine) return machine;
    if (auto problem = require_fitting(options, *machine)) return *std::move(problem);
    if (auto problem = apply_options(options, *machine)) return *std::move(problem);
    return machine;
  };
  if (auto builtin = describe_builtin(name)) return finished(*std::move(builtin));
  const fs::path path{std::string{name}};
  std::error_code error;
  if (fs::is_directory(path, error)) {
    if (is_corpus_case(path)) return finished(read_corpus_case(path));
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("{}: a directory without a case.json: expected a case directory", name)};
  }
  if (!fs::exists(path, error)) return unknown_machine(name);
  const auto bytes = read_file(path);
  return bytes ? describe_bytes(*bytes, name, options) : unreadable(name);
}

}  // namespace quarry::lnx

#include "cli/boot_options.hpp"

#include <fmt/format.h>

#include <charconv>

#include "cli/report_options.hpp"

namespace quarry::cli {
namespace {

// Hexadecimal, with or without 0x.
std::optional<std::string> take_address(std::string_view text, std::string_view option,
                                        std::optional<PhysAddr>& into) {
  if (text.empty()) return std::nullopt;
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint64_t at = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), at, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
    return fmt::format("{} {}: expected an address such as 0x80000000", option, text);
  into = PhysAddr{at};
  return std::nullopt;
}

std::optional<std::string> take_cpus(std::string_view text, std::optional<unsigned>& into) {
  if (text.empty()) return std::nullopt;
  constexpr unsigned most = 65536;
  unsigned cpus = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpus);
  if (error != std::errc{} || end != text.data() + text.size() || cpus == 0 || cpus > most)
    return fmt::format("--cpus {}: expected a number from 1 to {}", text, most);
  into = cpus;
  return std::nullopt;
}

void take_file(const std::string& name, std::optional<std::string>& into) {
  if (!name.empty()) into = name;
}

}  // namespace

void BootArguments::add_to(CLI::App& boot) {
  boot.add_option("MACHINE", options_.machine,
                  "a device tree, a kernel's boot log, a case directory, 'host', 'qemu:' and QEMU's "
                  "options, a built-in name, or '-'")
      ->option_text(fmt::format("[{}]", lnx::kDefaultMachine));
  add_mode_options(boot);
  add_machine_options(boot);
  add_output_options(boot);
}

void BootArguments::add_mode_options(CLI::App& boot) {
  boot.add_flag("--native", words_.native,
                "the library's own metadata in RAM instead of Linux's allocations");
  add_choice<boot::EarlyChoice>(
      boot, "--early", options_.early,
      {{"memblock", boot::EarlyChoice::memblock}, {"bootmem", boot::EarlyChoice::bootmem}},
      "who allocates once nodes are known: memblock or bootmem");
  add_choice<PolicyChoice>(boot, "--policy", options_.policy,
                           {{"linux", PolicyChoice::linux_policy}, {"compact", PolicyChoice::compact}},
                           "which free block is chosen: linux or compact");
}

void BootArguments::add_machine_options(CLI::App& command) {
  add_machine_options(*command.add_option_group("More of the machine"), {});
}

void BootArguments::add_side_options(CLI::App& command, const std::string& suffix) {
  // Without a name, and so not in the help.
  auto& group = *command.add_option_group("");
  group.group("");
  add_machine_options(group, "-" + suffix);
}

void BootArguments::add_machine_options(CLI::App& group, const std::string& ending) {
  const auto add = [&](const char* name, auto& into, const char* value, const char* about) {
    return group.add_option(name + ending, into, about)->option_text(value);
  };
  add("--arch", words_.arch, "ARCH", "x86_64, arm64, arm or riscv64, where the machine does not tell");
  add("--memory", words_.memory, "BASE+SIZE", "memory that the description leaves out; repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add("--cmdline", words_.command_line, "STRING", "the kernel's command line, instead of the machine's own");
  add("--kernel", words_.kernel, "FILE",
      "the kernel that boots: a System.map, vmlinux, vmlinuz or Image, a profile in TOML, or a version such "
      "as 6.1");
  add("--config", words_.config, "FILE", "the .config that the kernel was built with, beside --kernel");
  add("--kernel-at", words_.kernel_at, "ADDR", "physical address that the kernel is loaded at");
  add("--dtb-at", words_.tree_at, "ADDR", "physical address of the device tree");
  add("--initrd", words_.initrd, "BASE+SIZE", "where the initial ramdisk lies");
  add("--srat", words_.srat, "FILE", "an ACPI SRAT: which memory is on which node");
  add("--slit", words_.slit, "FILE", "an ACPI SLIT: how far nodes are apart");
  add("--dtb", words_.tree, "FILE", "the device tree that belongs to a boot log");
  add("--cpus", words_.cpus, "N", "number of processors");
}

void BootArguments::add_output_options(CLI::App& boot) {
  auto& group = *boot.add_option_group("Output");
  add_format(group, options_.format);
  add_colour(group, options_.colour);
  add_choice<ShownStage>(group, "--stage", options_.stage,
                         {{"firmware", ShownStage::firmware},
                          {"early", ShownStage::early},
                          {"zones", ShownStage::zones},
                          {"buddy", ShownStage::buddy},
                          {"slab", ShownStage::slab},
                          {"all", ShownStage::all}},
                         "");
  group.add_flag("--flow", options_.show_flow, "print the steps of the boot instead");
  group.add_flag("--list", options_.list_builtins,
                 "print the built-in machines and how others are named instead");
  group.add_option("--observe", options_.observe_file, "write every early decision to FILE, as JSON Lines")
      ->option_text("FILE");
  add_output_file(group, options_.output_file);
  group.add_flag("-q,--quiet", words_.quiet, "only the ledger and the totals");
  group.add_flag("-v,--verbose", words_.verbose, "all of every list, and the wide texts of /proc");
}

std::optional<std::string> BootArguments::check() {
  if (auto bad = check_machine()) return bad;
  return check_output();
}

// The first that makes no sense is complained about.
std::optional<std::string> BootArguments::check_machine() {
  auto& describe = options_.describe;
  if (!words_.arch.empty()) {
    describe.arch = lnx::arch_of(words_.arch);
    if (!describe.arch) return fmt::format("--arch {}: expected x86_64, arm64, arm or riscv64", words_.arch);
  }
  for (const auto& text : words_.memory) {
    const auto range = lnx::parse_base_and_size(text, "--memory");
    if (!range) return range.problem().text;
    describe.memory.push_back(*range);
  }
  if (!words_.initrd.empty()) {
    const auto range = lnx::parse_base_and_size(words_.initrd, "--initrd");
    if (!range) return range.problem().text;
    describe.initrd = *range;
  }
  if (auto bad = take_address(words_.kernel_at, "--kernel-at", describe.kernel_at)) return bad;
  if (auto bad = take_address(words_.tree_at, "--dtb-at", describe.tree_at)) return bad;
  if (auto bad = take_cpus(words_.cpus, describe.cpus)) return bad;
  describe.command_line = words_.command_line;
  take_file(words_.srat, describe.srat_file);
  take_file(words_.slit, describe.slit_file);
  take_file(words_.tree, describe.tree_file);
  take_file(words_.kernel, describe.kernel_file);
  take_file(words_.config, describe.config_file);
  if (describe.config_file && !describe.kernel_file)
    return fmt::format("--config {}: expected --kernel FILE beside it", *describe.config_file);
  if (words_.native) options_.mode = Mode::native;
  return std::nullopt;
}

std::optional<std::string> BootArguments::check_output() {
  if (words_.quiet && words_.verbose) return "-q and -v contradict each other";
  if (words_.quiet) options_.verbosity = Verbosity::quiet;
  if (words_.verbose) options_.verbosity = Verbosity::verbose;
  if (options_.show_flow && options_.list_builtins) return "--flow and --list contradict each other";
  if (options_.format == Format::text) return std::nullopt;
  if (options_.show_flow) return "--flow and --format json contradict each other: the steps are text";
  if (options_.list_builtins) return "--list and --format json contradict each other: the list is text";
  return std::nullopt;
}

}  // namespace quarry::cli

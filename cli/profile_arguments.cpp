// `quarry profile` on the command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/profile_command.hpp"

namespace quarry::cli {
namespace {

struct Profiled {
  ProfileOptions options;
  std::string kernel, config, structures, arch;  // as they were given; empty: not at all
};

int start_profile(Profiled& profiled) {
  lnx::KernelFiles& files = profiled.options.files;
  const auto take = [](const std::string& name, std::optional<std::string>& into) {
    if (!name.empty()) into = name;
  };
  take(profiled.kernel, files.kernel);
  take(profiled.config, files.config);
  take(profiled.structures, files.structures);
  if (!profiled.arch.empty()) {
    files.arch = lnx::arch_of(profiled.arch);
    if (!files.arch)
      return refuse(fmt::format("--arch {}: expected x86_64, arm64, arm or riscv64", profiled.arch));
  }
  if (!files.kernel && !files.config) return refuse("profile: expected a kernel's FILE, or --config FILE");
  return run_profile(profiled.options);
}

}  // namespace

Command add_profile(CLI::App& tool) {
  const auto kept = std::make_shared<Profiled>();
  auto* const profile =
      tool.add_subcommand("profile", "write what a kernel's files tell as TOML, to be read and corrected");
  profile->footer(kProfileExamples);
  profile->add_option("FILE", kept->kernel,
                      "a System.map, vmlinux, vmlinuz or Image, a profile, or a .config alone");
  const auto add = [&](const char* name, auto& into, const char* value, const char* about) {
    profile->add_option(name, into, about)->option_text(value);
  };
  add("--config", kept->config, "FILE", "the .config that the kernel was built with, or /proc/config.gz");
  add("--btf", kept->structures, "FILE", "sizes of structures, by BTF or by an ELF file with BTF or DWARF");
  add("--arch", kept->arch, "ARCH", "x86_64, arm64, arm or riscv64, where no file tells");
  add("-o,--output", kept->options.output_file, "FILE", "write to FILE, whole or not at all");
  return {profile, [kept] { return start_profile(*kept); }};
}

}  // namespace quarry::cli

// Which kernel a machine is described with, and where it lies: a part of describe_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "linux/describe_parts.hpp"
#include "linux/kernel_file.hpp"
#include "linux/known_kernels.hpp"

namespace quarry::lnx {
namespace {

// Where the link base of the present image lies, so that another kernel can take its place.
PhysAddr link_base_of(const MachineDescription& machine) {
  const KernelProfile& kernel = machine.kernel;
  const bool is_x86 = kernel.arch == boot::Arch::x86_64;
  const bool has_header = kernel.arch == boot::Arch::riscv64;
  const std::uint64_t first = is_x86 ? kernel.symbols.text : kernel.symbols.stext;
  const std::uint64_t offset = has_header ? 0 : first - kernel.link_base;
  const std::uint64_t begin = machine.image.whole.begin().raw;
  return PhysAddr{begin - std::min(offset, begin)};
}

// A version as `uname -r` has it, or the beginning of one; never a path.
bool is_release(std::string_view text) {
  return read_release_name(text) && text.find('/') == std::string_view::npos;
}

// The built-in profile of that release, or the one that takes its place.
KernelProfile kernel_of_release(boot::Arch arch, std::string_view release) {
  KernelProfile kernel = builtin_profile(arch, release);
  // The built-in kernel is later than 6.1, and boots as 6.1 does unless a later one is named.
  kernel.limits.maps_below_kernel = arch == boot::Arch::riscv64 && is_at_least(release, 6, 4);
  if (kernel.release != release) kernel.stands_for = release;
  if (release.empty())
    kernel.assumed.push_back(fmt::format("no kernel is named: {} is assumed", kernel.source));
  else if (kernel.release != release)
    kernel.assumed.push_back(
        fmt::format("the configuration of kernel {} is not known: {} is assumed", release, kernel.source));
  return kernel;
}

// The machine's kernel becomes the one that was given.
std::optional<Problem> take_kernel(const KernelProfile& kernel, MachineDescription& machine) {
  const auto name_in = [](boot::Arch arch) {
    const TextView name = boot::name_of(arch);
    return std::string_view{name.data(), name.size()};
  };
  if (kernel.arch != machine.kernel.arch)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("--kernel {}: a kernel of {}: expected one of {} for {}", kernel.source,
                               name_in(kernel.arch), name_in(machine.kernel.arch), machine.source)};
  // Five levels of tables need both: the processor, which is known by now, and the kernel.
  constexpr unsigned five_level_bits = 52;
  const bool has_five_levels =
      kernel.arch == boot::Arch::x86_64 && machine.kernel.limits.phys_bits == five_level_bits;
  machine.kernel = kernel;
  const auto levels = kernel.config.find("CONFIG_PGTABLE_LEVELS");
  if (has_five_levels && levels != kernel.config.end() && levels->second == "5")
    machine.kernel.limits.phys_bits = five_level_bits;
  if (kernel.arch == boot::Arch::riscv64)
    machine.kernel.limits.maps_below_kernel = is_at_least(kernel.release, 6, 4);
  const auto say_once = [](std::string text, std::vector<std::string>& into) {
    if (std::find(into.begin(), into.end(), text) == into.end()) into.push_back(std::move(text));
  };
  say_once(fmt::format("kernel {}", kernel.source), machine.sources);
  for (const std::string& note : kernel.assumed) say_once(note, machine.notes);
  return std::nullopt;
}

// What --kernel names is no file, so it is a version.
Expected<DescribeOptions> with_release(const DescribeOptions& options) {
  const std::string& name = *options.kernel_file;
  const auto wrong = [](std::string text) { return Problem{ExitStatus::bad_arguments, std::move(text)}; };
  if (!is_release(name))
    return wrong(fmt::format(
        "--kernel {}: cannot be read: expected the file of a kernel, or a version such as 6.1", name));
  if (options.config_file)
    return wrong(fmt::format("--config {}: --kernel {} is a version: expected the file of a kernel",
                             *options.config_file, name));
  DescribeOptions complete = options;
  complete.release = name;
  complete.kernel_file.reset();
  return complete;
}

}  // namespace

bool needs_kernel(const DescribeOptions& options) { return options.kernel_file && !options.kernel; }

Expected<DescribeOptions> with_kernel(const DescribeOptions& options) {
  std::error_code error;
  if (!std::filesystem::exists(*options.kernel_file, error)) return with_release(options);
  auto kernel = read_kernel_file(*options.kernel_file, options.config_file);
  if (!kernel) return kernel.problem();
  DescribeOptions complete = options;
  complete.kernel = *std::move(kernel);
  return complete;
}

std::optional<Problem> choose_kernel(boot::Arch arch, std::string_view release,
                                     const DescribeOptions& options, MachineDescription& machine) {
  if (options.kernel) {
    machine.kernel.arch = arch;
    return take_kernel(*options.kernel, machine);
  }
  machine.kernel = kernel_of_release(arch, options.release ? *options.release : release);
  machine.notes.insert(machine.notes.end(), machine.kernel.assumed.begin(), machine.kernel.assumed.end());
  return std::nullopt;
}

std::optional<Problem> place_kernel(const DescribeOptions& options, MachineDescription& machine) {
  const bool is_placed = !machine.image.whole.empty();
  const PhysAddr old_base = link_base_of(machine);
  std::optional<KernelProfile> given = options.kernel;
  if (options.release) given = kernel_of_release(machine.kernel.arch, *options.release);
  if (given)
    if (auto problem = take_kernel(*given, machine)) return problem;
  if (options.kernel_at || (given && is_placed)) {
    const Bytes brk = machine.image.brk.size();
    machine.image = image_at(machine.kernel, options.kernel_at.value_or(old_base), brk);
  }
  return std::nullopt;
}

}  // namespace quarry::lnx

#include "linux/kernel_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "linux/file_bytes.hpp"
#include "linux/kernel_compose.hpp"
#include "linux/unpack.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr std::string_view kExpected =
    "expected a System.map, a vmlinux, a bzImage, Image or zImage, or a profile in TOML";

// "/boot/vmlinuz-6.1.0-56-amd64" tells "6.1.0-56-amd64".
std::string release_of_name(std::string_view name) {
  const std::string file = std::filesystem::path{std::string{name}}.filename().string();
  const std::size_t dash = file.find('-');
  if (dash == std::string::npos || dash + 1 >= file.size()) return {};
  std::string release = file.substr(dash + 1);
  const auto is_fine = [](char c) { return c > ' ' && c < '\x7f'; };
  if (release[0] < '0' || release[0] > '9' || !std::all_of(release.begin(), release.end(), is_fine))
    return {};
  for (const std::string_view ending : {".gz", ".xz", ".zst", ".map", ".toml"})
    if (release.ends_with(ending)) release.erase(release.size() - ending.size());
  return release;
}

std::string_view name_in_text(Arch arch) {
  const TextView name = boot::name_of(arch);
  return {name.data(), name.size()};
}

bool looks_like_text(std::string_view bytes) {
  const auto is_text = [](char c) {
    return c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c != '\x7f');
  };
  const std::string_view head = bytes.substr(0, 4096);
  return std::all_of(head.begin(), head.end(), [&](char c) { return is_text(c) || (c & '\x80') != 0; });
}

// A first line as a symbol table has it: sixteen digits, or eight, and a blank.
bool looks_like_system_map(std::string_view text) {
  const std::size_t digits = text.find(' ');
  return (digits == 8 || digits == 16) &&
         text.substr(0, digits).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Expected<KernelFacts> read_facts(std::span<const std::byte> bytes, std::string_view name) {
  const auto malformed = [](std::string text) {
    return Problem{ExitStatus::malformed_input, std::move(text)};
  };
  const std::string_view text = text_of(bytes);
  if (bytes.empty()) return malformed(fmt::format("the file is empty: {}", kExpected));
  if (text.starts_with("\x7f"
                       "ELF"))
    return read_vmlinux(bytes);
  if (is_boot_image(bytes)) return read_boot_image(bytes);
  if (!looks_like_text(text))
    return malformed(fmt::format("no kernel that can be told by its bytes: {}", kExpected));
  if (text.substr(0, 512).find("Automatically generated file; DO NOT EDIT") != std::string_view::npos)
    return malformed(fmt::format("a kernel's configuration: {}; this is for --config", kExpected));
  if (looks_like_system_map(text)) return read_system_map(text, release_of_name(name));
  if (text.find('=') != std::string_view::npos) return read_profile_toml(text);
  return malformed(fmt::format("text that is neither: {}", kExpected));
}

// A file's bytes, or what they unpack to.
class Unpacked {
 public:
  // None: they are to be had.
  std::optional<Problem> take(std::vector<std::byte> bytes) {
    bytes_ = std::move(bytes);
    if (!packing_of(bytes_)) return std::nullopt;
    auto inner = unpack(bytes_);
    if (!inner) return inner.problem();
    bytes_ = *std::move(inner);
    return std::nullopt;
  }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const { return text_of(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

Problem told_of(const Problem& problem, std::string_view called) {
  return {problem.exit_status, fmt::format("{}: {}", called, problem.text)};
}

// `called` is how messages name the file.
Expected<Unpacked> read_unpacked(const std::string& name, std::string_view called, std::size_t most) {
  auto bytes = read_file(name, most);
  if (!bytes) return Problem{ExitStatus::bad_arguments, fmt::format("{}: cannot be read", called)};
  Unpacked file;
  if (const auto problem = file.take(*std::move(bytes))) return told_of(*problem, called);
  return file;
}

Expected<SourcedKernel> read_sourced(std::span<const std::byte> bytes, std::string_view name,
                                     std::string_view called, const GivenBeside& given) {
  auto facts = read_facts(bytes, name);
  if (!facts) return told_of(facts.problem(), called);
  if (facts->release.empty() && !facts->says_release) facts->release = release_of_name(name);
  auto kernel = compose_kernel(*facts, name, given);
  if (!kernel) return told_of(kernel.problem(), called);
  return kernel;
}

// What a configuration tells by itself: its options, and of which architecture and version they are.
Expected<SourcedKernel> read_configuration_alone(std::string_view text, const std::string& name,
                                                 const KernelFiles& files, const GivenBeside& given) {
  auto facts = read_config_facts(text);
  if (!facts) return told_of(facts.problem(), name);
  if (const std::string release = release_of_name(name); !release.empty()) facts->release = release;
  if (!facts->arch) facts->arch = files.arch;
  if (!facts->arch)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("{}: a configuration that names no architecture: expected --arch", name)};
  auto kernel = compose_kernel(*facts, name, given);
  if (!kernel) return told_of(kernel.problem(), name);
  return kernel;
}

std::optional<Problem> read_beside(const KernelFiles& files, GivenBeside& given) {
  if (files.config) {
    const std::string called = fmt::format("--config {}", *files.config);
    const auto file = read_unpacked(*files.config, called, kLargestFile);
    if (!file) return file.problem();
    auto config = read_kernel_config(file->text());
    if (!config) return told_of(config.problem(), called);
    given.config = *std::move(config);
    given.config_name = *files.config;
  }
  if (files.structures) {
    const std::string called = fmt::format("--btf {}", *files.structures);
    const auto file = read_unpacked(*files.structures, called, kLargestKernel);
    if (!file) return file.problem();
    auto structs = structs_in_file(file->bytes());
    if (!structs) return told_of(structs.problem(), called);
    given.structs = *std::move(structs);
    given.structs_name = *files.structures;
  }
  return std::nullopt;
}

}  // namespace

Expected<KernelProfile> read_kernel_bytes(std::span<const std::byte> bytes, std::string_view name,
                                          const std::optional<KernelConfig>& config) {
  const std::string called = fmt::format("--kernel {}", name);
  Unpacked file;
  if (const auto problem = file.take({bytes.begin(), bytes.end()})) return told_of(*problem, called);
  auto kernel = read_sourced(file.bytes(), name, called, {.config = config});
  if (!kernel) return kernel.problem();
  return std::move(kernel->profile);
}

Expected<KernelProfile> read_kernel_file(const std::string& kernel,
                                         const std::optional<std::string>& config) {
  auto read = read_kernel_files({.kernel = kernel, .config = config}, "--kernel ");
  if (!read) return read.problem();
  return std::move(read->profile);
}

Expected<SourcedKernel> read_kernel_files(const KernelFiles& files, std::string_view option) {
  GivenBeside given;
  if (auto problem = read_beside(files, given)) return *std::move(problem);
  const bool is_alone = !files.kernel;
  const std::string name = is_alone ? *files.config : *files.kernel;
  const std::string called = fmt::format("{}{}", option, name);
  const auto file = read_unpacked(name, called, kLargestKernel);
  if (!file) return file.problem();
  if (option.empty() && (is_alone || looks_like_config(file->text()))) {
    if (!is_alone && given.config)
      return Problem{ExitStatus::bad_arguments,
                     fmt::format("{} and --config {}: two configurations: expected a kernel and one", name,
                                 *files.config)};
    given.config.reset();
    return read_configuration_alone(file->text(), name, files, given);
  }
  auto kernel = read_sourced(file->bytes(), name, called, given);
  if (kernel && files.arch && *files.arch != kernel->profile.arch)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("--arch {}: {} is a kernel of {}", name_in_text(*files.arch), name,
                               name_in_text(kernel->profile.arch))};
  return kernel;
}

}  // namespace quarry::lnx

// Text files that tell of a kernel: System.map and .config, two of the formats of kernel_facts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "linux/kernel_facts.hpp"

namespace quarry::lnx {
namespace {

Problem malformed(std::string text) { return {ExitStatus::malformed_input, std::move(text)}; }

// The next line, without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

struct MapLine {
  std::uint64_t address = 0;
  std::size_t digits = 0;
  std::string_view name;
};

// "ffffffff81000000 T _text".
std::optional<MapLine> read_map_line(std::string_view line) {
  MapLine read;
  read.digits = line.find(' ');
  if (read.digits != 8 && read.digits != 16) return std::nullopt;
  const auto [end, error] = std::from_chars(line.data(), line.data() + read.digits, read.address, 16);
  if (error != std::errc{} || end != line.data() + read.digits) return std::nullopt;
  if (line.size() < read.digits + 4 || line[read.digits + 2] != ' ') return std::nullopt;
  read.name = line.substr(read.digits + 3);
  return read;
}

Problem stub(std::string_view release) {
  const std::string version = release.empty() ? "RELEASE" : std::string{release};
  return malformed(fmt::format(
      "a stub of a System.map, without a kernel's symbols, as Debian's linux-image packages have: "
      "expected _text and _end; the real one is /usr/lib/debug/boot/System.map-{0} of package "
      "linux-image-{0}-dbg",
      version));
}

std::string_view unquoted(std::string_view value) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return value;
  return value.substr(1, value.size() - 2);
}

bool is_option_name(std::string_view name) {
  return name.starts_with("CONFIG_") && name.size() > 7 && name.find(' ') == std::string_view::npos;
}

constexpr std::string_view kHeading = " Kernel Configuration";

// "# Linux/x86 6.1.192 Kernel Configuration" tells "6.1.192".
std::string version_in_heading(std::string_view text) {
  for (unsigned i = 0; i < 8 && !text.empty(); ++i) {
    std::string_view line = take_line(text);
    if (!line.starts_with("# Linux/") || !line.ends_with(kHeading)) continue;
    line.remove_suffix(kHeading.size());
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    if (version.find_first_not_of("0123456789.-+abcdefghijklmnopqrstuvwxyz") == std::string_view::npos)
      return std::string{version};
  }
  return {};
}

}  // namespace

Expected<KernelFacts> read_system_map(std::string_view text, std::string_view release) {
  KernelFacts facts;
  facts.format = "a System.map";
  NamedNumbers symbols;
  std::size_t digits = 16;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty()) continue;
    const auto read = read_map_line(line);
    if (!read)
      return malformed(
          fmt::format("line {}: expected ADDRESS TYPE NAME, such as 'ffffffff81000000 T _text'", number));
    if (!is_telling_symbol(read->name)) continue;
    symbols.insert_or_assign(std::string{read->name}, read->address);
    digits = read->digits;
  }
  take_symbols(symbols, facts);
  if (!facts.symbols.known()) return stub(release);
  const bool is_32bit = digits == 8;
  if (!facts.arch || (is_32bit != (*facts.arch == boot::Arch::arm)))
    return malformed(
        "a System.map of an architecture that has no boot flow here: expected symbols of x86_64, arm64 or "
        "arm");
  return facts;
}

Expected<KernelConfig> read_kernel_config(std::string_view text) {
  constexpr std::string_view unset = " is not set";
  KernelConfig config;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_line(text);
    if (line.starts_with("# CONFIG_") && line.ends_with(unset)) {
      const std::string_view name = line.substr(2, line.size() - 2 - unset.size());
      if (is_option_name(name)) config.insert_or_assign(std::string{name}, "n");
      continue;
    }
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !is_option_name(line.substr(0, equals)))
      return malformed(
          fmt::format("line {}: expected CONFIG_NAME=VALUE or '# CONFIG_NAME is not set'", number));
    config.insert_or_assign(std::string{line.substr(0, equals)},
                            std::string{unquoted(line.substr(equals + 1))});
  }
  if (config.empty()) return malformed("no line CONFIG_NAME=VALUE: expected the configuration of a kernel");
  return config;
}

bool looks_like_config(std::string_view text) {
  for (unsigned i = 0; i < 16 && !text.empty(); ++i) {
    const std::string_view line = take_line(text);
    if (line.starts_with("# CONFIG_") || is_option_name(line.substr(0, line.find('=')))) return true;
    if (!line.empty() && !line.starts_with('#')) return false;
  }
  return false;
}

Expected<KernelFacts> read_config_facts(std::string_view text) {
  using boot::Arch;
  auto config = read_kernel_config(text);
  if (!config) return config.problem();
  constexpr std::pair<std::string_view, Arch> options[] = {{"CONFIG_X86_64", Arch::x86_64},
                                                           {"CONFIG_ARM64", Arch::arm64},
                                                           {"CONFIG_ARM", Arch::arm},
                                                           {"CONFIG_RISCV", Arch::riscv64}};
  KernelFacts facts;
  facts.format = "a configuration";
  for (const auto& [option, arch] : options)
    if (const auto found = config->find(option); found != config->end() && found->second == "y")
      facts.arch = arch;
  facts.release = version_in_heading(text);
  facts.config = *std::move(config);
  return facts;
}

}  // namespace quarry::lnx

#include "linux/profile_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "linux/kernel_options.hpp"
#include "linux/struct_sizes.hpp"

namespace quarry::lnx {
namespace {

// Names of files are anybody's: what is no ASCII, and what would end a line, is a question mark.
std::string in_comment(std::string_view text) {
  std::string shown{text};
  for (char& c : shown)
    if (c < ' ' || c >= '\x7f') c = '?';
  return shown;
}

std::string in_quotes(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') shown += '\\';
    shown += c;
  }
  return shown + '"';
}

// TOML's own integers end at 2^63.
std::string number_text(std::uint64_t value) {
  return value <= INT64_MAX ? fmt::format("{}", value) : fmt::format("\"{:#x}\"", value);
}

// `key = value` and a comment; a line without a key is a comment alone.
struct Line {
  std::string setting, comment;
};

// Comments of a table stand below each other.
std::string lines_text(const std::vector<Line>& lines) {
  std::size_t width = 0;
  for (const Line& line : lines) width = std::max(width, line.setting.size());
  std::string text;
  for (const Line& line : lines)
    text += line.comment.empty()
                ? line.setting + "\n"
                : fmt::format("{:{}}  # {}\n", line.setting, width, in_comment(line.comment));
  return text;
}

class Writer {
 public:
  explicit Writer(const SourcedKernel& kernel)
      : kernel_{kernel}, profile_{kernel.profile}, sizes_{struct_sizes_of(kernel.profile)} {}
  std::string text() const;

 private:
  const ValueOrigin& origin(std::string_view key) const;
  bool is_assumed(std::string_view key) const { return origin(key).kind == ValueOrigin::Kind::assumed; }
  // Where a value is from, in a comment.
  std::string from(std::string_view key) const {
    return (is_assumed(key) ? "assumed: " : "") + origin(key).words;
  }
  bool has_size(const SizeField& field) const {
    return (sizes_.*field.field).raw != 0 &&
           (asks_for(profile_, field) || profile_.sizes.contains(field.name));
  }
  std::string heading() const;
  std::string assumptions() const;
  std::string assumed_sizes() const;
  std::string machine() const;
  std::string symbols() const;
  std::string config() const;
  Line option(const KernelOption& option) const;
  std::string sizes() const;

  const SourcedKernel& kernel_;
  const KernelProfile& profile_;
  StructSizes sizes_;
};

const ValueOrigin& Writer::origin(std::string_view key) const {
  const auto found = kernel_.origins.find(key);
  check(found != kernel_.origins.end(), "each value of a profile has an origin");
  return found->second;
}

std::string Writer::heading() const {
  const TextView arch = boot::name_of(profile_.arch);
  const std::string release = profile_.release.empty() ? "" : fmt::format(" {}", profile_.release);
  return fmt::format(
      "# Linux{} for {}, by {}: {}.\n# It boots with: quarry boot MACHINE --kernel THIS-FILE\n#\n", release,
      std::string_view{arch.data(), arch.size()}, in_comment(kernel_.name), in_comment(kernel_.format));
}

// The names, a few a line, and what would tell them.
std::string Writer::assumed_sizes() const {
  constexpr std::size_t widest = 72;
  std::string text;
  const auto add = [&](bool is_structure, std::string_view about) {
    std::string line;
    std::string lines;
    for (const SizeField& field : size_fields()) {
      if (!has_size(field) || !is_assumed(fmt::format("sizes.{}", field.name))) continue;
      if (field.structure.empty() == is_structure) continue;
      if (line.size() + field.name.size() > widest) {
        lines += fmt::format("#     {}\n", line);
        line.clear();
      }
      line += fmt::format("{}{}", line.empty() ? "" : " ", field.name);
    }
    if (!line.empty()) text += fmt::format("#   sizes: {}\n{}#     {}\n", about, lines, line);
  };
  add(true, "as in Debian's 6.1 kernels (BTF or DWARF of the build tells them: --btf FILE)");
  add(false, "as in Debian's 6.1 kernels (its System.map tells some, its source the others)");
  return text;
}

std::string Writer::assumptions() const {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view hint) {
    if (is_assumed(key))
      text += fmt::format("#   {}: {}\n#     ({})\n", key, in_comment(origin(key).words), hint);
  };
  add("config", "the build's .config tells it: --config FILE");
  add("symbols", "its System.map or vmlinux tells them");
  if (profile_.image_bytes.raw != 0) add("image-bytes", "the length of the file that is loaded");
  if (profile_.page_directory.raw != 0) add("page-directory-bytes", "its System.map tells it");
  text += assumed_sizes();
  if (text.empty()) return "# Nothing in it is assumed.\n";
  return "# Assumed, to be corrected where it is wrong:\n" + text;
}

std::string Writer::machine() const {
  const TextView arch = boot::name_of(profile_.arch);
  std::vector<Line> lines;
  lines.push_back({fmt::format("release = {}", in_quotes(profile_.release)), from("release")});
  lines.push_back({fmt::format("arch = \"{}\"", std::string_view{arch.data(), arch.size()}), from("arch")});
  lines.push_back({fmt::format("page-size = {}", 1u << profile_.geometry.page_shift_), from("page-size")});
  if (!profile_.geometry.is_flat())
    lines.push_back(
        {fmt::format("section-size-bits = {}", profile_.geometry.section_bits_), from("section-size-bits")});
  if (profile_.image_bytes.raw != 0)
    lines.push_back(
        {fmt::format("image-bytes = {}", number_text(profile_.image_bytes.raw)), from("image-bytes")});
  if (profile_.page_directory.raw != 0)
    lines.push_back({fmt::format("page-directory-bytes = {}", number_text(profile_.page_directory.raw)),
                     from("page-directory-bytes")});
  return lines_text(lines);
}

std::string Writer::symbols() const {
  std::vector<Line> lines;
  for (const NamedSymbol& symbol : named_symbols()) {
    const std::uint64_t at = profile_.symbols.*symbol.field;
    if (at != 0)
      lines.push_back({fmt::format("{} = \"{:#x}\"", symbol.name, at), ""});
    else
      lines.push_back({fmt::format("# {} = \"0x\"", symbol.name), "not told, or none"});
  }
  return fmt::format("[symbols]  # {}\n{}", in_comment(from("symbols")), lines_text(lines));
}

// An option that the configuration does not name is off: a flag says so, and a number stays away.
Line Writer::option(const KernelOption& option) const {
  const auto found = profile_.config.find(option.name);
  const std::string_view value = found == profile_.config.end() ? "" : std::string_view{found->second};
  const std::string comment{option.about};
  if (option.kind == KernelOption::Kind::flag) {
    const std::string_view shown = value == "y" ? "true" : value == "m" ? "\"m\"" : "false";
    return {fmt::format("{} = {}", option.name, shown), comment};
  }
  const auto number = parse_profile_number(value);
  if (number && fmt::format("{}", *number) == value && *number <= INT64_MAX)
    return {fmt::format("{} = {}", option.name, value), comment};
  if (number || value == "n") return {fmt::format("{} = {}", option.name, in_quotes(value)), comment};
  return {fmt::format("# {} is not set", option.name), comment};
}

std::string Writer::config() const {
  std::vector<Line> lines;
  for (const KernelOption& known : kernel_options()) {
    // What other architectures have need not be told to be off.
    const bool is_others = known.only && *known.only != profile_.arch;
    if (is_others && !profile_.config.contains(known.name)) continue;
    lines.push_back(option(known));
  }
  return fmt::format("[config]  # {}; only options that Quarry reads\n{}", in_comment(from("config")),
                     lines_text(lines));
}

std::string Writer::sizes() const {
  std::vector<Line> lines;
  for (const SizeField& field : size_fields())
    if (has_size(field))
      lines.push_back({fmt::format("{} = {}", field.name, number_text((sizes_.*field.field).raw)),
                       from(fmt::format("sizes.{}", field.name))});
  return fmt::format("[sizes]  # bytes\n{}", lines_text(lines));
}

std::string Writer::text() const {
  return fmt::format("{}{}\n{}\n{}\n{}\n{}", heading(), assumptions(), machine(), symbols(), config(),
                     sizes());
}

}  // namespace

std::string profile_text(const SourcedKernel& kernel) { return Writer{kernel}.text(); }

}  // namespace quarry::lnx

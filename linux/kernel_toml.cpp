// A profile in TOML: one of the formats of kernel_facts.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "linux/kernel_facts.hpp"
#include "linux/struct_sizes.hpp"

// What toml++ 3.3 takes for granted does not hold for every text, "[=" for one: it is an error of the text then.
namespace quarry::lnx::toml_text {
struct Broken {};
[[noreturn]] static void stop() { throw Broken{}; }
}  // namespace quarry::lnx::toml_text
#undef NDEBUG  // with it, toml++ would believe them unseen
#define TOML_ASSERT(Assumption) ((Assumption) ? static_cast<void>(0) : ::quarry::lnx::toml_text::stop())
#include <toml++/toml.h>

namespace quarry::lnx {
namespace {

// A key that makes no sense, and where.
struct Refusal {
  std::string text;
};

std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

[[noreturn]] void refuse(const toml::node& node, std::string_view key, std::string_view expected) {
  throw Refusal{fmt::format("line {}: '{}': expected {}", line_of(node), key, expected)};
}

// An integer, or text such as "0xffffffff81000000", which TOML's own integers do not reach.
std::uint64_t number_of(const toml::node& node, std::string_view key) {
  if (const auto value = node.value_exact<std::int64_t>(); value && *value >= 0)
    return static_cast<std::uint64_t>(*value);
  if (const auto text = node.value_exact<std::string>()) {
    const auto number = parse_profile_number(*text);
    if (number) return *number;
  }
  refuse(node, key, "a number, or an address in quotes such as \"0xffffffff81000000\"");
}

std::string text_in(const toml::node& node, std::string_view key) {
  const auto text = node.value_exact<std::string>();
  if (!text) refuse(node, key, "text in quotes");
  return *text;
}

const toml::table& table_in(const toml::node& node, std::string_view key) {
  const auto* const table = node.as_table();
  if (table == nullptr) refuse(node, key, "a table, such as [symbols]");
  return *table;
}

// As a .config has it: y, m, n, a number or text.
std::string option_value(const toml::node& node, std::string_view key) {
  if (const auto flag = node.value_exact<bool>()) return *flag ? "y" : "n";
  if (const auto number = node.value_exact<std::int64_t>()) return fmt::format("{}", *number);
  if (const auto text = node.value_exact<std::string>()) return *text;
  refuse(node, key, "\"y\", \"m\", \"n\", true, false, a number or text");
}

void read_symbols(const toml::table& table, KernelFacts& facts) {
  NamedNumbers symbols;
  for (const auto& [key, node] : table) {
    if (!is_telling_symbol(key.str())) refuse(node, key.str(), "a symbol such as _text, _end or __bss_start");
    symbols.insert_or_assign(std::string{key.str()}, number_of(node, key.str()));
  }
  take_symbols(symbols, facts);
}

void read_config_table(const toml::table& table, KernelFacts& facts) {
  facts.config.emplace();
  for (const auto& [key, node] : table) {
    if (!key.str().starts_with("CONFIG_")) refuse(node, key.str(), "CONFIG_NAME");
    facts.config->insert_or_assign(std::string{key.str()}, option_value(node, key.str()));
  }
}

void read_sizes(const toml::table& table, KernelFacts& facts) {
  for (const auto& [key, node] : table) {
    if (!is_struct_size(key.str())) refuse(node, key.str(), "a size's name, such as page or percpu_static");
    const std::uint64_t value = number_of(node, key.str());
    if (value == 0) refuse(node, key.str(), "1 byte or more");
    const bool is_power = (value & (value - 1)) == 0;
    if ((key.str() == "word" || key.str() == "node_data_alignment") && !is_power)
      refuse(node, key.str(), "a power of two");
    facts.sizes.insert_or_assign(std::string{key.str()}, value);
  }
}

void read_key(std::string_view key, const toml::node& node, KernelFacts& facts) {
  if (key == "release") {
    facts.release = text_in(node, key);
    facts.says_release = true;
    const auto is_fine = [](char c) { return c >= ' ' && c < '\x7f'; };
    if (!std::all_of(facts.release.begin(), facts.release.end(), is_fine))
      refuse(node, key, "a release such as \"6.1.0-mine\"");
  } else if (key == "arch") {
    facts.arch = arch_of(text_in(node, key));
    if (!facts.arch) refuse(node, key, "\"x86_64\", \"arm64\", \"arm\" or \"riscv64\"");
  } else if (key == "page-size") {
    const std::uint64_t size = number_of(node, key);
    if (size != 4096 && size != 16384 && size != 65536) refuse(node, key, "4096, 16384 or 65536");
    facts.page_shift = size == 4096 ? 12 : size == 16384 ? 14 : 16;
  } else if (key == "section-size-bits") {
    const std::uint64_t bits = number_of(node, key);
    if (bits < 20 || bits > 40) refuse(node, key, "20 to 40");
    facts.section_bits = static_cast<unsigned>(bits);
  } else if (key == "image-bytes") {
    facts.image_bytes = Bytes{number_of(node, key)};
  } else if (key == "page-directory-bytes") {
    facts.page_directory = Bytes{number_of(node, key)};
  } else if (key == "symbols") {
    read_symbols(table_in(node, key), facts);
  } else if (key == "config") {
    read_config_table(table_in(node, key), facts);
  } else if (key == "sizes") {
    read_sizes(table_in(node, key), facts);
  } else {
    refuse(
        node, key,
        "release, arch, page-size, section-size-bits, image-bytes, page-directory-bytes, [symbols], [config] "
        "or [sizes]");
  }
}

}  // namespace

Expected<KernelFacts> read_profile_toml(std::string_view text) {
  const auto malformed = [](std::string what) {
    return Problem{ExitStatus::malformed_input, std::move(what)};
  };
  // Beyond ASCII toml++ 3.3 leaves what the language defines: its tables of Unicode have ends that it walks over.
  const auto strange = std::find_if(text.begin(), text.end(), [](char c) { return (c & '\x80') != 0; });
  if (strange != text.end())
    return malformed(fmt::format("line {}: a byte outside ASCII: expected a profile in ASCII",
                                 1 + std::count(text.begin(), strange, '\n')));
  try {
    const toml::table table = toml::parse(text);
    KernelFacts facts;
    facts.format = "a profile";
    for (const auto& [key, node] : table)
      if (key.str() != "symbols") read_key(key.str(), node, facts);
    // Last: what two symbols tell depends on the architecture.
    if (const auto* const symbols = table.get("symbols")) read_key("symbols", *symbols, facts);
    constexpr std::string_view directory =
        "page-directory-bytes";  // is as it says, whatever lies between two symbols
    if (const auto* const bytes = table.get(directory)) read_key(directory, *bytes, facts);
    if (!facts.arch)
      return malformed("no key arch: expected arch = \"x86_64\", \"arm64\", \"arm\" or \"riscv64\"");
    return facts;
  } catch (const Refusal& refusal) {
    return malformed(refusal.text);
  } catch (const toml_text::Broken&) {
    return malformed("text that is no TOML: expected a profile");
  } catch (const toml::parse_error& error) {
    // It quotes what it saw, be that the end of the line.
    std::string what{error.description()};
    std::replace_if(what.begin(), what.end(), [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
    return malformed(fmt::format("line {}: {}: expected TOML", error.source().begin.line, what));
  }
}

}  // namespace quarry::lnx

#include "linux/kernel_compose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "linux/struct_sizes.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

std::string_view name_in_text(Arch arch) {
  const TextView name = boot::name_of(arch);
  return {name.data(), name.size()};
}

// Sparse sections of Linux 6.1; arm64's had 1 GiB before 5.12, and have 512 MiB with pages of 64 KiB.
unsigned section_bits_of(const KernelFacts& facts, unsigned page_shift) {
  if (facts.section_bits != 0) return facts.section_bits;
  if (facts.arch == Arch::arm64 && page_shift == 16) return 29;
  return 27;
}

unsigned page_shift_of(const KernelFacts& facts, const KernelProfile& profile) {
  if (facts.page_shift != 0) return facts.page_shift;
  if (profile.has("CONFIG_ARM64_64K_PAGES")) return 16;
  return profile.has("CONFIG_ARM64_16K_PAGES") ? 14 : 12;
}

// What image_at() can use of link addresses that were guessed: distances are right, the start is the known kernel's.
void move_to(std::uint64_t text, Symbols& symbols) {
  const std::uint64_t by = text - symbols.text;
  for (const NamedSymbol& known : named_symbols())
    if (std::uint64_t& at = symbols.*known.field; at != 0) at += by;
}

// Whether two layouts can be of one image: what both know is equally far from the start.
bool agree(const Symbols& some, const Symbols& all) {
  if (!all.known()) return false;
  const auto fits = [&](std::uint64_t Symbols::* field) {
    return some.*field == 0 || some.*field - some.text == all.*field - all.text;
  };
  return fits(&Symbols::end) && fits(&Symbols::bss_stop);
}

std::string file_name(std::string_view path) { return std::filesystem::path{path}.filename().string(); }

class Composer {
 public:
  Composer(const KernelFacts& facts, std::string_view name, const GivenBeside& given)
      : facts_{facts},
        name_{name},
        given_{given},
        structs_{given.structs ? *given.structs : facts.structs},
        base_{builtin_profile(*facts.arch, facts.release)} {
    profile_.arch = *facts.arch;
    profile_.release = facts.release;
    profile_.source = facts.release.empty()
                          ? fmt::format("{}: {}", name, facts.format)
                          : fmt::format("{}: {} of Linux {}", name, facts.format, facts.release);
  }
  Expected<SourcedKernel> run();

 private:
  bool is_same_release() const { return !facts_.release.empty() && base_.release == facts_.release; }
  void assume(std::string text) { profile_.assumed.push_back(std::move(text)); }
  void told(std::string_view key, std::string words) {
    origins_.insert_or_assign(std::string{key}, ValueOrigin{ValueOrigin::Kind::told, std::move(words)});
  }
  void assumed(std::string_view key, std::string words) {
    origins_.insert_or_assign(std::string{key}, ValueOrigin{ValueOrigin::Kind::assumed, std::move(words)});
  }
  // What the known kernel has: of the same release, that is no guess.
  void take_known(std::string_view key) {
    is_same_release() ? told(key, base_.source) : assumed(key, base_.source);
  }
  void set_config();
  void set_symbols();
  void set_image();
  // The first that is wrong, in words; empty: nothing.
  std::string set_geometry();
  std::string set_sizes();
  void name_sizes();
  ValueOrigin origin_of(const SizeField& field) const;

  const KernelFacts& facts_;
  std::string_view name_;
  const GivenBeside& given_;
  const KernelStructs& structs_;
  KernelProfile base_;  // the built-in one
  KernelProfile profile_;
  std::map<std::string, ValueOrigin, std::less<>> origins_;
};

void Composer::set_config() {
  profile_.config = given_.config ? *given_.config : facts_.config ? *facts_.config : base_.config;
  if (given_.config) return told("config", file_name(given_.config_name));
  if (facts_.config) return told("config", facts_.format);
  assumed("config", base_.source);
  assume(fmt::format("{} does not say how it is configured: {} is assumed (--config)", facts_.format,
                     base_.source));
}

// The known kernel's layout completes the file's where they are of the same build.
void Composer::set_symbols() {
  profile_.symbols = facts_.symbols;
  told("symbols", facts_.format);
  if (!facts_.symbols.known()) {
    profile_.symbols = base_.symbols;
    assumed("symbols", base_.source);
    assume(fmt::format("{} does not say where its sections lie: {} is assumed", facts_.format, base_.source));
    return;
  }
  const bool is_whole =
      facts_.symbols.init_end != 0 && facts_.symbols.etext != 0 && facts_.symbols.bss_stop != 0;
  if (is_whole) return;
  if (is_same_release() && agree(facts_.symbols, base_.symbols)) {
    profile_.symbols = base_.symbols;
    move_to(facts_.symbols.text, profile_.symbols);
    assumed("symbols", fmt::format("{}, of the same length", base_.source));
    assume(
        fmt::format("{} does not say where its text, data and init sections lie: {}, of the same length, is "
                    "assumed",
                    facts_.format, base_.source));
  } else {
    assumed("symbols", "no text, data and init sections are told: the image is counted whole");
    assume(fmt::format(
        "{} does not say where its text, data and init sections lie: the image is counted whole, and "
        "nothing of it is given back",
        facts_.format));
  }
}

void Composer::set_image() {
  profile_.image_bytes = facts_.image_bytes;
  profile_.page_directory = facts_.page_directory;
  told("image-bytes", facts_.format);
  told("page-directory-bytes", facts_.format);
  const bool is_known = facts_.page_directory.raw != 0;
  if (profile_.arch == Arch::arm) {
    const bool is_lpae = profile_.has("CONFIG_ARM_LPAE");
    const std::uint64_t directory = is_lpae ? 0x5000 : 0x4000;
    if (!is_known) {
      profile_.page_directory = Bytes{directory};
      told("page-directory-bytes", is_lpae ? "CONFIG_ARM_LPAE" : "without CONFIG_ARM_LPAE");
    }
    if (profile_.symbols.swapper_pg_dir == 0)
      profile_.symbols.swapper_pg_dir = profile_.symbols.text - profile_.page_directory.raw;
    if (profile_.image_bytes.raw == 0) {
      profile_.image_bytes = base_.image_bytes;
      take_known("image-bytes");
    }
    constexpr std::uint64_t split = 0x10000000;
    if (!profile_.config.contains("CONFIG_PAGE_OFFSET"))
      profile_.config["CONFIG_PAGE_OFFSET"] = fmt::format("{:#x}", profile_.symbols.text & ~(split - 1));
  } else if (profile_.arch == Arch::arm64 && !is_known) {
    profile_.page_directory = base_.page_directory;
    take_known("page-directory-bytes");
  }
}

std::string Composer::set_geometry() {
  const unsigned page_shift = page_shift_of(facts_, profile_);
  if (!derive(profile_, page_shift, section_bits_of(facts_, page_shift)))
    return "page size, sections and CONFIG_ARCH_FORCE_MAX_ORDER make no lawful geometry: expected those of a "
           "kernel that was built";
  told("page-size", facts_.page_shift != 0         ? facts_.format
                    : profile_.arch == Arch::arm64 ? "CONFIG_ARM64_4K_PAGES, 16K or 64K"
                                                   : "all that the architecture has");
  told("section-size-bits",
       facts_.section_bits != 0 ? facts_.format : "as Linux 6.1 has it for this page size");
  if (profile_.symbols.known() && profile_.link_base > profile_.symbols.text)
    return fmt::format("_text at {:#x} lies below CONFIG_PAGE_OFFSET: expected it above",
                       profile_.symbols.text);
  return {};
}

// What its compiler noted of structures, and what lies between symbols.
std::string Composer::set_sizes() {
  profile_.sizes = facts_.sizes;
  std::erase_if(profile_.sizes,
                [](const auto& size) { return size.second == 0; });  // an empty section tells nothing
  const std::uint64_t word = profile_.arch == Arch::arm ? 4 : 8;
  if (const auto list = structs_.bytes.find("list_head");
      list != structs_.bytes.end() && list->second != 2 * word)
    return fmt::format("{} of another machine: struct list_head has {} bytes: expected {} on {}",
                       structs_.from, list->second, 2 * word, name_in_text(profile_.arch));
  take_structures(structs_.bytes, profile_);
  const bool is_said = profile_.sizes.contains("page") || is_same_release();
  if (!is_said)
    assume(fmt::format(
        "{} does not say how large the kernel's structures are: those of Debian's 6.1 kernels are assumed{}",
        facts_.format,
        facts_.structs.problem.empty() ? "" : fmt::format(" (what it has is {})", facts_.structs.problem)));
  name_sizes();
  return impossible_in(profile_);
}

void Composer::name_sizes() {
  for (const SizeField& field : size_fields())
    origins_.insert_or_assign(fmt::format("sizes.{}", field.name), origin_of(field));
}

ValueOrigin Composer::origin_of(const SizeField& field) const {
  using Kind = ValueOrigin::Kind;
  const std::string_view between = field.structure.empty() ? field.about : std::string_view{};
  if (!field.structure.empty() && structs_.bytes.contains(field.structure) &&
      profile_.sizes.contains(field.name))
    return {Kind::told, fmt::format("struct {}, {}{}", field.structure, structs_.from,
                                    given_.structs ? " of " + file_name(given_.structs_name) : "")};
  if (profile_.sizes.contains(field.name))
    return {Kind::told, fmt::format("{}{}{}", between, between.empty() ? "" : ", ", facts_.format)};
  if (field.name == "word") return {Kind::told, fmt::format("{}, {}", between, name_in_text(profile_.arch))};
  const std::string what =
      field.structure.empty() ? std::string{between} : fmt::format("struct {}", field.structure);
  if (is_same_release()) return {Kind::told, fmt::format("{}, logs of this release", what)};
  return {Kind::assumed, what};
}

Expected<SourcedKernel> Composer::run() {
  const auto malformed = [](std::string text) {
    return Problem{ExitStatus::malformed_input, std::move(text)};
  };
  told("release", facts_.release.empty() ? "not told" : facts_.format);
  told("arch", facts_.format);
  set_config();
  set_symbols();
  set_image();
  if (std::string wrong = impossible_in(profile_); !wrong.empty()) return malformed(std::move(wrong));
  if (std::string wrong = set_geometry(); !wrong.empty()) return malformed(std::move(wrong));
  if (std::string wrong = set_sizes(); !wrong.empty()) return malformed(std::move(wrong));
  return SourcedKernel{std::move(profile_), std::move(origins_), file_name(name_), facts_.format};
}

}  // namespace

Expected<SourcedKernel> compose_kernel(const KernelFacts& facts, std::string_view name,
                                       const GivenBeside& given) {
  return Composer{facts, name, given}.run();
}

}  // namespace quarry::lnx

// A vmlinux: one of the formats of kernel_facts.hpp. Source: System V ABI, "Object Files" (ELF-64 and ELF-32).
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "linux/byte_reader.hpp"
#include "linux/debug_sections.hpp"
#include "linux/kernel_facts.hpp"
#include "linux/kernel_sections.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

Problem malformed(std::string text) { return {ExitStatus::malformed_input, std::move(text)}; }

constexpr std::uint32_t kSymbolTable = 2, kLoad = 1;
constexpr std::size_t kMostHeaders = 4096;  // sections, and segments; a kernel has fewer than a hundred
constexpr std::size_t kLongestName = 128;   // none that tells anything is longer

struct Table {
  std::uint64_t offset = 0, entry = 0, count = 0;
};

class Elf {
 public:
  explicit Elf(std::span<const std::byte> bytes) : bytes_{bytes}, reader_{bytes} {}

  // None: the header is fine.
  std::optional<Problem> read_header();
  std::optional<Problem> read_sections();
  std::optional<Problem> read_segments();
  NamedNumbers symbols() const;
  Arch arch() const { return arch_; }
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Segment>& segments() const { return segments_; }
  SectionTable section_table() const {
    return {section_table_.offset, section_table_.entry, is_64bit_ ? 8u : 4u};
  }

 private:
  // A field that has 4 bytes in files of 32 bits, and 8 in those of 64.
  std::optional<std::uint64_t> word(std::uint64_t at) const {
    if (is_64bit_) return reader_.u64(at);
    return reader_.u32(at);
  }
  std::optional<Problem> take_machine(std::uint16_t machine);

  std::span<const std::byte> bytes_;
  ByteReader reader_;
  bool is_64bit_ = true;
  Arch arch_ = Arch::x86_64;
  Table section_table_, segment_table_;
  std::uint16_t name_section_ = 0;
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
};

std::optional<Problem> Elf::take_machine(std::uint16_t machine) {
  if (machine == 62 && is_64bit_) {
    arch_ = Arch::x86_64;
  } else if (machine == 183 && is_64bit_) {
    arch_ = Arch::arm64;
  } else if (machine == 40 && !is_64bit_) {
    arch_ = Arch::arm;
  } else {
    return malformed(
        fmt::format("an ELF file of machine {} with {} bits: expected x86_64 (62), arm64 (183) "
                    "or arm (40)",
                    machine, is_64bit_ ? 64 : 32));
  }
  return std::nullopt;
}

std::optional<Problem> Elf::read_header() {
  const auto bits = reader_.part(4, 3);
  if (!bits) return malformed("an ELF file of a few bytes: expected a vmlinux");
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>((*bits)[i]); };
  if (at(0) != 1 && at(0) != 2)
    return malformed(fmt::format("ELF class {} at byte 4: expected 1 (32 bits) or 2 (64 bits)", at(0)));
  if (at(1) != 1) return malformed("a big-endian ELF file: expected a little-endian kernel");
  is_64bit_ = at(0) == 2;
  const auto machine = reader_.u16(0x12);
  if (!machine) return malformed("an ELF header that breaks off: expected a vmlinux");
  if (auto problem = take_machine(*machine)) return problem;
  const auto segments = word(is_64bit_ ? 0x20 : 0x1c), sections = word(is_64bit_ ? 0x28 : 0x20);
  const std::uint64_t counts = is_64bit_ ? 0x36 : 0x2a;
  const auto segment_size = reader_.u16(counts), segment_count = reader_.u16(counts + 2);
  const auto section_size = reader_.u16(counts + 4), section_count = reader_.u16(counts + 6);
  const auto names = reader_.u16(counts + 8);
  if (!segments || !sections || !names) return malformed("an ELF header that breaks off: expected a vmlinux");
  segment_table_ = {*segments, *segment_size, *segment_count};
  section_table_ = {*sections, *section_size, *section_count};
  name_section_ = *names;
  if (segment_table_.count > kMostHeaders || section_table_.count > kMostHeaders)
    return malformed(fmt::format("an ELF file with {} sections and {} segments: expected at most {} of each",
                                 section_table_.count, segment_table_.count, kMostHeaders));
  return std::nullopt;
}

std::optional<Problem> Elf::read_sections() {
  const Table& table = section_table_;
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const std::uint64_t at = table.offset + i * table.entry, field = is_64bit_ ? 8 : 4;
    Section section;
    const auto name = reader_.u32(at), type = reader_.u32(at + 4);
    const auto flags = word(at + 8), address = word(at + 8 + field), offset = word(at + 8 + 2 * field),
               size = word(at + 8 + 3 * field);
    const auto link = reader_.u32(at + 8 + 4 * field);
    if (!name || !type || !flags || !address || !offset || !size || !link)
      return malformed(fmt::format(
          "section header {} at offset {:#x} lies outside the file: expected a whole vmlinux", i, at));
    section.name_at = *name;
    section.type = *type;
    section.flags = *flags;
    section.address = *address;
    section.offset = *offset;
    section.size = *size;
    section.link = *link;
    sections_.push_back(section);
  }
  if (name_section_ < sections_.size()) {
    const std::uint64_t names = sections_[name_section_].offset;
    for (Section& section : sections_)
      if (names <= bytes_.size()) section.name = reader_.text(names + section.name_at, kLongestName);
  }
  return std::nullopt;
}

std::optional<Problem> Elf::read_segments() {
  const Table& table = segment_table_;
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const std::uint64_t at = table.offset + i * table.entry;
    const auto type = reader_.u32(at);
    const auto address = word(is_64bit_ ? at + 0x10 : at + 8),
               physical = word(is_64bit_ ? at + 0x18 : at + 12),
               size = word(is_64bit_ ? at + 0x28 : at + 0x14);
    if (!type || !address || !physical || !size)
      return malformed(fmt::format(
          "program header {} at offset {:#x} lies outside the file: expected a whole vmlinux", i, at));
    if (*type == kLoad && *size <= UINT64_MAX - *address) segments_.push_back({*address, *physical, *size});
  }
  return std::nullopt;
}

// Only the telling ones. A table that reaches beyond the file is read as far as it goes.
NamedNumbers Elf::symbols() const {
  NamedNumbers found;
  for (const Section& table : sections_) {
    if (table.type != kSymbolTable || table.link >= sections_.size()) continue;
    const std::uint64_t names = sections_[table.link].offset, entry = is_64bit_ ? 24 : 16;
    if (table.offset > bytes_.size() || names > bytes_.size()) continue;
    const std::uint64_t size = std::min<std::uint64_t>(table.size, bytes_.size() - table.offset);
    for (std::uint64_t at = table.offset; at + entry <= table.offset + size; at += entry) {
      const auto name = reader_.u32(at);
      const auto value = word(is_64bit_ ? at + 8 : at + 4);
      if (!name || !value) break;
      if (*name == 0) continue;
      const std::string_view text = reader_.text(names + *name, kLongestName);
      if (is_telling_symbol(text)) found.insert_or_assign(std::string{text}, *value);
    }
  }
  return found;
}

// BTF where there is some, else DWARF. That there is neither is no problem of the kernel.
KernelStructs structs_of(const Elf& elf, std::span<const std::byte> bytes) {
  const auto take = [](Expected<KernelStructs> read) {
    if (read) return *std::move(read);
    KernelStructs none;
    none.problem = read.problem().text;
    return none;
  };
  const auto is_debugging = [](const Section& section) {
    return section.name == ".debug_info" || section.name == ".zdebug_info";
  };
  const auto& sections = elf.sections();
  for (const Section& section : sections)
    if (const auto part = ByteReader{bytes}.part(section.offset, section.size);
        section.name == ".BTF" && part)
      return take(structs_in_btf(*part));
  if (std::none_of(sections.begin(), sections.end(), is_debugging)) return {};
  const auto unpacked = with_debug_unpacked(bytes, sections, elf.section_table());
  if (!unpacked) return take(unpacked.problem());
  return take(structs_in_dwarf(*unpacked ? std::span<const std::byte>{**unpacked} : bytes));
}

}  // namespace

Expected<KernelStructs> structs_in_file(std::span<const std::byte> bytes) {
  if (!ByteReader{bytes}.has(0,
                             "\x7f"
                             "ELF"))
    return structs_in_btf(bytes);
  Elf elf{bytes};
  if (auto problem = elf.read_header()) return *std::move(problem);
  if (auto problem = elf.read_sections()) return *std::move(problem);
  KernelStructs structs = structs_of(elf, bytes);
  if (!structs.from.empty()) return structs;
  if (structs.problem.empty())
    structs.problem = "an ELF file without BTF or debugging information: expected .BTF or .debug_info";
  return malformed(std::move(structs.problem));
}

Expected<KernelFacts> read_vmlinux(std::span<const std::byte> bytes) {
  Elf elf{bytes};
  if (auto problem = elf.read_header()) return *std::move(problem);
  if (auto problem = elf.read_sections()) return *std::move(problem);
  if (auto problem = elf.read_segments()) return *std::move(problem);
  KernelFacts facts;
  facts.format = "a vmlinux";
  facts.arch = elf.arch();
  take_sections({elf.sections(), elf.segments()}, facts);
  const NamedNumbers symbols = elf.symbols();
  if (symbols.contains("_text") && symbols.contains("_end")) {
    facts.symbols = {};
    take_symbols(symbols, facts);
  } else {
    facts.format = "a vmlinux without symbols";
  }
  if (!facts.symbols.known())
    return malformed(
        "an ELF file with neither a kernel's symbols (_text, _end) nor its sections (.text, .bss): expected "
        "a vmlinux");
  facts.release = banner_release(bytes);
  facts.config = embedded_config(bytes);
  facts.structs = structs_of(elf, bytes);
  return facts;
}

}  // namespace quarry::lnx

#include "linux/debug_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "linux/byte_reader.hpp"
#include "linux/unpack.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kPacked = 0x800;  // SHF_COMPRESSED
constexpr std::uint32_t kByZstd = 2;

// Those that names and sizes of structures are in.
constexpr std::array kWanted = {".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str",
                                ".debug_str_offsets"};

bool is_packed_by_zstd(const ByteReader& elf, const Section& section) {
  return (section.flags & kPacked) != 0 && elf.u32(section.offset) == kByZstd &&
         std::find(kWanted.begin(), kWanted.end(), section.name) != kWanted.end();
}

void put_word(std::span<std::byte> bytes, std::uint64_t at, std::uint64_t value, unsigned word_bytes) {
  for (unsigned i = 0; i < word_bytes; ++i)
    bytes[static_cast<std::size_t>(at + i)] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace

Expected<std::optional<std::vector<std::byte>>> with_debug_unpacked(std::span<const std::byte> elf,
                                                                    std::span<const Section> sections,
                                                                    const SectionTable& table) {
  constexpr std::size_t most = std::size_t{1} << 30;
  const ByteReader reader{elf};
  std::optional<std::vector<std::byte>> copy;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    if (!is_packed_by_zstd(reader, section)) continue;
    // Before the packed bytes: how, how many bytes, and their alignment.
    const std::uint64_t header = table.word_bytes == 8 ? 24 : 12;
    const auto part = reader.part(section.offset, section.size);
    const auto broken = [&](std::string_view what) {
      return Problem{ExitStatus::malformed_input,
                     fmt::format("section {}: {}: expected what zstd packed", section.name, what)};
    };
    if (!part || part->size() <= header) return broken("it breaks off");
    const std::size_t made = copy ? copy->size() - elf.size() : 0;
    const auto unpacked = unpack(part->subspan(static_cast<std::size_t>(header)),
                                 std::min(kMostUnpacked, most - std::min(made, most)));
    if (!unpacked) return broken(unpacked.problem().text);
    if (!copy) copy.emplace(elf.begin(), elf.end());
    const std::uint64_t at = copy->size(), entry = table.offset + i * table.entry_bytes + 8;
    copy->insert(copy->end(), unpacked->begin(), unpacked->end());
    put_word(*copy, entry, section.flags & ~kPacked, table.word_bytes);
    put_word(*copy, entry + 2 * table.word_bytes, at, table.word_bytes);
    put_word(*copy, entry + 3 * table.word_bytes, unpacked->size(), table.word_bytes);
  }
  return copy;
}

}  // namespace quarry::lnx

// linux/debug_sections.hpp: debugging information that was packed by zstd, unpacked: elfutils 0.188 knows zlib alone.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "linux/kernel_sections.hpp"

namespace quarry::lnx {

// Where an ELF file has its table of sections.
struct SectionTable {
  std::uint64_t offset = 0, entry_bytes = 0;
  unsigned word_bytes = 8;  // 4 in files of 32 bits
};

// A copy of the file whose sections of debugging information are as if zstd had never packed them: what they unpack to
// lies behind the file, and the table says so. None: nothing is packed that way.
//
// Errors    malformed_input: a section that is not what it begins as, or all of them more than 1 GiB.
// Source    System V ABI, "Section Compression"; ELFCOMPRESS_ZSTD is 2.
Expected<std::optional<std::vector<std::byte>>> with_debug_unpacked(std::span<const std::byte> elf,
                                                                    std::span<const Section> sections,
                                                                    const SectionTable& table);

}  // namespace quarry::lnx

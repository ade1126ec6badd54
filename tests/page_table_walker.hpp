// tests/page_table_walker.hpp: what a processor makes of page tables, read off the manuals bit by bit.
//
// Nothing here is shared with the writer: neither its formats nor its idea of levels. Hosted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace quarry::vm::walker {

struct Translation {
  std::uint64_t at;
  std::uint64_t page_bytes;
  bool write, execute, user;
  unsigned type;                      // 0 cached, 1 uncached, 2 registers
  std::vector<std::uint64_t> tables;  // that were read on the way, the root first
  bool operator==(const Translation&) const = default;
};
using ReadWord = std::function<std::uint64_t(std::uint64_t at)>;
using Walk =
    std::function<std::optional<Translation>(std::uint64_t root, std::uint64_t virt, const ReadWord&)>;

inline std::uint64_t field(std::uint64_t word, unsigned high, unsigned low) {
  return word << (63 - high) >> (63 - high + low);
}

// SDM volume 3A, 4.5.4: PML5 (56:48), PML4 (47:39), PDPT (38:30), PD (29:21), PT (20:12).
inline std::optional<Translation> walk_x86(unsigned levels, std::uint64_t root, std::uint64_t virt,
                                           const ReadWord& read) {
  Translation found{
      .at = 0, .page_bytes = 0, .write = true, .execute = true, .user = true, .type = 0, .tables = {}};
  std::uint64_t table = root;
  for (unsigned low = 12 + 9 * (levels - 1);; low -= 9) {
    found.tables.push_back(table);
    const std::uint64_t entry = read(table + 8 * field(virt, low + 8, low));
    if (field(entry, 0, 0) == 0) return std::nullopt;
    found.write = found.write && field(entry, 1, 1) == 1;
    found.user = found.user && field(entry, 2, 2) == 1;
    found.execute = found.execute && field(entry, 63, 63) == 0;
    const bool large = low != 12 && field(entry, 7, 7) == 1;
    if (large && low > 30) return std::nullopt;  // reserved: a fault
    if (low != 12 && !large) {
      table = field(entry, 51, 12) << 12;
      continue;
    }
    // PAT is bit 12 of a large page and 7 of a small one; bits up to the page's size are reserved.
    if (field(entry, large ? 12 : 7, large ? 12 : 7) != 0) return std::nullopt;
    if (large && low > 13 && field(entry, low - 1, 13) != 0) return std::nullopt;
    found.page_bytes = std::uint64_t{1} << low;
    found.at = (field(entry, 51, low) << low) + field(virt, low - 1, 0);
    const unsigned pat = static_cast<unsigned>(field(entry, 4, 3));  // PCD, PWT
    found.type = pat == 0 ? 0 : pat == 1 ? 1 : pat == 3 ? 2 : 9;
    return found;
  }
}

// DDI 0487, D8.3.1 and D8.3.2; DDI 0406C, B3.6.1. `never_bits`: 2 for UXN and PXN apart, 1 for XN.
inline std::optional<Translation> walk_arm(unsigned page_bits, unsigned virt_bits, unsigned phys_bits,
                                           unsigned never_bits, std::uint64_t root, std::uint64_t virt,
                                           const ReadWord& read) {
  const unsigned index_bits = page_bits - 3;
  unsigned low = page_bits;
  while (low + index_bits < virt_bits) low += index_bits;
  Translation found{
      .at = 0, .page_bytes = 0, .write = false, .execute = false, .user = false, .type = 0, .tables = {}};
  std::uint64_t table = root;
  for (unsigned high = virt_bits - 1;; high = low - 1, low -= index_bits) {
    found.tables.push_back(table);
    const std::uint64_t entry = read(table + 8 * field(virt, high, low));
    if (field(entry, 0, 0) == 0) return std::nullopt;
    const bool second = field(entry, 1, 1) == 1;
    if (low == page_bits && !second) return std::nullopt;  // reserved
    if (low != page_bits && second) {
      if (field(entry, 63, 59) != 0) return std::nullopt;  // APTable, XNTable, PXNTable: nobody writes them
      table = field(entry, phys_bits - 1, page_bits) << page_bits;
      continue;
    }
    if (low > (page_bits == 12 ? 30u : page_bits == 14 ? 25u : 29u)) return std::nullopt;  // no such block
    if (field(entry, 10, 10) != 1 || field(entry, 9, 8) != 3) return std::nullopt;  // AF; inner shareable
    found.page_bytes = std::uint64_t{1} << low;
    found.at = (field(entry, phys_bits - 1, low) << low) + field(virt, low - 1, 0);
    found.write = field(entry, 7, 7) == 0;
    found.user = field(entry, 6, 6) == 1;
    const bool user_never = field(entry, 54, 54) == 1, kernel_never = field(entry, 53, 53) == 1;
    if (never_bits == 2)
      found.execute = found.user ? !user_never : !kernel_never;
    else
      found.execute = !user_never && (found.user || !kernel_never);
    if (found.user && !kernel_never) return std::nullopt;  // the kernel would run user programs
    if (never_bits == 2 && !found.user && !user_never) return std::nullopt;
    found.type = static_cast<unsigned>(field(entry, 4, 2));
    return found;
  }
}

// Privileged architecture, 4.3.2 and 4.4.1, Svpbmt.
inline std::optional<Translation> walk_riscv(unsigned levels, std::uint64_t root, std::uint64_t virt,
                                             const ReadWord& read) {
  std::uint64_t table = root;
  Translation found{
      .at = 0, .page_bytes = 0, .write = false, .execute = false, .user = false, .type = 0, .tables = {}};
  for (unsigned low = 12 + 9 * (levels - 1);; low -= 9) {
    found.tables.push_back(table);
    const std::uint64_t entry = read(table + 8 * field(virt, low + 8, low));
    if (field(entry, 0, 0) == 0) return std::nullopt;
    const bool r = field(entry, 1, 1) == 1, w = field(entry, 2, 2) == 1, x = field(entry, 3, 3) == 1;
    if (!r && !x) {
      if (w || low == 12 || field(entry, 7, 6) != 0) return std::nullopt;
      table = field(entry, 53, 10) << 12;
      continue;
    }
    if (!r || field(entry, 6, 6) != 1 || (w && field(entry, 7, 7) != 1)) return std::nullopt;  // faults
    if (low > 12 && field(entry, 10 + low - 12 - 1, 10) != 0) return std::nullopt;             // misaligned
    found.page_bytes = std::uint64_t{1} << low;
    found.at = (field(entry, 53, 10 + low - 12) << low) + field(virt, low - 1, 0);
    found.write = w, found.execute = x, found.user = field(entry, 4, 4) == 1;
    found.type = static_cast<unsigned>(field(entry, 62, 61));
    return found;
  }
}

}  // namespace quarry::vm::walker

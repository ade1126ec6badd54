// cli/figures.hpp: what a boot comes to, as numbers that can be subtracted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/boot_report.hpp"

namespace quarry::cli {

// By name; a name that is not there counts 0.
using Amounts = std::map<std::string, std::int64_t>;

// A boot's outcome, or the change from one to another.
//
// Law       the ledger's sum is `ram`.
struct Figures {
  std::int64_t mem_total = 0, cma_total = 0, high_total = 0;  // KiB, as in /proc/meminfo
  std::int64_t ram = 0;                                       // bytes
  Amounts managed;                                            // pages, by zone: "node 0 DMA32"
  Amounts ledger;                                             // bytes, by owner

  Figures& operator+=(const Figures& other);
  Figures& operator-=(const Figures& other);
  friend Figures operator+(Figures a, const Figures& b) { return a += b; }
  friend Figures operator-(Figures a, const Figures& b) { return a -= b; }
  friend bool operator==(const Figures&, const Figures&) = default;
  bool is_zero() const { return *this == Figures{}; }
  // What the buckets change by, whichever way: how much memory is used otherwise.
  std::uint64_t moved() const;
};

// Amounts that are 0 are left out of sums and differences.
Figures figures_of(const BootReport& report);

// What both have: of two amounts of one sign the smaller, otherwise 0.
Figures common(const Figures& a, const Figures& b);

}  // namespace quarry::cli

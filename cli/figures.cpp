#include "cli/figures.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace quarry::cli {
namespace {

void add(Amounts& into, const Amounts& other, std::int64_t sign) {
  for (const auto& [name, amount] : other) {
    const auto [at, is_new] = into.try_emplace(name, 0);
    at->second += sign * amount;
    if (at->second == 0) into.erase(at);
  }
}

void add(Figures& into, const Figures& other, std::int64_t sign) {
  into.mem_total += sign * other.mem_total;
  into.cma_total += sign * other.cma_total;
  into.high_total += sign * other.high_total;
  into.ram += sign * other.ram;
  add(into.managed, other.managed, sign);
  add(into.ledger, other.ledger, sign);
}

std::int64_t common_of(std::int64_t a, std::int64_t b) {
  if ((a < 0) != (b < 0)) return 0;
  return std::abs(a) < std::abs(b) ? a : b;
}

Amounts common_of(const Amounts& a, const Amounts& b) {
  Amounts both;
  for (const auto& [name, amount] : a) {
    const auto other = b.find(name);
    const std::int64_t shared = other == b.end() ? 0 : common_of(amount, other->second);
    if (shared != 0) both.emplace(name, shared);
  }
  return both;
}

}  // namespace

Figures& Figures::operator+=(const Figures& other) {
  add(*this, other, 1);
  return *this;
}

Figures& Figures::operator-=(const Figures& other) {
  add(*this, other, -1);
  return *this;
}

std::uint64_t Figures::moved() const {
  std::uint64_t sum = 0;
  for (const auto& [owner, bytes] : ledger) sum += static_cast<std::uint64_t>(std::abs(bytes));
  return sum;
}

Figures figures_of(const BootReport& report) {
  const auto number = [](std::uint64_t amount) { return static_cast<std::int64_t>(amount); };
  Figures figures{.mem_total = number(report.mem_total_kib),
                  .cma_total = number(report.cma_total_kib),
                  .high_total = number(report.high_total_kib),
                  .ram = number(report.ram_bytes),
                  .managed = {},
                  .ledger = {}};
  for (const NodeEntry& node : report.nodes)
    for (const ZoneEntry& zone : node.zones)
      if (zone.managed_pages != 0)
        figures.managed[fmt::format("node {} {}", node.id, zone.name)] += number(zone.managed_pages);
  for (const LedgerEntry& line : report.ledger)
    if (line.bytes != 0) figures.ledger[line.owner] += number(line.bytes);
  return figures;
}

Figures common(const Figures& a, const Figures& b) {
  return {.mem_total = common_of(a.mem_total, b.mem_total),
          .cma_total = common_of(a.cma_total, b.cma_total),
          .high_total = common_of(a.high_total, b.high_total),
          .ram = common_of(a.ram, b.ram),
          .managed = common_of(a.managed, b.managed),
          .ledger = common_of(a.ledger, b.ledger)};
}

}  // namespace quarry::cli

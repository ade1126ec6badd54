#include "cli/diff_report.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/compare_boot.hpp"
#include "cli/text.hpp"

namespace quarry::cli {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const DiffSide& side) {
  return {{"name", side.name},      {"source", side.source},        {"arch", side.arch},
          {"kernel", side.release}, {"cmdline", side.command_line}, {"notes", side.notes}};
}

Json changes(const Amounts& amounts, const char* name, const char* unit) {
  Json list = Json::array();
  for (const auto& [key, amount] : amounts) list.push_back({{name, key}, {unit, amount}});
  return list;
}

// A change, by quantity.
Json json_of(const Figures& change) {
  return {{"mem_total_kib", change.mem_total},
          {"cma_total_kib", change.cma_total},
          {"high_total_kib", change.high_total},
          {"ram_bytes", change.ram},
          {"zones", changes(change.managed, "zone", "managed_pages")},
          {"ledger", changes(change.ledger, "owner", "bytes")}};
}

Json held(std::int64_t a, std::int64_t b) { return {{"a", a}, {"b", b}, {"change", b - a}}; }

Json held(const Amounts& a, const Amounts& b, const char* name) {
  Amounts all = a;
  all.insert(b.begin(), b.end());
  Json list = Json::array();
  const auto amount = [](const Amounts& amounts, const std::string& key) {
    const auto at = amounts.find(key);
    return at == amounts.end() ? std::int64_t{0} : at->second;
  };
  for (const auto& [key, ignored] : all) {
    Json line{{name, key}};
    line.update(held(amount(a, key), amount(b, key)));
    list.push_back(std::move(line));
  }
  return list;
}

Json json_of(const Effect& effect, const std::vector<lnx::Difference>& all) {
  Json differences = Json::array();
  for (const std::size_t index : effect.differences) {
    const lnx::Difference& difference = all[index];
    differences.push_back({{"kind", lnx::name_of(difference.kind)},
                           {"what", difference.what},
                           {"a", difference.before},
                           {"b", difference.after}});
  }
  return {{"differences", differences}, {"alone", effect.is_alone}, {"change", json_of(effect.change)}};
}

std::int64_t number(std::uint64_t amount) { return static_cast<std::int64_t>(amount); }

}  // namespace

DiffSide told_of(const Side& side) {
  return {side.name,
          side.machine.source,
          to_string(boot::name_of(side.machine.kernel.arch)),
          side.machine.kernel.release,
          side.machine.command_line,
          side.machine.notes};
}

std::vector<RealChange> real_changes(const RealTotals& a, const RealTotals& b, const lnx::MachineMix& mix,
                                     const Attribution& attribution) {
  std::vector<RealChange> changes;
  const Figures predicted = attribution.after - attribution.before;
  const auto hold = [&](const char* name, const auto& before, const auto& after, std::int64_t change) {
    if (before && after) changes.push_back({name, number(*before), number(*after), change});
  };
  hold("MemTotal", a.mem_total_kib, b.mem_total_kib, predicted.mem_total);
  hold("CmaTotal", a.cma_total_kib, b.cma_total_kib, predicted.cma_total);
  hold("HighTotal", a.high_total_kib, b.high_total_kib, predicted.high_total);
  if (!a.available_kib || !b.available_kib) return changes;
  // The log's line is of an earlier moment.
  const auto of_line = [](const lnx::MachineDescription& machine) {
    return boot_to_compare(machine).shown.log.managed_kib;
  };
  const auto before = of_line(mix.from()), after = of_line(mix.to());
  if (before && after)
    hold("Memory: available", a.available_kib, b.available_kib, number(*after) - number(*before));
  return changes;
}

std::string diff_json(const DiffReport& report) {
  const Attribution& found = report.attribution;
  Json effects = Json::array(), real = Json::array();
  for (const Effect& effect : found.effects) effects.push_back(json_of(effect, report.differences));
  for (const RealChange& change : report.real)
    real.push_back({{"name", change.name},
                    {"a_kib", change.before},
                    {"b_kib", change.after},
                    {"change_kib", change.change()},
                    {"predicted_kib", change.predicted},
                    {"unexplained_kib", change.unexplained()}});
  const Figures &a = found.before, &b = found.after;
  const Json all = {{"schema", "quarry.diff/1"},
                    {"a", json_of(report.a)},
                    {"b", json_of(report.b)},
                    {"totals",
                     {{"mem_total_kib", held(a.mem_total, b.mem_total)},
                      {"cma_total_kib", held(a.cma_total, b.cma_total)},
                      {"high_total_kib", held(a.high_total, b.high_total)},
                      {"ram_bytes", held(a.ram, b.ram)}}},
                    {"zones", held(a.managed, b.managed, "zone")},
                    {"ledger", held(a.ledger, b.ledger, "owner")},
                    {"causes", effects},
                    {"together", json_of(found.together)},
                    {"unexplained", json_of(found.unexplained)},
                    {"real", real}};
  return all.dump(2) + "\n";
}

}  // namespace quarry::cli

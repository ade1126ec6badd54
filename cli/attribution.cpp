#include "cli/attribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <tuple>

#include "cli/boot_machine.hpp"

namespace quarry::cli {
namespace {

using lnx::DifferenceKind;
using Group = std::vector<std::size_t>;

// More are tried together, as one.
constexpr std::size_t kMostGroups = 96;

// Finds out by boots; each machine is booted once.
class Experiment {
 public:
  Experiment(const lnx::MachineMix& mix, const Boot& boot) : mix_{mix}, boot_{boot} {
    for (std::size_t i = 0; i < mix.differences().size(); ++i) {
      const bool joins = i >= kMostGroups && kind_of({i}) == kind_of(groups_.back());
      if (joins)
        groups_.back().push_back(i);
      else
        groups_.push_back({i});
    }
  }

  // Before and after each group, in both orders. Groups that cannot be told apart are joined on the way.
  void run() {
    while (!walk(one_way(), one_) || !walk(other_way(), other_)) {
    }
  }

  std::vector<Effect> effects() const {
    std::vector<Effect> all;
    for (std::size_t i = 0; i < groups_.size(); ++i)
      all.push_back({groups_[i], common(one_[i], other_[i]), one_[i] == other_[i]});
    return all;
  }
  // With everything taken over; none: even that does not boot.
  std::optional<Figures> reached() { return booted(lnx::Chosen(mix_.differences().size(), true)); }
  void set_begin(Figures begin) { begin_ = std::move(begin); }
  std::size_t boots() const { return known_.size(); }

 private:
  DifferenceKind kind_of(const Group& group) const { return mix_.differences()[group.front()].kind; }

  std::vector<std::size_t> one_way() const {
    std::vector<std::size_t> order(groups_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    return order;
  }

  // The other way round, but for memory, which is added before other memory goes, and for places, which follow.
  std::vector<std::size_t> other_way() const {
    std::vector<std::size_t> order, memory, places;
    for (std::size_t i = groups_.size(); i-- > 0;) {
      const DifferenceKind kind = kind_of(groups_[i]);
      (kind == DifferenceKind::memory ? memory : kind == DifferenceKind::place ? places : order).push_back(i);
    }
    order.insert(order.end(), memory.rbegin(), memory.rend());
    order.insert(order.end(), places.rbegin(), places.rend());
    return order;
  }

  // False: a machine on the way did not boot; its group has been joined with the next.
  bool walk(const std::vector<std::size_t>& order, std::vector<Figures>& changes) {
    changes.assign(groups_.size(), {});
    lnx::Chosen chosen(mix_.differences().size());
    Figures last = begin_;
    for (std::size_t step = 0; step < order.size(); ++step) {
      for (const std::size_t index : groups_[order[step]]) chosen[index] = true;
      auto now = booted(chosen);
      if (!now && step + 1 < order.size()) {
        join(order[step], order[step + 1]);
        return false;
      }
      if (!now) return true;  // all of them, and it does not boot: nothing is attributed to the last
      changes[order[step]] = *now - last;
      last = *std::move(now);
    }
    return true;
  }

  void join(std::size_t a, std::size_t b) {
    const std::size_t first = std::min(a, b), second = std::max(a, b);
    groups_[first].insert(groups_[first].end(), groups_[second].begin(), groups_[second].end());
    groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(second));
  }

  std::optional<Figures> booted(const lnx::Chosen& chosen) {
    const auto [at, is_new] = known_.try_emplace(chosen);
    if (!is_new) return at->second;
    const auto machine = mix_.mixed(chosen);
    if (!machine) return std::nullopt;
    auto figures = boot_(*machine);
    if (figures) at->second = *std::move(figures);
    return at->second;
  }

  const lnx::MachineMix& mix_;
  const Boot& boot_;
  Figures begin_;
  std::vector<Group> groups_;
  std::vector<Figures> one_, other_;  // by group
  std::map<lnx::Chosen, std::optional<Figures>> known_;
};

bool is_larger(const Effect& a, const Effect& b) {
  const auto weight = [](const Effect& effect) {
    const Figures& change = effect.change;
    const auto size = [](std::int64_t amount) { return static_cast<std::uint64_t>(std::abs(amount)); };
    return std::tuple{size(change.mem_total), change.moved(), size(change.cma_total)};
  };
  return weight(a) > weight(b);
}

}  // namespace

lnx::Expected<Figures> boot_for_figures(const lnx::MachineDescription& machine) {
  const auto report = boot_to_read(machine);
  if (!report) return report.problem();
  return figures_of(*report);
}

lnx::Expected<Attribution> attribute(const lnx::MachineMix& mix, const Boot& boot) {
  const auto side = [&](const lnx::MachineDescription& machine) -> lnx::Expected<Figures> {
    auto figures = boot(machine);
    if (figures) return figures;
    return lnx::Problem{figures.problem().exit_status,
                        fmt::format("{}: {}", machine.source, figures.problem().text)};
  };
  auto before = side(mix.from());
  if (!before) return before.problem();
  auto after = side(mix.to());
  if (!after) return after.problem();

  Experiment experiment{mix, boot};
  experiment.set_begin(*before);
  experiment.run();
  Attribution result{
      .before = *before, .after = *after, .effects = experiment.effects(), .together = {}, .unexplained = {}};
  const Figures reached = experiment.reached().value_or(*before);
  result.together = reached - *before;
  for (const Effect& effect : result.effects) result.together -= effect.change;
  result.unexplained = *after - reached;
  result.boots = experiment.boots() + 2;
  std::stable_sort(result.effects.begin(), result.effects.end(), is_larger);
  return result;
}

}  // namespace quarry::cli

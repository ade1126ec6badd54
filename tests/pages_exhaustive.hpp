// tests/pages_exhaustive.hpp: all that the page allocator can be asked to do on a few pages.
//
// A state is what the tables of the whole machine are, byte by byte, whatever led there. Each state that up to a number
// of calls lead to is left by each call, once; after each call the laws are tried and the cells compared.
#pragma once

#include <unordered_set>

#include "tests/pages_machines.hpp"

namespace quarry::buddy {

enum class Theme : std::uint8_t { blocks, urgency, runs, isolation };

// What is asked of `pages` pages, but for the frees of what is in use.
inline std::vector<PageStep> steps_about(Theme theme, std::uint64_t pages, std::uint64_t pageblock,
                                         unsigned orders) {
  std::vector<PageStep> steps;
  for (unsigned order = 0; order < orders; ++order)
    for (const MigrateType type : {MigrateType::unmovable, MigrateType::movable}) {
      steps.push_back({.verb = Verb::alloc, .order = order, .type = type});
      if (theme != Theme::urgency) continue;
      steps.push_back({.verb = Verb::alloc, .order = order, .type = type, .urgency = Urgency::atomic});
      steps.push_back({.verb = Verb::alloc, .order = order, .type = type, .effort = Effort::full});
    }
  steps.push_back({.verb = Verb::drain});
  if (theme == Theme::runs) {
    for (std::uint64_t page = 0; page < pages; page += 3)
      for (const Verb verb : {Verb::get, Verb::put}) steps.push_back({.verb = verb, .page = page});
    for (std::uint64_t page = 0; page < pages; page += 4)
      steps.push_back({.verb = Verb::split, .order = 2, .page = page});
    for (const std::uint64_t count : {std::uint64_t{3}, std::uint64_t{5}})
      for (const Verb verb : {Verb::bulk, Verb::exact}) steps.push_back({.verb = verb, .count = count});
    steps.push_back({.verb = Verb::free_exact, .page = 0, .count = 3});
  }
  if (theme == Theme::isolation)
    for (std::uint64_t page = 0; page < pages; page += pageblock) {
      for (std::uint64_t count = pageblock; count <= 2 * pageblock && page + count <= pages;
           count += pageblock) {
        steps.push_back({.verb = Verb::isolate, .page = page, .count = count});
        steps.push_back({.verb = Verb::undo, .page = page, .count = count});
      }
      steps.push_back({.verb = Verb::undo, .type = MigrateType::cma, .page = page, .count = pageblock});
      steps.push_back({.verb = Verb::take_range, .page = page + 1, .count = pageblock});
      steps.push_back({.verb = Verb::free_range, .page = page + 1, .count = pageblock});
    }
  return steps;
}

struct PagesCoverage {
  std::uint64_t states = 0, transitions = 0;
  std::vector<std::uint64_t> by_depth{};
  bool is_whole = true;  // false: there were more states than may be kept
  std::string wrong{};
  std::vector<PageStep> how{};
};

template <class Both>
class PagesStates {
 public:
  PagesStates(Both& both, const std::vector<PageStep>& steps, std::size_t max_states)
      : both_{both}, steps_{steps}, max_states_{max_states} {}

  PagesCoverage run(std::size_t depth) {
    both_.save(start_);
    ways_.push_back({});
    met_.insert(both_.digest());
    seen_.wrong = both_.compare();
    std::size_t next = 0;
    for (std::size_t done = 0; done < depth && seen_.wrong.empty(); ++done) {
      const std::size_t end = ways_.size();
      seen_.by_depth.push_back(end - next);
      for (; next < end && seen_.wrong.empty(); ++next) leave(next, done + 1 < depth);
    }
    seen_.states = met_.size();
    seen_.by_depth.push_back(met_.size() - next);
    return seen_;
  }

 private:
  struct Way {
    std::uint32_t from = 0;
    PageStep step{};
  };
  // The steps of the alphabet and a free of every block in use.
  std::vector<PageStep> steps_from_here() const {
    std::vector<PageStep> steps = steps_;
    for (std::uint64_t page = 0; page < both_.cells().size(); ++page)
      if (const PageCell& cell = both_.cells()[page]; cell.is == PageCell::Is::head && cell.users == 1)
        steps.push_back({.verb = Verb::free, .order = cell.order, .page = page});
    return steps;
  }
  void leave(std::size_t state, bool is_kept) {
    repeat(state);
    both_.save(here_);
    seen_.wrong = both_.misuse_everything();
    if (!seen_.wrong.empty()) return tell(state);
    for (const PageStep& step : steps_from_here()) {
      seen_.wrong = both_.step(step);
      ++seen_.transitions;
      if (!seen_.wrong.empty()) {
        seen_.how.push_back(step);
        return tell(state);
      }
      meet({static_cast<std::uint32_t>(state), step}, is_kept);
      both_.load(here_);
    }
  }
  void meet(const Way& way, bool is_kept) {
    const std::uint64_t digest = both_.digest();
    if (met_.size() >= max_states_) {
      seen_.is_whole = seen_.is_whole && met_.count(digest) != 0;
      return;
    }
    if (met_.insert(digest).second && is_kept) ways_.push_back(way);
  }
  void repeat(std::size_t state) {
    std::vector<std::size_t> way;
    for (; state != 0; state = ways_[state].from) way.push_back(state);
    both_.load(start_);
    for (std::size_t i = way.size(); i > 0; --i) both_.apply(ways_[way[i - 1]].step);
  }
  void tell(std::size_t state) {
    for (; state != 0; state = ways_[state].from) seen_.how.insert(seen_.how.begin(), ways_[state].step);
  }

  Both& both_;
  const std::vector<PageStep>& steps_;
  std::size_t max_states_;
  std::unordered_set<std::uint64_t> met_;
  std::vector<Way> ways_;  // to the states that are left, by depth
  typename Both::Snapshot start_, here_;
  PagesCoverage seen_;
};

}  // namespace quarry::buddy

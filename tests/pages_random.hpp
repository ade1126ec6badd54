// tests/pages_random.hpp: long random runs of the page allocator beside its cells.
#pragma once

#include "tests/pages_machines.hpp"

namespace quarry::buddy {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : bits_{seed * 0x9e37'79b9'7f4a'7c15 + 1} {}
  std::uint64_t below(std::uint64_t end) {
    bits_ ^= bits_ << 13, bits_ ^= bits_ >> 7, bits_ ^= bits_ << 17;
    return (bits_ >> 11) % end;
  }

 private:
  std::uint64_t bits_;
};

// Mostly sensible: frees hit what is in use more often than not.
template <class Both>
PageStep random_step(const Both& both, const PagesSetup& setup, unsigned max_order, std::uint64_t pageblock,
                     Dice& dice) {
  constexpr Verb kDeck[] = {Verb::alloc,      Verb::alloc,       Verb::alloc,        Verb::alloc,
                            Verb::alloc,      Verb::alloc,       Verb::free,         Verb::free,
                            Verb::free,       Verb::free,        Verb::free,         Verb::free,
                            Verb::get,        Verb::put,         Verb::put,          Verb::split,
                            Verb::bulk,       Verb::exact,       Verb::drain,        Verb::undo,
                            Verb::undo,       Verb::isolate,     Verb::take_range,   Verb::free_range,
                            Verb::set_marks,  Verb::switch_core, Verb::free_exact,   Verb::alloc_at,
                            Verb::area_alloc, Verb::area_alloc,  Verb::area_release, Verb::area_release};
  constexpr MigrateType kTypes[] = {MigrateType::unmovable, MigrateType::movable, MigrateType::movable,
                                    MigrateType::reclaimable};
  PageStep step;
  step.verb = kDeck[dice.below(sizeof(kDeck) / sizeof(kDeck[0]))];
  step.type = kTypes[dice.below(4)];
  step.order = static_cast<unsigned>(dice.below(2) != 0 ? dice.below(3) : dice.below(max_order + 1));
  if (step.order > max_order) step.order = max_order;
  step.page = dice.below(both.cells().size());
  step.count = dice.below(dice.below(4) != 0 ? 9 : 2 * pageblock);
  step.urgency = static_cast<Urgency>(dice.below(3) != 0 ? 0 : dice.below(4));
  step.effort = static_cast<Effort>(dice.below(3));
  const auto& area = setup.zones[dice.below(setup.zones.size())];
  step.highest = area.type;
  step.node = area.node;
  step.placement = dice.below(4) != 0 ? Placement::nearest : Placement::this_node;
  const bool gives = step.verb == Verb::free || step.verb == Verb::put || step.verb == Verb::split;
  for (std::uint64_t i = 0; gives && i < both.cells().size() && dice.below(16) != 0; ++i) {
    const std::uint64_t at = (step.page + i) % both.cells().size();
    if (both.cells()[at].is != PageCell::Is::head) continue;
    step.page = at;
    step.order = both.cells()[at].order;
    break;
  }
  if ((step.verb == Verb::isolate || step.verb == Verb::undo) && dice.below(8) != 0) {
    step.page = step.page / pageblock * pageblock;
    step.count = pageblock * (1 + dice.below(3));
  }
  if (step.verb == Verb::undo && dice.below(8) == 0) step.type = MigrateType::cma;
  // Mostly a run that an area handed out, or a part of it.
  if (step.verb == Verb::area_release && dice.below(4) != 0) {
    const auto& out = both.handed_out();
    for (std::uint64_t i = 0; i < out.size() && !out[step.page]; ++i)
      step.page = (step.page + 1) % out.size();
    std::uint64_t run = 0;
    while (run < step.count && step.page + run < out.size() && out[step.page + run]) ++run;
    step.count = run;
  }
  if (step.verb == Verb::set_marks) step.count = dice.below(64);
  return step;
}

// Returns   what is wrong, with the steps that led there, or an empty text.
template <Geometry G, class Policy>
std::string run_random_pages(const PagesSetup& setup, std::uint64_t seed, unsigned length) {
  PagesLockstep<G, Policy> both{setup};
  if (!both.is_ready()) return "not ready";
  Dice dice{seed};
  std::vector<PageStep> done;
  std::string wrong = both.compare();
  for (unsigned i = 0; i < length && wrong.empty(); ++i) {
    done.push_back(random_step(both, setup, G.max_order_, std::uint64_t{1} << G.pageblock_order_, dice));
    both.mover_refuses = dice.below(4) == 0;
    wrong = both.step(done.back());
    if (wrong.empty() && i % 64 == 63) wrong = both.misuse_everything();
    if (wrong.empty() && i % 16 == 15) {
      std::vector<PageStep> requests;
      for (unsigned n = 0; n < 24; ++n) {
        PageStep one = random_step(both, setup, G.max_order_, 1, dice);
        if (one.effort == Effort::full) one.effort = Effort::no_wait;
        if (!page::is_ordinary(one.type)) one.type = MigrateType::movable;
        requests.push_back(one);
      }
      wrong = both.try_obstacles(requests);
    }
  }
  if (wrong.empty()) return wrong;
  wrong += " (seed " + std::to_string(seed) + ") after " + std::to_string(done.size()) + " steps, the last";
  for (std::size_t i = done.size() > 12 ? done.size() - 12 : 0; i < done.size(); ++i)
    wrong += "\n  " + text_of(done[i]);
  return wrong;
}

}  // namespace quarry::buddy

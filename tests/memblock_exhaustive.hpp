// tests/memblock_exhaustive.hpp: all that Memblock can be asked to do on a few pages, against its model.
//
// Two ways, because each sees what the other cannot. All sequences of a length visit a state as often as there
// are ways to it, with whatever a search has left behind. All distinct states up to a depth go further: a
// state is what the cells, the policies and the ceilings and floors of searches are, and is left by each operation once.
#pragma once

#include <cstdio>
#include <initializer_list>

#include "tests/memblock_lockstep.hpp"

namespace quarry::early {

// The tests' way to what no caller sees but what decides where the next search begins.
struct Known {
  const Ceilings& ceilings;
  const Floors& floors;
  std::uint64_t version;  // of the memory that they hold for
};
template <auto kCeilings, auto kFloors, auto kVersion>
struct Opened {
  friend Known known_by(const Memblock& memblock) noexcept {
    return {memblock.*kCeilings, memblock.*kFloors, memblock.*kVersion};
  }
};
Known known_by(const Memblock& memblock) noexcept;
template struct Opened<&Memblock::ceilings_, &Memblock::floors_, &Memblock::bounds_of_>;

// Sixty-four bits that differ, but for chance, when one of the numbers added does.
class Digest {
 public:
  void add(std::uint64_t number) noexcept {
    bits_ = (bits_ ^ number) * 0x9e37'79b9'7f4a'7c15;
    bits_ ^= bits_ >> 29;
    bits_ = (bits_ ^ (bits_ << 32 | number >> 32)) * 0xbf58'476d'1ce4'e5b9;
    bits_ ^= bits_ >> 32;
  }
  // What a search wanted, from or up to where, and what it found.
  template <class Any>
  void add(const Any& wanted, PhysAddr edge, PhysAddr found) noexcept {
    add(wanted.size.raw | static_cast<std::uint64_t>(wanted.filter.node) << 32 |
        static_cast<std::uint64_t>(wanted.filter.flags) << 48 |
        std::uint64_t{wanted.filter.avoids_hotplug} << 52);
    add(wanted.alignment.raw ^ edge.raw << 20);
    add(found.raw);
  }
  std::uint64_t bits() const noexcept { return bits_; }

 private:
  std::uint64_t bits_ = 0x2545'f491'4f6c'dd1d;
};

// Many digests in few bytes: eight for each, and as many again for those to come. 0 stands for none.
class DigestSet {
 public:
  std::size_t size() const noexcept { return count_; }
  bool contains(std::uint64_t digest) const noexcept { return slots_[slot_of(digest)] == digest; }
  // Returns   whether it is new.
  bool insert(std::uint64_t digest) {
    if (3 * slots_.size() < 4 * (count_ + 1)) grow();
    std::uint64_t& slot = slots_[slot_of(digest)];
    if (slot == digest) return false;
    slot = digest;
    ++count_;
    return true;
  }

 private:
  std::size_t slot_of(std::uint64_t digest) const noexcept {
    std::size_t slot = static_cast<std::size_t>(digest) & (slots_.size() - 1);
    while (slots_[slot] != 0 && slots_[slot] != digest) slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }
  void grow() {
    std::vector<std::uint64_t> old(2 * slots_.size());
    old.swap(slots_);
    for (const std::uint64_t digest : old)
      if (digest != 0) slots_[slot_of(digest)] = digest;
  }

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024);
  std::size_t count_ = 0;
};

template <class Both>
std::uint64_t state_of(const Both& both) {
  const auto& model = both.model();
  Digest digest;
  std::uint64_t policies = std::uint64_t{model.has_mirror} | std::uint64_t{model.bottom_up} << 1 |
                           std::uint64_t{model.avoids_hotplug} << 2 |
                           std::uint64_t{both.memblock().memory().is_merged()} << 3;
  digest.add(policies | model.limit << 8 | model.trimmed << 16);
  for (const Cell& cell : model.cells) {
    std::uint64_t bits = std::uint64_t{cell.memory} | std::uint64_t{cell.reserved} << 1;
    if (cell.memory)
      bits |= std::uint64_t{cell.begins} << 2 | static_cast<std::uint64_t>(cell.flags) << 3 |
              static_cast<std::uint64_t>(cell.node) << 8;
    if (cell.reserved) bits |= static_cast<std::uint64_t>(cell.reserved_node) << 24;
    digest.add(bits);
  }
  const Known known = known_by(both.memblock());
  if (known.version == both.memblock().memory().version()) {
    for (const auto& [wanted, highest] : known.ceilings.known()) digest.add(wanted, wanted.top, highest);
    digest.add(known.ceilings.known().size());
    for (const auto& [wanted, lowest] : known.floors.known()) digest.add(wanted, wanted.bottom, lowest);
  }
  return digest.bits() != 0 ? digest.bits() : 1;
}

// What is done to `pages` pages from cell 1 on; cell 0 is there, but never memory.
enum class Theme : std::uint8_t { everything, nodes, mirror, hotplug, nomap, driver_managed, limits };

inline std::vector<Step> steps_about(Theme theme, std::size_t pages) {
  const bool all = theme == Theme::everything;
  const auto is = [&](Theme one) { return all || theme == one; };
  std::vector<Step> steps;
  std::vector<Verb> verbs{Verb::remove, Verb::reserve, Verb::free};
  const auto also = [&](Theme one, std::initializer_list<Verb> more) {
    if (is(one)) verbs.insert(verbs.end(), more);
  };
  also(Theme::hotplug, {Verb::mark_hotplug, Verb::clear_hotplug});
  also(Theme::mirror, {Verb::mark_mirror});
  also(Theme::nomap, {Verb::mark_nomap, Verb::clear_nomap});
  also(Theme::nodes, {Verb::set_reserved_node});
  for (std::size_t begin = 1; begin <= pages; ++begin)
    for (std::size_t end = begin + 1; end <= pages + 1; ++end) {
      const CellRange range{begin, end};
      for (const Verb verb : verbs) steps.push_back({.verb = verb, .range = range, .node = NodeId{1}});
      steps.push_back({.verb = Verb::add, .range = range, .node = NodeId{0}});
      if (is(Theme::driver_managed))
        steps.push_back(
            {.verb = Verb::add, .range = range, .node = NodeId{1}, .flags = Flags::driver_managed});
      if (is(Theme::nodes))
        for (const NodeId node : {NodeId{0}, NodeId{1}})
          steps.push_back({.verb = Verb::set_node, .range = range, .node = node});
    }
  for (std::size_t size = 1; size <= (pages < 3 ? pages : 3); ++size) {
    steps.push_back({.verb = Verb::alloc_try_nid, .size = size});
    if (!is(Theme::nodes)) continue;
    for (const NodeId node : {NodeId{0}, NodeId{1}})
      for (const Verb verb : {Verb::alloc_try_nid, Verb::alloc_exact})
        steps.push_back({.verb = verb, .node = node, .size = size});
  }
  steps.push_back({.verb = Verb::turn_around});
  if (is(Theme::hotplug)) steps.push_back({.verb = Verb::toggle_movable_node});
  if (is(Theme::limits)) {
    steps.push_back({.verb = Verb::steal});
    steps.push_back({.verb = Verb::trim, .alignment = 2});
    for (const std::size_t at : {pages / 2, pages}) {
      steps.push_back({.verb = Verb::set_limit, .range = {0, at}});
      steps.push_back({.verb = Verb::mem_limit, .size = at});
      steps.push_back({.verb = Verb::enforce_limit, .size = at});
      steps.push_back({.verb = Verb::cap, .range = {at / 2, at}});
      steps.push_back({.verb = Verb::alloc_range, .range = {at / 2, at}, .max = at});
      steps.push_back({.verb = Verb::alloc_try_nid, .range = {at, at}});
    }
  }
  return steps;
}

// Memory of two nodes, the second one's last page hotpluggable and avoided.
template <class Both>
void populate(Both& both, Direction direction) {
  const std::size_t end = Both::kCellCount, middle = (end + 1) / 2;
  both.apply({.verb = Verb::add, .range = {1, middle}, .node = NodeId{0}});
  both.apply({.verb = Verb::add, .range = {middle, end}, .node = NodeId{1}});
  both.apply({.verb = Verb::mark_hotplug, .range = {end - 1, end}});
  both.apply({.verb = Verb::toggle_movable_node});
  if (direction == Direction::bottom_up) both.apply({.verb = Verb::turn_around});
}

// What was looked at, and the first thing that was wrong.
struct Coverage {
  std::size_t operations = 0;
  std::uint64_t sequences = 0, states = 0, transitions = 0;
  std::vector<std::uint64_t> states_by_depth{};
  bool is_whole = true;  // false: there were more states than may be kept
  const char* wrong = nullptr;
  std::vector<Step> how{};  // the steps that led there
};

// --- All sequences ---------------------------------------------------------------------------------------

// Runs each sequence of `depth` operations; after each operation the tables are compared and audited, and
// before the last one everything that can be asked.
template <class Both>
class Sequences {
 public:
  Sequences(Both& both, const std::vector<Step>& steps, std::size_t depth)
      : both_{both}, steps_{steps}, before_(depth) {}

  Coverage run() {
    Coverage seen{.operations = steps_.size()};
    go(0, seen);
    return seen;
  }

 private:
  bool go(std::size_t done, Coverage& seen) {
    both_.save(before_[done]);
    const bool is_last = done + 1 == before_.size();
    for (const Step& step : steps_) {
      const char* wrong = is_last ? both_.step_tables(step) : both_.step(step);
      ++seen.transitions;
      seen.sequences += is_last;
      if (wrong != nullptr) seen.wrong = wrong;
      if (wrong != nullptr || (!is_last && !go(done + 1, seen))) {
        seen.how.insert(seen.how.begin(), step);
        return false;
      }
      both_.load(before_[done]);
    }
    return true;
  }

  Both& both_;
  const std::vector<Step>& steps_;
  std::vector<typename Both::Snapshot> before_;
};

// --- All distinct states -----------------------------------------------------------------------------------

// Leaves each state that up to `depth` - 1 operations lead to by each operation, once: the first time it is
// met, which is on a shortest way. It keeps a state's digest and how it was reached, and repeats that way.
template <class Both>
class States {
 public:
  States(Both& both, const std::vector<Step>& steps, std::size_t max_states)
      : both_{both}, steps_{steps}, max_states_{max_states} {}

  Coverage run(std::size_t depth) {
    Coverage seen{.operations = steps_.size()};
    both_.save(start_);
    ways_.push_back({});
    met_.insert(state_of(both_));
    std::size_t next = 0;
    for (std::size_t done = 0; done < depth && seen.wrong == nullptr; ++done) {
      const std::size_t end = ways_.size();
      seen.states_by_depth.push_back(end - next);
      for (; next < end && seen.wrong == nullptr; ++next) leave(next, done + 1 < depth, seen);
    }
    seen.states = met_.size();
    seen.states_by_depth.push_back(met_.size() - next);
    return seen;
  }

 private:
  struct Way {
    std::uint32_t from = 0;
    std::uint32_t step = 0;
  };

  void leave(std::size_t state, bool is_kept, Coverage& seen) {
    repeat(state);
    both_.save(here_);
    seen.wrong = both_.compare();
    if (seen.wrong == nullptr) seen.wrong = both_.compare_masks();
    for (std::size_t i = 0; i < steps_.size() && seen.wrong == nullptr; ++i) {
      seen.wrong = both_.step_tables(steps_[i]);
      ++seen.transitions;
      if (seen.wrong != nullptr) seen.how.push_back(steps_[i]);
      meet({static_cast<std::uint32_t>(state), static_cast<std::uint32_t>(i)}, is_kept, seen);
      both_.load(here_);
    }
    if (seen.wrong == nullptr) return;
    for (; state != 0; state = ways_[state].from)
      seen.how.insert(seen.how.begin(), steps_[ways_[state].step]);
  }
  void meet(Way way, bool is_kept, Coverage& seen) {
    if (met_.size() >= max_states_) {
      seen.is_whole = seen.is_whole && met_.contains(state_of(both_));
      return;
    }
    if (met_.insert(state_of(both_)) && is_kept) ways_.push_back(way);
  }
  void repeat(std::size_t state) {
    std::vector<std::uint32_t> way;
    for (; state != 0; state = ways_[state].from) way.push_back(ways_[state].step);
    both_.load(start_);
    for (std::size_t i = way.size(); i > 0; --i) both_.apply(steps_[way[i - 1]]);
  }

  Both& both_;
  const std::vector<Step>& steps_;
  std::size_t max_states_;
  DigestSet met_;
  std::vector<Way> ways_;  // to the states that are left, by depth
  typename Both::Snapshot start_, here_;
};

// For whoever wants to repeat it.
inline void print(const Step& step) {
  std::printf("  verb %u cells [%zu, %zu) node %u flags %u size %zu alignment %zu max %zu\n",
              static_cast<unsigned>(step.verb), step.range.begin, step.range.end,
              static_cast<unsigned>(step.node), static_cast<unsigned>(step.flags), step.size, step.alignment,
              step.max);
}

}  // namespace quarry::early

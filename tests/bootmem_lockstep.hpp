// tests/bootmem_lockstep.hpp: bootmem as a list of pages, and both side by side.
//
// The model asks of each page by itself whether it is free, and of each place in turn whether it fits; it has
// no words, no masks and no skipping. Where it would have to guess, the recorded traces decide.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "quarry/early/bootmem.hpp"

namespace quarry::early::by_page {

inline constexpr std::uint64_t kPage = 4096;

enum class Verb : std::uint8_t {
  free,
  free_node,
  reserve,
  reserve_node,
  alloc,
  alloc_low,
  alloc_node,
  alloc_high,
  count
};

// Bytes throughout.
struct Step {
  Verb verb{};
  std::uint64_t begin = 0, length = 0;
  bool is_exclusive = false;
  std::uint64_t size = 1, alignment = 1, goal = 0, limit = 0;
  unsigned node = 0;
};

struct ModelNode {
  std::uint64_t min, low;
  std::vector<bool> taken;
  std::uint64_t last_end = 0, hint = 0;
  bool is_gone = false;

  bool is_taken(std::uint64_t page) const { return taken[index(page)]; }
  void take(std::uint64_t page, bool is_so) { taken[index(page)] = is_so; }

 private:
  std::size_t index(std::uint64_t page) const { return static_cast<std::size_t>(page - min); }
};

struct Universe {
  std::vector<std::array<std::uint64_t, 2>> nodes;  // ascending, disjoint
  std::uint64_t low_limit, dma32;
};

class Model {
 public:
  explicit Model(const Universe& universe) : low_limit_{universe.low_limit}, dma32_{universe.dma32} {
    for (const auto& [min, low] : universe.nodes)
      nodes.push_back({min, low, std::vector<bool>(static_cast<std::size_t>(low - min), true)});
  }
  std::vector<ModelNode> nodes;

  // Returns   the address of an allocation, 0 for the others.
  Result<std::uint64_t> apply(const Step& step) {
    switch (step.verb) {
      case Verb::free: return change(up(step.begin), down(step.begin + step.length), step, nullptr);
      case Verb::free_node:
        return change(up(step.begin), down(step.begin + step.length), step, &nodes[step.node]);
      case Verb::reserve: return change(down(step.begin), up(step.begin + step.length), step, nullptr);
      case Verb::reserve_node:
        return change(down(step.begin), up(step.begin + step.length), step, &nodes[step.node]);
      case Verb::alloc: return any_ladder(step, 0);
      case Verb::alloc_low: return any_ladder(step, low_limit_);
      case Verb::alloc_node: return node_ladder(step, step.limit);
      default: return high_ladder(step);
    }
  }

 private:
  static std::uint64_t up(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage; }
  static std::uint64_t down(std::uint64_t bytes) { return bytes / kPage; }
  ModelNode* owner(std::uint64_t page) {
    for (ModelNode& node : nodes)
      if (node.min <= page && page < node.low) return &node;
    return nullptr;
  }

  // Page by page on a copy, which counts only when all went well.
  Result<std::uint64_t> change(std::uint64_t first, std::uint64_t last, const Step& step, ModelNode* only) {
    const bool is_free = step.verb == Verb::free || step.verb == Verb::free_node;
    ModelNode* const begin = only != nullptr ? only : owner(first);
    if (begin == nullptr || first < begin->min) return Error::out_of_range;
    if (only != nullptr && last > only->low) return Error::out_of_range;
    if (begin->is_gone) return Error::not_found;
    if (last < begin->min) return Error::out_of_range;
    std::vector<ModelNode> after = nodes;
    std::vector<ModelNode> hints = nodes;
    const auto lower_hint = [&](std::size_t node, std::uint64_t page) {
      for (auto* all : {&after, &hints})
        if (page - nodes[node].min < (*all)[node].hint) (*all)[node].hint = page - nodes[node].min;
    };
    const auto index = [&](const ModelNode* node) { return static_cast<std::size_t>(node - nodes.data()); };
    lower_hint(index(begin), first);
    for (std::uint64_t page = first; page < last; ++page) {
      ModelNode* const here = owner(page);
      if (here == nullptr) return Error::out_of_range;
      if (here->is_gone) return Error::not_found;
      const std::size_t node = index(here);
      if (page == here->min) lower_hint(node, page);
      const bool is_taken = after[node].is_taken(page);
      if (is_free && !is_taken) return Error::wrong_owner;
      if (!is_free && step.is_exclusive && is_taken) {
        nodes = hints;
        return Error::busy;
      }
      after[node].take(page, !is_free);
    }
    if (!is_free)
      for (std::size_t i = 0; i < nodes.size(); ++i) after[i].hint = nodes[i].hint;
    nodes = after;
    return std::uint64_t{0};
  }

  static bool fits(const ModelNode& node, std::uint64_t page, std::uint64_t pages, std::uint64_t top) {
    if (page + pages > top) return false;
    for (std::uint64_t i = page; i < page + pages; ++i)
      if (node.is_taken(i)) return false;
    return true;
  }

  static Result<std::uint64_t> on_node(ModelNode& node, const Step& step, std::uint64_t goal,
                                       std::uint64_t limit) {
    const bool is_power = (step.alignment & (step.alignment - 1)) == 0;
    if (step.size == 0 || !is_power || (limit != 0 && goal + step.size > limit)) return Error::bad_argument;
    if (node.is_gone) return Error::no_memory;
    const std::uint64_t top = limit / kPage != 0 && limit / kPage < node.low ? limit / kPage : node.low;
    const std::uint64_t unit = step.alignment < kPage ? 1 : step.alignment / kPage;
    const std::uint64_t first = node.min < goal / kPage && goal / kPage < top ? goal / kPage : node.min;
    const std::uint64_t aligned_first = (first + unit - 1) / unit * unit;
    std::vector<std::uint64_t> begins{first};
    if (node.min + node.hint > aligned_first) begins.insert(begins.begin(), node.min + node.hint);
    for (const std::uint64_t begin : begins)
      for (std::uint64_t page = begin; page < top; ++page)
        if (page % unit == 0 && fits(node, page, up(step.size), top)) return place(node, page, step);
    return Error::no_memory;
  }

  static std::uint64_t place(ModelNode& node, std::uint64_t page, const Step& step) {
    std::uint64_t at = page * kPage;
    const std::uint64_t end_of_last = node.min * kPage + node.last_end;
    if (node.last_end % kPage != 0 && end_of_last / kPage + 1 == page) {
      at = end_of_last;
      while (step.alignment != 0 && at % step.alignment != 0) ++at;
    }
    const std::uint64_t end = at + step.size;
    for (std::uint64_t i = page; i * kPage < end; ++i) node.take(i, true);
    node.last_end = end - node.min * kPage;
    node.hint = up(end) - node.min;
    return at;
  }

  Result<std::uint64_t> any_node(const Step& step, std::uint64_t goal, std::uint64_t limit) {
    for (ModelNode& node : nodes) {
      if (goal != 0 && node.low <= goal / kPage) continue;
      if (limit != 0 && node.min >= limit / kPage) return Error::no_memory;
      const auto got = on_node(node, step, goal, limit);
      if (got || got.error() != Error::no_memory) return got;
    }
    return Error::no_memory;
  }
  Result<std::uint64_t> any_ladder(const Step& step, std::uint64_t limit) {
    const auto got = any_node(step, step.goal, limit);
    if (got || got.error() != Error::no_memory) return got;
    return any_node(step, 0, limit);
  }
  Result<std::uint64_t> node_ladder(const Step& step, std::uint64_t limit) {
    for (const std::uint64_t goal : {step.goal, std::uint64_t{0}}) {
      if (limit != 0 && goal + step.size > limit) limit = 0;
      const auto here = on_node(nodes[step.node], step, goal, limit);
      if (here || here.error() != Error::no_memory) return here;
      const auto there = any_node(step, goal, limit);
      if (there || there.error() != Error::no_memory) return there;
    }
    return Error::no_memory;
  }
  Result<std::uint64_t> high_ladder(const Step& step) {
    if (nodes[step.node].low > dma32_ && step.goal / kPage < dma32_) {
      const auto high = on_node(nodes[step.node], step, dma32_ * kPage, 0);
      if (high || high.error() != Error::no_memory) return high;
    }
    return node_ladder(step, 0);
  }

  std::uint64_t low_limit_, dma32_;
};

// The two, one operation at a time.
class Lockstep {
 public:
  explicit Lockstep(const Universe& universe, LongBits width = LongBits::bits64)
      : model_{universe},
        bootmem_{{.long_bits = width,
                  .low_limit = PhysAddr{universe.low_limit},
                  .max_dma32_pfn = Pfn{universe.dma32}},
                 nodes_} {
    for (std::size_t i = 0; i < universe.nodes.size(); ++i) {
      const auto [min, low] = universe.nodes[i];
      check(static_cast<bool>(bootmem_.init_node(id(i), words_[i], {Pfn{min}, Pfn{low}})),
            "the universe is small");
    }
  }
  Lockstep(const Lockstep&) = delete;
  Lockstep& operator=(const Lockstep&) = delete;

  // Returns   what differs; empty when nothing does.
  std::string step(const Step& step) {
    const auto want = model_.apply(step);
    const auto got = apply(step);
    if (static_cast<bool>(want) != static_cast<bool>(got)) return want ? "failed" : "succeeded";
    if (want && want.value() != got.value()) return "address " + std::to_string(got.value());
    if (!want && want.error() != got.error()) return "error " + std::to_string(static_cast<int>(got.error()));
    return compare();
  }
  void apply_unseen(const Step& step) {
    static_cast<void>(static_cast<bool>(model_.apply(step)));
    static_cast<void>(static_cast<bool>(apply(step)));
  }

  // All free pages go to the page allocator, once and upwards, but for those that are counted as lost.
  std::string hand_over(std::size_t node) {
    ModelNode& model = model_.nodes[node];
    std::uint64_t free = 0;
    for (const bool is_taken : model.taken) free += is_taken || model.is_gone ? 0u : 1u;
    taken_.clear();
    const auto all =
        bootmem_.free_all_node(id(node), {this, [](void* self, const ReleasedBlock& block) noexcept {
                                            static_cast<Lockstep*>(self)->taken_.push_back(block);
                                          }});
    if (!all) return "hand-over failed";
    std::uint64_t next = model.min, pages = 0;
    for (const ReleasedBlock& block : taken_) {
      const std::uint64_t count = block.order.pages().raw;
      if (block.first.raw < next || !fits_free(model, block.first.raw, count))
        return "a page that is not free";
      if (count != 1 && (block.first.raw & (count - 1)) != 0) return "a block that is not aligned";
      next = block.first.raw + count;
      pages += count;
    }
    if (pages != all.value().pages.raw || pages + all.value().lost.raw != free)
      return "the pages do not add up";
    model.is_gone = true;
    return compare();
  }

 private:
  static NodeId id(std::size_t node) { return NodeId{static_cast<std::uint16_t>(node)}; }
  static bool fits_free(const ModelNode& node, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t page = first; page < first + count; ++page)
      if (page >= node.low || node.is_taken(page)) return false;
    return true;
  }
  static Result<std::uint64_t> plain(const Result<Done>& done) {
    if (!done) return done.error();
    return std::uint64_t{0};
  }
  static Result<std::uint64_t> plain(const Result<PhysAddr>& at) {
    if (!at) return at.error();
    return at.value().raw;
  }

  Result<std::uint64_t> apply(const Step& step) {
    const PhysAddr at{step.begin};
    const Bytes length{step.length};
    const BootmemReserve how = step.is_exclusive ? BootmemReserve::exclusive : BootmemReserve::shared;
    const BootmemRequest request{Bytes{step.size}, Bytes{step.alignment}, PhysAddr{step.goal}};
    const NodeId node = id(step.node);
    switch (step.verb) {
      case Verb::free: return plain(bootmem_.free(at, length, ""));
      case Verb::free_node: return plain(bootmem_.free_node(node, at, length, ""));
      case Verb::reserve: return plain(bootmem_.reserve(at, length, how, ""));
      case Verb::reserve_node: return plain(bootmem_.reserve_node(node, at, length, how, ""));
      case Verb::alloc: return plain(bootmem_.alloc(request, ""));
      case Verb::alloc_low: return plain(bootmem_.alloc_low(request, ""));
      case Verb::alloc_node: return plain(bootmem_.alloc_node_limit(node, request, PhysAddr{step.limit}, ""));
      default: return plain(bootmem_.alloc_node_high(node, request, ""));
    }
  }

  std::string compare() const {
    if (const auto law = bootmem_.audit()) return std::string{"law "} + name_of(*law);
    for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
      const ModelNode& want = model_.nodes[i];
      const BootmemData& got = *bootmem_.find(id(i));
      const std::string node = "node " + std::to_string(i) + ": ";
      if (got.is_handed_over != want.is_gone) return node + "handed over";
      if (got.hint_idx.raw != want.hint) return node + "hint " + std::to_string(got.hint_idx.raw);
      if (got.last_end_off.raw != want.last_end) return node + "end " + std::to_string(got.last_end_off.raw);
      for (std::size_t bit = 0; bit < want.taken.size() && !want.is_gone; ++bit)
        if (got.map.is_set(bit) != want.taken[bit]) return node + "bit " + std::to_string(bit);
    }
    return "";
  }

  Model model_;
  std::array<BootmemData, 3> nodes_{};
  std::array<std::array<BootmemMap::Word, 6>, 3> words_{};
  Bootmem bootmem_;
  std::vector<ReleasedBlock> taken_;
};

// Two nodes that touch and one behind a hole, across several words and longs.
inline const Universe kRandom{{{3, 40}, {40, 57}, {70, 210}}, 60 * kPage + 5, 100};

inline Step step_from(const std::array<std::uint8_t, 8>& raw) {
  Step step{.verb = static_cast<Verb>(raw[0] % static_cast<unsigned>(Verb::count))};
  step.node = raw[1] % 3;
  const std::uint64_t offsets[]{0, 0, 0, 1, 100, 4095};
  step.begin = raw[2] % 214 * kPage + offsets[raw[3] % 6];
  step.length = raw[4] % (raw[4] < 200 ? 12u : 100u) * kPage + offsets[raw[5] % 6];
  step.is_exclusive = (raw[6] & 1) != 0;
  const std::uint64_t sizes[]{1, 64, 1000, 4095, 4096, 4097, 3 * kPage, 10 * kPage, 40 * kPage, 0};
  step.size = sizes[raw[3] % 100 == 0 ? 9 : raw[3] % 9];
  step.alignment = std::uint64_t{1} << raw[4] % 17;
  if (raw[5] % 50 == 0) step.alignment = 3;
  if (raw[5] % 50 == 1) step.alignment = 0;
  step.goal = raw[6] < 100 ? 0 : step.begin;
  step.limit = raw[7] < 150 ? 0 : raw[7] % 105 * (2 * kPage);
  return step;
}

// Six pages on two nodes that touch; page 0 is nobody's.
inline const Universe kSmall{{{1, 4}, {4, 7}}, 5 * kPage, 6};

inline std::vector<Step> all_steps() {
  std::vector<Step> steps;
  for (std::uint64_t begin = 1; begin < 7; ++begin)
    for (std::uint64_t end = begin + 1; end <= 7; ++end) {
      const Step range{.begin = begin * kPage, .length = (end - begin) * kPage};
      for (const Verb verb : {Verb::free, Verb::reserve}) {
        steps.push_back(range);
        steps.back().verb = verb;
      }
      steps.push_back(steps.back());
      steps.back().is_exclusive = true;
    }
  for (const std::uint64_t size : {std::uint64_t{100}, kPage, 2 * kPage + 904})
    for (const std::uint64_t goal : {0u, 2u, 5u}) {
      const Step request{.size = size, .alignment = size == kPage ? kPage : 1, .goal = goal * kPage};
      for (const Verb verb : {Verb::alloc, Verb::alloc_low, Verb::alloc_high}) {
        steps.push_back(request);
        steps.back().verb = verb;
        steps.back().node = 1;
      }
      for (const unsigned node : {0u, 1u}) {
        steps.push_back(request);
        steps.back().verb = Verb::alloc_node;
        steps.back().node = node;
      }
    }
  return steps;
}

// All sequences of `depth` operations, half of which begin with all pages free, the others with all taken.
//
// Returns   what differs after the first wrong one; empty when nothing does. `sequences` is how many there were.
inline std::string run_sequences(std::size_t depth, std::uint64_t& sequences) {
  const std::vector<Step> steps = all_steps();
  std::vector<std::size_t> which(depth, 0);
  for (sequences = 0;; ++sequences) {
    Lockstep both{kSmall};
    if ((sequences & 1) == 0) both.apply_unseen({.verb = Verb::free, .begin = kPage, .length = 6 * kPage});
    for (std::size_t i = 0; i + 1 < depth; ++i) both.apply_unseen(steps[which[i]]);
    const std::string differs = both.step(steps[which[depth - 1]]);
    if (!differs.empty()) return differs + ", in sequence " + std::to_string(sequences);
    std::size_t at = depth;
    while (at > 0 && ++which[at - 1] == steps.size()) which[--at] = 0;
    if (at == 0) {
      ++sequences;
      return {};
    }
  }
}

}  // namespace quarry::early::by_page

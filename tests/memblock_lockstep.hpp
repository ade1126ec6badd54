// tests/memblock_lockstep.hpp: one operation at a time on Memblock and on its model, compared after each.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "tests/memblock_model.hpp"

namespace quarry::early {

enum class Verb : std::uint8_t {
  add,
  remove,
  reserve,
  free,
  mark_hotplug,
  clear_hotplug,
  mark_mirror,
  mark_nomap,
  clear_nomap,
  set_node,
  set_reserved_node,
  alloc_range,
  alloc_try_nid,
  alloc_exact,
  steal,
  trim,
  cap,
  mem_limit,
  enforce_limit,
  set_limit,
  turn_around,
  toggle_movable_node,
  count
};

// Cells throughout; `max` 0: the current limit.
struct Step {
  Verb verb{};
  CellRange range{};
  NodeId node = kAnyNode;
  Flags flags = Flags::none;
  std::size_t size = 1, alignment = 1, max = 0;
};

template <std::size_t kCells, std::uint64_t kCellBytes, std::uint64_t kBase = 0>
class Lockstep {
 public:
  using Model = MemblockModel<kCells, kCellBytes, kBase>;
  static constexpr std::size_t kCellCount = kCells;

  // Few `regions` make the tables grow; where to is taken from what the observer hears, and checked.
  explicit Lockstep(std::size_t regions)
      : memory_(regions),
        reserved_(regions),
        memblock_{config(this), {memory_, reserved_}, {}, Observer{this, &Lockstep::hear}} {
    memblock_.allow_resize();
  }
  Lockstep(const Lockstep&) = delete;
  Lockstep& operator=(const Lockstep&) = delete;

  // What differs afterwards; null when all is as it should be.
  const char* step(const Step& step) {
    apply(step);
    return wrong_ != nullptr ? wrong_ : compare();
  }
  // The same without the walks and questions, for tests that count on speed.
  const char* step_tables(const Step& step) {
    apply(step);
    return wrong_ != nullptr ? wrong_ : compare_tables();
  }
  const Model& model() const { return model_; }
  const Memblock& memblock() const { return memblock_; }

  void apply(const Step& step) {
    growth_.clear();
    failed_growths_ = refused_ = 0;
    wrong_ = nullptr;
    reserved_max_ = memblock_.reserved().max();
    memory_max_ = memblock_.memory().max();
    const PhysRange range = Model::bytes(step.range);
    switch (step.verb) {
      case Verb::alloc_range:
      case Verb::alloc_try_nid:
      case Verb::alloc_exact:
      case Verb::steal: return allocate(step);
      case Verb::set_limit: model_.limit = step.range.end; return memblock_.set_current_limit(range.end());
      case Verb::turn_around:
        model_.bottom_up = !model_.bottom_up;
        return memblock_.set_direction(model_.bottom_up ? Direction::bottom_up : Direction::top_down);
      case Verb::toggle_movable_node:
        model_.avoids_hotplug = !model_.avoids_hotplug;
        return memblock_.set_movable_node(model_.avoids_hotplug ? MovableNode::on : MovableNode::off);
      default: break;
    }
    const auto done = change(step, range);
    const bool adds_to_reserved =
        step.verb == Verb::reserve || step.verb == Verb::free || step.verb == Verb::set_reserved_node;
    catch_up(adds_to_reserved ? step.range : CellRange{}, takes_no_cut(step.verb));
    if (!done) {
      // Only growing can fail, and then nothing changed.
      if (done.error() != Error::no_memory) wrong_ = "an error that cannot be";
      return;
    }
    change_model(step);
  }

  const char* compare_tables() const {
    if (const auto law = memblock_.audit()) return name_of(*law);
    if (!model_.is_memory(memblock_.memory().view())) return "memory differs";
    if (!model_.is_reserved(memblock_.reserved().view())) return "reserved differs";
    return nullptr;
  }
  // Everything that can be asked without changing anything.
  const char* compare() const {
    if (const char* differs = compare_tables()) return differs;
    if (memblock_.memory().uncounted_trims().raw != model_.trimmed) return "what was trimmed differs";
    for (const NodeId node : {kAnyNode, NodeId{0}, NodeId{1}})
      for (const Flags flags : {Flags::none, Flags::mirror, Flags::nomap | Flags::hotplug})
        if (const char* differs = compare_walks(node, flags)) return differs;
    for (std::size_t i = 0; i < kCells; ++i) {
      const Cell& cell = model_.cells[i];
      const PhysAddr at{Model::address(i).raw + i % kCellBytes};
      if (memblock_.is_memory(at) != cell.memory) return "is_memory differs";
      if (memblock_.is_reserved(at) != cell.reserved) return "is_reserved differs";
      if (memblock_.is_map_memory(at) != (cell.memory && !has(cell.flags, Flags::nomap)))
        return "is_map_memory differs";
    }
    return nullptr;
  }
  // All sixteen masks of flags on each node: the walks, and where one to three cells would be found.
  const char* compare_masks() const {
    for (const NodeId node : {kAnyNode, NodeId{0}, NodeId{1}})
      for (std::uint32_t mask = 0; mask < 16; ++mask) {
        if (const char* differs = compare_walks(node, Flags{mask})) return differs;
        for (std::size_t size = 1; size <= 3; ++size) {
          const auto want = model_.find({.size = size}, Flags{mask}, node);
          const Request request{
              .size = Bytes{size * kCellBytes}, .alignment = Bytes{kCellBytes}, .node = node};
          const auto got = memblock_.find_in_range_node(request, Flags{mask});
          if (static_cast<bool>(got) != want.has_value()) return "find_in_range_node finds or fails";
          if (want && got.value() != Model::address(*want)) return "find_in_range_node differs";
        }
      }
    return nullptr;
  }

  // All that there is, to come back to: for tables that do not grow.
  struct Snapshot {
    Model model;
    std::vector<Region> memory, reserved;
    alignas(Memblock) std::byte memblock[sizeof(Memblock)];
  };
  void save(Snapshot& to) const {
    check(chunks_.empty(), "a table that has grown cannot be come back to");
    to.model = model_;
    to.memory = memory_;
    to.reserved = reserved_;
    std::memcpy(to.memblock, static_cast<const void*>(&memblock_), sizeof memblock_);
  }
  // Law: `from` was saved by this object, whose parts lie where they lay.
  void load(const Snapshot& from) {
    check(chunks_.empty(), "a table that has grown cannot be come back from");
    model_ = from.model;
    std::memcpy(memory_.data(), from.memory.data(), memory_.size() * sizeof(Region));
    std::memcpy(reserved_.data(), from.reserved.data(), reserved_.size() * sizeof(Region));
    std::memcpy(static_cast<void*>(&memblock_), from.memblock, sizeof memblock_);
  }

 private:
  static Config config(Lockstep* self) {
    Config config;
    config.spare = {self, &Lockstep::spare};
    config.kernelcore_mirror = KernelcoreMirror::on;
    return config;
  }
  static std::byte* spare(void* self, std::size_t bytes) noexcept {
    auto& chunks = static_cast<Lockstep*>(self)->chunks_;
    return chunks.emplace_back(std::make_unique<std::byte[]>(bytes)).get();
  }
  static void hear(void* self, const Event& event) noexcept {
    Lockstep& both = *static_cast<Lockstep*>(self);
    if (event.action == Action::grow || event.owner == TextView{"memblock_double_array"})
      both.growth_.push_back(event);
    if (event.action == Action::grow_failed) ++both.failed_growths_;
    if (event.action == Action::alloc) both.refused_ = both.failed_growths_;
  }

  // Whether what a step makes of the tables is done by one change: then it is known what a growth avoids.
  static bool takes_no_cut(Verb verb) {
    return verb != Verb::cap && verb != Verb::mem_limit && verb != Verb::enforce_limit && verb != Verb::trim;
  }
  // Tables grew on the way: into memory that was free, and their old places are free again. When it was but
  // one, it is known what it knew: its place is the first one above what is being reserved, or else below.
  void catch_up(CellRange for_whom, bool is_known) {
    std::size_t grown = 0;
    for (const Event& event : growth_) grown += event.action == Action::grow;
    for (const Event& event : growth_)
      if (event.action == Action::grow && is_known && grown == 1) check_place(event, for_whom);
    for (const Event& event : growth_) {
      const CellRange cells = Model::cells_of(event.range);
      if (event.action == Action::free) {
        model_.free(cells);
        continue;
      }
      for (std::size_t i = cells.begin; i < cells.end; ++i)
        if (!model_.cells[i].memory || model_.cells[i].reserved) wrong_ = "a table grew over something";
      model_.reserve(cells);
    }
  }
  void check_place(const Event& event, CellRange avoid) {
    const bool is_reserved = event.owner == TextView{"reserved"};
    const std::size_t max = is_reserved ? reserved_max_ : memory_max_;
    const std::size_t page = 4096 / kCellBytes;
    const std::size_t size = (2 * max * sizeof(Region) + 4095) / 4096 * page;
    if (!is_reserved) avoid = {};
    typename Model::Wish wish{.size = size, .alignment = page, .min = avoid.end};
    auto want = model_.climb(wish);
    if (!want && avoid.begin != 0) {
      wish.min = 0;
      wish.max = avoid.begin < model_.limit ? avoid.begin : model_.limit;
      want = model_.climb(wish);
    }
    if (!want || event.range != Model::bytes({*want, *want + size})) wrong_ = "a table grew to another place";
  }

  Result<Done> change(const Step& step, PhysRange range) {
    switch (step.verb) {
      case Verb::add: return memblock_.add(range, "test", step.flags, step.node);
      case Verb::remove: return memblock_.remove(range, "test");
      case Verb::reserve: return memblock_.reserve(range, "test");
      case Verb::free: return memblock_.free(range, "test");
      case Verb::mark_hotplug: return memblock_.mark_hotplug(range);
      case Verb::clear_hotplug: return memblock_.clear_hotplug(range);
      case Verb::mark_mirror: return memblock_.mark_mirror(range);
      case Verb::mark_nomap: return memblock_.mark_nomap(range);
      case Verb::clear_nomap: return memblock_.clear_nomap(range);
      case Verb::set_node: return memblock_.set_node(range, step.node);
      case Verb::set_reserved_node: return memblock_.set_reserved_node(range, step.node);
      case Verb::trim: return memblock_.trim_memory(Bytes{step.alignment * kCellBytes});
      case Verb::cap: return memblock_.cap_memory_range(range);
      case Verb::mem_limit: return memblock_.mem_limit_remove_map(Bytes{step.size * kCellBytes});
      case Verb::enforce_limit: return memblock_.enforce_memory_limit(Bytes{step.size * kCellBytes});
      default: return Done{};
    }
  }
  void change_model(const Step& step) {
    const auto set = [](Flags flag) { return [flag](Cell& cell) { cell.flags = cell.flags | flag; }; };
    const auto clear = [](Flags flag) {
      return [flag](Cell& cell) { cell.flags = without(cell.flags, flag); };
    };
    const auto end = model_.max_address(step.size);
    switch (step.verb) {
      case Verb::add: return model_.add(step.range, step.flags, step.node);
      case Verb::remove: return model_.remove(step.range);
      case Verb::reserve: return model_.reserve(step.range);
      case Verb::free: return model_.free(step.range);
      case Verb::mark_hotplug: return model_.mark(step.range, set(Flags::hotplug));
      case Verb::clear_hotplug: return model_.mark(step.range, clear(Flags::hotplug));
      case Verb::mark_mirror: model_.has_mirror = true; return model_.mark(step.range, set(Flags::mirror));
      case Verb::mark_nomap: return model_.mark(step.range, set(Flags::nomap));
      case Verb::clear_nomap: return model_.mark(step.range, clear(Flags::nomap));
      case Verb::set_node: return model_.mark(step.range, [&](Cell& cell) { cell.node = step.node; });
      case Verb::set_reserved_node: return model_.set_reserved_node(step.range, step.node);
      case Verb::trim: return model_.trim(step.alignment);
      case Verb::cap: return model_.cap(step.range);
      case Verb::mem_limit: return end ? model_.cap({0, *end}) : void();
      case Verb::enforce_limit: return step.size != 0 && end ? model_.cut_above(*end) : void();
      default: return;
    }
  }

  Result<PhysAddr> ask(const Step& step) {
    const Request request{.size = Bytes{step.size * kCellBytes},
                          .alignment = Bytes{step.alignment * kCellBytes},
                          .min = Model::address(step.range.begin),
                          .max = step.max == 0 ? kAccessible : Model::address(step.max),
                          .node = step.node};
    switch (step.verb) {
      case Verb::alloc_range: return memblock_.alloc_range_nid(request, NodePolicy::preferred, "test");
      case Verb::alloc_exact: return memblock_.alloc_exact_nid_raw(request, "test");
      case Verb::steal: return memblock_.steal(request.size, request.alignment, "test");
      default: return memblock_.alloc_try_nid(request, "test");
    }
  }
  void allocate(const Step& step) {
    typename Model::Wish wish{step.size, step.alignment, step.range.begin, step.max, step.node, false};
    if (step.verb == Verb::steal) wish = {step.size, step.alignment};
    wish.exact = step.verb == Verb::alloc_exact;
    const bool once = step.verb == Verb::alloc_range || step.verb == Verb::steal;
    const auto got = ask(step);
    wish.refused = refused_;  // a place for which the full table cannot grow: the next rung is tried
    const auto want = once ? model_.climb(wish) : model_.climb_twice(wish);
    const CellRange taken = want ? CellRange{*want, *want + step.size} : CellRange{};
    catch_up(taken, got && step.verb != Verb::steal);
    if (!got) {
      if (got.error() != Error::no_memory) wrong_ = "an error that cannot be";
      if (want && growth_failure_is_excluded()) wrong_ = "nothing allocated, but there is room";
      return;
    }
    if (!want || got.value() != Model::address(*want)) {
      wrong_ = "another address than the model's";
      return;
    }
    if (step.verb == Verb::steal)
      model_.remove(taken);
    else
      model_.reserve(taken);
  }
  // With room for two more regions in both tables nothing had to grow.
  bool growth_failure_is_excluded() const {
    return memblock_.reserved().cnt() + 2 <= memblock_.reserved().max() &&
           memblock_.memory().cnt() + 2 <= memblock_.memory().max();
  }

  const char* compare_walks(NodeId node, Flags flags) const {
    if (!model_.is_free(memblock_.free_ranges(node, flags), node, flags)) return "free ranges differ";
    std::array<MemoryRange, kCells> up;
    std::size_t count = 0;
    for (const MemoryRange& at : memblock_.free_ranges(node, flags)) up[count++] = at;
    for (const MemoryRange& at : memblock_.free_ranges_reverse(node, flags))
      if (count == 0 || !(at == up[--count])) return "free ranges upwards and downwards differ";
    return count == 0 ? nullptr : "free ranges downwards end too early";
  }

  std::vector<Region> memory_, reserved_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<Event> growth_;
  std::size_t memory_max_ = 0, reserved_max_ = 0;  // before the step
  std::size_t failed_growths_ = 0, refused_ = 0;  // on the way of this one; those of them before it allocated
  const char* wrong_ = nullptr;
  Model model_;
  Memblock memblock_;
};

// One step out of eight bytes, whatever they are.
template <std::size_t kCells>
Step step_from(const std::uint8_t (&bytes)[8]) {
  Step step;
  step.verb = static_cast<Verb>(bytes[0] % static_cast<unsigned>(Verb::count));
  step.range.begin = bytes[1] % (kCells + 1);
  step.range.end = step.range.begin + bytes[2] % (kCells + 1 - step.range.begin);
  constexpr NodeId nodes[] = {kAnyNode, NodeId{0}, NodeId{1}};
  step.node = nodes[bytes[3] % 3];
  step.flags = Flags{bytes[4] % 16u} & kAllFlags;
  if (bytes[4] >= 64) step.flags = Flags::none;  // most memory is ordinary
  step.size = 1 + bytes[5] % 24;
  step.alignment = std::size_t{1} << bytes[6] % 5;
  step.max = bytes[7] < 128 ? 0 : 8 + bytes[7] % (kCells - 8);
  return step;
}

}  // namespace quarry::early

#include "linux/replay.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "linux/replay_start.hpp"
#include "linux/replay_words.hpp"

namespace quarry::lnx {
namespace {

using early::Direction;
using early::Memblock;
using early::Region;
using Answer = std::optional<PhysAddr>;  // none: nothing was found

// One way the kernel may have been when it allocated.
struct Circumstances {
  Direction direction;
  PhysAddr limit;
};

class Replayer {
 public:
  explicit Replayer(const MemblockLog& log)
      : log_{log}, start_{start_of(log)}, memblock_{start_.config, start_.grown} {}

  Replay run() {
    begin();
    for (at_ = 0; at_ < log_.events.size(); ++at_) {
      const MemblockEvent& event = log_.events[at_];
      if (event.is_operation()) count(event).operations++, result_.total.operations++;
      std::visit([&](const auto& what) { step(event, what); }, event.what);
    }
    finish();
    return std::move(result_);
  }

 private:
  ReplayCounts& count(const MemblockEvent& event) { return result_.kinds[kind_of(event)]; }
  Memblock& memblock() { return memblock_.memblock(); }

  void begin() {
    result_.release = log_.release;
    result_.machine = words_of(log_.machine);
    result_.notes = start_.notes;
    direction_ = start_.direction;
    if (!start_.is_known) {
      unknown_ = start_.has_configuration ? SkipReason::before_configuration : SkipReason::no_configuration;
      return;
    }
    apply(take_over_memory(memblock(), start_.memory));
    apply(take_over_reserved(memblock(), start_.reserved));
  }

  // Our tables are as large as the log has lines, so that a failure says that the log makes no sense.
  void apply(const Result<Done>& done) {
    if (!done && !unknown_) unknown_ = SkipReason::table_full;
  }

  // --- Events ---------------------------------------------------------------------------------------------

  void step(const MemblockEvent& event, const LoggedRangeCall& call) {
    if (event.is_late || (call.is_for_table && ignores_table_calls_)) return;
    const PhysRange range = PhysRange::sized(call.base, call.size);
    const TextView owner{call.caller.data(), call.caller.size()};
    using Kind = LoggedRangeCall::Kind;
    switch (call.kind) {
      case Kind::add:
        return apply(
            memblock().add(range, owner, early::Flags{call.flags} & early::kAllFlags, node_of(call.node)));
      case Kind::remove: return apply(memblock().remove(range, owner));
      case Kind::reserve: return apply(memblock().reserve(range, owner));
      case Kind::free: return apply(memblock().free(range, owner));
      case Kind::free_late:
      case Kind::physmem_add: return;  // neither table changes
    }
  }

  void step(const MemblockEvent& event, const LoggedAnswer& answer) {
    skip(event, event.is_late ? SkipReason::after_hand_over : SkipReason::arguments_not_printed);
    if (!event.is_late)
      apply(memblock().reserve(PhysRange::sized(answer.base, answer.size), "arguments not printed"));
  }

  void step(const MemblockEvent& event, const LoggedGrowth& growth) {
    if (event.is_late) return;
    const auto ours = memblock_.take_growth();
    ++result_.growths;
    ignores_table_calls_ = ours == growth.place;
    if (ignores_table_calls_) {
      ++result_.growths_equal;
      return;
    }
    if (ours) apply(memblock().free(*ours, "as the kernel"));
    if (unknown_) return;
    differ(event, ReplayDifference::What::table, growth.place.begin(),
           ours ? Answer{ours->begin()} : std::nullopt,
           "the table was full at another operation, or the state differs");
  }

  void step(const MemblockEvent& event, const LoggedMemblock& dump) {
    const auto memory = regions_of(dump.memory, start_.unsaid);
    const auto reserved = regions_of(dump.reserved, early::kAnyNode);
    ++result_.configurations;
    if (!unknown_ && has_configuration_) compare(event, reserved);
    unknown_.reset();
    apply(take_over_memory(memblock(), memory));
    apply(take_over_reserved(memblock(), reserved));
    if (has_configuration_ && log_.machine == MemblockLog::Machine::x86) nodes_are_known();
    has_configuration_ = true;
    allocates_page_tables_ = log_.machine == MemblockLog::Machine::arm;
  }

  void step(const MemblockEvent&, const LoggedNodeData&) {
    nodes_are_known();
    if (const auto* const next = start_.configuration_after(at_)) {
      if (!unknown_) apply(take_over_memory(memblock(), regions_of(next->memory, start_.unsaid)));
    } else if (start_.configuration_before(at_) == nullptr ||
               !shows_nodes(*start_.configuration_before(at_))) {
      lacks_nodes_ = true;
    }
  }

  void step(const MemblockEvent& event, const LoggedDamage& damage) {
    skip(event, SkipReason::damaged_line, damage.why);
    if (!event.is_late) unknown_ = SkipReason::after_damage;
  }

  void step(const MemblockEvent& event, const LoggedLoss& loss) {
    result_.notes.push_back(fmt::format("line {}: {} messages were dropped", event.line, loss.messages));
    if (!event.is_late) unknown_ = SkipReason::after_loss;
  }

  void step(const MemblockEvent& event, const LoggedAllocation& call) {
    if (call.caller != "early_alloc") allocates_page_tables_ = false;
    if (const auto why = undetermined(event, call)) {
      skip(event, *why);
      return adopt(event, call);
    }
    const auto answers = answers_of(call);
    if (!answers) return adopt(event, call);
    compare(event, call, *answers);
  }

  // --- Allocations ------------------------------------------------------------------------------------------

  std::optional<SkipReason> undetermined(const MemblockEvent& event, const LoggedAllocation& call) {
    if (event.is_late) return SkipReason::after_hand_over;
    if (unknown_) return unknown_;
    if (call.answer == LoggedAllocation::Answer::unknown) return SkipReason::answer_not_printed;
    if (call.size.raw == 0 || (call.alignment.raw & (call.alignment.raw - 1)) != 0)
      return SkipReason::impossible_request;
    if (!start_.limit) return SkipReason::limit_unknown;
    if (call.node && lacks_nodes_) return SkipReason::nodes_unknown;
    if (direction_ == Direction::bottom_up && start_.is_before_5_11) return SkipReason::old_bottom_up;
    if (!log_.command_line && has_hotplug()) return SkipReason::options_unknown;
    return std::nullopt;
  }

  bool has_hotplug() {
    const auto regions = copy_of(memblock().memory());
    return std::any_of(regions.begin(), regions.end(),
                       [](const Region& at) { return has(at.flags, early::Flags::hotplug); });
  }

  Result<PhysAddr> allocate(const LoggedAllocation& call, Circumstances in) {
    memblock().set_direction(in.direction);
    memblock().set_current_limit(in.limit);
    const early::Request request{.size = call.size,
                                 .alignment = call.alignment,
                                 .min = call.min,
                                 .max = call.max,
                                 .node = node_of(call.node)};
    const TextView owner{call.caller.data(), call.caller.size()};
    switch (call.kind) {
      case LoggedAllocation::Kind::phys_alloc_range: return memblock().phys_alloc_range(request, owner);
      case LoggedAllocation::Kind::alloc_try_nid_raw: return memblock().alloc_try_nid_raw(request, owner);
      case LoggedAllocation::Kind::alloc_exact_nid_raw: return memblock().alloc_exact_nid_raw(request, owner);
      case LoggedAllocation::Kind::alloc_try_nid: break;
    }
    return memblock().alloc_try_nid(request, owner);
  }

  // What we would answer, with nothing changed.
  Answer tried(const LoggedAllocation& call, Circumstances in) {
    const auto got = allocate(call, in);
    if (!got) return std::nullopt;
    apply(memblock().free(PhysRange::sized(got.value(), call.size), "tried"));
    return got.value();
  }

  // The one answer of all ways that the kernel may have been; none: they differ, and that is counted.
  std::optional<Answer> answers_of(const LoggedAllocation& call) {
    const PhysAddr limit = *start_.limit;
    const Direction direction = direction_.value_or(Direction::top_down);
    const Answer answer = tried(call, {direction, limit});
    const MemblockEvent& event = log_.events[at_];
    if (allocates_page_tables_ && tried(call, {direction, arm_mapping_limit(memblock(), limit)}) != answer) {
      // Not the log's, but what the first allocation with another caller will end.
      skip(event, SkipReason::limit_unknown);
      return std::nullopt;
    }
    if (!direction_) {
      const Answer up = tried(call, {Direction::bottom_up, limit});
      if (up != answer) return learn_direction(call, answer, up);
    }
    if (const auto* const next = start_.configuration_after(at_);
        next != nullptr && !agrees_later(call, direction, answer, *next)) {
      skip(event, SkipReason::changed_silently);
      return std::nullopt;
    }
    return answer;
  }

  std::optional<Answer> learn_direction(const LoggedAllocation& call, Answer down, Answer up) {
    const Answer kernel = answer_of(call);
    const MemblockEvent& event = log_.events[at_];
    if (kernel != down && kernel != up) return down;  // wrong either way
    direction_ = kernel == down ? Direction::top_down : Direction::bottom_up;
    result_.notes.push_back(fmt::format("line {}: its answer tells that memory is allocated {}", event.line,
                                        kernel == down ? "top-down" : "bottom-up"));
    skip(event, SkipReason::told_direction);
    return std::nullopt;
  }

  // Whether the answer is the same with memory as the next configuration shows it and, before the first one,
  // with all of it mapped: what is not to be mapped is marked without a word once it is found or allocated.
  bool agrees_later(const LoggedAllocation& call, Direction direction, Answer answer,
                    const LoggedMemblock& next) {
    const auto now = copy_of(memblock().memory());
    auto later = regions_of(next.memory, start_.unsaid);
    const auto agrees = [&] {
      if (now == later) return true;
      apply(take_over_memory(memblock(), later));
      const bool same = tried(call, {direction, *start_.limit}) == answer;
      apply(take_over_memory(memblock(), now));
      return same;
    };
    if (!agrees()) return false;
    if (has_configuration_) return true;
    for (Region& region : later) region.flags = early::without(region.flags, early::Flags::nomap);
    return agrees();
  }

  static Answer answer_of(const LoggedAllocation& call) {
    return call.answer == LoggedAllocation::Answer::address ? Answer{call.address} : std::nullopt;
  }

  void compare(const MemblockEvent& event, const LoggedAllocation& call, Answer ours) {
    const Answer kernel = answer_of(call);
    ++count(event).compared, ++result_.total.compared;
    if (ours == kernel) {
      ++count(event).matched, ++result_.total.matched;
    } else {
      differ(event, ReplayDifference::What::allocation, kernel, ours,
             likely_reason(memblock(), call, kernel, ours));
    }
    adopt(event, call);
  }

  // The state becomes what the kernel made of it, whatever we would have.
  void adopt(const MemblockEvent& event, const LoggedAllocation& call) {
    if (event.is_late) return;
    if (call.answer == LoggedAllocation::Answer::unknown)
      unknown_ = unknown_.value_or(SkipReason::answer_not_printed);
    if (call.answer != LoggedAllocation::Answer::address) return;
    apply(memblock().reserve(PhysRange::sized(call.address, call.size),
                             {call.caller.data(), call.caller.size()}));
  }

  // --- Configurations and accounts ----------------------------------------------------------------------------

  void compare(const MemblockEvent& event, const std::vector<Region>& reserved) {
    ++result_.configurations_compared;
    const auto kernels = minus(reserved, copy_of(memblock().reserved()));
    const auto ours = minus(copy_of(memblock().reserved()), reserved);
    if (kernels.empty() && ours.empty()) {
      ++result_.configurations_equal;
      return;
    }
    differ(event, ReplayDifference::What::configuration, kernels.empty() ? Answer{} : kernels.front().begin(),
           ours.empty() ? Answer{} : ours.front().begin(), words_of_ranges(kernels, ours));
  }

  void nodes_are_known() {
    if (log_.machine == MemblockLog::Machine::x86) direction_ = Direction::top_down;
  }

  void differ(const MemblockEvent& event, ReplayDifference::What what, Answer kernel, Answer ours,
              std::string reason) {
    result_.differences.push_back({what, event.line, describe(event), kernel, ours, std::move(reason)});
  }

  void skip(const MemblockEvent& event, SkipReason reason, const std::string& detail = {}) {
    ++count(event).skipped, ++result_.total.skipped, ++result_.reasons[reason];
    result_.skips.push_back({event.line, reason, detail.empty() ? describe(event) : detail});
  }

  void finish() {
    if (log_.broken_configurations != 0)
      result_.notes.push_back(
          fmt::format("{} MEMBLOCK configurations break off or contradict themselves and are left out",
                      log_.broken_configurations));
    if (log_.second_boot)
      result_.notes.push_back(
          fmt::format("line {}: a second boot begins; only the first is replayed", *log_.second_boot));
  }

  const MemblockLog& log_;
  const ReplayStart start_;
  ReplayMemblock memblock_;
  Replay result_;
  std::size_t at_ = 0;
  std::optional<SkipReason> unknown_;  // why the state is not known now
  std::optional<Direction> direction_;
  bool has_configuration_ = false, lacks_nodes_ = false, ignores_table_calls_ = false;
  bool allocates_page_tables_ = false;  // arm, until somebody else than the mapper of low memory allocates
};

}  // namespace

Replay replay(const MemblockLog& log) { return Replayer{log}.run(); }

}  // namespace quarry::lnx

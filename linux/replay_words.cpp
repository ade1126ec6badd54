#include "linux/replay_words.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace quarry::lnx {
namespace {

std::string hex(PhysAddr at) { return fmt::format("{:#x}", at.raw); }

std::string words_of_range(PhysAddr base, Bytes size) {
  if (size.raw == 0) return fmt::format("[{:#x}, empty]", base.raw);
  return fmt::format("[{:#x}-{:#x}]", base.raw, base.raw + (size.raw - 1));
}

const char* words_of(LoggedRangeCall::Kind kind) {
  using Kind = LoggedRangeCall::Kind;
  switch (kind) {
    case Kind::add: return "add";
    case Kind::remove: return "remove";
    case Kind::reserve: return "reserve";
    case Kind::free: return "free";
    case Kind::free_late: return "free_late";
    case Kind::physmem_add: break;
  }
  return "physmem_add";
}

std::string limit_words(PhysAddr max) {
  if (max == early::kAccessible || max == early::kNoLeakTrace) return "accessible";
  if (max == early::kAnywhere) return "anywhere";
  return hex(max);
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

constexpr std::size_t kFew = 3;

std::string first_few(const std::vector<PhysRange>& ranges) {
  std::string text;
  for (std::size_t i = 0; i < ranges.size() && i < kFew; ++i)
    text += (i == 0 ? "" : ", ") + words_of_range(ranges[i].begin(), ranges[i].size());
  if (ranges.size() > kFew) text += fmt::format(" and {} more", ranges.size() - kFew);
  return text;
}

}  // namespace

const char* words_of(MemblockLog::Machine machine) noexcept {
  using Machine = MemblockLog::Machine;
  switch (machine) {
    case Machine::x86: return "x86";
    case Machine::arm: return "arm";
    case Machine::arm64: return "arm64";
    case Machine::riscv: return "riscv";
    case Machine::powerpc: return "powerpc";
    case Machine::other: return "other";
    case Machine::unknown: break;
  }
  return "unknown";
}

const char* words_of(SkipReason reason) noexcept {
  switch (reason) {
    case SkipReason::before_configuration:
      return "before the first MEMBLOCK configuration: what was reserved is not known";
    case SkipReason::no_configuration:
      return "the log has no MEMBLOCK configuration: what memblock held is not known";
    case SkipReason::arguments_not_printed: return "the kernel printed the answer and not the arguments";
    case SkipReason::answer_not_printed: return "the log breaks off before the answer";
    case SkipReason::damaged_line: return "the line cannot be read";
    case SkipReason::after_damage:
      return "after a line that cannot be read, until the next MEMBLOCK configuration";
    case SkipReason::after_loss: return "after dropped messages, until the next MEMBLOCK configuration";
    case SkipReason::after_hand_over: return "after the hand-over to the page allocator";
    case SkipReason::limit_unknown: return "how far allocations reach just then is not in the log";
    case SkipReason::direction_unknown: return "whether allocations go up or down is not in the log";
    case SkipReason::told_direction: return "its answer told whether allocations go up or down";
    case SkipReason::old_bottom_up: return "kernels before 5.11 go bottom-up from above the kernel image";
    case SkipReason::changed_silently:
      return "flags, nodes or memory changed without a word before the next MEMBLOCK configuration";
    case SkipReason::nodes_unknown: return "which memory is on which node is not in the log";
    case SkipReason::options_unknown:
      return "whether hotpluggable memory is avoided is not in the log (no command line)";
    case SkipReason::impossible_request: return "no size, or an alignment that is no power of two";
    case SkipReason::table_full: break;
  }
  return "the operations before it have no room in memblock's tables";
}

NodeId node_of(std::optional<unsigned> node) noexcept {
  return node ? NodeId{static_cast<std::uint16_t>(*node)} : early::kAnyNode;
}

std::string kind_of(const MemblockEvent& event) {
  return std::visit(
      Overloaded{[](const LoggedRangeCall& call) {
                   return call.is_for_table ? std::string{"table moves"} : std::string{words_of(call.kind)};
                 },
                 [](const LoggedAllocation& call) { return call.function; },
                 [](const LoggedAnswer&) { return std::string{"allocation, arguments not printed"}; },
                 [](const LoggedGrowth&) { return std::string{"table doubled"}; },
                 [](const LoggedDamage&) { return std::string{"damaged line"}; },
                 [](const auto&) { return std::string{"no operation"}; }},
      event.what);
}

std::string describe(const MemblockEvent& event) {
  return std::visit(
      Overloaded{
          [](const LoggedRangeCall& call) {
            return fmt::format("{} {} by {}", words_of(call.kind), words_of_range(call.base, call.size),
                               call.caller);
          },
          [](const LoggedAllocation& call) {
            const std::string node = call.node ? fmt::format("node {}", *call.node) : "any node";
            return fmt::format("{} {} bytes align {:#x} {} from {:#x} to {} for {}", call.function,
                               call.size.raw, call.alignment.raw, node, call.min.raw, limit_words(call.max),
                               call.caller);
          },
          [](const LoggedAnswer& answer) {
            return fmt::format("allocation at {}", words_of_range(answer.base, answer.size));
          },
          [](const LoggedGrowth& growth) { return fmt::format("a table is doubled to {}", growth.entries); },
          [](const LoggedMemblock&) { return std::string{"MEMBLOCK configuration"}; },
          [](const LoggedDamage& damage) { return damage.why; },
          [](const auto&) { return std::string{"no operation"}; }},
      event.what);
}

std::string words_of_ranges(const std::vector<PhysRange>& kernels, const std::vector<PhysRange>& ours) {
  std::string text;
  if (!kernels.empty()) text = "only the kernel has reserved " + first_few(kernels);
  if (!ours.empty()) text += (text.empty() ? "" : "; ") + ("only quarry has reserved " + first_few(ours));
  return text;
}

std::string likely_reason(const early::Memblock& memblock, const LoggedAllocation& call,
                          std::optional<PhysAddr> kernel, std::optional<PhysAddr> ours) {
  if (!kernel)
    return "no reservation follows: the kernel found nothing, or the line with its answer is missing";
  const PhysRange place = PhysRange::sized(*kernel, call.size);
  if (memblock.is_region_reserved(place))
    return "the kernel's place is reserved here: it was freed without a line in the log";
  if (!memblock.overlaps_memory(place))
    return "the kernel's place is no memory here: it was added without a line in the log";
  if (!ours) return "nothing fits here: a limit or a flag differs";
  if (*ours > *kernel)
    return fmt::format(
        "{:#x} is free here: the kernel's limit was lower, or it had reserved this without a line in the log",
        ours->raw);
  return "the kernel's place is free here: its limit was higher, or it avoided flags that it set without a "
         "line in the log";
}

}  // namespace quarry::lnx

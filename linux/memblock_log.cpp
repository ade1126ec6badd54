#include "linux/memblock_log.hpp"

#include <algorithm>
#include <array>

#include "linux/log_scanner.hpp"
#include "linux/memblock_lines.hpp"

namespace quarry::lnx {
namespace {

using Message = Messages::Message;
using Machine = MemblockLog::Machine;

// What only one kind of machine prints: the beginning of a message, or a caller's name in one of memblock's.
struct Sign {
  std::string_view text;
  Machine machine;
};
constexpr std::array<Sign, 14> kFirstWords{
    {{"BIOS-e820:", Machine::x86},
     {"x86/fpu", Machine::x86},
     {"Booting Linux on physical CPU 0x0000000000 [0x", Machine::arm64},
     {"Boot CPU: AArch64", Machine::arm64},
     {"CPU features: detected", Machine::arm64},
     {"CPU: ARM", Machine::arm},
     {"CPU: PIPT", Machine::arm},
     {"Memory policy:", Machine::arm},
     {"riscv: ", Machine::riscv},
     {"SBI specification", Machine::riscv},
     {"dcache_bsize ", Machine::powerpc},
     {"MIPS: machine is", Machine::other},
     {"CPU0 revision is", Machine::other},
     {"setup: Linux is running", Machine::other}}};
constexpr std::array<Sign, 4> kCallers{{{"e820__memblock_setup", Machine::x86},
                                        {"memblock_x86_fill", Machine::x86},
                                        {"arm64_memblock_init", Machine::arm64},
                                        {"arm_memblock_init", Machine::arm}}};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) {
    Messages messages{bytes};
    while (const auto message = messages.next()) messages_.push_back(*message);
  }

  MemblockLog read() {
    for (at_ = 0; at_ < messages_.size(); ++at_) {
      if (is_second_boot(messages_[at_])) {
        log_.second_boot = messages_[at_].line;
        break;
      }
      facts(messages_[at_].text);
      if (in_dump_ && dump_line(messages_[at_].text)) continue;
      message(messages_[at_]);
    }
    drop_dump();
    return std::move(log_);
  }

 private:
  // A dump that is being read, and how many regions it announced.
  struct Dump {
    std::size_t line = 0;
    LoggedMemblock tables;
    std::optional<std::uint64_t> memory_count, reserved_count, physmem_count;
    std::uint64_t memory_seen = 0, reserved_seen = 0, physmem_seen = 0;

    bool is_whole() const {
      return memory_count && reserved_count && *memory_count == memory_seen &&
             *reserved_count == reserved_seen && physmem_count.value_or(0) == physmem_seen;
    }
  };

  bool is_second_boot(const Message& message) {
    if (!message.text.starts_with("Linux version ")) return false;
    if (has_banner_ && (!log_.events.empty() || log_.command_line)) return true;
    has_banner_ = true;
    Scanner at{message.text.substr(14)};
    log_.release = at.word();
    return false;
  }

  void facts(std::string_view text) {
    if (log_.machine == Machine::unknown)
      for (const Sign& sign : kFirstWords)
        if (text.starts_with(sign.text)) log_.machine = sign.machine;
    if (text.find("LOWMEM available") != std::string_view::npos) log_.is_32bit_x86 = true;
    if (text.starts_with("Zone ranges:")) in_zones_ = true;
    if (text.starts_with("Movable zone start")) log_.has_zones = log_.has_zones || in_zones_;
    Scanner at{text};
    if (at.skip("Command line: ") || at.skip("Kernel command line: ")) {
      if (!log_.command_line) log_.command_line = std::string{at.rest()};
    } else if (in_zones_ && at.skip("HighMem ")) {
      at.spaces();
      const auto range = at.mem_range();
      if (range && !log_.highmem_begin) log_.highmem_begin = range->begin();
    }
  }

  void emit(std::size_t line, auto what) { log_.events.push_back({line, is_late_, std::move(what)}); }

  // The allocation that waits for its answer.
  LoggedAllocation* pending() {
    return pending_ ? std::get_if<LoggedAllocation>(&log_.events[*pending_].what) : nullptr;
  }
  void settle(LoggedAllocation::Answer answer) {
    if (LoggedAllocation* const call = pending()) call->answer = answer;
    pending_.reset();
  }

  void damaged(const Message& message, std::string why) {
    settle(LoggedAllocation::Answer::unknown);
    emit(message.line, LoggedDamage{std::move(why)});
  }

  void message(const Message& message) {
    const std::string_view text = message.text;
    if (text.starts_with("MEMBLOCK configuration:")) {
      settle(LoggedAllocation::Answer::nothing);
      drop_dump();
      dump_ = Dump{};
      dump_.line = message.line;
      in_dump_ = true;
      return;
    }
    if (text.starts_with("Memory: ") && text.find("available") != std::string_view::npos) {
      settle(LoggedAllocation::Answer::nothing);
      is_late_ = true;
    }
    if (text.starts_with("NODE_DATA(") || text.starts_with("NODE_DATA [") ||
        text.starts_with("NUMA: NODE_DATA") || text.starts_with("numa: NODE_DATA"))
      return emit(message.line, LoggedNodeData{});
    if (const std::size_t dropped = text.find(" printk messages dropped"); dropped != std::string_view::npos)
      return lost(message);
    if (text.starts_with("Kernel panic") && text.find("allocate") != std::string_view::npos)
      settle(LoggedAllocation::Answer::nothing);
    memblock_message(message);
  }

  void lost(const Message& message) {
    Scanner at{message.text};
    settle(LoggedAllocation::Answer::unknown);
    const auto count = at.skip_to("** ") ? at.decimal() : std::nullopt;
    drop_dump();
    emit(message.line, LoggedLoss{count.value_or(1)});
  }

  // The message, and what a mailer folded off it.
  MemblockLine unfolded(const Message& message, std::string& text) {
    text = message.text;
    MemblockLine line = parse_memblock_line(text);
    for (int folds = 0; folds < 2 && at_ + 1 < messages_.size(); ++folds) {
      const auto* const range = std::get_if<RangeLine>(&line);
      const bool wants_more =
          std::holds_alternative<Unreadable>(line) || (range != nullptr && range->call.caller.empty());
      if (!wants_more || !looks_folded(messages_[at_ + 1].text)) break;
      text.append(" ").append(messages_[++at_].text);
      line = parse_memblock_line(text);
    }
    return line;
  }

  void memblock_message(const Message& message) {
    std::string text;
    MemblockLine line = unfolded(message, text);
    if (std::holds_alternative<std::monostate>(line)) return;
    drop_dump();
    if (log_.machine == Machine::unknown)
      for (const Sign& sign : kCallers)
        if (text.find(sign.text) != std::string::npos) log_.machine = sign.machine;
    if (const auto* const bad = std::get_if<Unreadable>(&line)) return damaged(message, bad->why);
    if (auto* const range = std::get_if<RangeLine>(&line)) return range_line(message, *range);
    if (auto* const growth = std::get_if<LoggedGrowth>(&line)) return emit(message.line, *growth);
    settle(LoggedAllocation::Answer::nothing);
    emit(message.line, std::get<LoggedAllocation>(std::move(line)));
    pending_ = log_.events.size() - 1;
  }

  void width(unsigned digits) {
    if (log_.phys_addr_bits == 0) log_.phys_addr_bits = digits <= 8 ? 32 : 64;
  }

  void range_line(const Message& message, RangeLine& line) {
    width(line.digits);
    if (line.call.kind == LoggedRangeCall::Kind::reserve && line.by != RangeLine::Caller::table) {
      LoggedAllocation* const call = pending();
      const bool fits = call != nullptr && call->size == line.call.size;
      const bool by_allocator = line.by == RangeLine::Caller::allocator;
      if (fits && (by_allocator || line.by == RangeLine::Caller::unknown)) {
        call->address = line.call.base;
        return settle(LoggedAllocation::Answer::address);
      }
      if (by_allocator) {
        // Of another size than was asked for: the line between them is missing.
        settle(LoggedAllocation::Answer::unknown);
        return emit(message.line, LoggedAnswer{line.call.base, line.call.size});
      }
    }
    if (!line.call.is_for_table) settle(LoggedAllocation::Answer::nothing);
    emit(message.line, std::move(line.call));
  }

  void drop_dump() {
    if (in_dump_) ++log_.broken_configurations;
    in_dump_ = false;
  }

  // False: the message is not of the dump, which stays open until it is whole or memblock says something else.
  bool dump_line(std::string_view text) {
    const auto line = parse_dump_line(text);
    if (!line) return false;
    if (line->kind == DumpLine::Kind::totals) return true;
    const bool is_memory = line->table == DumpLine::Table::memory;
    const bool is_reserved = line->table == DumpLine::Table::reserved;
    auto& count = is_memory ? dump_.memory_count : is_reserved ? dump_.reserved_count : dump_.physmem_count;
    auto& seen = is_memory ? dump_.memory_seen : is_reserved ? dump_.reserved_seen : dump_.physmem_seen;
    if (line->kind == DumpLine::Kind::count) {
      count = line->count;
      return true;
    }
    ++seen;
    width(line->digits);
    auto& table = is_memory ? dump_.tables.memory : dump_.tables.reserved;
    if (!line->is_empty && (is_memory || is_reserved)) {
      // Tables are sorted and disjoint; one that is not was put together from two.
      if (!table.empty() && line->region.range.begin() < table.back().range.end()) return drop_dump(), true;
      table.push_back(line->region);
    }
    if (dump_.is_whole()) {
      emit(dump_.line, std::move(dump_.tables));
      in_dump_ = false;
    }
    return true;
  }

  std::vector<Message> messages_;
  std::size_t at_ = 0;
  MemblockLog log_;
  Dump dump_;  // while in_dump_
  std::optional<std::size_t> pending_;
  bool in_dump_ = false, is_late_ = false, has_banner_ = false, in_zones_ = false;
};

}  // namespace

bool MemblockEvent::is_operation() const noexcept {
  return !std::holds_alternative<LoggedMemblock>(what) && !std::holds_alternative<LoggedNodeData>(what) &&
         !std::holds_alternative<LoggedLoss>(what);
}

std::size_t MemblockLog::operations() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [](const MemblockEvent& event) { return event.is_operation(); }));
}

bool MemblockLog::says(std::string_view option) const noexcept {
  if (!command_line) return false;
  std::string_view rest = *command_line;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == option) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

MemblockLog read_memblock_log(std::span<const std::byte> log) { return Reader{log}.read(); }

}  // namespace quarry::lnx

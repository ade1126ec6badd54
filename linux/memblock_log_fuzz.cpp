// Any bytes as a log of memblock=debug. Laws: nothing crashes; what is read stands in the bytes: no more events than
// lines that begin as theirs do, in the order of their lines; CR and a cut change nothing of what was whole; the
// counts of a replay add up; no difference without a comparison; the same bytes are replayed the same way twice.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "linux/replay.hpp"

namespace {

using namespace quarry::lnx;

void law(bool holds) {
  if (!holds) std::abort();
}

std::size_t occurrences(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

void check_events(const MemblockLog& log, std::string_view text) {
  std::size_t dumps = 0, last_line = 0;
  for (const MemblockEvent& event : log.events) {
    if (const auto* const dump = std::get_if<LoggedMemblock>(&event.what)) {
      ++dumps;
      for (const auto* const table : {&dump->memory, &dump->reserved})
        for (std::size_t i = 1; i < table->size(); ++i)
          law((*table)[i - 1].range.end() <= (*table)[i].range.begin());
    } else {
      law(event.line >= last_line);
      last_line = event.line;
    }
    if (const auto* const call = std::get_if<LoggedAllocation>(&event.what))
      law(text.find(call->function) != std::string_view::npos);
  }
  law(dumps + log.broken_configurations <= occurrences(text, "MEMBLOCK configuration:"));
  law(log.operations() <= occurrences(text, "memblock"));
  law(log.operations() <= log.events.size());
}

void check_replay(const Replay& replay, const MemblockLog& log) {
  ReplayCounts sum;
  for (const auto& [name, counts] : replay.kinds) {
    sum.operations += counts.operations;
    sum.compared += counts.compared;
    sum.matched += counts.matched;
    sum.skipped += counts.skipped;
  }
  const ReplayCounts& total = replay.total;
  law(sum.operations == total.operations && sum.compared == total.compared);
  law(sum.matched == total.matched && sum.skipped == total.skipped);
  law(total.operations == log.operations() && total.matched <= total.compared);
  law(total.compared + total.skipped <= total.operations && replay.skips.size() == total.skipped);
  std::size_t reasons = 0, wrong = 0;
  for (const auto& [reason, count] : replay.reasons) reasons += count;
  law(reasons == total.skipped);
  for (const auto& at : replay.differences) wrong += at.what == ReplayDifference::What::allocation;
  law(wrong == total.compared - total.matched);
  law(replay.configurations_equal <= replay.configurations_compared);
  law(replay.configurations_compared <= replay.configurations && replay.growths_equal <= replay.growths);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const MemblockLog log = read_memblock_log(bytes_of(text));
  check_events(log, text);
  const Replay first = replay(log);
  check_replay(first, log);
  const Replay again = replay(read_memblock_log(bytes_of(text)));
  law(again.total.matched == first.total.matched && again.total.compared == first.total.compared);

  if (text.find('\r') == std::string_view::npos) {
    std::string with_returns;
    for (const char c : text) with_returns.append(c == '\n' ? "\r\n" : std::string(1, c));
    const Replay same = replay(read_memblock_log(bytes_of(with_returns)));
    law(same.total.operations == first.total.operations && same.total.matched == first.total.matched);
  }
  return 0;
}

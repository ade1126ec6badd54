#include "shell/names.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {

using page::MigrateType;

void Shell::isolate(const Words& words) noexcept {
  const auto pages = range_of(words);
  if (!pages) return;
  const auto done = machine_.isolate(*pages);
  if (done) return;
  const std::uint64_t whole = machine_.geometry().pageblock_order().pages().raw;
  if (done.error() == Error::bad_argument)
    refuse()->put("expected whole pageblocks (").dec(whole).put(" pages) of one zone");
  else
    refuse()->put("a pageblock there is isolated already, or holds what cannot be moved");
}

void Shell::undo_isolation(const Words& words) noexcept {
  const auto pages = range_of(words);
  const auto type = pages ? type_of(words, 3) : std::nullopt;
  if (!type) return;
  const PageCount step = machine_.geometry().pageblock_order().pages();
  for (Pfn at = pages->begin(); at < pages->end(); at = at + step) {
    const auto look = machine_.look_at(at);
    if (look && look->pageblock == MigrateType::isolate && (at.raw & (step.raw - 1)) == 0 &&
        at + step <= pages->end())
      continue;
    refuse()->put("0x").hex(at.raw).put(": no isolated pageblock begins there, or not a whole one");
    return;
  }
  machine_.undo_isolation(*pages, *type);
}

void Shell::alloc_range(const Words& words) noexcept {
  const auto pages = range_of(words);
  const auto type = pages ? type_of(words, 3) : std::nullopt;
  if (!type) return;
  if (const auto done = machine_.alloc_range(*pages, *type); !done) {
    Line line = refuse();
    line->put("0x").hex(pages->begin().raw).put("-0x").hex(pages->end().raw - 1);
    line->put(": ").put(word_of(done.error()));
    return;
  }
  say_singly(*pages);
}

void Shell::free_range(const Words& words) noexcept {
  const auto pages = range_of(words);
  if (!pages) return;
  if (const auto done = machine_.free_range(*pages); !done) refuse_free(pages->begin(), done.error());
}

void Shell::drain(const Words& words) noexcept {
  if (words.size() == 1) return machine_.drain(std::nullopt);
  if (const auto core = core_of(words[1])) machine_.drain(*core);
}

void Shell::cpu(const Words& words) noexcept {
  if (words.size() > 1) {
    const auto core = core_of(words[1]);
    if (!core) return;
    if (const auto done = machine_.run_on(*core); !done) {
      refuse()->put("CPU ").dec(*core).put(" cannot ask here: ").put(word_of(done.error()));
      return;
    }
  }
  say()->put("CPU ").dec(machine_.core()).put(" of ").dec(machine_.core_count()).put(" asks from now on");
}

}  // namespace quarry::shell

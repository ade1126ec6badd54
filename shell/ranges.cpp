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

void Shell::cma(const Words&) noexcept {
  std::size_t count = 0;
  for (; const auto area = machine_.area(count); ++count) {
    const buddy::AreaStats& stats = area->stats;
    Line line = say();
    line->dec(count).put("  ").put(area->name).put("  0x").hex(area->pages.begin().raw);
    line->put("-0x").hex(area->pages.end().raw - 1).put("  ").dec(stats.total.raw).put(" pages, ");
    line->dec(stats.used.raw).put(" handed out, ").dec(stats.largest_free.raw).put(" in a row to be had");
    if (area->order_per_bit != Order{0}) line->put(", in steps of ").dec(area->order_per_bit.pages().raw);
  }
  if (count == 0) say()->put("there is no contiguous area on this machine");
}

void Shell::cma_alloc(const Words& words) noexcept {
  const auto area = area_of(words[1]);
  const auto count = area ? number_of(words[2], "COUNT") : std::nullopt;
  const auto align = count && words.size() > 3 ? number_of(words[3], "ALIGN") : count;
  if (!align) return;
  const std::uint64_t alignment = words.size() > 3 ? *align : 0;
  if (alignment > Order::kCeiling) {
    bad_line()->put("ALIGN ").put(words[3]).put(": expected an order, 0 to ").dec(Order::kCeiling);
    return;
  }
  const PageCount pages{*count};
  const auto first = machine_.alloc_from_area(*area, pages, Order{static_cast<unsigned>(alignment)});
  if (first) return say_singly({first.value(), first.value() + pages});
  if (pages.raw == 0)
    bad_line()->put("COUNT ").put(words[2]).put(": expected pages");
  else
    refuse()->put("area ").dec(*area).put(" has no such run, or what borrows there cannot be moved");
}

void Shell::cma_release(const Words& words) noexcept {
  const auto area = area_of(words[1]);
  const auto pages = area ? range_of(words, 2) : std::nullopt;
  if (!pages || machine_.release_to_area(*area, *pages)) return;
  refuse()->put("0x").hex(pages->begin().raw).put(": ").put(buddy::name_of(machine_.area_misuse(*area)));
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

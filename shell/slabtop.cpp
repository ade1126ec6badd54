#include "quarry/view/slabtop.hpp"

#include "shell/churn.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

// Numbers of ECMA-48's control functions.
constexpr const char* kHome = "\033[H";
constexpr const char* kClearLine = "\033[K";
constexpr const char* kClearBelow = "\033[J";
constexpr const char* kHideCursor = "\033[?25l";
constexpr const char* kShowCursor = "\033[?25h";

constexpr unsigned kBetween = 250;  // ms from one picture to the next

// Whether `a` stands above `b`: more objects, then the name.
bool is_above(const CacheLook& a, const CacheLook& b) noexcept {
  if (a.stats.total_objects != b.stats.total_objects) return a.stats.total_objects > b.stats.total_objects;
  const TextView left = a.stats.name, right = b.stats.name;
  for (std::size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (left[i] != right[i]) return left[i] < right[i];
  return left.size() < right.size();
}

// A heap sort: the one that stands lowest goes to the end, again and again.
void sort(std::span<CacheLook> caches) noexcept {
  const auto sink = [&](std::size_t at, std::size_t count) noexcept {
    for (std::size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
      if (child + 1 < count && is_above(caches[child], caches[child + 1])) ++child;
      if (!is_above(caches[at], caches[child])) return;
      const CacheLook lower = caches[child];
      caches[child] = caches[at];
      caches[at] = lower;
    }
  };
  for (std::size_t at = caches.size() / 2; at-- > 0;) sink(at, caches.size());
  for (std::size_t count = caches.size(); count-- > 1;) {
    const CacheLook lowest = caches[0];
    caches[0] = caches[count];
    caches[count] = lowest;
    sink(0, count);
  }
}

// Text whose lines all end by clearing what stood there before.
struct Cleared {
  TextSink to;
  TextView clear;

  TextSink sink() noexcept {
    return {this, [](void* self, const char* text, std::size_t size) noexcept {
              Cleared& me = *static_cast<Cleared*>(self);
              TextView rest{text, size};
              while (!rest.empty()) {
                const std::size_t end = rest.find('\n');
                me.to.put(rest.part(0, end));
                if (end == rest.size()) return;
                me.to.put(me.clear).put('\n');
                rest = rest.part(end + 1);
              }
            }};
  }
};

}  // namespace

// `most` lines of caches, those with most objects first.
//
// Returns   false: there is no memory to sort them with, and that was said.
bool Shell::draw_caches(std::size_t most, TextView clear) noexcept {
  const std::size_t count = machine_.look_at_caches({});
  const auto room = caches_.fresh(count);
  if (!room) {
    refuse()->put("there is no memory to sort the caches with");
    return false;
  }
  const std::span<CacheLook> caches = room.value();
  machine_.look_at_caches(caches);
  sort(caches);
  view::SlabTotals totals;
  for (const CacheLook& cache : caches) totals.add(cache.stats);
  Cleared cleared{console_.out(), clear};
  TextSink out = cleared.sink();
  view::print_slab_totals(out, totals);
  out.put('\n');
  style_.begin(out, Ink::heading);
  view::print_slabtop_heading(out);
  style_.end(out);
  out.put('\n');
  const PageSize size = machine_.geometry().page_size();
  for (const CacheLook& cache : caches.first(most < count ? most : count)) {
    view::print_slabtop_line(out, cache.stats, size);
    out.put('\n');
  }
  return true;
}

// Until a key is pressed, or for so many pictures. What is asked for meanwhile is given back.
void Shell::watch_caches(std::uint64_t rounds) noexcept {
  constexpr std::size_t around = 10;  // lines that are no cache's
  Room<CacheId> room{memory_};
  std::size_t count = 0;
  made_.for_each([&](const MadeCaches::Made&) { ++count; });
  const auto ids = room.fresh(count);
  Churn churn{machine_, memory_};
  if (!ids || !churn.start()) return no_memory_to_note();
  std::size_t at = 0;
  made_.for_each([&](const MadeCaches::Made& made) { ids.value()[at++] = made.id; });
  const bool was_on = teller_.is_on();
  teller_.set_on(false);
  TextSink out = console_.out();
  out.put(kHideCursor);
  TextView clear = kClearBelow;  // what was there before the first picture
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::size_t height = console_.style().height;
    out.put(kHome);
    if (!draw_caches(height > around ? height - around : 1, clear)) break;
    clear = kClearLine;
    out.put(kClearBelow);
    style_.begin(out, Ink::notable);
    out.dec(churn.operations()).put(" allocations and frees so far; a key ends").put(kClearLine);
    style_.end(out);
    out.put('\n');
    if (round + 1 == rounds || !console_.wait(kBetween)) break;
    churn.turn(ids.value());
  }
  out.put(kShowCursor);
  teller_.set_on(was_on);
}

void Shell::slabtop(const Words& words) noexcept {
  const auto rounds = words.size() > 1 ? number_of(words[1], "ROUNDS") : UINT64_MAX;
  if (!rounds) return;
  if (*rounds == 0) {
    bad_line()->put("ROUNDS 0: expected 1 or more");
    return;
  }
  if (*rounds == 1 || !console_.is_terminal())
    draw_caches(SIZE_MAX, {});
  else
    watch_caches(*rounds);
}

}  // namespace quarry::shell

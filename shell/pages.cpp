#include "shell/names.hpp"
#include "shell/rounds.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

using page::MigrateType;

constexpr std::uint64_t kMostPages = std::uint64_t{1} << 20;  // in one bulk request

}  // namespace

void Shell::put_place(TextSink& out, Pfn page) const noexcept {
  const zones::Layout& layout = machine_.early().layout();
  for (const zones::NodeRange& range : layout.node_ranges) {
    if (!range.span.contains(page)) continue;
    for (const zones::Zone& zone : layout.zones)
      if (zone.node == range.node && zone.span().contains(page)) {
        out.put("node ").dec(static_cast<unsigned>(zone.node)).put(' ').put(zones::name_of(zone.type));
        return;
      }
  }
  out.put("no zone");
}

Shell::Line Shell::refuse_request(Order order, const buddy::Request& request) noexcept {
  explain({.who = "shell", .order = order, .request = request});
  return refuse();
}

void Shell::refuse_free(Pfn page, Error error) noexcept {
  const TextView misuse = buddy::name_of(machine_.last_misuse());
  failure_.start()
      .put("0x")
      .hex(page.raw)
      .put(" was refused: ")
      .put(misuse)
      .put(" (")
      .put(word_of(error))
      .put("). Nothing changed.\n");
  refuse()->put("0x").hex(page.raw).put(": ").put(misuse);
}

void Shell::alloc_pages(const Words& words) noexcept {
  const auto order = order_of(words[1]);
  const auto request = order ? request_of(words, 2) : std::nullopt;
  if (!request) return;
  if (!held_.make_room(1)) return no_memory_to_note();
  const auto page = machine_.alloc_pages(*order, *request);
  if (!page && page.error() == Error::bad_argument) {
    bad_line()->put("node=").dec(static_cast<unsigned>(request->node)).put(": there is no such node");
    return;
  }
  if (!page) {
    refuse_request(*order, *request)
        ->put("no zone gives a block of order ")
        .dec(order->raw())
        .put("; 'why' explains");
    return;
  }
  const Block block{*order, request->type};
  held_.put(page.value().raw, block.packed());
  const PageSize size = machine_.geometry().page_size();
  Line line = say();
  line->put("0x").hex(page.value().raw).put("  order ").dec(order->raw()).put(", ");
  put_size(*line, size.bytes_in(order->pages()));
  line->put(", at 0x").hex(size.address_of(page.value()).raw).put(", ");
  put_place(*line, page.value());
  line->put(", ").put(word_of(request->type));
}

void Shell::free_pages(const Words& words) noexcept {
  const auto page = number_of(words[1], "PFN");
  if (!page) return;
  const auto known = held_.find(*page);
  if (words.size() == 2 && !known) {
    bad_line()->put(words[1]).put(": not handed out here; say the ORDER too");
    return;
  }
  const auto order = words.size() > 2 ? order_of(words[2]) : Block::of(*known).order;
  if (!order) return;
  if (const auto done = machine_.free_pages(Pfn{*page}, *order); !done)
    return refuse_free(Pfn{*page}, done.error());
  held_.erase(*page);
  if (!teller_.is_on()) return;
  const auto look = machine_.look_at(Pfn{*page});
  if (look && look->state == page::State::per_cpu) teller_.kept();
}

void Shell::note_single(Pfn page, const buddy::Request& request) noexcept {
  held_.put(page.raw, Block{Order{0}, request.type}.packed());
}

// As many as are to be had, through `into`, which may take several rounds. `ends` become the first and the last.
std::uint64_t Shell::take_singly(std::span<Pfn> into, std::uint64_t count, const buddy::Request& request,
                                 SinglePages& ends) noexcept {
  return take_in_rounds(into, count, ends, [&](std::span<Pfn> round) noexcept {
    const std::size_t some = machine_.alloc_bulk(round, request);
    for (std::size_t i = 0; i < some; ++i) note_single(round[i], request);
    return some;
  });
}

void Shell::alloc_bulk(const Words& words) noexcept {
  const auto count = number_of(words[1], "COUNT");
  if (!count) return;
  if (*count == 0 || *count > kMostPages) {
    bad_line()->put("COUNT ").put(words[1]).put(": expected 1 to ").dec(kMostPages);
    return;
  }
  const auto request = request_of(words, 2);
  if (!request) return;
  Room<Pfn> room{memory_};
  auto pages = room.fresh(static_cast<std::size_t>(*count));
  for (std::uint64_t fewer = *count >> 1; !pages && fewer != 0; fewer >>= 1)
    pages = room.fresh(static_cast<std::size_t>(fewer));
  if (!pages || !held_.make_room(*count)) return no_memory_to_note();
  SinglePages ends;
  const std::uint64_t got = take_singly(pages.value(), *count, *request, ends);
  if (got != 0) {
    Line line = say();
    line->dec(got).put(" of ").dec(*count).put(" pages, from 0x").hex(ends.first.raw);
    line->put(" to 0x").hex(ends.last.raw);
  }
  if (got < *count) {
    Line line = refuse_request(Order{0}, *request);
    line->dec(got).put(" of ").dec(*count).put(" pages were to be had; 'why' explains");
  }
}

void Shell::alloc_exact(const Words& words) noexcept {
  const auto count = number_of(words[1], "COUNT");
  const auto request = count ? request_of(words, 2) : std::nullopt;
  if (!request) return;
  const std::uint64_t most = machine_.geometry().max_order().pages().raw;
  if (*count == 0 || *count > most) {
    bad_line()->put("COUNT ").put(words[1]).put(": expected 1 to ").dec(most);
    return;
  }
  if (!held_.make_room(*count)) return no_memory_to_note();
  const auto page = machine_.alloc_exact(PageCount{*count}, *request);
  unsigned order = 0;
  while (Order{order}.pages().raw < *count) ++order;
  if (!page) {
    refuse_request(Order{order}, *request)
        ->put("no zone gives ")
        .dec(*count)
        .put(" pages in a row; 'why' explains");
    return;
  }
  const PfnRange pages{page.value(), page.value() + PageCount{*count}};
  for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{1}) note_single(at, *request);
  say_singly(pages);
}

void Shell::say_singly(PfnRange pages) noexcept {
  Line line = say();
  line->put("0x").hex(pages.begin().raw).put("-0x").hex(pages.end().raw - 1).put("  ").dec(pages.size().raw);
  put_place(line->put(" pages, each a block of its own, "), pages.begin());
}

void Shell::free_exact(const Words& words) noexcept {
  const auto pages = range_of(words);
  if (!pages) return;
  if (const auto done = machine_.free_exact(pages->begin(), pages->size()); !done)
    return refuse_free(pages->begin(), done.error());
  for (auto block = held_.at_or_after(pages->begin().raw); block && block->key < pages->end().raw;
       block = held_.at_or_after(pages->begin().raw))
    held_.erase(block->key);
}

void Shell::free_all(const Words&) noexcept {
  std::uint64_t blocks = 0;
  while (const auto block = held_.at_or_after(0)) {
    const Pfn page{block->key};
    if (const auto done = machine_.free_pages(page, Block::of(block->value).order); !done)
      return refuse_free(page, done.error());
    held_.erase(block->key);
    ++blocks;
  }
  const std::uint64_t objects = free_objects(std::nullopt), areas = free_areas();
  Line line = say();
  line->dec(blocks).put(blocks == 1 ? " block" : " blocks");
  if (objects != 0)
    line->put(areas == 0 ? " and " : ", ").dec(objects).put(objects == 1 ? " object" : " objects");
  if (areas != 0) line->put(" and ").dec(areas).put(areas == 1 ? " area" : " areas");
  line->put(" taken back");
}

void Shell::held(const Words&) noexcept {
  held_.for_each([this](const Book::Entry& entry) {
    const Block block = Block::of(entry.value);
    Line line = say();
    line->put("0x").hex(entry.key).put("  order ").dec(block.order.raw()).put(", ");
    put_place(*line, Pfn{entry.key});
    line->put(", ").put(word_of(block.type));
  });
  objects_.for_each([this](const Book::Entry& object) { held_object(object); });
  areas_.for_each([this](const Book::Entry& area) { held_area(area); });
  if (held_.empty() && objects_.empty() && areas_.empty()) say()->put("nothing");
}

// Pages that this shell has handed out as movable are its to move.
bool Shell::move(Pfn from, Pfn to, Order order) noexcept {
  const auto known = held_.find(from.raw);
  if (!known) return false;
  const Block block = Block::of(*known);
  if (block.order != order || block.type != MigrateType::movable) return false;
  const PageCount pages = order.pages();
  std::byte* const source = machine_.memory_of({from, from + pages});
  std::byte* const target = machine_.memory_of({to, to + pages});
  if (source == nullptr || target == nullptr) return false;
  const Bytes size = machine_.geometry().page_size().bytes_in(pages);
  __builtin_memcpy(target, source, static_cast<std::size_t>(size.raw));
  held_.erase(from.raw);
  held_.put(to.raw, *known);
  say()->put("moved 0x").hex(from.raw).put(" to 0x").hex(to.raw).put(", order ").dec(order.raw());
  return true;
}

}  // namespace quarry::shell

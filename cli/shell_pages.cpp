#include <fmt/format.h>

#include <cstring>

#include "cli/shell.hpp"
#include "cli/shell_words.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"

namespace quarry::cli {
namespace {

using page::MigrateType;

constexpr std::uint64_t kMostPages = std::uint64_t{1} << 20;  // in one bulk request

std::string words_of(MigrateType type) {
  std::string word = to_string(view::name_of(type));
  if (type != MigrateType::cma && !word.empty()) word[0] = static_cast<char>(word[0] - 'A' + 'a');
  return word;
}

std::string words_of(Error error) {
  switch (error) {
    case Error::no_memory: return "no memory";
    case Error::bad_argument: return "it makes no sense here";
    case Error::wrong_owner: return "it is not what was handed out, or freed already";
    case Error::busy: return "something there is in use and cannot be moved away";
    case Error::not_found: return "nothing was handed out there";
    case Error::out_of_range: return "it lies outside of memory";
    default: return "it is not possible";
  }
}

}  // namespace

std::string Shell::place_of(Pfn page) const {
  const memory::EarlySystem& early = machine_.early();
  for (const zones::NodeRange& range : early.layout().node_ranges) {
    if (!range.span.contains(page)) continue;
    for (const zones::Zone& zone : early.layout().zones)
      if (zone.node == range.node && zone.span().contains(page))
        return fmt::format("node {} {}", static_cast<unsigned>(zone.node),
                           to_string(zones::name_of(zone.type)));
  }
  return "no zone";
}

void Shell::hand_out(Pfn page, Order order, MigrateType type) {
  held_[page] = {order, type};
  const PageSize size = machine_.geometry().page_size();
  say(fmt::format("{:#x}  order {}, {}, at {:#x}, {}, {}", page.raw, order.raw(),
                  human_size(size.bytes_in(order.pages()).raw), size.address_of(page).raw, place_of(page),
                  words_of(type)));
}

bool Shell::forget(Pfn page) { return held_.erase(page) != 0; }

void Shell::refuse_request(Order order, const buddy::Request& request, const std::string& what) {
  failure_ = explain({.who = "shell", .order = order, .request = request});
  throw Refusal{what + "; 'why' explains"};
}

void Shell::refuse_free(Pfn page, Error error) {
  const auto misuse = to_string(buddy::name_of(machine_.last_misuse()));
  failure_ = fmt::format("{:#x} was refused: {} ({}). Nothing changed.\n", page.raw, misuse, words_of(error));
  throw Refusal{fmt::format("{:#x}: {}", page.raw, misuse)};
}

void Shell::alloc_pages(const Words& words) {
  const Order order = order_of(words[1], machine_.geometry().max_order());
  const buddy::Request request = request_of(words, 2);
  const auto page = machine_.alloc_pages(order, request);
  if (!page && page.error() == Error::bad_argument)
    throw BadLine{fmt::format("node={}: there is no such node", static_cast<unsigned>(request.node))};
  if (!page) refuse_request(order, request, fmt::format("no zone gives a block of order {}", order.raw()));
  hand_out(page.value(), order, request.type);
}

void Shell::free_pages(const Words& words) {
  const Pfn page{number_of(words[1], "PFN")};
  const auto known = held_.find(page);
  if (words.size() == 2 && known == held_.end())
    throw BadLine{fmt::format("{}: not handed out here; say the ORDER too", words[1])};
  const Order order =
      words.size() > 2 ? order_of(words[2], machine_.geometry().max_order()) : known->second.order;
  if (const auto done = machine_.free_pages(page, order); !done) refuse_free(page, done.error());
  forget(page);
  if (!teller_.is_on()) return;
  const auto look = machine_.look_at(page);
  if (look && look->state == page::State::per_cpu) teller_.kept();
}

void Shell::alloc_bulk(const Words& words) {
  const std::uint64_t count = number_of(words[1], "COUNT");
  if (count == 0 || count > kMostPages)
    throw BadLine{fmt::format("COUNT {}: expected 1 to {}", words[1], kMostPages)};
  const buddy::Request request = request_of(words, 2);
  std::vector<Pfn> pages(static_cast<std::size_t>(count));
  const std::size_t got = machine_.alloc_bulk(pages, request);
  for (std::size_t i = 0; i < got; ++i) held_[pages[i]] = {Order{0}, request.type};
  if (got != 0)
    say(fmt::format("{} of {} pages, from {:#x} to {:#x}", got, count, pages[0].raw, pages[got - 1].raw));
  if (got < count)
    refuse_request(Order{0}, request, fmt::format("{} of {} pages were to be had", got, count));
}

void Shell::alloc_exact(const Words& words) {
  const PageCount count{number_of(words[1], "COUNT")};
  const buddy::Request request = request_of(words, 2);
  const std::uint64_t most = machine_.geometry().max_order().pages().raw;
  if (count.raw == 0 || count.raw > most)
    throw BadLine{fmt::format("COUNT {}: expected 1 to {}", words[1], most)};
  const auto page = machine_.alloc_exact(count, request);
  unsigned order = 0;
  while (Order{order}.pages() < count) ++order;
  if (!page) refuse_request(Order{order}, request, fmt::format("no zone gives {} pages in a row", count.raw));
  for (Pfn at = page.value(); at < page.value() + count; at = at + PageCount{1})
    held_[at] = {Order{0}, request.type};
  say(fmt::format("{:#x}-{:#x}  {} pages, each a block of its own, {}", page.value().raw,
                  page.value().raw + count.raw - 1, count.raw, place_of(page.value())));
}

void Shell::free_exact(const Words& words) {
  const PfnRange pages = range_of(words);
  if (const auto done = machine_.free_exact(pages.begin(), pages.size()); !done)
    refuse_free(pages.begin(), done.error());
  held_.erase(held_.lower_bound(pages.begin()), held_.lower_bound(pages.end()));
}

void Shell::free_all(const Words&) {
  std::size_t blocks = 0;
  while (!held_.empty()) {
    const auto [page, block] = *held_.begin();
    if (const auto done = machine_.free_pages(page, block.order); !done) refuse_free(page, done.error());
    held_.erase(held_.begin());
    ++blocks;
  }
  say(fmt::format("{} block{} taken back", blocks, blocks == 1 ? "" : "s"));
}

void Shell::held(const Words&) {
  for (const auto& [page, block] : held_)
    say(fmt::format("{:#x}  order {}, {}, {}", page.raw, block.order.raw(), place_of(page),
                    words_of(block.type)));
  for (const auto& [at, size] : objects_) say(fmt::format("{:#x}  {} bytes by kmalloc", at, size));
  if (held_.empty() && objects_.empty()) say("nothing");
}

void Shell::kmalloc(const Words& words) {
  const std::uint64_t size = number_of(words[1], "SIZE");
  const buddy::Request where = request_of(words, 2);
  if (size == 0) throw BadLine{"SIZE 0: there would be nothing to show"};
  const auto object = machine_.kmalloc(size, where.node);
  if (!object) {
    if (object.error() == Error::bad_argument)
      throw Refusal{fmt::format("{} bytes are more than the largest block, or there is no such node", size)};
    unsigned order = 0;
    while (machine_.geometry().page_size().bytes_in(Order{order}.pages()).raw < size) ++order;
    refuse_request(Order{order}, where, fmt::format("no memory for {} bytes", size));
  }
  const auto usable = machine_.ksize(object.value());
  objects_[object.value().raw] = size;
  say(fmt::format("{:#x}  {} bytes can be used", object.value().raw, usable ? usable.value() : size));
}

void Shell::kfree(const Words& words) {
  const PhysAddr at{number_of(words[1], "ADDR")};
  if (const auto done = machine_.kfree(at); !done) {
    failure_ = fmt::format("{:#x} was refused: {}. Nothing changed.\n", at.raw, words_of(done.error()));
    throw Refusal{fmt::format("{:#x}: {}", at.raw, words_of(done.error()))};
  }
  objects_.erase(at.raw);
}

PfnRange Shell::range_of(const Words& words) const {
  const std::uint64_t first = number_of(words[1], "PFN"), count = number_of(words[2], "COUNT");
  if (count == 0 || first + count < first) throw BadLine{fmt::format("COUNT {}: expected pages", words[2])};
  return {Pfn{first}, Pfn{first + count}};
}

// Pages that this shell has handed out as movable are its to move.
bool Shell::move(Pfn from, Pfn to, Order order) {
  const auto block = held_.find(from);
  if (block == held_.end() || block->second.order != order || block->second.type != MigrateType::movable)
    return false;
  const PageCount pages = order.pages();
  std::byte* const source = machine_.memory_of({from, from + pages});
  std::byte* const target = machine_.memory_of({to, to + pages});
  if (source == nullptr || target == nullptr) return false;
  std::memcpy(target, source, static_cast<std::size_t>(machine_.geometry().page_size().bytes_in(pages).raw));
  held_[to] = block->second;
  held_.erase(block);
  say(fmt::format("moved {:#x} to {:#x}, order {}", from.raw, to.raw, order.raw()));
  return true;
}

void Shell::isolate(const Words& words) {
  const PfnRange pages = range_of(words);
  const auto done = machine_.isolate(pages);
  if (done) return;
  const std::uint64_t whole = machine_.geometry().pageblock_order().pages().raw;
  if (done.error() == Error::bad_argument)
    throw Refusal{fmt::format("expected whole pageblocks ({} pages) of one zone", whole)};
  throw Refusal{"a pageblock there is isolated already, or holds what cannot be moved"};
}

void Shell::undo_isolation(const Words& words) {
  const PfnRange pages = range_of(words);
  const auto type = words.size() > 3 ? type_of(words[3]) : MigrateType::movable;
  if (!type) throw BadLine{fmt::format("{}: expected unmovable, movable, reclaimable or cma", words[3])};
  const PageCount step = machine_.geometry().pageblock_order().pages();
  for (Pfn at = pages.begin(); at < pages.end(); at = at + step) {
    const auto look = machine_.look_at(at);
    if (!look || look->pageblock != MigrateType::isolate || !is_aligned(at.raw, step.raw) ||
        pages.end() < at + step)
      throw Refusal{fmt::format("{:#x}: no isolated pageblock begins there, or not a whole one", at.raw)};
  }
  machine_.undo_isolation(pages, *type);
}

void Shell::alloc_range(const Words& words) {
  const PfnRange pages = range_of(words);
  const auto type = words.size() > 3 ? type_of(words[3]) : MigrateType::movable;
  if (!type) throw BadLine{fmt::format("{}: expected unmovable, movable, reclaimable or cma", words[3])};
  if (const auto done = machine_.alloc_range(pages, *type); !done)
    throw Refusal{
        fmt::format("{:#x}-{:#x}: {}", pages.begin().raw, pages.end().raw - 1, words_of(done.error()))};
  say(fmt::format("{:#x}-{:#x}  {} pages, each a block of its own, {}", pages.begin().raw,
                  pages.end().raw - 1, pages.size().raw, place_of(pages.begin())));
}

void Shell::free_range(const Words& words) {
  const PfnRange pages = range_of(words);
  if (const auto done = machine_.free_range(pages); !done) refuse_free(pages.begin(), done.error());
}

void Shell::drain(const Words& words) {
  if (words.size() == 1) {
    machine_.drain(std::nullopt);
    return;
  }
  const std::uint64_t core = number_of(words[1], "CPU");
  if (core >= machine_.core_count())
    throw BadLine{fmt::format("CPU {}: expected 0 to {}", words[1], machine_.core_count() - 1)};
  machine_.drain(static_cast<unsigned>(core));
}

void Shell::cpu(const Words& words) {
  if (words.size() > 1) {
    const std::uint64_t core = number_of(words[1], "CPU");
    if (core >= machine_.core_count())
      throw BadLine{fmt::format("CPU {}: expected 0 to {}", words[1], machine_.core_count() - 1)};
    machine_.run_on(static_cast<unsigned>(core));
  }
  say(fmt::format("CPU {} of {} asks from now on", machine_.core(), machine_.core_count()));
}

}  // namespace quarry::cli

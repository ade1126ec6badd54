#include "cli/shell_steps.hpp"

#include <fmt/format.h>

#include "cli/shell_draw.hpp"
#include "cli/text.hpp"
#include "quarry/view/buddyinfo.hpp"

namespace quarry::cli {
namespace {

std::string words_of(page::MigrateType type) { return to_string(view::name_of(type)); }

std::string blocks_of(std::uint64_t count, Order order) {
  if (order.raw() == 0) return fmt::format("{} page{}", count, count == 1 ? "" : "s");
  return fmt::format("{} block{} of order {}", count, count == 1 ? "" : "s", order.raw());
}

}  // namespace

void StepTeller::start(const TextStyle& style, Write write, NameZone name_zone) {
  style_ = style;
  write_ = std::move(write);
  name_zone_ = std::move(name_zone);
}

void StepTeller::tell(const std::string& line) {
  tell_merges();
  write_(line + "\n");
}

void StepTeller::tell_merges() {
  for (const auto& [page, half] : merges_)
    write_(draw_merge(page, half, Order{merges_.back().second.raw() + 1}, style_) + "\n");
  merges_.clear();
}

void StepTeller::rest() {
  tell_merges();
  in_batch_ = false;
}

void StepTeller::allocated(Pfn page, Order order, page::MigrateType type) {
  in_batch_ = false;
  tell(fmt::format("  {} {:#x} order {} as {}", style_.in(Ink::heading, "hand out"), page.raw, order.raw(),
                   words_of(type)));
}

void StepTeller::failed(Order order) {
  in_batch_ = false;
  tell(style_.in(Ink::warning, fmt::format("  no zone gives a block of order {}", order.raw())));
}

void StepTeller::freed(Pfn page, Order order) {
  tell(fmt::format("  {} {:#x} order {}", style_.in(Ink::heading, "take back"), page.raw, order.raw()));
}

void StepTeller::split(Pfn page, Order from, Order to) {
  if (from == to) return;  // it fitted as it was
  if (in_batch_) {
    tell(draw_split_line(page, from, to, style_));
    return;
  }
  for (const auto& line : draw_split(page, from, to, style_)) tell(line);
}

void StepTeller::merged(Pfn page, Order half) {
  if (!merges_.empty() && merges_.back().second.raw() + 1 != half.raw()) tell_merges();
  merges_.emplace_back(page, half);
}

void StepTeller::fell_back(Pfn page, Order order, page::MigrateType from, page::MigrateType to) {
  tell(style_.in(Ink::contiguous, fmt::format("  fall back: {} has none; order {} at {:#x} comes from {}",
                                              words_of(to), order.raw(), page.raw, words_of(from))));
}

void StepTeller::pageblock_changed(Pfn page, page::MigrateType now) {
  tell(
      style_.in(Ink::contiguous, fmt::format("  the pageblock of {:#x} is {} now", page.raw, words_of(now))));
}

void StepTeller::brought_up(PfnRange pages) {
  tell(fmt::format("  section {:#x}-{:#x} is brought up", pages.begin().raw, pages.end().raw - 1));
}

void StepTeller::kept() {
  tell(fmt::format("  {} on the CPU's list: it merges with nothing until it spills",
                   style_.in(Ink::heading, "keep")));
}

void StepTeller::refilling(std::uint32_t zone, Order order, std::uint32_t blocks) {
  in_batch_ = true;
  tell(fmt::format("  {}: the CPU's list is empty and takes {} from {}", style_.in(Ink::heading, "refill"),
                   blocks_of(blocks, order), name_zone_(zone)));
}

void StepTeller::spilling(std::uint32_t zone, PageCount pages) {
  tell(fmt::format("  {}: {} go back from the CPU's lists to {}", style_.in(Ink::heading, "spill"),
                   blocks_of(pages.raw, Order{0}), name_zone_(zone)));
}

void StepTeller::misused(Pfn page, Order order, buddy::Misuse misuse) {
  tell(style_.in(Ink::warning, fmt::format("  refused: {:#x} order {}: {}", page.raw, order.raw(),
                                           to_string(buddy::name_of(misuse)))));
}

}  // namespace quarry::cli

#include "shell/steps.hpp"

#include "quarry/view/buddyinfo.hpp"
#include "shell/draw.hpp"

namespace quarry::shell {
namespace {

void put_blocks(TextSink& out, std::uint64_t count, Order order) noexcept {
  out.dec(count).put(order.raw() == 0 ? " page" : " block").put(count == 1 ? "" : "s");
  if (order.raw() != 0) out.put(" of order ").dec(order.raw());
}

}  // namespace

void StepTeller::start(Console& console, ZoneNamer namer) noexcept {
  console_ = &console;
  namer_ = namer;
  style_ = console.style();
}

TextSink StepTeller::telling() noexcept {
  tell_merges();
  return console_->out();
}

void StepTeller::tell_merges() noexcept {
  if (merge_count_ == 0) return;
  TextSink out = console_->out();
  const Order largest{merges_[merge_count_ - 1].half + 1};
  for (unsigned i = 0; i < merge_count_; ++i)
    draw_merge(out, merges_[i].page, Order{merges_[i].half}, largest, style_);
  merge_count_ = 0;
}

void StepTeller::rest() noexcept {
  tell_merges();
  in_batch_ = false;
}

void StepTeller::allocated(Pfn page, Order order, page::MigrateType type) noexcept {
  in_batch_ = false;
  TextSink out = telling();
  style_.put(out.put("  "), Ink::heading, "hand out");
  out.put(" 0x").hex(page.raw).put(" order ").dec(order.raw());
  out.put(" as ").put(view::name_of(type)).put('\n');
}

void StepTeller::failed(Order order) noexcept {
  in_batch_ = false;
  TextSink out = telling();
  style_.begin(out, Ink::warning);
  out.put("  no zone gives a block of order ").dec(order.raw());
  style_.end(out);
  out.put('\n');
}

void StepTeller::freed(Pfn page, Order order) noexcept {
  TextSink out = telling();
  style_.put(out.put("  "), Ink::heading, "take back");
  out.put(" 0x").hex(page.raw).put(" order ").dec(order.raw()).put('\n');
}

void StepTeller::split(Pfn page, Order from, Order to) noexcept {
  if (from == to) return;  // it fitted as it was
  TextSink out = telling();
  if (in_batch_)
    draw_split_line(out, page, from, to, style_);
  else
    draw_split(out, page, from, to, style_);
}

void StepTeller::merged(Pfn page, Order half) noexcept {
  if (merge_count_ != 0 && merges_[merge_count_ - 1].half + 1 != half.raw()) tell_merges();
  merges_[merge_count_++] = {page, half.raw()};
}

void StepTeller::fell_back(Pfn page, Order order, page::MigrateType from, page::MigrateType to) noexcept {
  TextSink out = telling();
  style_.begin(out, Ink::notable);
  out.put("  fall back: ").put(view::name_of(to)).put(" has none; order ").dec(order.raw());
  out.put(" at 0x").hex(page.raw).put(" comes from ").put(view::name_of(from));
  style_.end(out);
  out.put('\n');
}

void StepTeller::pageblock_changed(Pfn page, page::MigrateType now) noexcept {
  TextSink out = telling();
  style_.begin(out, Ink::notable);
  out.put("  the pageblock of 0x").hex(page.raw).put(" is ").put(view::name_of(now)).put(" now");
  style_.end(out);
  out.put('\n');
}

void StepTeller::brought_up(PfnRange pages) noexcept {
  telling()
      .put("  section 0x")
      .hex(pages.begin().raw)
      .put("-0x")
      .hex(pages.end().raw - 1)
      .put(" is brought up\n");
}

void StepTeller::kept() noexcept {
  TextSink out = telling();
  style_.put(out.put("  "), Ink::heading, "keep");
  out.put(" on the CPU's list: it merges with nothing until it spills\n");
}

void StepTeller::refilling(std::uint32_t zone, Order order, std::uint32_t blocks) noexcept {
  in_batch_ = true;
  TextSink out = telling();
  style_.put(out.put("  "), Ink::heading, "refill");
  put_blocks(out.put(": the CPU's list is empty and takes "), blocks, order);
  namer_.put(namer_.self, out.put(" from "), zone);
  out.put('\n');
}

void StepTeller::spilling(std::uint32_t zone, PageCount pages) noexcept {
  TextSink out = telling();
  style_.put(out.put("  "), Ink::heading, "spill");
  put_blocks(out.put(": "), pages.raw, Order{0});
  namer_.put(namer_.self, out.put(" go back from the CPU's lists to "), zone);
  out.put('\n');
}

void StepTeller::misused(Pfn page, Order order, buddy::Misuse misuse) noexcept {
  TextSink out = telling();
  style_.begin(out, Ink::warning);
  out.put("  refused: 0x")
      .hex(page.raw)
      .put(" order ")
      .dec(order.raw())
      .put(": ")
      .put(buddy::name_of(misuse));
  style_.end(out);
  out.put('\n');
}

}  // namespace quarry::shell

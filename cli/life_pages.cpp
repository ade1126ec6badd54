// What the page allocator made of an address: which step gave its page, who accounts for it, what it is after the boot.
#include <fmt/format.h>

#include "cli/life_context.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"
#include "linux/ledger_rules.hpp"

namespace quarry::cli {
namespace {

using lnx::Ledger;

const char* name_of(page::State state) {
  switch (state) {
    case page::State::nothing: return "reserved";
    case page::State::free: return "free";
    case page::State::allocated: return "allocated";
    case page::State::slab: return "slab";
    case page::State::per_cpu: return "per-CPU";
    case page::State::isolated: return "isolated";
    case page::State::reserved: return "bad";
  }
  return "";
}

// Why the page allocator never had the page.
std::string why_never(const LifeContext& context) {
  const RegionEntry* const memory = context.memory();
  if (memory == nullptr) return "it is no memory";
  const MapPiece* const piece = context.piece();
  const std::string owner = piece == nullptr ? "" : piece->owner;
  if (owner == Ledger::kNoMap) return "it is not to be mapped, and what is not mapped is not handed out";
  if (owner == Ledger::kRounding) return "it is part of no whole page of free memory";
  if (owner.empty() || owner == Ledger::kFree) return "its page is not free as a whole";
  if (piece->range.size() % context.report.page_size != 0 && context.reserved() == nullptr)
    return fmt::format("its page is shared with '{}'", owner);
  return fmt::format("reserved memory stays with its owner: '{}'", owner);
}

}  // namespace

LifeStage hand_over_stage(const LifeContext& context) {
  LifeStage stage{.name = "hand-over", .says = {}};
  if (!context.given_by) {
    stage.says = "never";
    stage.because(why_never(context));
    stage.facts["step"] = nullptr;
    return stage;
  }
  const std::string function = to_string(memory::linux_name_of(*context.given_by));
  const std::string step = to_string(memory::name_of(*context.given_by));
  stage.says = fmt::format("by {} ({})", function, step);
  stage.facts["step"] = step;
  stage.facts["function"] = function;
  for (const LoggedEvent& event : context.log.events())
    if (event.action == early::Action::free_late && event.range.contains(context.at))
      stage.because(fmt::format("'{}' goes back: {}", event.owner, mem_text(context, event.range)));
  if (!stage.reasons.empty()) return stage;
  using Step = memory::HandOverStep;
  if (*context.given_by == Step::low_memory || *context.given_by == Step::high_memory)
    stage.because("nobody had reserved its page");
  if (*context.given_by == Step::areas)
    stage.because("its contiguous area is activated: the pages are free, for movable ones");
  if (*context.given_by == Step::used)
    stage.because("part of a gigantic page: it counts as managed, and stays in use");
  return stage;
}

LifeStage ledger_stage(const LifeContext& context) {
  LifeStage stage{.name = "ledger", .says = {}};
  const MapPiece* const piece = context.piece();
  if (piece == nullptr) {
    stage.says = "in no bucket: it is no RAM";
    stage.facts["owner"] = nullptr;
    return stage;
  }
  const PhysRange range{PhysAddr{piece->range.begin}, PhysAddr{piece->range.end}};
  stage.says = piece->owner;
  const lnx::Bucket* const bucket = lnx::bucket_of(piece->owner);
  stage.because(fmt::format("{}, {}{}", mem_text(context, range), human_size(piece->range.size()),
                            bucket == nullptr ? "" : fmt::format(": {}", bucket->about)));
  if (!piece->rule.empty()) stage.because(piece->rule);
  stage.facts["owner"] = piece->owner;
  stage.facts["rule"] = piece->rule;
  stage.facts.update(range_json(range));
  return stage;
}

LifeStage now_stage(const LifeContext& context) {
  const PageLook& now = context.now;
  LifeStage stage{.name = "after boot", .says = name_of(now.state)};
  if (!now.is_described) stage.says = "no page";
  stage.facts["state"] = stage.says;
  if (now.is_deferred)
    stage.because("all of its section is free: it is described when somebody needs a page of it");
  if (now.block.empty()) return stage;
  const unsigned order = 63 - static_cast<unsigned>(__builtin_clzll(now.block.size().raw));
  stage.because(fmt::format("in a block of order {}, {} pages from page {:#x} on: {}", order,
                            now.block.size().raw, now.block.begin().raw, pages_text(context, now.block)));
  if (now.state == page::State::per_cpu) stage.because("a core keeps it at hand for its next request");
  if (now.state == page::State::slab)
    stage.because(fmt::format("a slab of {}, objects of {} bytes", now.cache, now.object_bytes));
  stage.facts["order"] = order;
  stage.facts["start_pfn"] = now.block.begin().raw;
  if (!now.cache.empty()) stage.facts["cache"] = now.cache;
  return stage;
}

}  // namespace quarry::cli

// shell/steps.hpp: single-step mode: everything that the page allocator decides, told and drawn as it happens.
#pragma once

#include "quarry/buddy/observer.hpp"
#include "shell/console.hpp"

namespace quarry::shell {

// Writes the name of a zone: "node 0 DMA32".
struct ZoneNamer {
  void* self = nullptr;
  void (*put)(void* self, TextSink& out, std::uint32_t zone) noexcept = nullptr;
};

// Tells while it is on. Lines go out one by one, so that what went before a stop is there to read.
class StepTeller {
 public:
  // The console outlives this, or the last time that something is told.
  void start(Console& console, ZoneNamer namer) noexcept;
  void set_on(bool on) noexcept { is_on_ = on; }
  bool is_on() const noexcept { return is_on_; }
  // Between two commands: what comes next is not of a batch.
  void rest() noexcept;

  void allocated(Pfn page, Order order, page::MigrateType type) noexcept;
  void failed(Order order) noexcept;
  void freed(Pfn page, Order order) noexcept;
  void split(Pfn page, Order from, Order to) noexcept;
  void merged(Pfn page, Order half) noexcept;
  void fell_back(Pfn page, Order order, page::MigrateType from, page::MigrateType to) noexcept;
  void pageblock_changed(Pfn page, page::MigrateType now) noexcept;
  void brought_up(PfnRange pages) noexcept;
  void refilling(std::uint32_t zone, Order order, std::uint32_t blocks) noexcept;
  void spilling(std::uint32_t zone, PageCount pages) noexcept;
  void misused(Pfn page, Order order, buddy::Misuse misuse) noexcept;
  void kept() noexcept;  // by the core that gave a block back

 private:
  struct Merge {
    Pfn page;
    unsigned half = 0;
  };

  TextSink telling() noexcept;  // what waited has been told
  void tell_merges() noexcept;

  Console* console_ = nullptr;
  ZoneNamer namer_;
  Style style_;
  bool is_on_ = false;
  bool in_batch_ = false;
  Merge merges_
      [Order::kCount];  // of one block on its way up, told when it has arrived; law: each half is one higher
  unsigned merge_count_ = 0;
};

// What the page allocator holds: a handle on the teller.
struct StepWatcher : buddy::NoObserver {
  StepTeller* to = nullptr;

  void allocated(Pfn page, Order order, page::MigrateType type) noexcept {
    if (to->is_on()) to->allocated(page, order, type);
  }
  void failed(Order order, const buddy::Request&) noexcept {
    if (to->is_on()) to->failed(order);
  }
  void freed(Pfn page, Order order) noexcept {
    if (to->is_on()) to->freed(page, order);
  }
  void split(Pfn page, Order from, Order half) noexcept {
    if (to->is_on()) to->split(page, from, half);
  }
  void merged(Pfn page, Order half) noexcept {
    if (to->is_on()) to->merged(page, half);
  }
  void fell_back(Pfn page, Order order, page::MigrateType from, page::MigrateType type) noexcept {
    if (to->is_on()) to->fell_back(page, order, from, type);
  }
  void pageblock_changed(Pfn page, page::MigrateType now) noexcept {
    if (to->is_on()) to->pageblock_changed(page, now);
  }
  void brought_up(PfnRange pages) noexcept {
    if (to->is_on()) to->brought_up(pages);
  }
  void refilling(std::uint32_t zone, Order order, std::uint32_t blocks) noexcept {
    if (to->is_on()) to->refilling(zone, order, blocks);
  }
  void spilling(std::uint32_t zone, PageCount pages) noexcept {
    if (to->is_on()) to->spilling(zone, pages);
  }
  void misused(Pfn page, Order order, buddy::Misuse misuse) noexcept {
    if (to->is_on()) to->misused(page, order, misuse);
  }
};
static_assert(buddy::Observer<StepWatcher>);

}  // namespace quarry::shell

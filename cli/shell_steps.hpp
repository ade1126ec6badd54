// cli/shell_steps.hpp: single-step mode: everything that the page allocator decides, told and drawn as it happens.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.hpp"
#include "quarry/buddy/observer.hpp"

namespace quarry::cli {

// Tells while it is on. Lines go out one by one, so that what went before a stop is there to read.
class StepTeller {
 public:
  using Write = std::function<void(const std::string&)>;
  using NameZone = std::function<std::string(std::uint32_t zone)>;  // "node 0 DMA32"

  void start(const TextStyle& style, Write write, NameZone name_zone);
  void set_on(bool on) { is_on_ = on; }
  bool is_on() const { return is_on_; }
  // Between two commands: what comes next is not of a batch.
  void rest();

  void allocated(Pfn page, Order order, page::MigrateType type);
  void failed(Order order);
  void freed(Pfn page, Order order);
  void split(Pfn page, Order from, Order to);
  void merged(Pfn page, Order half);
  void fell_back(Pfn page, Order order, page::MigrateType from, page::MigrateType to);
  void pageblock_changed(Pfn page, page::MigrateType now);
  void brought_up(PfnRange pages);
  void refilling(std::uint32_t zone, Order order, std::uint32_t blocks);
  void spilling(std::uint32_t zone, PageCount pages);
  void misused(Pfn page, Order order, buddy::Misuse misuse);
  void kept();  // by the core that gave a block back

 private:
  void tell(const std::string& line);
  void tell_merges();

  TextStyle style_;
  Write write_;
  NameZone name_zone_;
  bool is_on_ = false;
  bool in_batch_ = false;
  std::vector<std::pair<Pfn, Order>> merges_;  // of one block on its way up, told when it has arrived
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

}  // namespace quarry::cli

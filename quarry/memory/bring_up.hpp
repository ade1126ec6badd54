// quarry/memory/bring_up.hpp: the whole pipeline, from a description to kmalloc: the table of contents as code.
#pragma once

#include "quarry/memory/page_system.hpp"

namespace quarry::memory {

// Where a bring-up is, or where it stopped.
enum class Stage : std::uint8_t {
  early,        // firmware's map, nodes, memblock
  zones,        // zones and zonelists
  descriptors,  // a descriptor for every page
  hand_over,    // memblock's free pages become the page allocator's
  slab,         // kmem_cache and kmalloc
  finish,       // areas, initrd and init memory come back
  done,
};
TextView name_of(Stage stage) noexcept;

// Told after each stage that succeeded; a snapshot is best taken here.
struct StageObserver {
  void* self = nullptr;
  void (*after)(void* self, Stage stage) noexcept = nullptr;

  void tell(Stage stage) const noexcept {
    if (after != nullptr) after(self, stage);
  }
};

// Runs all stages in order and stops at the first that fails; `reached` says which.
//
// Errors    the failing stage's.
template <class System>
Result<Done> bring_up(EarlySystem& early, System& pages, Stage& reached,
                      const StageObserver& observer = {}) noexcept {
  const auto passed = [&](Stage stage, Result<Done> done) {
    reached = stage;
    if (done) observer.tell(stage);
    return done;
  };
  if (auto done = passed(Stage::early, early.run_flow()); !done) return done;
  if (auto done = passed(Stage::zones, early.cut_zones()); !done) return done;
  if (auto done = passed(Stage::descriptors, pages.describe_pages()); !done) return done;
  if (auto done = passed(Stage::hand_over, pages.hand_over()); !done) return done;
  if (auto done = passed(Stage::slab, pages.start_slab()); !done) return done;
  if (auto done = passed(Stage::finish, pages.finish()); !done) return done;
  reached = Stage::done;
  return Done{};
}

}  // namespace quarry::memory

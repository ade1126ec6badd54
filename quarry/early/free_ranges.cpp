#include "quarry/early/free_ranges.hpp"

namespace quarry::early {
namespace {

std::size_t count_of(const RegionTable* taken) noexcept { return taken == nullptr ? 0 : taken->count(); }
constexpr PhysAddr higher(PhysAddr a, PhysAddr b) noexcept { return a < b ? b : a; }
constexpr PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }

}  // namespace

template <Walk kWalk>
FreeCursor<kWalk> FreeCursor<kWalk>::first_of(const WalkBounds& bounds) noexcept {
  FreeCursor at{bounds};
  const Regions memory = bounds.memory->view();
  if constexpr (kWalk == Walk::upwards) {
    at.region_ = first_ending_above(memory, bounds.window.begin());
    if (bounds.taken != nullptr) at.gap_ = first_ending_above(bounds.taken->view(), bounds.window.begin());
  } else {
    at.region_ = first_beginning_from(memory, bounds.window.end());
    if (bounds.taken != nullptr) at.gap_ = first_ending_above(bounds.taken->view(), bounds.window.end());
  }
  at.advance();
  return at;
}

template <Walk kWalk>
FreeCursor<kWalk> FreeCursor<kWalk>::advanced(FreeCursor from) noexcept {
  from.advance();
  return from;
}

template <Walk kWalk>
void FreeCursor<kWalk>::advance() noexcept {
  if constexpr (kWalk == Walk::upwards) {
    gap_ += static_cast<std::size_t>(next_ - run_);
    next_ = run_ = run_end_ = nullptr;
    advance_up();
  } else {
    advance_down();
  }
}

// Gap `gap_`: from the end of the taken region below it to the begin of the one above it.
template <Walk kWalk>
PhysRange FreeCursor<kWalk>::gap() const noexcept {
  const RegionTable* const taken = bounds_.taken;
  return {gap_ == 0 ? PhysAddr{0} : (*taken)[gap_ - 1].end(),
          gap_ < count_of(taken) ? (*taken)[gap_].base : PhysAddr{UINT64_MAX}};
}

// Whether the bytes that region, gap and window share are any; the walk is on them then.
template <Walk kWalk>
bool FreeCursor<kWalk>::arrive(const Region& region, PhysRange gap) noexcept {
  const PhysAddr begin = higher(bounds_.window.begin(), higher(region.base, gap.begin()));
  const PhysAddr end = lower(bounds_.window.end(), lower(region.end(), gap.end()));
  if (begin >= end) return false;
  begin_ = begin;
  end_ = end;
  node_ = region.node;
  flags_ = region.flags;
  return true;
}

// Whichever of region and gap ends first is done with.
template <Walk kWalk>
void FreeCursor<kWalk>::advance_up() noexcept {
  for (; region_ < bounds_.memory->count(); ++region_) {
    const Region region = (*bounds_.memory)[region_];
    if (region.base >= bounds_.window.end()) break;
    if (!bounds_.filter.takes(region)) continue;
    for (; gap_ <= count_of(bounds_.taken); ++gap_) {
      const PhysRange free = gap();
      if (free.begin() >= lower(region.end(), bounds_.window.end())) break;
      if (!arrive(region, free)) continue;
      if (region.end() <= free.end()) {
        ++region_;
      } else {
        ++gap_;
        prepare_steps(region);
      }
      return;
    }
  }
  done_ = true;
}

// After a gap that ends inside `region`: what lies before gap `gap_` is a taken region.
template <Walk kWalk>
void FreeCursor<kWalk>::prepare_steps(const Region& region) noexcept {
  const Regions taken = bounds_.taken->view();
  const std::span<const Region> run = taken.run_from(gap_);
  const std::size_t outside = first_beginning_from(taken, lower(region.end(), bounds_.window.end()));
  const std::size_t inside = outside > gap_ ? outside - gap_ : 0;
  next_ = run_ = run.data();
  run_end_ = run.data() + (inside < run.size() ? inside : run.size());
  floor_ = (*bounds_.taken)[gap_ - 1].end();
  seen_ = versions();
}

// The mirror image: whichever begins last is done with.
template <Walk kWalk>
void FreeCursor<kWalk>::advance_down() noexcept {
  if (region_ > bounds_.memory->count()) region_ = bounds_.memory->count();
  if (gap_ > count_of(bounds_.taken)) gap_ = count_of(bounds_.taken);
  for (; region_ > 0; --region_) {
    const Region region = (*bounds_.memory)[region_ - 1];
    if (region.end() <= bounds_.window.begin()) break;
    if (!bounds_.filter.takes(region)) continue;
    for (;; --gap_) {
      const PhysRange free = gap();
      if (free.end() <= higher(region.base, bounds_.window.begin())) break;
      const bool region_is_done = region.base >= free.begin();
      if (arrive(region, free)) {
        --(region_is_done ? region_ : gap_);
        return;
      }
      if (region_is_done) break;
    }
  }
  done_ = true;
}

template class FreeCursor<Walk::upwards>;
template class FreeCursor<Walk::downwards>;

void PfnCursor::advance() noexcept {
  while (next_ < memory_->count()) {
    const Region& region = (*memory_)[next_++];
    const PfnRange pages = PfnRange::inside(region.range(), page_);
    if (pages.empty() || (node_ != kAnyNode && node_ != region.node)) continue;
    here_ = {.pages = pages, .node = region.node};
    return;
  }
  done_ = true;
}

}  // namespace quarry::early

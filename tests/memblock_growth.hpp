// tests/memblock_growth.hpp: tables that grow to 100,000 regions, and where each growth has to put them.
//
// A page is taken or not, and memory or not: the place of a grown table is looked for page by page.
#pragma once

#include <memory>
#include <vector>

#include "quarry/early/memblock.hpp"

namespace quarry::early {

class Growth {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::uint64_t kPage = kPageBytes;
  static constexpr std::size_t kPages = 262'144, kFirst = 128;
  enum class Order : std::uint8_t { upwards, downwards, scattered };
  enum class Table : std::uint8_t { memory, reserved };

  // The table begins with room for 128 regions; the other one is large enough.
  Growth(Table which, Direction direction)
      : which_{which},
        memory_(which == Table::memory ? kFirst : 16),
        reserved_(which == Table::reserved ? kFirst : 1024),
        memblock_{config(this, direction), {memory_, reserved_}, {}, {this, &Growth::hear}} {}
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  // Makes `regions` regions of a page each and unmakes them again.
  //
  // Returns   what was wrong; null when nothing was.
  const char* run(std::size_t regions, Order order) {
    count_ = regions;
    // Tables go below the regions, or above them where there is a bank.
    add({PhysAddr{kPage}, PhysAddr{(kOwn - 1) * kPage}});
    if (which_ == Table::reserved && order != Order::downwards)
      add({PhysAddr{kAbove * kPage}, PhysAddr{kPages * kPage}});
    for (std::size_t i = 0; i < regions && wrong_ == nullptr; ++i) make(place(i, order), i);
    if (wrong_ != nullptr) return wrong_;
    if (const char* differs = compare(regions)) return differs;
    for (std::size_t i = 0; i < regions && wrong_ == nullptr; ++i) unmake(place(regions - 1 - i, order), i);
    if (wrong_ != nullptr) return wrong_;
    if (growths_ == 0) return "no table grew";
    return compare(0);
  }
  std::size_t growths() const { return growths_; }
  std::size_t max() const { return table().max(); }

 private:
  // Regions lie from here to there; a table of 131,072 fits twice below and above.
  static constexpr std::size_t kOwn = 8192, kAbove = 210'000;

  static Config config(Growth* self, Direction direction) {
    Config config;
    config.direction = direction;
    config.spare = {self, [](void* me, std::size_t bytes) noexcept {
                      auto& chunks = static_cast<Growth*>(me)->chunks_;
                      return chunks.emplace_back(std::make_unique<std::byte[]>(bytes)).get();
                    }};
    return config;
  }
  const RegionTable& table() const {
    return which_ == Table::memory ? memblock_.memory() : memblock_.reserved();
  }
  static PhysRange page(std::size_t at) { return {PhysAddr{at * kPage}, PhysAddr{(at + 1) * kPage}}; }
  // The page of region `i`, each once, none beside another.
  std::size_t place(std::size_t i, Order order) const {
    if (order == Order::downwards) i = count_ - 1 - i;
    if (order == Order::scattered) i = static_cast<std::size_t>(std::uint64_t{i} * 60'013 % count_);
    return kOwn + 2 * i;
  }
  void add(PhysRange range) {
    if (!memblock_.add(range, "bank")) wrong_ = "the first bank is refused";
    for (std::uint64_t i = range.begin().raw / kPage; i < range.end().raw / kPage; ++i)
      is_memory_[static_cast<std::size_t>(i)] = true;
  }
  void make(std::size_t at, std::size_t done) {
    now_ = {at, at + 1};
    const bool is_full = table().cnt() == table().max();
    const auto change = [&] {
      return which_ == Table::memory ? memblock_.add(page(at), "bank") : memblock_.reserve(page(at), "node");
    };
    auto made = change();
    if (!may_grow_ && is_full) {
      if (made || made.error() != Error::too_early) wrong_ = "a full table did not say that it is too early";
      if (table().max() != kFirst || table().count() != kFirst)
        wrong_ = "too early, and yet something changed";
      memblock_.allow_resize();
      may_grow_ = true;
      made = change();
    }
    if (!made) wrong_ = "a region is refused";
    (which_ == Table::memory ? is_memory_ : is_taken_)[at] = true;
    if ((done & (done < 1024 ? 63 : 16383)) == 0 && memblock_.audit()) wrong_ = name_of(*memblock_.audit());
  }
  void unmake(std::size_t at, std::size_t done) {
    now_ = {at, at + 1};
    const auto gone =
        which_ == Table::memory ? memblock_.remove(page(at), "bank") : memblock_.free(page(at), "node");
    if (!gone) wrong_ = "a region stays";
    (which_ == Table::memory ? is_memory_ : is_taken_)[at] = false;
    if ((done & 16383) == 0 && memblock_.audit()) wrong_ = name_of(*memblock_.audit());
  }

  static void hear(void* self, const Event& event) noexcept { static_cast<Growth*>(self)->hear(event); }
  void hear(const Event& event) {
    if (event.action == Action::free && event.owner == TextView{"memblock_double_array"}) old_ = event.range;
    if (event.action != Action::grow) return;
    ++growths_;
    const std::size_t pages = (event.pieces * 24 + kPageBytes - 1) / kPageBytes;
    const std::size_t at = static_cast<std::size_t>(event.range.begin().raw / kPage);
    if (event.owner != table().name()) wrong_ = "the other table grew";
    if (event.pieces != kFirst << growths_) wrong_ = "a table is not twice as large as before";
    if (event.range.size().raw != pages * kPage) wrong_ = "the place has another size";
    if (at != expected(pages)) wrong_ = "a table grew to another place";
    set(PhysRange::sized(PhysAddr{at * kPage}, Bytes{pages * kPage}), true);
    set(old_, false);
    old_ = {};
  }
  void set(PhysRange range, bool is_taken) {
    for (std::uint64_t i = range.begin().raw / kPage; i < range.end().raw / kPage; ++i)
      is_taken_[static_cast<std::size_t>(i)] = is_taken;
  }
  // Above what is being reserved, or else below it; a table of memory has nothing to avoid.
  std::size_t expected(std::size_t pages) const {
    if (which_ == Table::memory) return fit(pages, 1, kPages);
    const std::size_t above = fit(pages, now_.last, kPages);
    return above != 0 ? above : fit(pages, 1, now_.first);
  }
  // 0: nowhere.
  std::size_t fit(std::size_t pages, std::size_t begin, std::size_t end) const {
    std::size_t run = 0;
    if (memblock_.direction() == Direction::bottom_up) {
      for (std::size_t i = begin; i < end; ++i) {
        run = is_memory_[i] && !is_taken_[i] ? run + 1 : 0;
        if (run == pages) return i + 1 - pages;
      }
      return 0;
    }
    for (std::size_t i = end; i > begin; --i) {
      run = is_memory_[i - 1] && !is_taken_[i - 1] ? run + 1 : 0;
      if (run == pages) return i - 1;
    }
    return 0;
  }
  const char* compare(std::size_t regions) const {
    if (const auto law = memblock_.audit()) return name_of(*law);
    const std::size_t more = which_ == Table::memory ? 1 : growths_ != 0;
    if (table().count() < regions || table().count() > regions + more) return "the count of regions differs";
    for (std::size_t i = 0; i < kPages; ++i) {
      const PhysAddr at{i * kPage};
      if (memblock_.is_memory(at) != is_memory_[i]) return "is_memory differs";
      if (memblock_.is_reserved(at) != is_taken_[i]) return "is_reserved differs";
    }
    return nullptr;
  }

  Table which_;
  std::vector<Region> memory_, reserved_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<bool> is_memory_ = std::vector<bool>(kPages), is_taken_ = std::vector<bool>(kPages);
  IndexRange now_;  // the page that is being changed
  PhysRange old_;   // where the table lay before it grew
  std::size_t count_ = 0, growths_ = 0;
  bool may_grow_ = false;
  const char* wrong_ = nullptr;
  Memblock memblock_;
};

// All ways to 100,000 regions of either table.
//
// Returns   what was wrong; null when nothing was.
inline const char* grow_to(std::size_t regions) {
  for (const auto which : {Growth::Table::reserved, Growth::Table::memory})
    for (const auto direction : {Direction::top_down, Direction::bottom_up})
      for (const auto order : {Growth::Order::upwards, Growth::Order::downwards, Growth::Order::scattered}) {
        Growth growth{which, direction};
        if (const char* wrong = growth.run(regions, order)) return wrong;
        if (growth.max() < regions) return "the table is smaller than what it holds";
      }
  return nullptr;
}

}  // namespace quarry::early

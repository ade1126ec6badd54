#include "kernel/remap.hpp"

#include "kernel/cores.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {

using quarry::Order, quarry::PageCount, quarry::Pfn, quarry::PfnRange, quarry::PhysRange, quarry::Result,
    quarry::TextView;
using quarry::vm::VirtAddr, quarry::vm::VirtRange;

namespace {

constexpr unsigned kRounds = 25;
constexpr Order kPage{0}, kLarge{9};
constexpr std::uint64_t kPageBytes = std::uint64_t{1} << Platform::kPageShift;
// In the upper half, and in nobody's way: 2 MiB that may be one page.
constexpr VirtAddr kArea{0xffff'c000'0000'0000};
constexpr std::uint64_t kAreaPages = 512;
// A page in the middle of it.
constexpr std::uint64_t kMiddle = 77;

// What each page of the area must show: the stamp of the frame behind it.
struct Looks {
  std::uint64_t pages = 0;
  Pfn first;                       // behind the first page, others follow
  std::uint64_t odd = kAreaPages;  // but for this one
  Pfn odd_one{};
  quarry::Atomic<std::uint64_t> seen{}, wrong{};
};

std::uint64_t stamp_of(Pfn frame) noexcept { return frame.raw * 0x9e37'79b9'7f4a'7c15 + 1; }

void look(void* self, unsigned) noexcept {
  Looks& looks = *static_cast<Looks*>(self);
  for (std::uint64_t i = 0; i < looks.pages; ++i) {
    const auto at = kArea.raw + i * kPageBytes;
    const Pfn behind = i == looks.odd ? looks.odd_one : looks.first + PageCount{i};
    const std::uint64_t found = *reinterpret_cast<const volatile std::uint64_t*>(at);
    if (found != stamp_of(behind)) looks.wrong.fetch_add_relaxed(1);
  }
  looks.seen.fetch_add_relaxed(looks.pages);
}

PhysRange bytes_of(PfnRange frames) noexcept {
  constexpr quarry::PageSize page{Platform::kPageShift};
  return {page.address_of(frames.begin()), page.address_of(frames.end())};
}
VirtRange part(std::uint64_t first, std::uint64_t pages) noexcept {
  const VirtAddr begin = kArea + quarry::Bytes{first * kPageBytes};
  return {begin, begin + quarry::Bytes{pages * kPageBytes}};
}

class Remapper {
 public:
  Remapper(DirectMap::Table& table, System& system) noexcept : table_{table}, system_{system} {}

  // Returns   what went wrong; empty: nothing.
  TextView run(quarry::memory::Exercise& count) noexcept {
    const auto one = take(kPage), other = take(kPage), large = take(kLarge);
    if (!one || !other || !large) return "no frames to map";
    TextView complaint;
    for (unsigned round = 0; round < kRounds && complaint.empty(); ++round) {
      complaint = replace(one.value(), other.value());
      if (complaint.empty()) complaint = split(large.value(), other.value());
      if (complaint.empty() && table_.audit()) complaint = "a law of the tables is broken";
    }
    for (const auto& [frame, order] :
         {Taken{one.value(), kPage}, {other.value(), kPage}, {large.value(), kLarge}})
      if (!system_.frames().free_pages(frame, order)) complaint = "a frame that was not taken back";
    count.operations = operations_;
    return complaint;
  }

 private:
  struct Taken {
    Pfn frame;
    Order order;
  };

  Result<Pfn> take(Order order) noexcept {
    const auto first = system_.frames().alloc_pages(order, {});
    if (!first) return first;
    for (PageCount i{0}; i < order.pages(); ++i.raw) {
      const Pfn frame = first.value() + i;
      *reinterpret_cast<std::uint64_t*>(Platform{}.map({frame, frame + PageCount{1}})) = stamp_of(frame);
    }
    return first;
  }

  bool all_see(Looks&& looks) noexcept {
    run_on_cores(running_cores(), &look, &looks);
    operations_ += looks.seen.load_acquire();
    return looks.wrong.load_acquire() == 0;
  }
  bool map(std::uint64_t page, Pfn frame, Order order) noexcept {
    ++operations_;
    const PfnRange frames{frame, frame + order.pages()};
    return bool{table_.map(part(page, 1).begin(), bytes_of(frames), {.write = true})};
  }
  bool unmap(std::uint64_t page, std::uint64_t pages) noexcept {
    ++operations_;
    return bool{table_.unmap(part(page, pages))};
  }

  // One page, then another one at the same place.
  TextView replace(Pfn one, Pfn other) noexcept {
    const std::uint64_t tables = table_.tables();
    if (!map(0, one, kPage)) return "a page that could not be mapped";
    if (!all_see({.pages = 1, .first = one})) return "a core does not see what is mapped";
    if (!unmap(0, 1) || !map(0, other, kPage)) return "a page that could not be replaced";
    if (!all_see({.pages = 1, .first = other})) return "a core sees what was mapped before";
    if (!unmap(0, 1) || table_.tables() != tables) return "a mapping that left something";
    return {};
  }

  // A large page, of which one small one becomes another.
  TextView split(Pfn large, Pfn other) noexcept {
    const std::uint64_t tables = table_.tables();
    if (!map(0, large, kLarge)) return "a large page that could not be mapped";
    if (table_.lookup(kArea).value().page.raw != kAreaPages * kPageBytes) return "a large page that is none";
    if (!all_see({.pages = kAreaPages, .first = large})) return "a core does not see a large page";
    if (!unmap(kMiddle, 1) || !map(kMiddle, other, kPage)) return "a large page that could not be split";
    if (!all_see({.pages = kAreaPages, .first = large, .odd = kMiddle, .odd_one = other}))
      return "a core sees a large page that was split";
    if (!unmap(0, kAreaPages) || table_.tables() != tables) return "a split page that left something";
    return {};
  }

  DirectMap::Table& table_;
  System& system_;
  std::uint64_t operations_ = 0;
};

}  // namespace

quarry::memory::Exercise exercise_tables(DirectMap& map, System& system) noexcept {
  quarry::memory::Exercise done{.what = "page tables, changed and read by all cores"};
  if (map.table() == nullptr) return {done.what, 0, "there are none"};
  done.complaint = Remapper{*map.table(), system}.run(done);
  return done;
}

}  // namespace kernel

#include "linux/x86_page_tables.hpp"

#include <algorithm>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kSmallShift = 21, kGigabyteShift = 30, kUpperShift = 39, kTopShift = 48;
constexpr std::uint64_t kSmall = std::uint64_t{1} << kSmallShift;
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << kGigabyteShift;
constexpr PhysAddr kIsaEnd{0x100000};
constexpr unsigned kFourLevelPhysBits = 46;
// Each step is this much larger than the one before, once that much is mapped.
constexpr unsigned kStepShift = 8;

constexpr std::uint64_t down(std::uint64_t at, std::uint64_t to) { return at & ~(to - 1); }
constexpr std::uint64_t up(std::uint64_t at, std::uint64_t to) { return down(at + to - 1, to); }

PhysRange cut(PhysRange range, PhysRange to) {
  const PhysAddr begin = std::clamp(range.begin(), to.begin(), to.end());
  const PhysAddr end = std::clamp(range.end(), to.begin(), to.end());
  return begin < end ? PhysRange{begin, end} : PhysRange{};
}

// The next multiple of `to` above `at`, or the end if that comes first.
PhysAddr next_border(PhysAddr at, std::uint64_t to, PhysAddr end) {
  return PhysAddr{std::min(down(at.raw, to) + to, end.raw)};
}

}  // namespace

X86PageTables::X86PageTables(boot::State& state, const StructSizes& sizes,
                             const KernelProfile& kernel) noexcept
    : state_{&state},
      has_gigabyte_pages_{state.machine.has_gigabyte_pages},
      has_five_levels_{state.machine.limits.phys_bits > kFourLevelPhysBits} {
  const boot::CommandLine line{state.machine.command_line};
  if (line.has("nogbpages")) has_gigabyte_pages_ = false;
  has_trampoline_tables_ = kernel.has("CONFIG_RANDOMIZE_MEMORY") && !line.has("nokaslr");
  const boot::KernelImage& image = state.machine.kernel;
  const std::uint64_t room = std::min(sizes.early_page_tables.raw, image.brk.size().raw);
  buffer_ = {PhysAddr{image.brk.end().raw - room}, image.brk.end()};
  kernel_end_ = std::max(image.whole.end(), image.brk_space.end());
  // The tables that the kernel came with map its own image and some room.
  max_mapped_ = PhysAddr{kernel.has("CONFIG_RANDOMIZE_BASE") ? kGigabyte : kGigabyte / 2};
}

Result<Done> X86PageTables::map_everything() {
  const PhysAddr end = state_->machine.geometry.page_size().address_of(state_->max_pfn);
  if (const auto done = map({PhysAddr{0}, kIsaEnd}); !done) return done;
  if (has_trampoline_tables_)
    if (const auto done = take_table(); !done) return done;
  if (end <= kIsaEnd) return Done{};
  if (state_->memblock.direction() == early::Direction::top_down) return map_downwards({kIsaEnd, end});
  const PhysAddr middle = std::clamp(kernel_end_, kIsaEnd, end);
  if (const auto done = map_upwards({middle, end}); !done) return done;
  return map_upwards({kIsaEnd, middle});
}

Result<Done> X86PageTables::map_downwards(PhysRange range) {
  // Where the highest 2 MiB lie that are free is where mapping begins: tables fit there afterwards.
  const early::Request probe{
      .size = Bytes{kSmall}, .alignment = Bytes{kSmall}, .min = range.begin(), .max = range.end()};
  const auto highest = take_between(*state_, kPageTables, probe);
  if (!highest) return highest.error();
  const PhysRange first = PhysRange::sized(highest.value(), Bytes{kSmall});
  if (const auto done = give_back(*state_, first, kPageTables); !done) return done;

  std::uint64_t step = kSmall, mapped = 0;
  max_mapped_ = PhysAddr{0};
  min_mapped_ = first.end();
  while (min_mapped_ > range.begin()) {
    const PhysAddr last = min_mapped_;
    PhysAddr start = range.begin();
    if (last.raw > step) start = std::max(start, PhysAddr{down(last.raw - 1, step)});
    const auto done = map_memory_in({start, last});
    if (!done) return done.error();
    mapped += done.value().raw;
    min_mapped_ = start;
    if (mapped >= step) step <<= kStepShift;
  }
  if (first.end() >= range.end()) return Done{};
  const auto rest = map_memory_in({first.end(), range.end()});
  if (!rest) return rest.error();
  return Done{};
}

Result<Done> X86PageTables::map_upwards(PhysRange range) {
  std::uint64_t step = kSmall, mapped = 0;
  min_mapped_ = range.begin();
  for (PhysAddr start = range.begin(); start < range.end();) {
    PhysAddr next = range.end();
    if (step != 0 && (range.end() - start).raw > step)
      next = std::min(range.end(), PhysAddr{up(start.raw + 1, step)});
    const auto done = map_memory_in({start, next});
    if (!done) return done.error();
    mapped += done.value().raw;
    start = next;
    if (mapped >= step) step <<= kStepShift;
  }
  return Done{};
}

Result<Bytes> X86PageTables::map_memory_in(PhysRange range) {
  const PageSize page = state_->machine.geometry.page_size();
  // Taking a table may make memblock's table of reservations grow, but never that of memory.
  const auto memory = state_->memblock.memory().view();
  Bytes mapped{0};
  for (const early::Region& region : memory) {
    const PfnRange frames = PfnRange::inside(region.range(), page);
    const PhysRange part = cut({page.address_of(frames.begin()), page.address_of(frames.end())}, range);
    if (part.empty()) continue;
    may_use_buffer_ = !part.overlaps(buffer_);
    if (const auto done = map(part); !done) return done.error();
    mapped = Bytes{mapped.raw + part.size().raw};
    may_use_buffer_ = true;
  }
  return mapped;
}

//   begin        2M        1G                        1G        2M      end
//   |--- 4K -----|--- 2M ---|----------- 1G ----------|--- 2M --|-- 4K --|
Result<Done> X86PageTables::map(PhysRange range) {
  const std::uint64_t begin = range.begin().raw, end = range.end().raw;
  const std::uint64_t small_begin = std::min(up(begin, kSmall), end);
  const std::uint64_t small_end = std::max(down(end, kSmall), small_begin);
  const std::uint64_t big_begin = std::min(up(small_begin, kGigabyte), small_end);
  const std::uint64_t big_end = std::max(down(small_end, kGigabyte), big_begin);
  const struct {
    std::uint64_t begin, end;
    MappedBy by;
  } pieces[] = {{begin, small_begin, MappedBy::pages_4k},
                {small_begin, big_begin, MappedBy::pages_2m},
                {big_begin, big_end, has_gigabyte_pages_ ? MappedBy::pages_1g : MappedBy::pages_2m},
                {big_end, small_end, MappedBy::pages_2m},
                {small_end, end, MappedBy::pages_4k}};
  for (const auto& piece : pieces) {
    if (piece.begin == piece.end) continue;
    const PhysRange where{PhysAddr{piece.begin}, PhysAddr{piece.end}};
    if (const auto done = map_piece(where, widened(where, piece.by)); !done) return done;
  }
  max_mapped_ = std::max(max_mapped_, range.end());
  return Done{};
}

MappedBy X86PageTables::widened(PhysRange piece, MappedBy by) const {
  const auto is_memory = [&](std::uint64_t to) {
    return state_->memblock.is_region_memory(
        {PhysAddr{down(piece.begin().raw, to)}, PhysAddr{up(piece.end().raw, to)}});
  };
  if (by == MappedBy::pages_4k && is_memory(kSmall)) by = MappedBy::pages_2m;
  if (by == MappedBy::pages_2m && has_gigabyte_pages_ && is_memory(kGigabyte)) by = MappedBy::pages_1g;
  return by;
}

Result<Done> X86PageTables::map_piece(PhysRange piece, MappedBy largest) {
  for (PhysAddr at = piece.begin(); at < piece.end();) {
    if (has_five_levels_ && top_.insert(at.raw >> kTopShift).second)
      if (const auto done = take_table(); !done) return done;
    if (upper_.insert(at.raw >> kUpperShift).second)
      if (const auto done = take_table(); !done) return done;
    const PhysAddr next = next_border(at, kGigabyte, piece.end());
    if (const auto done = map_in_gigabyte({at, next}, largest); !done) return done;
    at = next;
  }
  return Done{};
}

Result<Done> X86PageTables::map_in_gigabyte(PhysRange part, MappedBy largest) {
  const std::uint64_t which = part.begin().raw >> kGigabyteShift;
  const auto known = gigabytes_.find(which);
  if (known == gigabytes_.end() || known->second == Entry::mapping) {
    if (largest == MappedBy::pages_1g) {
      gigabytes_.emplace(which, Entry::mapping);
      return Done{};
    }
    if (const auto done = take_table(); !done) return done;
    gigabytes_.insert_or_assign(which, Entry::table);
  }
  return map_small(part, largest);
}

Result<Done> X86PageTables::map_small(PhysRange part, MappedBy largest) {
  for (PhysAddr at = part.begin(); at < part.end();) {
    const PhysAddr next = next_border(at, kSmall, part.end());
    const std::uint64_t which = at.raw >> kSmallShift;
    const bool is_whole = (next - at).raw == kSmall;
    const bool is_large = largest != MappedBy::pages_4k;
    // Nothing else is ever mapped where a whole entry is: parts of memory do not overlap.
    if (is_whole && is_large) {
      at = PhysAddr{std::max(next.raw, down(part.end().raw, kSmall))};
      continue;
    }
    const auto known = two_megabytes_.find(which);
    const bool is_mapped = known != two_megabytes_.end() && (known->second == Entry::table || is_large);
    if (!is_mapped && is_large) two_megabytes_.emplace(which, Entry::mapping);
    if (!is_mapped && !is_large) {
      if (const auto done = take_table(); !done) return done;
      two_megabytes_.insert_or_assign(which, Entry::table);
    }
    at = next;
  }
  return Done{};
}

Result<Done> X86PageTables::take_table() {
  if (may_use_buffer_ && !buffer_.empty()) {
    buffer_ = {buffer_.begin() + kPage, buffer_.end()};
    return Done{};
  }
  if (min_mapped_ >= max_mapped_)
    return state_->fail(Error::no_memory, "no mapped memory for a page table of the direct map", kPage);
  const auto at = take_between(*state_, kPageTables,
                               {.size = kPage, .alignment = kPage, .min = min_mapped_, .max = max_mapped_});
  if (!at) return at.error();
  return Done{};
}

}  // namespace quarry::lnx

#include "host/paged_host.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace quarry::hosted {
namespace {

constexpr unsigned kSmallestWindowShift = 20;

// Sorted, without empty ranges, and ranges that touch are one: a mapping may cross their border.
std::vector<PhysRange> tidied(std::span<const PhysRange> ram) {
  std::vector<PhysRange> sorted{ram.begin(), ram.end()};
  std::erase_if(sorted, [](PhysRange range) { return range.empty(); });
  std::sort(sorted.begin(), sorted.end(), [](PhysRange a, PhysRange b) { return a.begin() < b.begin(); });
  std::vector<PhysRange> result;
  for (const PhysRange range : sorted) {
    if (result.empty() || result.back().end() < range.begin())
      result.push_back(range);
    else
      result.back() = {result.back().begin(), std::max(result.back().end(), range.end())};
  }
  return result;
}

unsigned possible_window_shift(Bytes wanted) {
  auto shift = static_cast<unsigned>(std::bit_width(wanted.raw)) - 1;
  while (shift > kSmallestWindowShift && Reservation{std::size_t{1} << shift}.empty()) --shift;
  return shift;
}

}  // namespace

Reservation::Reservation(std::size_t bytes) noexcept {
  if (bytes == 0) return;
  void* const at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return;
  data_ = static_cast<std::byte*>(at);
  size_ = bytes;
}

Reservation::~Reservation() {
  if (size_ != 0) ::munmap(data_, size_);
}

Reservation::Reservation(Reservation&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PagedRam::PagedRam(std::span<const PhysRange> ram, PageSize page, Bytes window)
    : ram_{tidied(ram)}, page_{page}, window_shift_{kSmallestWindowShift} {
  check(std::has_single_bit(window.raw) && window.raw >= (std::uint64_t{1} << kSmallestWindowShift),
        "a window is a power of two of at least 1 MiB");
  window_shift_ = possible_window_shift(window);
}

void PagedRam::limit_to(std::span<const PhysRange> ram) { ram_ = tidied(ram); }

bool PagedRam::is_ram(PhysRange range) const noexcept {
  const auto after = std::upper_bound(ram_.begin(), ram_.end(), range.begin(),
                                      [](PhysAddr at, PhysRange piece) { return at < piece.begin(); });
  return after != ram_.begin() && range.end() <= std::prev(after)->end();
}

std::byte* PagedRam::in_block(PhysRange range, std::uint64_t first, std::uint64_t last) const noexcept {
  const auto after = blocks_.upper_bound(first);
  if (after == blocks_.begin()) return nullptr;
  const auto& [begin, block] = *std::prev(after);
  if (last >= begin + block.count) return nullptr;
  return block.memory.data() + (range.begin().raw - (begin << window_shift_));
}

std::byte* PagedRam::map(PfnRange pages) noexcept {
  const std::uint64_t highest = UINT64_MAX >> page_.shift();
  if (pages.empty() || pages.end().raw > highest) return nullptr;
  const PhysRange range{page_.address_of(pages.begin()), page_.address_of(pages.end())};
  if (!is_ram(range)) return nullptr;
  const std::uint64_t first = range.begin().raw >> window_shift_;
  const std::uint64_t last = (range.end().raw - 1) >> window_shift_;
  if (std::byte* const known = in_block(range, first, last)) return known;

  if (!reserve_block(first, last)) return nullptr;
  return in_block(range, first, last);
}

// Takes windows of which none may be reserved yet: memory that was handed out never moves.
bool PagedRam::reserve_block(std::uint64_t first, std::uint64_t last) noexcept {
  const auto next = blocks_.upper_bound(last);
  if (next != blocks_.begin()) {
    const auto& [begin, block] = *std::prev(next);
    if (begin + block.count > first) return false;
  }
  const std::uint64_t count = last - first + 1;
  if (count > (SIZE_MAX >> window_shift_)) return false;
  Reservation memory{static_cast<std::size_t>(count << window_shift_)};
  if (memory.empty()) return false;
  try {
    const auto at = reinterpret_cast<std::uintptr_t>(memory.data());
    blocks_.emplace(first, Block{count, std::move(memory)});
    first_windows_.emplace(at, first);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void PagedRam::reserve(std::span<const PhysRange> ram) {
  bool is_first = true;
  std::uint64_t first = 0, last = 0;
  for (const PhysRange range : tidied(ram)) {
    const std::uint64_t from = range.begin().raw >> window_shift_;
    const std::uint64_t to = (range.end().raw - 1) >> window_shift_;
    if (!is_first && from > last + 1) {
      (void)reserve_block(first, last);
      is_first = true;
    }
    if (is_first) first = from;
    is_first = false;
    last = to;
  }
  if (!is_first) (void)reserve_block(first, last);
}

bool PagedRam::zero(PhysRange range) noexcept {
  if (range.empty()) return true;
  std::byte* const pages = map(PfnRange::covering(range, page_));
  if (pages == nullptr) return false;
  const PhysAddr base = page_.address_of(page_.pfn_down(range.begin()));
  std::byte* const begin = pages + (range.begin() - base).raw;
  const auto size = static_cast<std::size_t>(range.size().raw);
  const auto host_page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t whole = (at + host_page - 1) & ~(host_page - 1);
  const std::uintptr_t whole_end = (at + size) & ~(host_page - 1);
  if (whole >= whole_end || ::madvise(begin + (whole - at), whole_end - whole, MADV_DONTNEED) != 0) {
    std::memset(begin, 0, size);
    return true;
  }
  std::memset(begin, 0, whole - at);
  std::memset(begin + (whole_end - at), 0, at + size - whole_end);
  return true;
}

Result<Pfn> PagedRam::pfn_of(const void* pointer) const noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  const auto after = first_windows_.upper_bound(at);
  if (after == first_windows_.begin()) return Error::out_of_range;
  const auto& [base, first] = *std::prev(after);
  if (at - base >= blocks_.at(first).memory.size()) return Error::out_of_range;
  const PhysAddr address{(first << window_shift_) + (at - base)};
  if (!is_ram({address, address + Bytes{1}})) return Error::out_of_range;
  return page_.pfn_down(address);
}

std::size_t PagedRam::reserved_windows() const noexcept {
  std::size_t count = 0;
  for (const auto& [first, block] : blocks_) count += static_cast<std::size_t>(block.count);
  return count;
}

}  // namespace quarry::hosted

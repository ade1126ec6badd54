// host/paged_host.hpp: the RAM of a simulated machine, made of this process's memory where it is touched.
//
// The machine's address space is cut into windows. A window gets address space of the process when
// something in it is mapped for the first time, and pages of the host only where somebody writes:
//
//   machine   |==== RAM ====|      hole      |======== RAM at 2^49 ========|
//   windows   |--0--|--1--|--2--|        ...      |--n--|--n+1--|
//   process      *                                   *=====*       reserved by map(), alone or together
//
// So a machine of 64 TiB, or one with RAM at the far end of the physical address space, fits a small host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "quarry/base/range.hpp"
#include "quarry/port/platform.hpp"

namespace quarry::hosted {

// Address space of this process that costs memory only where it is written, all zeros before.
class Reservation {
 public:
  Reservation() noexcept = default;
  // Takes `bytes` of address space; empty() afterwards when the host refuses.
  explicit Reservation(std::size_t bytes) noexcept;
  ~Reservation();
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::span<std::byte> span() const noexcept { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Owns the RAM of one machine. Neither copied nor moved: handles point at it.
class PagedRam {
 public:
  static constexpr Bytes kWindow{std::uint64_t{64} << 30};

  // Units     bytes; `window` is a power of two and at least 1 MiB. Where the host refuses windows of
  //           that size (a limited address space, a sanitizer), they become smaller, down to 1 MiB.
  // Cost      nothing is reserved but one window, on trial.
  PagedRam(std::span<const PhysRange> ram, PageSize page, Bytes window = kWindow);
  PagedRam(const PagedRam&) = delete;
  PagedRam& operator=(const PagedRam&) = delete;

  // The memory of `pages`, zero where nobody wrote yet, and the same whenever it is asked for again.
  //
  // Returns   null when a page of the range is not RAM, when the range crosses two windows that were
  //           reserved apart, when it is empty, and when the host has no address space left.
  // Cost      O(log n) in ranges and windows; the first touch of a window is a system call.
  std::byte* map(PfnRange pages) noexcept;

  // The way back.
  //
  // Errors    out_of_range: the pointer is not into memory that map() gave.
  // Cost      O(log n) in blocks.
  Result<Pfn> pfn_of(const void* pointer) const noexcept;

  // Takes the address space of every window with memory of `ram` in it now, neighbouring windows together, so
  // that no range inside crosses a border. What the host refuses is taken window by window when it is mapped.
  void reserve(std::span<const PhysRange> ram);
  // Makes every byte of `range` read as zero again and gives whole pages of it back to the host.
  //
  // Returns   false, and nothing changed, where map() would return null.
  bool zero(PhysRange range) noexcept;

  // From now on only `ram` is RAM: what a machine has is known for sure when its map was read. Memory that was
  // handed out stays where it is.
  void limit_to(std::span<const PhysRange> ram);
  bool is_ram(PhysRange range) const noexcept;
  PageSize page_size() const noexcept { return page_; }
  Bytes window() const noexcept { return Bytes{std::uint64_t{1} << window_shift_}; }
  std::size_t reserved_windows() const noexcept;

 private:
  // Windows reserved together are one block: first .. first + count.
  struct Block {
    std::uint64_t count;
    Reservation memory;
  };
  bool reserve_block(std::uint64_t first, std::uint64_t last) noexcept;
  std::byte* in_block(PhysRange range, std::uint64_t first, std::uint64_t last) const noexcept;

  std::vector<PhysRange> ram_;  // law: sorted, disjoint, not touching, none empty
  PageSize page_;
  unsigned window_shift_;
  std::map<std::uint64_t, Block> blocks_;                  // by first window; law: disjoint
  std::map<std::uintptr_t, std::uint64_t> first_windows_;  // the same blocks by where their memory begins
};

// The platform of a simulated machine: a handle that may be copied, good while the RAM lives.
class PagedHost {
 public:
  static constexpr auto kFeatures = port::Feature::none;
  explicit PagedHost(PagedRam& ram) noexcept : ram_{&ram} {}
  std::byte* map(PfnRange pages) noexcept { return ram_->map(pages); }
  Result<Pfn> pfn_of(const void* pointer) const noexcept { return ram_->pfn_of(pointer); }

 private:
  PagedRam* ram_;
};
static_assert(port::Platform<PagedHost> && port::InverseMap<PagedHost>);

}  // namespace quarry::hosted

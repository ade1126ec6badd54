// host/linear_host.hpp: the RAM of a simulated machine as one mapping, for benchmarks and small machines.
#pragma once

#include "host/paged_host.hpp"

namespace quarry::hosted {

// One run of RAM. map() is an addition and two comparisons.
class LinearRam {
 public:
  // Errors    is_usable() is false when the host refuses the address space.
  LinearRam(PhysRange ram, PageSize page)
      : memory_{static_cast<std::size_t>(ram.size().raw)}, pages_{PfnRange::inside(ram, page)}, page_{page} {}
  bool is_usable() const noexcept { return !memory_.empty(); }
  PfnRange pages() const noexcept { return pages_; }

  // Returns   null when a page of the range is not RAM, or there is none.
  // Cost      O(1).
  std::byte* map(PfnRange wanted) const noexcept {
    if (wanted.empty() || wanted.begin() < pages_.begin() || pages_.end() < wanted.end()) return nullptr;
    if (memory_.empty()) return nullptr;
    return memory_.data() + page_.bytes_in(wanted.begin() - pages_.begin()).raw;
  }

  // The way back.
  //
  // Errors    out_of_range: the pointer is not into the mapping.
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(pointer);
    const auto base = reinterpret_cast<std::uintptr_t>(memory_.data());
    if (at < base || at - base >= page_.bytes_in(pages_.size()).raw) return Error::out_of_range;
    return pages_.begin() + PageCount{(at - base) >> page_.shift()};
  }

 private:
  Reservation memory_;
  PfnRange pages_;
  PageSize page_;
};

// The platform: a handle that may be copied, good while the RAM lives.
class LinearHost {
 public:
  static constexpr auto kFeatures = port::Feature::none;
  explicit LinearHost(const LinearRam& ram) noexcept : ram_{&ram} {}
  std::byte* map(PfnRange pages) noexcept { return ram_->map(pages); }
  Result<Pfn> pfn_of(const void* pointer) const noexcept { return ram_->pfn_of(pointer); }

 private:
  const LinearRam* ram_;
};
static_assert(port::Platform<LinearHost> && port::InverseMap<LinearHost>);

}  // namespace quarry::hosted

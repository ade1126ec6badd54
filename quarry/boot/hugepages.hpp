// quarry/boot/hugepages.hpp: which huge pages an architecture has, and how many of each the command line wants.
//
//   arm64, 4 KiB    64 KiB    2 MiB     32 MiB    1 GiB        runs of entries count as one page: 16 of
//   arm64, 16 KiB             2 MiB     32 MiB    1 GiB        4 KiB or 2 MiB, 128 of 16 KiB, 32 of
//   arm64, 64 KiB             2 MiB     512 MiB   16 GiB       32 MiB, 64 KiB or 512 MiB
//   x86_64                    2 MiB               1 GiB
//   arm with LPAE             2 MiB
#pragma once

#include <array>
#include <optional>
#include <span>

#include "quarry/boot/command_line.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::boot {

struct HugepageSizes {
  std::array<Bytes, 4> sizes{};  // ascending
  std::size_t count = 0;
  Bytes usual{0};  // that of a hugepages= for which no size was said

  std::span<const Bytes> view() const noexcept { return {sizes.data(), count}; }
  bool has(Bytes size) const noexcept;
};

// Source    Linux 6.1, "arch_hugetlb_valid_size" (behaviour).
HugepageSizes hugepage_sizes(const Machine& machine) noexcept;

// Whether the machine has pages of this size, larger than any block of the page allocator: then they come out of memblock.
bool is_gigantic(const Machine& machine, Bytes size) noexcept;

// Reads hugepagesz=, default_hugepagesz= and hugepages=, whose meaning depends on those before.
class HugepageOptions {
 public:
  explicit HugepageOptions(State& state) noexcept : state_{state}, sizes_{hugepage_sizes(state.machine)} {}

  // Takes one option. Those with other names are ignored.
  //
  // Errors    bad_argument, overflow: it makes no sense, and Linux says so and ignores it: a size that the
  //           architecture does not have, one that was given before, a number that follows such a size, two
  //           numbers for one size. no_room: the arena is used up.
  // Source    Linux 6.1, "hugepages_setup", "hugepagesz_setup", "default_hugepagesz_setup" (behaviour).
  Result<Done> take(const Option& option) noexcept;

 private:
  enum class Default : std::uint8_t { no, yes };
  Result<Done> take_size(TextView value, Default is_default) noexcept;
  Result<Done> take_number(TextView value) noexcept;
  Result<Done> push(TextView value) noexcept;
  void settle_default(Bytes size) noexcept;
  bool has_number(Bytes size) const noexcept;

  State& state_;
  HugepageSizes sizes_;
  std::array<bool, 4> is_known_{};  // sizes that were named
  bool is_valid_ = true;            // false after a size that was refused, until the next number
  bool has_default_ = false;        // default_hugepagesz= was there
  Bytes default_{0};
  Bytes size_{0};  // in force; 0: none was said yet
  std::optional<Bytes> last_;
};

}  // namespace quarry::boot

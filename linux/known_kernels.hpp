// linux/known_kernels.hpp: how much memory kernels of many versions keep, as data: each figure was printed by a kernel.
//
// Who knows only a kernel's version knows of its MemTotal what these say of kernels like it: how large their images are, and
// how far the memory that they reserved was from what the model makes of the same machine with a kernel that stands in.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/kernel_profile.hpp"

namespace quarry::lnx {

// --- Names of versions -------------------------------------------------------------------------------------

// "6.1.0-56-cloud-amd64", "5.17.0-rc1-tip+", "6.1".
struct ReleaseName {
  unsigned major = 0, minor = 0;
  std::string flavour;          // of Debian's: "amd64", "cloud-amd64", "armmp-lpae"; empty: another build
  bool is_development = false;  // a release candidate, linux-next, or a build of a working tree
  friend bool operator==(const ReleaseName&, const ReleaseName&) = default;
};

// None: it does not begin with a number, a dot and a number.
std::optional<ReleaseName> read_release_name(std::string_view text);

// --- Kernels that were seen --------------------------------------------------------------------------------

// What else a row says than the sizes of the image.
enum class Seen {
  image,      // of a package: nobody booted it
  all,        // of a boot log: `rest` is what there was
  at_most,    // its firmware had memory back later, which the log does not tell: `rest` is not more than this
  kasan,      // of a boot log of a kernel that has KASAN: an eighth of RAM is part of `rest`
  elsewhere,  // `rest` is of something that has a rule of its own, or of a machine that the model has not
};

// Units     KiB, as the line "Memory:" prints them; the per-CPU figure is pages of one unit, 0: not told.
struct KnownKernel {
  std::string_view release;
  boot::Arch arch;
  std::uint32_t text, rwdata, rodata, bss;
  std::uint32_t percpu_pages;
  Seen seen;
  std::uint64_t ram;  // of the machine that booted it
  std::int64_t
      rest;  // reserved when the page allocator began, less the same of the boot with a kernel that stands in
             // and what image, per-CPU areas and hash tables differ by
  std::string_view source;
  std::uint64_t image() const noexcept { return std::uint64_t{text} + rwdata + rodata + bss; }
};
std::span<const KnownKernel> known_kernels();

// --- What they teach ---------------------------------------------------------------------------------------

// The least and the most of something. Units     KiB, or pages.
struct Extent {
  std::int64_t least = 0, most = 0;
  friend bool operator==(const Extent&, const Extent&) noexcept = default;
};

// What is to be expected of a kernel of which only architecture and version are known.
struct Expectation {
  enum class Likeness { flavour, version } likeness = Likeness::version;
  Extent image;                    // that stays: text, data, rodata, bss
  Extent percpu_pages;             // a unit's
  Extent rest;                     // reserved beyond what the stand-in's boot has
  double rest_of_ram = 0;          // and that share of RAM more or less, where it is more
  Extent kasan_image, kasan_rest;  // of kernels that have KASAN; the rest beyond its eighth of RAM
  std::size_t kernels = 0;         // that the image's extent is of
  std::string first, last;         // the earliest and the latest of them
};

// What the kernels in `known` teach of one of that name: those of its flavour and version, else those of the nearest
// versions. An extent goes beyond its values by twice what these lie apart on average. No name: all that there are.
std::optional<Expectation> expect_kernel(std::span<const KnownKernel> known, boot::Arch arch,
                                         const std::optional<ReleaseName>& name);

}  // namespace quarry::lnx

// What kernels that were seen teach of one that was not: a part of known_kernels.hpp.
#include <algorithm>
#include <cmath>

#include "linux/known_kernels.hpp"

namespace quarry::lnx {
namespace {

struct Named {
  const KnownKernel* kernel;
  ReleaseName name;
};

std::vector<Named> of_arch(std::span<const KnownKernel> known, boot::Arch arch) {
  std::vector<Named> found;
  for (const KnownKernel& kernel : known)
    if (kernel.arch == arch)
      if (auto name = read_release_name(kernel.release)) found.push_back({&kernel, *std::move(name)});
  return found;
}

// Beyond the values by twice what these lie apart on average; of one value nothing is known but that another may be half as
// large, or half as large again.
Extent widened(const std::vector<std::int64_t>& values) {
  if (values.empty()) return {};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (values.size() == 1) return {*least - std::abs(*least) / 2, *most + std::abs(*most) / 2};
  const std::int64_t step = 2 * (*most - *least) / static_cast<std::int64_t>(values.size() - 1);
  return {*least - step, *most + step};
}

// The values of those kernels that have one.
template <class Value>
std::vector<std::int64_t> values_of(const std::vector<Named>& kernels, Value value) {
  std::vector<std::int64_t> values;
  for (const Named& one : kernels)
    if (const std::optional<std::int64_t> known = value(*one.kernel)) values.push_back(*known);
  return values;
}

std::vector<std::int64_t> images_of(const std::vector<Named>& kernels) {
  return values_of(kernels, [](const KnownKernel& kernel) -> std::optional<std::int64_t> {
    return static_cast<std::int64_t>(kernel.image());
  });
}

// A section that grows over a boundary takes up to the next one (Linux, arch/*/kernel/vmlinux.lds.S: SECTION_SIZE of arm,
// SEGMENT_ALIGN of arm64, PMD_SIZE of riscv64; x86_64 gives the gaps back, so that pages count, some of each section).
std::int64_t alignment_kib(boot::Arch arch) {
  switch (arch) {
    case boot::Arch::arm: return 1024;
    case boot::Arch::riscv64: return 2048;
    case boot::Arch::x86_64:
    case boot::Arch::arm64: break;
  }
  return 256;
}

int distance(const ReleaseName& one, const ReleaseName& other) {
  constexpr int minors = 20;  // that a major version has had since 3.0
  const auto place = [](const ReleaseName& name) {
    return static_cast<int>(std::min(name.major, 1000U)) * minors +
           static_cast<int>(std::min(name.minor, 1000U));
  };
  return std::abs(place(one) - place(other));
}

// Kernels of that flavour and version.
std::vector<Named> same_flavour(const std::vector<Named>& kernels, const ReleaseName& name) {
  std::vector<Named> same;
  if (name.flavour.empty()) return same;
  for (const Named& one : kernels)
    if (one.name.flavour == name.flavour && distance(one.name, name) == 0) same.push_back(one);
  return same;
}

// The nearest five by their versions, and any that are as near as the fifth.
std::vector<Named> nearest(std::vector<Named> kernels, const ReleaseName& name) {
  constexpr std::size_t enough = 5;
  if (kernels.size() <= enough) return kernels;
  std::stable_sort(kernels.begin(), kernels.end(), [&](const Named& one, const Named& other) {
    return distance(one.name, name) < distance(other.name, name);
  });
  const int farthest = distance(kernels[enough - 1].name, name);
  std::erase_if(kernels, [&](const Named& one) { return distance(one.name, name) > farthest; });
  return kernels;
}

void learn_rest(const std::vector<Named>& kernels, Expectation& expected) {
  constexpr std::uint64_t large_kib = std::uint64_t{32} << 20;  // there its share of RAM says more
  const auto is_whole = [](const KnownKernel& kernel) { return kernel.seen == Seen::all; };
  expected.rest = widened(values_of(kernels, [&](const KnownKernel& kernel) -> std::optional<std::int64_t> {
    if (!is_whole(kernel) || kernel.ram > large_kib) return std::nullopt;
    return kernel.rest;
  }));
  for (const Named& one : kernels) {
    const KnownKernel& kernel = *one.kernel;
    if (kernel.ram <= large_kib || (!is_whole(kernel) && kernel.seen != Seen::at_most)) continue;
    expected.rest_of_ram = std::max(
        expected.rest_of_ram, std::abs(static_cast<double>(kernel.rest)) / static_cast<double>(kernel.ram));
  }
}

void learn_kasan(const std::vector<Named>& kernels, Expectation& expected) {
  expected.kasan_image = widened(images_of(kernels));
  expected.kasan_rest =
      widened(values_of(kernels, [](const KnownKernel& kernel) -> std::optional<std::int64_t> {
        return kernel.rest - static_cast<std::int64_t>(kernel.ram / 8);
      }));
}

void learn_image(const std::vector<Named>& alike, boot::Arch arch, Expectation& expected) {
  const std::vector<std::int64_t> images = images_of(alike);
  if (expected.likeness == Expectation::Likeness::flavour) {
    const auto [least, most] = std::minmax_element(images.begin(), images.end());
    expected.image = {*least - alignment_kib(arch), *most + alignment_kib(arch)};
  } else {
    expected.image = widened(images);
  }
  expected.image.least = std::max<std::int64_t>(expected.image.least, 0);
  const auto by_version = [](const Named& one, const Named& other) {
    return std::pair{one.name.major, one.name.minor} < std::pair{other.name.major, other.name.minor};
  };
  const auto [first, last] = std::minmax_element(alike.begin(), alike.end(), by_version);
  expected.first = first->kernel->release;
  expected.last = last->kernel->release;
  expected.kernels = alike.size();
}

}  // namespace

std::optional<Expectation> expect_kernel(std::span<const KnownKernel> known, boot::Arch arch,
                                         const std::optional<ReleaseName>& name) {
  std::vector<Named> usual = of_arch(known, arch), with_kasan;
  std::copy_if(usual.begin(), usual.end(), std::back_inserter(with_kasan),
               [](const Named& one) { return one.kernel->seen == Seen::kasan; });
  // Guests and debugging builds say nothing of others.
  std::erase_if(usual, [](const Named& one) {
    return one.kernel->seen == Seen::kasan || one.kernel->seen == Seen::elsewhere;
  });
  if (usual.empty()) return std::nullopt;
  Expectation expected;
  std::vector<Named> alike = name ? same_flavour(usual, *name) : usual;
  if (name && !alike.empty()) expected.likeness = Expectation::Likeness::flavour;
  if (alike.empty()) alike = nearest(usual, *name);
  learn_image(alike, arch, expected);
  expected.percpu_pages =
      widened(values_of(alike, [](const KnownKernel& kernel) -> std::optional<std::int64_t> {
        if (kernel.percpu_pages == 0) return std::nullopt;
        return static_cast<std::int64_t>(kernel.percpu_pages);
      }));
  learn_rest(usual, expected);
  learn_kasan(with_kasan, expected);
  return expected;
}

}  // namespace quarry::lnx

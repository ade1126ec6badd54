// Kernels: image, rules and sizes of the release, configuration: a part of mix_parts.hpp.
#include <fmt/format.h>

#include <array>
#include <memory>

#include "linux/kernel_options.hpp"
#include "linux/mix_parts.hpp"

namespace quarry::lnx {
namespace {

std::string value_of(const KernelProfile& kernel, std::string_view option) {
  const auto found = kernel.config.find(option);
  return found == kernel.config.end() || found->second == "n" ? std::string{} : found->second;
}

// The parts of an image, by their lengths: where they lie is another matter.
std::vector<std::uint64_t> lengths_of(const boot::KernelImage& image) {
  std::vector<std::uint64_t> lengths;
  const std::uint64_t begin = image.whole.begin().raw;
  for (const PhysRange part : {image.whole, image.text, image.rodata, image.data, image.bss, image.init,
                               image.brk, image.brk_space, image.page_directory}) {
    lengths.push_back(part.size().raw);
    if (!part.empty()) lengths.push_back(part.begin().raw - begin);
  }
  return lengths;
}

// What neither the configuration nor the image says: the processor, or the log of a kernel.
struct FoundOut {
  bool phys_bits = false, va_bits = false, maps_below_kernel = false, has_zone_dma = false,
       has_zone_dma32 = false, has_highmem = false, has_cma = false;
};

bool rederive(KernelProfile& kernel) {
  const Geometry geometry = kernel.geometry;
  return static_cast<bool>(derive(kernel, geometry.page_shift_, geometry.section_bits_));
}

FoundOut found_out(const KernelProfile& kernel) {
  KernelProfile again = kernel;
  if (!rederive(again)) return {};
  const boot::Limits &is = kernel.limits, &told = again.limits;
  return {.phys_bits = is.phys_bits != told.phys_bits,
          .va_bits = is.va_bits != told.va_bits,
          .maps_below_kernel = is.maps_below_kernel != told.maps_below_kernel,
          .has_zone_dma = is.has_zone_dma != told.has_zone_dma,
          .has_zone_dma32 = is.has_zone_dma32 != told.has_zone_dma32,
          .has_highmem = is.has_highmem != told.has_highmem,
          .has_cma = is.has_cma != told.has_cma || is.cma_size != told.cma_size};
}

void keep(const FoundOut& found, const boot::Limits& is, boot::Limits& into) {
  if (found.phys_bits) into.phys_bits = is.phys_bits;
  if (found.va_bits) into.va_bits = is.va_bits;
  if (found.maps_below_kernel) into.maps_below_kernel = is.maps_below_kernel;
  if (found.has_zone_dma) into.has_zone_dma = is.has_zone_dma;
  if (found.has_zone_dma32) into.has_zone_dma32 = is.has_zone_dma32;
  if (found.has_highmem) into.has_highmem = is.has_highmem;
  if (found.has_cma) into.has_cma = is.has_cma, into.cma_size = is.cma_size;
}

std::string limit_words(const KernelProfile& kernel) {
  return fmt::format("{} bits physical, {} virtual{}", kernel.limits.phys_bits, kernel.limits.va_bits,
                     kernel.limits.cma_size.raw == 0
                         ? ""
                         : fmt::format(", CMA of {}", byte_words(kernel.limits.cma_size.raw)));
}

bool are_alike(const boot::Limits& a, const boot::Limits& b) {
  return a.phys_bits == b.phys_bits && a.va_bits == b.va_bits && a.maps_below_kernel == b.maps_below_kernel &&
         a.has_zone_dma == b.has_zone_dma && a.has_zone_dma32 == b.has_zone_dma32 &&
         a.has_highmem == b.has_highmem && a.has_cma == b.has_cma && a.cma_size == b.cma_size;
}

struct KernelMix {
  const MachineDescription& from;
  const MachineDescription& to;
  std::vector<std::string_view> options;  // that differ
  bool has_image = false, has_release = false, has_geometry = false, has_limits = false;
  std::vector<Difference> differences;

  void find() {
    const KernelProfile &a = from.kernel, &b = to.kernel;
    has_image = lengths_of(from.image) != lengths_of(to.image) || a.link_base != b.link_base ||
                a.image_bytes != b.image_bytes || a.page_directory != b.page_directory;
    has_release = a.release != b.release || a.sizes != b.sizes;
    has_geometry = a.geometry.page_shift_ != b.geometry.page_shift_ ||
                   a.geometry.section_bits_ != b.geometry.section_bits_;
    for (const KernelOption& option : kernel_options())
      if (value_of(a, option.name) != value_of(b, option.name)) options.push_back(option.name);
    if (has_image)
      differences.push_back({DifferenceKind::kernel, "the kernel's image",
                             byte_words(from.image.whole.size().raw), byte_words(to.image.whole.size().raw)});
    if (has_release)
      differences.push_back({DifferenceKind::kernel,
                             a.release == b.release ? "sizes of the kernel's structures"
                                                    : "the kernel's release and structures",
                             a.release.empty() ? "none named" : a.release,
                             b.release.empty() ? "none named" : b.release});
    if (has_geometry)
      differences.push_back({DifferenceKind::configuration, "size of a page, and of a section",
                             geometry_words(a.geometry), geometry_words(b.geometry)});
    for (const std::string_view option : options)
      differences.push_back(
          {DifferenceKind::configuration, std::string{option}, value_of(a, option), value_of(b, option)});
    KernelProfile all = a;
    take(Chosen(differences.size(), true), all);
    has_limits = !are_alike(all.limits, b.limits);
    if (has_limits)
      differences.push_back({DifferenceKind::processors, "what the machine tells of the kernel's limits",
                             limit_words(a), limit_words(b)});
  }

  static std::string geometry_words(Geometry geometry) {
    return fmt::format("2^{} and 2^{} bytes", geometry.page_shift_, geometry.section_bits_);
  }

  bool take(const Chosen& chosen, KernelProfile& kernel) const {
    std::size_t at = 0;
    const bool takes_image = has_image && chosen[at++];
    const bool takes_release = has_release && chosen[at++];
    const bool takes_geometry = has_geometry && chosen[at++];
    const KernelProfile& other = to.kernel;
    if (takes_image) {
      kernel.symbols = other.symbols;
      kernel.image_bytes = other.image_bytes;
      kernel.page_directory = other.page_directory;
    }
    if (takes_release) {
      kernel.release = other.release;
      kernel.sizes = other.sizes;
      kernel.source = other.source;
    }
    if (takes_geometry) kernel.geometry = other.geometry;
    for (const std::string_view option : options) {
      if (!chosen[at++]) continue;
      const auto found = other.config.find(option);
      if (found == other.config.end())
        kernel.config.erase(std::string{option});
      else
        kernel.config.insert_or_assign(std::string{option}, found->second);
    }
    const FoundOut found = found_out(from.kernel);
    if (!none_of(chosen) && !rederive(kernel)) return false;
    if (!none_of(chosen)) keep(found, from.kernel.limits, kernel.limits);
    if (has_limits && chosen[at])
      keep({true, true, true, true, true, true, true}, other.limits, kernel.limits);
    return true;
  }
};

}  // namespace

MixPart kernel_part(const MachineDescription& from, const MachineDescription& to) {
  const auto mix = std::make_shared<KernelMix>(KernelMix{from, to, {}, false, false, false, false, {}});
  mix->find();
  MixPart part;
  part.differences = mix->differences;
  part.take = [mix](const Chosen& chosen, MachineDescription& into) {
    if (!mix->take(chosen, into.kernel)) return false;
    if (!mix->has_image || !chosen[0]) return true;
    into.image = mix->to.image;
    return true;
  };
  return part;
}

}  // namespace quarry::lnx

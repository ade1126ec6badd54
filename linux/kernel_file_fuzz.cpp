// Any bytes as a kernel's file, and as its configuration. Laws: nothing crashes; a refusal is one line that begins with
// the option; an image lies in its bounds; the same bytes are read the same way twice.
#include <cstdlib>

#include "linux/kernel_file.hpp"
#include "linux/struct_sizes.hpp"

namespace {

using namespace quarry;
using namespace quarry::lnx;

void law(bool holds) {
  if (!holds) std::abort();
}

void hold_laws_of(const KernelProfile& profile) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 30, base = std::uint64_t{1} << 32;
  law(profile.symbols.known());
  law(profile.symbols.text < profile.symbols.end && profile.symbols.end - profile.symbols.text <= largest);
  const boot::KernelImage image = image_at(profile, PhysAddr{base});
  for (const PhysRange part : {image.text, image.rodata, image.data, image.bss, image.init, image.brk_space})
    law(part.empty() || part.size().raw <= largest);
  law(struct_sizes_of(profile).page.raw != 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto profile = read_kernel_bytes(bytes, "fuzz");
  const auto again = read_kernel_bytes(bytes, "fuzz");
  law(profile.operator bool() == again.operator bool());
  if (profile) {
    hold_laws_of(*profile);
    law(profile->symbols.end == again->symbols.end && profile->config == again->config);
  } else {
    law(profile.problem().text.starts_with("--kernel fuzz: "));
    law(profile.problem().text.find('\n') == std::string::npos);
  }
  const auto config = read_kernel_config({reinterpret_cast<const char*>(data), size});
  law(!config || !config->empty());
  return 0;
}

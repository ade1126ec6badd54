// Any bytes as a kernel's file, as its configuration, and as its compiler's notes of structures. Laws: nothing crashes; a
// refusal is one line that begins with the option; an image lies in its bounds; the same bytes are read the same way
// twice; the profile's text is read back as that profile.
#include <cstdlib>

#include "linux/file_bytes.hpp"
#include "linux/kernel_compose.hpp"
#include "linux/kernel_file.hpp"
#include "linux/profile_text.hpp"
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

void hold_law_of_text(const KernelFacts& facts, std::string_view name) {
  const auto kernel = compose_kernel(facts, name, {});
  if (!kernel) return;
  const std::string text = profile_text(*kernel);
  const auto again =
      read_kernel_bytes({reinterpret_cast<const std::byte*>(text.data()), text.size()}, "again");
  law(again.operator bool());
  const KernelProfile& profile = kernel->profile;
  law(again->release == profile.release && again->arch == profile.arch);
  law(again->geometry.max_order_ == profile.geometry.max_order_ && again->link_base == profile.link_base);
  for (const NamedSymbol& symbol : named_symbols())
    law(again->symbols.*symbol.field == profile.symbols.*symbol.field);
  const StructSizes sizes = struct_sizes_of(profile), read = struct_sizes_of(*again);
  for (const SizeField& field : size_fields())
    law(!asks_for(profile, field) || sizes.*field.field == read.*field.field);
}

void hold_laws_of_structs(std::span<const std::byte> bytes) {
  const auto structs = structs_in_file(bytes);
  if (!structs) return law(structs.problem().text.find('\n') == std::string::npos);
  law(!structs->bytes.empty() && structs->problem.empty());
  for (const auto& [name, size] : structs->bytes) law(!name.empty() && size != 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto profile = read_kernel_bytes(bytes, "fuzz");
  const auto again = read_kernel_bytes(bytes, "fuzz");
  law(profile.operator bool() == again.operator bool());
  if (profile) {
    hold_laws_of(*profile);
    if (const auto facts = read_vmlinux(bytes)) hold_law_of_text(*facts, "fuzz");
    if (const auto facts = read_profile_toml(text_of(bytes))) hold_law_of_text(*facts, "fuzz");
    law(profile->symbols.end == again->symbols.end && profile->config == again->config);
  } else {
    law(profile.problem().text.starts_with("--kernel fuzz: "));
    law(profile.problem().text.find('\n') == std::string::npos);
  }
  const auto config = read_kernel_config({reinterpret_cast<const char*>(data), size});
  law(!config || !config->empty());
  hold_laws_of_structs(bytes);
  law(structs_in_image(bytes).problem.empty());
  return 0;
}

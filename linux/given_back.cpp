#include "linux/given_back.hpp"

#include "linux/boot_allocation.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

using As = boot::GivenBack::As;
using When = boot::GivenBack::When;

constexpr Bytes kEncryptedBlock{2u << 20};

PhysRange whole_pages(PhysAddr begin, PhysAddr end) noexcept {
  const PhysAddr first{(begin.raw + kPage.raw - 1) & ~(kPage.raw - 1)}, last{end.raw & ~(kPage.raw - 1)};
  return first < last ? PhysRange{first, last} : PhysRange{};
}

}  // namespace

Result<Done> list_initrd_end(boot::State& state) {
  const boot::Initrd& initrd = state.initrd;
  const PhysAddr end = initrd.range.end(), page{end.raw & ~(kPage.raw - 1)};
  if (!initrd.is_valid || end == page) return Done{};
  return give_back_later(state, PhysRange::sized(page, kPage), "initrd", As::free, When::with_initrd);
}

Result<Done> list_x86_given_back(boot::State& state, const StructSizes& sizes) {
  for (const PhysRange table : state.memblock.grown_tables())
    if (const auto done = give_back_later(state, table, "memblock tables", As::free, When::before_areas);
        !done)
      return done;
  const boot::KernelImage& image = state.machine.kernel;
  if (image.text.empty()) return Done{};
  const PhysAddr unused = PhysAddr{image.bss.end().raw - kEncryptedBlock.raw} + sizes.decrypted_bss;
  const struct {
    PhysRange range;
    TextView owner;
    When when = When::at_the_end;
  } parts[] = {
      {image.init.empty() ? PhysRange{} : PhysRange::sized(image.init.end(), sizes.smp_alternatives),
       "SMP alternatives", When::before_areas},
      {image.bss.size() > kEncryptedBlock ? whole_pages(unused, image.bss.end()) : PhysRange{},
       "unencrypted bss"},
      {whole_pages(image.text.end(), image.rodata.begin()), "gap after text"},
      {whole_pages(image.rodata.end(), image.data.begin()), "gap after rodata"},
  };
  for (const auto& part : parts)
    if (const auto done = give_back_later(state, part.range, part.owner, As::free, part.when); !done)
      return done;
  return Done{};
}

}  // namespace quarry::lnx

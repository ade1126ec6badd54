#include "boot_tables.hpp"

#include "cpu.hpp"
#include "kernel/arch.hpp"

extern "C" {
extern std::uint64_t boot_gigabytes[], boot_upper[], boot_empty[];
extern std::byte image_begin[];
void aarch64_replace_tables(std::uint64_t root, std::uint64_t empty) noexcept;
}

namespace kernel {

using quarry::PhysAddr, quarry::PhysRange;
using Format = arch::TableFormat;

namespace aarch64 {
namespace {

constexpr unsigned kGigabyteLevel = 2, kGigabyteBits = 30;
constexpr std::uint64_t kMostGigabytes = 512;

constinit PhysAddr image_place{};
constinit PhysAddr root{};

}  // namespace

bool show_at_boot(PhysRange range, quarry::vm::MemoryType type) noexcept {
  if (range.empty()) return true;
  const std::uint64_t last = (range.end().raw - 1) >> kGigabyteBits;
  if (last >= kMostGigabytes) return false;
  for (std::uint64_t i = range.begin().raw >> kGigabyteBits; i <= last; ++i) {
    if (Format::is_present(boot_gigabytes[i])) continue;
    const quarry::vm::Access access{.write = true, .execute = false, .user = false, .type = type};
    boot_gigabytes[i] = Format::leaf_at(PhysAddr{i << kGigabyteBits}, kGigabyteLevel, access);
  }
  asm volatile("dsb ishst; isb" ::: "memory");
  return true;
}

void forget_lower_half() noexcept {
  constexpr std::uint64_t no_walks = 1u << 7;
  AARCH64_WRITE("tcr_el1", AARCH64_READ("tcr_el1") | no_walks);
  asm volatile("tlbi vmalle1; dsb nsh; isb" ::: "memory");
}

void set_image_place(PhysAddr at) noexcept {
  image_place = at;
  root = physical_address_of(boot_upper);
}

PhysAddr physical_address_of(const void* in_image) noexcept {
  const auto offset =
      reinterpret_cast<std::uint64_t>(in_image) - reinterpret_cast<std::uint64_t>(image_begin);
  return PhysAddr{image_place.raw + offset};
}

PhysAddr tables_in_force() noexcept { return root; }

}  // namespace aarch64

void arch::use_tables(PhysAddr new_root) noexcept {
  using namespace aarch64;
  asm volatile("dsb ishst; isb" ::: "memory");
  const PhysAddr here = physical_address_of(reinterpret_cast<const void*>(&aarch64_replace_tables));
  const IrqState before = disable_interrupts();
  reinterpret_cast<decltype(&aarch64_replace_tables)>(here.raw)(new_root.raw,
                                                                physical_address_of(boot_empty).raw);
  restore_interrupts(before);
  root = new_root;
  forget_lower_half();
}

// Every processor of this architecture has pages of 1 GiB where its smallest are of 4 KiB.
unsigned arch::largest_page_bits() noexcept { return 30; }

}  // namespace kernel

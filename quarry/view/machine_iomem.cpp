#include "quarry/view/machine_iomem.hpp"

#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::view {
namespace {

constexpr std::size_t kImageParts = 8, kCrashKernels = 2;

// Linux 6.1's names in /proc/iomem for the types of the e820.
TextView resource_name(firmware::MapType type) noexcept {
  using firmware::MapType;
  switch (type) {
    case MapType::usable:
    case MapType::reserved_kern: return "System RAM";
    case MapType::acpi: return "ACPI Tables";
    case MapType::nvs: return "ACPI Non-volatile Storage";
    case MapType::unusable: return "Unusable memory";
    case MapType::pram: return "Persistent Memory (legacy)";
    case MapType::pmem: return "Persistent Memory";
    case MapType::soft_reserved: return "Soft Reserved";
    case MapType::reserved: return "Reserved";
  }
  return "Unknown E820 type";
}

void insert(ResourceTree& into, PhysRange range, TextView name) noexcept {
  static_cast<void>(into.insert(range, name).operator bool());
}

void insert_image(const boot::Machine& machine, ResourceTree& into) noexcept {
  const boot::KernelImage& image = machine.kernel;
  if (machine.arch == boot::Arch::x86_64) {
    insert(into, image.text, "Kernel code");
    insert(into, image.rodata, "Kernel rodata");
    insert(into, image.data, "Kernel data");
    insert(into, image.bss, "Kernel bss");
    return;
  }
  if (image.text.empty()) return;
  const PhysAddr code_end = image.init.empty() ? image.text.end() : image.init.begin();
  insert(into, {image.text.begin(), code_end}, "Kernel code");
  if (!image.data.empty()) insert(into, {image.data.begin(), image.whole.end()}, "Kernel data");
}

// The first resource of that depth which ends above `at`; empty: there is none. Those of one depth do not overlap: of what
// begins at `at` or below, only the last one can reach above it.
PhysRange next_of_depth(std::span<const Resource> sorted, PhysAddr at, unsigned depth) noexcept {
  std::size_t low = 0, high = sorted.size();
  while (low < high) {
    const std::size_t middle = low + ((high - low) >> 1);
    if (sorted[middle].range.begin() <= at)
      low = middle + 1;
    else
      high = middle;
  }
  for (std::size_t before = low; before-- > 0;) {
    if (sorted[before].depth != depth) continue;
    if (at < sorted[before].range.end()) return sorted[before].range;
    break;
  }
  for (; low < sorted.size(); ++low)
    if (sorted[low].depth == depth) return sorted[low].range;
  return {};
}

// What of the range no resource of that depth has: with other resources in it, it is inserted in pieces.
void insert_around(PhysRange range, unsigned depth, TextView name, ResourceTree& into) noexcept {
  PhysAddr at = range.begin();
  while (at < range.end()) {
    const PhysRange other = next_of_depth(into.sorted(), at, depth);
    const bool is_in_range = !other.empty() && other.begin() < range.end();
    const PhysAddr end = is_in_range ? other.begin() : range.end();
    if (at < end) insert(into, {at, end}, name);
    at = is_in_range ? other.end() : range.end();
  }
}

// x86 keeps devices off what lies between the end of RAM and the next round address: the rounder, the higher.
//
// Source    Linux 6.1, arch/x86/kernel/e820.c, "e820__reserve_resources_late" (behaviour).
void insert_ram_buffers(std::span<const firmware::MapEntry> entries, ResourceTree& into) noexcept {
  constexpr std::uint64_t low = 1u << 20, dma = 16u << 20;
  constexpr std::uint64_t low_step = 64u << 10, dma_step = 1u << 20, step = 64u << 20;
  for (const auto& entry : entries) {
    if (entry.type != firmware::MapType::usable) continue;
    const PhysAddr end = PhysRange::sized(entry.base, entry.size).end();
    const std::uint64_t round = end.raw < low ? low_step : end.raw < dma ? dma_step : step;
    const PhysAddr next{(end.raw + round - 1) & ~(round - 1)};
    if (end < next) insert_around({end, next}, 0, "RAM buffer", into);
  }
}

bool is_mapped(const early::Region& region) noexcept { return !has(region.flags, early::Flags::nomap); }

// The resource of a region: its whole pages, or all pages of what is not mapped.
PhysRange pages_of(const early::Region& region, PageSize page) noexcept {
  const PfnRange pages =
      is_mapped(region) ? PfnRange::inside(region.range(), page) : PfnRange::covering(region.range(), page);
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

// 32-bit arm goes by bytes, and what it does not map is nobody's resource.
void insert_memory(std::span<const early::Region> memory, const boot::Machine& machine,
                   ResourceTree& into) noexcept {
  const bool is_arm = machine.arch == boot::Arch::arm;
  for (const early::Region& region : memory)
    if (!is_arm)
      insert(into, pages_of(region, machine.geometry.page_size()),
             is_mapped(region) ? "System RAM" : "reserved");
    else if (is_mapped(region))
      insert(into, region.range(), "System RAM");
}

// arm64 shows what memblock has reserved, in whole pages, inside the memory that it lies in, mapped or not.
//
// Source    Linux 6.1, arch/arm64/kernel/setup.c, "reserve_memblock_reserved_regions" (behaviour).
void insert_reserved(std::span<const early::Region> memory, const early::Memblock& memblock, PageSize page,
                     ResourceTree& into) noexcept {
  for (const early::Region& ram : memory) {
    const PhysRange shown = pages_of(ram, page);
    for (const auto& region : memblock.reserved().view()) {
      const PfnRange kept = PfnRange::covering(region.range(), page);
      const PhysRange there =
          intersection({page.address_of(kept.begin()), page.address_of(kept.end())}, shown);
      if (!there.empty()) insert_around(there, 1, "reserved", into);
    }
  }
}

}  // namespace

// Each entry may be followed by a buffer in pieces, each reserved region be cut by parts of the image.
std::size_t most_resources(const boot::State& state, std::span<const early::Region> memory) noexcept {
  return 3 * state.map.entries().size() + 2 * memory.size() + 2 * state.memblock.reserved().view().size() +
         kImageParts + kCrashKernels;
}

void insert_machine(const boot::State& state, std::span<const early::Region> memory,
                    ResourceTree& into) noexcept {
  const boot::Machine& machine = state.machine;
  const auto entries = state.map.entries();
  for (const auto& entry : entries)
    insert(into, PhysRange::sized(entry.base, entry.size), resource_name(entry.type));
  if (machine.arch != boot::Arch::x86_64) insert_memory(memory, machine, into);
  insert_image(machine, into);
  for (const PhysRange range : {state.crashkernel_low, state.crashkernel})
    insert(into, range, "Crash kernel");
  if (machine.arch == boot::Arch::x86_64) insert_ram_buffers(entries, into);
  if (machine.arch == boot::Arch::arm64)
    insert_reserved(memory, state.memblock, machine.geometry.page_size(), into);
}

}  // namespace quarry::view

#include <algorithm>
#include <span>
#include <vector>

#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/view/iomem.hpp"

namespace quarry::cli {
namespace {

// Linux 6.1's names in /proc/iomem for the types of the e820.
std::string resource_name(firmware::MapType type) {
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

class Builder {
 public:
  explicit Builder(std::size_t resources) : storage_(resources), tree_{storage_} {}

  // What does not nest is left out, as Linux leaves it out when it finds a conflict.
  void insert(PhysRange range, TextView name) { (void)tree_.insert(range, name).operator bool(); }
  void insert_image(const boot::KernelImage& image, boot::Arch arch) {
    if (arch == boot::Arch::x86_64) {
      insert(image.text, "Kernel code");
      insert(image.rodata, "Kernel rodata");
      insert(image.data, "Kernel data");
      insert(image.bss, "Kernel bss");
      return;
    }
    if (image.text.empty()) return;
    const PhysAddr code_end = image.init.empty() ? image.text.end() : image.init.begin();
    insert({image.text.begin(), code_end}, "Kernel code");
    if (!image.data.empty()) insert({image.data.begin(), image.whole.end()}, "Kernel data");
  }
  // What of the range no resource of that depth has: with other resources in it, it is inserted in pieces.
  void insert_around(PhysRange range, unsigned depth, TextView name) {
    std::vector<PhysRange> pieces;
    PhysAddr at = range.begin();
    const auto sorted = tree_.sorted();
    // Those of one depth do not overlap: of what begins below, only the last one can reach into the range.
    auto next = std::ranges::lower_bound(
        sorted, range.begin(), {}, [](const view::Resource& resource) { return resource.range.begin(); });
    while (next != sorted.begin() && (--next)->depth != depth) {
    }
    for (; next != sorted.end() && next->range.begin() < range.end(); ++next) {
      const view::Resource& other = *next;
      if (other.depth != depth || other.range.end() <= at) continue;
      if (at < other.range.begin()) pieces.push_back({at, other.range.begin()});
      at = other.range.end();
    }
    if (at < range.end()) pieces.push_back({at, range.end()});
    for (const PhysRange piece : pieces) insert(piece, name);
  }
  const view::ResourceTree& tree() const { return tree_; }

 private:
  std::vector<view::Resource> storage_;
  view::ResourceTree tree_;
};

// x86 keeps devices off what lies between the end of RAM and the next round address: the rounder, the higher.
//
// Source    Linux 6.1, arch/x86/kernel/e820.c, "e820__reserve_resources_late" (behaviour).
void insert_ram_buffers(std::span<const map::MapEntry> entries, Builder& into) {
  constexpr std::uint64_t low = 1u << 20, dma = 16u << 20;
  constexpr std::uint64_t low_step = 64u << 10, dma_step = 1u << 20, step = 64u << 20;
  for (const auto& entry : entries) {
    if (entry.type != firmware::MapType::usable) continue;
    const PhysAddr end = PhysRange::sized(entry.base, entry.size).end();
    const std::uint64_t round = end.raw < low ? low_step : end.raw < dma ? dma_step : step;
    const PhysAddr next{(end.raw + round - 1) & ~(round - 1)};
    if (end < next) into.insert_around({end, next}, 0, "RAM buffer");
  }
}

bool is_mapped(const early::Region& region) { return !has(region.flags, early::Flags::nomap); }

// The resource of a region: its whole pages, or all pages of what is not mapped.
PhysRange pages_of(const early::Region& region, PageSize page) {
  const PfnRange pages =
      is_mapped(region) ? PfnRange::inside(region.range(), page) : PfnRange::covering(region.range(), page);
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

// 32-bit arm goes by bytes, and what it does not map is nobody's resource.
void insert_memory(std::span<const early::Region> memory, const boot::Machine& machine, Builder& into) {
  const bool is_arm = machine.arch == boot::Arch::arm;
  for (const early::Region& region : memory)
    if (!is_arm)
      into.insert(pages_of(region, machine.geometry.page_size()),
                  is_mapped(region) ? "System RAM" : "reserved");
    else if (is_mapped(region))
      into.insert(region.range(), "System RAM");
}

// arm64 shows what memblock has reserved, in whole pages, inside the memory that it lies in, mapped or not.
//
// Source    Linux 6.1, arch/arm64/kernel/setup.c, "reserve_memblock_reserved_regions" (behaviour).
void insert_reserved(std::span<const early::Region> memory, const early::Memblock& memblock, PageSize page,
                     Builder& into) {
  for (const early::Region& ram : memory) {
    const PhysRange shown = pages_of(ram, page);
    for (const auto& region : memblock.reserved().view()) {
      const PfnRange kept = PfnRange::covering(region.range(), page);
      const PhysAddr begin = std::max(page.address_of(kept.begin()), shown.begin());
      const PhysAddr end = std::min(page.address_of(kept.end()), shown.end());
      if (begin < end) into.insert_around({begin, end}, 1, "reserved");
    }
  }
}

}  // namespace

void read_iomem(const memory::EarlySystem& early, std::span<const early::Region> memory, BootReport& report) {
  const boot::Machine& machine = early.machine();
  const auto entries = early.map().entries();
  constexpr std::size_t image_parts = 8, crash_kernels = 2;
  // Each entry may be followed by a buffer in pieces, each reserved region be cut by parts of the image.
  Builder builder{3 * entries.size() + 2 * memory.size() + 2 * early.memblock().reserved().view().size() +
                  image_parts + crash_kernels};
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const auto& entry : entries) {
    names.push_back(resource_name(entry.type));
    builder.insert(PhysRange::sized(entry.base, entry.size), view_of(names.back()));
  }
  if (machine.arch != boot::Arch::x86_64) insert_memory(memory, machine, builder);
  builder.insert_image(machine.kernel, machine.arch);
  for (const PhysRange range : {early.state().crashkernel_low, early.state().crashkernel})
    builder.insert(range, "Crash kernel");
  if (machine.arch == boot::Arch::x86_64) insert_ram_buffers(entries, builder);
  if (machine.arch == boot::Arch::arm64)
    insert_reserved(memory, early.memblock(), machine.geometry.page_size(), builder);
  for (const auto& [range, name, depth] : builder.tree().sorted())
    report.iomem.push_back({{range.begin().raw, range.end().raw}, to_string(name), depth});
  report.texts.iomem = printed([&](TextSink& out) { builder.tree().print(out); });
}

}  // namespace quarry::cli

#include "linux/arm_page_tables.hpp"

#include <algorithm>
#include <set>

#include "linux/boot_allocation.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kMappings{"kernel mappings", "no room for what keeps account of kernel mappings"};
constexpr Purpose kVectors{"vectors", "no room for the vectors"};
constexpr Purpose kZeros{"page of zeros", "no room for the page of zeros"};
constexpr std::uint64_t kTableReach = std::uint64_t{2} << 20;
constexpr Bytes kWord{4};

Result<Done> take_table(boot::State& state) {
  return take_all(state, kPageTables, 1, {.size = kPage, .alignment = kPage});
}

// A table for each 2 MiB in which a part of low memory begins or ends amid a section.
Result<Done> map_low_memory(boot::State& state, std::uint64_t section) {
  std::set<std::uint64_t> tables;
  for (const early::MemoryRange& memory : state.memblock.memory_ranges()) {
    const PhysAddr end = std::min(memory.range.end(), state.lowmem_limit);
    for (const PhysAddr border : {memory.range.begin(), end}) {
      if (memory.range.begin() >= end || (border.raw & (section - 1)) == 0) continue;
      if (!tables.insert(border.raw / kTableReach).second) continue;
      if (const auto done = take_table(state); !done) return done;
    }
  }
  return Done{};
}

// Areas in low memory are mapped anew, page by page, since devices may want them uncached.
Result<Done> remap_areas(boot::State& state, const StructSizes& sizes) {
  for (const boot::CmaArea& area : state.cma) {
    const PhysAddr end = std::min(area.range.end(), state.lowmem_limit);
    if (area.range.begin() >= end) continue;
    auto done = take_all(state, kMappings, 1, {.size = sizes.kernel_mapping, .alignment = kWord});
    if (!done) return done;
    const std::uint64_t tables =
        (end.raw + kTableReach - 1) / kTableReach - area.range.begin().raw / kTableReach;
    done = take_all(state, kPageTables, tables, {.size = kPage, .alignment = kPage});
    if (!done) return done;
  }
  return Done{};
}

// Boards that map registers of their own this early: i.MX6 its snoop control unit, Exynos its identification.
bool maps_registers(const boot::State& state) {
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (!tree) return false;
  constexpr TextView boards[] = {"fsl,imx6q",          "fsl,imx6dl",         "fsl,imx6qp",
                                 "samsung,exynos4210", "samsung,exynos4212", "samsung,exynos4412"};
  const firmware::FdtNode root = tree.value().root();
  return std::any_of(std::begin(boards), std::end(boards),
                     [&](TextView board) { return root.compatible_with(board); });
}

}  // namespace

Result<Done> allocate_arm_page_tables(boot::State& state, const KernelProfile& kernel,
                                      const StructSizes& sizes) {
  const bool is_lpae = kernel.has("CONFIG_ARM_LPAE");
  if (const auto done = map_low_memory(state, is_lpae ? kTableReach : kTableReach / 2); !done) return done;
  state.memblock.set_current_limit(state.lowmem_limit);
  if (const auto done = remap_areas(state, sizes); !done) return done;

  constexpr Bytes vectors{8192};
  auto done = take_all(state, kVectors, 1, {.size = vectors, .alignment = vectors});
  if (done) done = take_table(state);
  const early::Request mapping{.size = sizes.kernel_mapping, .alignment = kWord};
  if (done && maps_registers(state)) {
    done = take_all(state, kMappings, 1, mapping);
    if (done) done = take_table(state);
  }
  if (done) done = take_all(state, kMappings, 1, mapping);
  if (done && kernel.limits.has_highmem) done = take_table(state);
  if (done) done = take_table(state);
  if (!done) return done;
  return take_all(state, kZeros, 1, {.size = kPage, .alignment = kPage});
}

}  // namespace quarry::lnx

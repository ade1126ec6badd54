// quarry/boot/riscv64_memory.cpp: what is memory, what of it the linear map reaches, and who lies in it.
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/common_options.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/initrd.hpp"
#include "quarry/boot/reserved_memory.hpp"
#include "quarry/boot/riscv64_steps.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::riscv64 {
namespace {

constexpr Bytes kKernelSpace{std::uint64_t{1} << 32};
constexpr Bytes kGiganticPage{std::uint64_t{1} << 30};
constexpr PhysAddr kFourGib{std::uint64_t{1} << 32};

MemoryReach reach(const State& state) noexcept { return {.lowest = lowest_memory(state.machine)}; }

// The smaller of what was asked for and what the linear map holds. A size of 0 limits nothing, as in Linux.
void read_memory_limit(State& state, const CommandLine& line) noexcept {
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  for (const Option& option : line) {
    if (!same_name(option.name, "mem")) continue;
    ValueReader reader{option.value};
    const auto size = reader.size();
    const std::uint64_t asked = align_down(size ? size.value() : 0, page);
    if (asked < state.memory_limit.raw) state.memory_limit = Bytes{asked};
  }
}

// The image up to the next block, so that no block of the linear map is the kernel's and somebody else's.
//
//   block    |-----------|-----------|-----------|
//   image    |##################|
//   reserved |=======================|
Result<Done> reserve_kernel(State& state) noexcept {
  const PhysRange whole = state.machine.kernel.whole;
  if (whole.empty()) return Done{};
  if (!is_aligned(whole.begin().raw, kBlock.raw))
    return state.fail(Error::bad_argument, "the kernel does not begin at a multiple of 2 MiB");
  const auto end = align_up(whole.end().raw, kBlock.raw);
  return state.memblock.reserve({whole.begin(), end ? PhysAddr{end.value()} : whole.end()}, "kernel image");
}

Result<Done> find_limits(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  const PhysAddr end = state.memblock.end_of_dram();
  state.min_low_pfn = page.pfn_up(state.memblock.start_of_dram());
  state.max_pfn = page.pfn_down(end);
  state.max_low_pfn = state.max_pfn;
  state.max_possible_pfn = state.max_pfn;
  const PhysAddr whole_pages = page.address_of(state.max_pfn);
  state.dma32_limit = whole_pages < kFourGib ? whole_pages : kFourGib;
  state.dma_limit = state.dma32_limit;
  return Done{};
}

// Nodes are not known yet: there is one, and a kernel with nodes finds no memory that is its.
//
// Source    Linux 6.1, "hugetlb_cma_reserve" as "setup_bootmem" calls it (behaviour).
Result<Done> reserve_gigantic_area(State& state) noexcept {
  const Limits& limits = state.machine.limits;
  if (!limits.has_cma || state.hugetlb_cma.raw == 0) return Done{};
  if (state.hugetlb_cma < kGiganticPage)
    return state.note(Note::Kind::printed, "hugetlb_cma: cma area should be at least one gigantic page", {},
                      kGiganticPage.raw);
  if (limits.has_numa)
    return state.note(Note::Kind::printed, "hugetlb_cma: reservation failed: memory has no node yet", {},
                      state.hugetlb_cma.raw);
  const auto size = align_up(state.hugetlb_cma.raw, kGiganticPage.raw);
  if (!size) return Done{};
  const auto area = reserve_area(state, {.size = Bytes{size.value()}, .name = "hugetlb"});
  if (!area) return area.error();
  if (area.value().empty()) return Done{};
  const auto pushed = state.cma.push(
      state.arena,
      {.name = "hugetlb", .range = area.value(), .order_per_bit = state.machine.geometry.pageblock_order()});
  if (!pushed) return pushed.error();
  return Done{};
}

Result<Done> scan_tree(State& state) noexcept {
  const Machine& machine = state.machine;
  const bool has_other_memory = !machine.map.empty() || !machine.extra_memory.empty();
  const auto tree = tree_of(state);
  if (!tree) return tree.error();
  find_initrd(state, tree.value());
  const auto found = scan_memory(state, tree.value(), reach(state));
  if (!found && (found.error() != Error::not_found || !has_other_memory))
    return found.error() != Error::not_found
               ? found
               : state.fail(Error::not_found, "no memory: the tree has no usable /memory node");
  return cap_to_usable_range(state, tree.value());
}

}  // namespace

Bytes linear_map_size(const Machine& machine) noexcept {
  const unsigned bits = machine.limits.va_bits;
  check(bits >= 39 && bits <= 57, "virtual addresses of 39 to 57 bits");
  return Bytes{(std::uint64_t{1} << (bits - 2)) - kKernelSpace.raw};
}

PhysAddr lowest_memory(const Machine& machine) noexcept {
  return machine.limits.maps_below_kernel ? PhysAddr{0} : machine.kernel.whole.begin();
}

Result<Done> parse_dtb(State& state) noexcept {
  const Machine& machine = state.machine;
  state.memory_limit = linear_map_size(machine);
  state.initrd.range = machine.initrd;
  const bool has_other_memory = !machine.map.empty() || !machine.extra_memory.empty();
  if (!machine.tree.empty() || !has_other_memory)
    if (const auto done = scan_tree(state); !done) return done;
  for (const ExtraMemory& extra : machine.extra_memory)
    if (const auto done = add_memory(state, extra.begin(), extra.size(), reach(state)); !done) return done;
  return Done{};
}

Result<Done> parse_early_param(State& state) noexcept {
  const CommandLine line = command_line_of(state);
  read_memory_limit(state, line);
  return apply_common_options(state, line);
}

// As on arm64; what lies below the linear map never becomes memory.
Result<Done> efi_init(State& state) noexcept {
  if (state.machine.map.empty()) return Done{};
  if (const auto done = arm64::efi_init(state); !done) return done;
  return state.memblock.remove({PhysAddr{0}, lowest_memory(state.machine)}, "efi_init");
}

Result<Done> setup_bootmem(State& state) noexcept {
  early::Memblock& memblock = state.memblock;
  if (const auto done = memblock.enforce_memory_limit(state.memory_limit); !done) return done;
  if (memblock.memory().empty())
    return state.fail(Error::not_found, "no memory is left within reach of the linear map");
  if (const auto done = reserve_kernel(state); !done) return done;
  if (const auto done = find_limits(state); !done) return done;
  if (const auto done = reserve_initrd(state); !done) return done;
  if (!state.machine.tree.empty()) {
    const auto tree = tree_of(state);
    if (!tree) return tree.error();
    if (const auto done = scan_reserved_memory(state, tree.value()); !done) return done;
    if (const auto done = reserve_tree(state); !done) return done;
  }
  if (const auto done = reserve_default_area(state, state.dma32_limit); !done) return done;
  return reserve_gigantic_area(state);
}

}  // namespace quarry::boot::riscv64

// quarry/boot/arm64_memory.cpp: what is memory, what of it the linear map reaches, and who lies in it.
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/common_options.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/initrd.hpp"
#include "quarry/boot/reserved_memory.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot::arm64 {
namespace {

constexpr TextView kInit = "arm64_memblock_init";
// The image's header and its padding, between _text and _stext.
constexpr Bytes kImageHead{64u << 10};

constexpr PhysRange from(std::uint64_t begin) noexcept { return {PhysAddr{begin}, PhysAddr{UINT64_MAX}}; }

// `end - size`, at multiples of a linear map's start, and never below 0.
std::uint64_t memstart_below(std::uint64_t end, std::uint64_t size) noexcept {
  const auto start = align_up(end - size, kMemstartAlign.raw);
  return start ? start.value() : end - size;
}

// Forgets what processor or linear map cannot reach. The map starts at a multiple of 1 GiB at or below RAM;
// memory that is too far apart loses its low end, and the kernel's own image stays.
//
//   RAM      |====|      |=========================|
//   map      |<------------ 2^(va_bits - 1) ------------->|
Result<Done> clip_to_linear_map(State& state) noexcept {
  early::Memblock& memblock = state.memblock;
  const Limits& limits = state.machine.limits;
  if (limits.phys_bits < 64)
    if (const auto done = memblock.remove(from(std::uint64_t{1} << limits.phys_bits), kInit); !done)
      return done;

  const std::uint64_t size = linear_region_size(state.machine).raw;
  const std::uint64_t start = align_down(memblock.start_of_dram().raw, kMemstartAlign.raw);
  std::uint64_t reach = start > UINT64_MAX - size ? UINT64_MAX : start + size;
  if (memblock.end_of_dram().raw > reach) {
    const auto noted =
        state.note(Note::Kind::printed, "Memory doesn't fit in the linear mapping, VA_BITS too small",
                   {PhysAddr{reach}, memblock.end_of_dram()});
    if (!noted) return noted;
  }
  const std::uint64_t image_end = state.machine.kernel.whole.end().raw;
  if (const auto done = memblock.remove(from(reach < image_end ? image_end : reach), kInit); !done)
    return done;
  const std::uint64_t end = memblock.end_of_dram().raw;
  if (reach >= end) return Done{};
  return memblock.remove({PhysAddr{0}, PhysAddr{memstart_below(end, size)}}, kInit);
}

// mem= takes from the top; the kernel's image is memory again afterwards, wherever it lies.
Result<Done> apply_memory_limit(State& state) noexcept {
  if (state.memory_limit.raw == UINT64_MAX) return Done{};
  if (const auto done = state.memblock.mem_limit_remove_map(state.memory_limit); !done) return done;
  const PhysRange whole = state.machine.kernel.whole;
  if (whole.empty()) return Done{};
  const std::uint64_t head = whole.begin().raw < kImageHead.raw ? whole.begin().raw : kImageHead.raw;
  return state.memblock.add({PhysAddr{whole.begin().raw - head}, whole.end()}, kInit);
}

// An initrd that a limit cut off becomes memory again, if the linear map can still reach all of it.
Result<Done> reserve_reachable_initrd(State& state) noexcept {
  Initrd& initrd = state.initrd;
  if (initrd.range.empty()) return Done{};
  const PhysRange pages = pages_of_initrd(state);
  early::Memblock& memblock = state.memblock;
  const PhysAddr start = memblock.start_of_dram();
  const std::uint64_t size = linear_region_size(state.machine).raw;
  const bool is_too_far = pages.end().raw > start.raw && pages.end().raw - start.raw > size;
  if (pages.begin() < start || is_too_far) {
    initrd.why = "initrd not fully accessible via the linear mapping";
    return state.note(Note::Kind::printed, initrd.why, pages);
  }
  if (const auto done = memblock.add(pages, kInit); !done) return done;
  if (const auto done = memblock.clear_nomap(pages); !done) return done;
  if (const auto done = memblock.reserve(pages, "initrd"); !done) return done;
  initrd.is_valid = true;
  return Done{};
}

// What one entry of the UEFI map is to the kernel.
Result<Done> add_efi_entry(State& state, const firmware::MapEntry& entry) noexcept {
  const PhysRange range = PhysRange::sized(entry.base, entry.size);
  if (const auto done = add_memory(state, entry.base, entry.size, {}); !done) return done;
  if (entry.type == firmware::MapType::usable) return Done{};
  if (entry.type == firmware::MapType::acpi) return state.memblock.reserve(range, "ACPI reclaim");
  return state.memblock.mark_nomap(range);
}

// The map itself, which the boot stub left in RAM: /chosen says where.
Result<Done> reserve_efi_map(State& state, const firmware::Fdt& tree) noexcept {
  const auto chosen = tree.find("/chosen");
  if (!chosen) return Done{};
  const auto start = chosen->property("linux,uefi-mmap-start");
  const auto size = chosen->property("linux,uefi-mmap-size");
  if (!start || !size) return Done{};
  const auto at = start->u64();
  const auto bytes = size->u32();
  if (!at || !bytes) return Done{};
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  const PhysRange map = PhysRange::sized(PhysAddr{at.value()}, Bytes{bytes.value()});
  const auto end = align_up(map.end().raw, page);
  return state.memblock.reserve(
      {PhysAddr{align_down(map.begin().raw, page)}, end ? PhysAddr{end.value()} : map.end()},
      "efi memory map");
}

}  // namespace

Bytes linear_region_size(const Machine& machine) noexcept {
  const unsigned bits = machine.limits.va_bits;
  check(bits >= 32 && bits <= 52, "virtual addresses of 32 to 52 bits");
  return Bytes{std::uint64_t{1} << (bits - 1)};
}

bool has_acpi(const State& state) noexcept {
  if (state.machine.map.empty()) return false;
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (!tree) return true;
  for (const firmware::FdtNode node : tree.value().root().children())
    if (!(node.base_name() == "chosen")) return false;
  return true;
}

Result<Done> setup_machine_fdt(State& state) noexcept { return reserve_tree(state); }

Result<Done> early_init_dt_scan(State& state) noexcept {
  const Machine& machine = state.machine;
  const bool has_other_memory = !machine.map.empty() || !machine.extra_memory.empty();
  if (machine.tree.empty() && has_other_memory) {
    state.initrd.range = machine.initrd;
  } else {
    const auto tree = tree_of(state);
    if (!tree) return tree.error();
    find_initrd(state, tree.value());
    const auto found = scan_memory(state, tree.value(), {});
    if (!found && (found.error() != Error::not_found || !has_other_memory))
      return found.error() != Error::not_found
                 ? found
                 : state.fail(Error::not_found, "no memory: the tree has no usable /memory node");
    if (const auto done = cap_to_usable_range(state, tree.value()); !done) return done;
  }
  for (const ExtraMemory& extra : machine.extra_memory)
    if (const auto done = add_memory(state, extra.begin(), extra.size(), {}); !done) return done;
  return Done{};
}

Result<Done> parse_early_param(State& state) noexcept {
  const CommandLine line = command_line_of(state);
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  for (const Option& option : line) {
    if (!same_name(option.name, "mem")) continue;
    ValueReader reader{option.value};
    if (const auto size = reader.size(); size) state.memory_limit = Bytes{align_down(size.value(), page)};
  }
  return apply_common_options(state, line);
}

Result<Done> efi_init(State& state) noexcept {
  if (const auto done = efi_tables(state); !done) return done;
  return efi_memory(state);
}

Result<Done> efi_tables(State& state) noexcept {
  if (state.machine.map.empty()) return Done{};
  for (const Machine::Table& table : state.machine.acpi_tables)
    if (const auto done = state.memblock.reserve(table.range, table.name); !done) return done;
  return Done{};
}

Result<Done> efi_memory(State& state) noexcept {
  if (state.machine.map.empty()) return Done{};
  if (const auto done = state.memblock.remove(from(0), "reserve_regions"); !done) return done;
  for (const firmware::MapEntry& entry : state.machine.map)
    if (const auto done = add_efi_entry(state, entry); !done) return done;
  if (state.machine.tree.empty()) return Done{};
  const auto tree = tree_of(state);
  if (!tree) return tree.error();
  if (const auto done = cap_to_usable_range(state, tree.value()); !done) return done;
  return reserve_efi_map(state, tree.value());
}

Result<Done> memblock_init(State& state) noexcept {
  if (const auto done = clip_to_linear_map(state); !done) return done;
  if (const auto done = apply_memory_limit(state); !done) return done;
  if (state.memblock.memory().empty())
    return state.fail(Error::not_found, "no memory is left within reach of the linear map");
  if (const auto done = reserve_reachable_initrd(state); !done) return done;
  return state.memblock.reserve(state.machine.kernel.whole, "kernel image");
}

Result<Done> scan_reserved_mem(State& state) noexcept {
  if (state.machine.tree.empty()) return Done{};
  const auto tree = tree_of(state);
  if (!tree) return tree.error();
  return scan_reserved_memory(state, tree.value());
}

}  // namespace quarry::boot::arm64

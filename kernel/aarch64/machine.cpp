// kernel/aarch64/machine.cpp: the device tree becomes a boot::Machine.
#include <array>

#include "boot_tables.hpp"
#include "core_tables.hpp"
#include "firmware.hpp"
#include "kernel/arch.hpp"
#include "kernel/console.hpp"
#include "quarry/base/arena.hpp"
#include "quarry/base/bits.hpp"
#include "quarry/base/geometries.hpp"
#include "secondary.hpp"
#include "serial.hpp"

extern "C" {
extern std::byte image_begin[], text_end[], rodata_end[], bss_begin[], stack_guard[], boot_stacks[],
    image_end[];
constinit kernel::aarch64::CoreTables aarch64_boot_core{};
}

namespace kernel {

using quarry::Bytes, quarry::PhysAddr, quarry::PhysRange, quarry::TextView;
using quarry::firmware::Fdt;
using quarry::vm::MemoryType;

namespace aarch64 {
namespace {

constexpr std::uint64_t kPage = 4096, kGigabyte = 1u << 30;

constinit BootInfo info{};
constinit PhysRange serial{};
constinit GicPlaces gic_places{};

[[noreturn]] void refuse(TextView why) noexcept {
  console().put("quarry: ").put(why).put('\n');
  arch::power_off(1);
}

template <class T>
T* seen_at(PhysAddr at) noexcept {
  return reinterpret_cast<T*>(arch::kDirectMap + at.raw);
}

// Whole pages around `range`.
PhysRange pages_of(PhysRange range) noexcept {
  return {PhysAddr{range.begin().raw & ~(kPage - 1)}, PhysAddr{(range.end().raw + kPage - 1) & ~(kPage - 1)}};
}

// --- The tree --------------------------------------------------------------------------------------------

std::span<const std::byte> find_tree(PhysAddr at) noexcept {
  constexpr std::size_t header = 40, size_in_header = 4;
  const PhysRange head = PhysRange::sized(at, Bytes{header});
  if (at.raw == 0 || !show_at_boot(head, MemoryType::normal)) refuse("the loader gave no device tree");
  const auto* const bytes = seen_at<const std::byte>(at);
  const auto size =
      quarry::firmware::FdtRegs{{bytes + size_in_header, 4}, {.address = 1, .size = 0}}[0].base.raw;
  if (!show_at_boot(PhysRange::sized(at, Bytes{size}), MemoryType::normal))
    refuse("the device tree lies above 512 GiB");
  return {bytes, static_cast<std::size_t>(size)};
}

PhysRange initrd_in(const Fdt& tree) noexcept {
  const auto chosen = quarry::firmware::chosen(tree);
  if (!chosen.initrd_start || !chosen.initrd_end || *chosen.initrd_end < *chosen.initrd_start) return {};
  return {*chosen.initrd_start, *chosen.initrd_end};
}

// Calls `found(range)` for all that firmware says is taken, and the tree itself.
template <class F>
void for_each_taken(const Fdt& tree, PhysRange tree_place, F found) noexcept {
  found(tree_place);
  found(initrd_in(tree));
  for (const auto reserved : tree.reservations()) found(PhysRange::sized(reserved.base, reserved.size));
  const auto node = quarry::firmware::reserved_memory(tree);
  if (!node) return;
  for (const auto child : node->node.children())
    for (const auto reg : quarry::firmware::reserved_node(tree, child).regs)
      found(PhysRange::sized(reg.base, reg.size));
}

template <class F>
void for_each_memory(const Fdt& tree, F found) noexcept {
  for (const auto node : tree.root().children()) {
    const auto memory = quarry::firmware::memory_node(tree, node);
    if (!memory || !memory->available) continue;
    for (const auto reg : memory->regs) found(PhysRange::sized(reg.base, reg.size), *memory);
  }
}

constexpr std::uint32_t kMostNodes = 1024;

struct Counts {
  FirmwareCounts shared{.map_entries = 0, .nodes = 0, .cores = 0};
  unsigned node_ids = 1;  // one more than the highest: distances are kept for them all
};

Counts count(const Fdt& tree, PhysRange tree_place) noexcept {
  Counts counts;
  std::array<std::uint64_t, kMostNodes / 64> named{1};
  const auto name = [&](std::optional<std::uint32_t> id) {
    if (!id || *id >= kMostNodes) return;
    named[*id / 64] |= std::uint64_t{1} << *id % 64;
    if (counts.node_ids <= *id) counts.node_ids = *id + 1;
  };
  for_each_taken(tree, tree_place, [&](PhysRange) { ++counts.shared.map_entries; });
  for_each_memory(tree, [&](PhysRange, const auto& memory) {
    ++counts.shared.map_entries;
    name(memory.numa_node);
  });
  if (const auto cpus = tree.find("/cpus"))
    for (const auto child : cpus->children()) name(child.number("numa-node-id"));
  if (const auto distances = quarry::firmware::distance_map(tree))
    for (std::size_t i = 0; i < distances->size(); ++i) name((*distances)[i].from), name((*distances)[i].to);
  for (const std::uint64_t word : named) counts.shared.nodes += quarry::popcount(word);
  for_each_core(tree, [&](std::uint64_t) { ++counts.shared.cores; });
  return counts;
}

Bytes shared_storage(const Counts& counts) noexcept {
  return Bytes{boot_storage_size(counts.shared).raw + 2 * std::uint64_t{counts.node_ids} * counts.node_ids};
}

// --- Boot storage ----------------------------------------------------------------------------------------

PhysRange image_place() noexcept {
  return {physical_address_of(image_begin), physical_address_of(image_end)};
}

// The first free place behind the image, in the bank of memory that has the image.
PhysRange place_storage(const Fdt& tree, PhysRange tree_place, Bytes size) noexcept {
  PhysRange bank;
  for_each_memory(tree, [&](PhysRange range, const auto&) {
    if (range.contains(image_place().begin())) bank = range;
  });
  PhysRange place = pages_of(PhysRange::sized(image_place().end(), size));
  for (bool is_free = false; !is_free;) {
    is_free = true;
    for_each_taken(tree, tree_place, [&](PhysRange taken) {
      if (!taken.overlaps(place)) return;
      is_free = false;
      place = pages_of(PhysRange::sized(pages_of(taken).end(), size));
    });
    if (bank.end() < place.end()) return {};
  }
  return place;
}

// What lies between image and storage stays with the image.
quarry::boot::KernelImage image_with(PhysRange storage) noexcept {
  const auto part = [](const std::byte* begin, const std::byte* end) {
    return PhysRange{physical_address_of(begin), physical_address_of(end)};
  };
  return {.whole = {image_place().begin(), storage.end()},
          .text = part(image_begin, text_end),
          .rodata = part(text_end, rodata_end),
          .data = part(rodata_end, bss_begin),
          .bss = part(bss_begin, image_end),
          .init = {},
          .brk = {},
          .brk_space = {},
          .page_directory = {}};
}

// --- Devices ---------------------------------------------------------------------------------------------

Registers show(PhysRange registers) noexcept {
  if (registers.empty() || !show_at_boot(registers, MemoryType::device)) return {};
  return Registers{arch::kDirectMap + registers.begin().raw};
}

void start_interrupts(const Fdt& tree) noexcept {
  gic_places = find_gic(tree);
  Gic gic{};
  gic.version = gic_places.version;
  gic.distributor = show(gic_places.distributor);
  gic.cpu_interface = show(gic_places.cpu_interface);
  for (unsigned i = 0; i < Gic::kMostRuns; ++i) {
    gic.redistributors[i] = show(gic_places.redistributors[i]);
    gic.run_bytes[i] = gic_places.redistributors[i].size().raw;
  }
  start_gic(gic);
}

void describe(const Fdt& tree, PhysRange tree_place, const Counts& counts, PhysRange place) noexcept {
  quarry::boot::Machine& machine = info.machine;
  machine.arch = quarry::boot::Arch::arm64;
  machine.geometry = quarry::k4KSparse;
  machine.limits.max_map_entries = 0;
  // What the tree says may come before tables can grow, each piece cut in two by what lies in it, and some more.
  machine.limits.initial_memory_regions = machine.limits.initial_reserved_regions =
      128 + 2 * counts.shared.map_entries;
  machine.limits.max_reserved_nodes = 0;
  machine.limits.phys_bits = arch::TableFormat::kPhysBits;
  machine.limits.max_nodes = counts.node_ids;
  machine.limits.va_bits = arch::TableFormat::kVirtBits;
  machine.limits.page_offset = arch::kDirectMap;
  machine.model = quarry::firmware::model(tree);
  machine.command_line = quarry::firmware::chosen(tree).bootargs.value_or(TextView{});
  machine.cpus = arch::core_count();
  machine.tree = tree.bytes();
  machine.tree_at = tree_place.begin();
  machine.kernel = image_with(place);
  machine.initrd = initrd_in(tree);
  info.boot_mapped = {PhysAddr{image_place().begin().raw & ~(kGigabyte - 1)},
                      PhysAddr{(place.end().raw + kGigabyte - 1) & ~(kGigabyte - 1)}};
}

}  // namespace

extern "C" [[noreturn]] void aarch64_main(std::uint64_t tree_at, std::uint64_t image_at) noexcept {
  set_image_place(PhysAddr{image_at});
  asm volatile("msr daifclr, #5" ::: "memory");  // SError and FIQ, which mean disaster
  const auto bytes = find_tree(PhysAddr{tree_at});
  const auto read = Fdt::from(bytes);
  if (!read) refuse("the device tree is malformed");
  const Fdt& tree = read.value();
  const PhysRange tree_place = PhysRange::sized(PhysAddr{tree_at}, Bytes{bytes.size()});
  serial = find_serial(tree);
  start_serial(show(serial));
  set_conduit(find_conduit(tree));
  start_interrupts(tree);

  const Counts counts = count(tree, tree_place);
  const Bytes shared = shared_storage(counts);
  const Bytes own{kPage + counts.shared.cores * sizeof(std::uint64_t)};
  const PhysRange place = place_storage(tree, tree_place, Bytes{own.raw + shared.raw});
  if (place.empty())
    refuse("no memory behind the kernel's image for the boot-time tables: give it more (-m)");
  if (!show_at_boot(place, MemoryType::normal)) refuse("the kernel's image lies above 512 GiB");
  auto* const memory = seen_at<std::byte>(place.begin());
  __builtin_memset(memory, 0, static_cast<std::size_t>(place.size().raw));
  quarry::Arena arena{{memory, static_cast<std::size_t>(own.raw)}};
  const auto affinities = arena.take<std::uint64_t>(counts.shared.cores);
  if (!affinities) refuse("the processors have no room in the boot storage");
  list_cores(tree, affinities.value());

  describe(tree, tree_place, counts, place);
  info.storage = {memory + own.raw, static_cast<std::size_t>(shared.raw)};
  main(info);
}

}  // namespace aarch64

// The image, where it is linked; the tree, wherever mem= ends RAM; and devices.
std::span<const arch::Mapping> arch::mappings() noexcept {
  constexpr unsigned image_parts = 5, devices = 3 + aarch64::Gic::kMostRuns;
  static constinit std::array<Mapping, image_parts + devices + 1> all{};
  const quarry::boot::KernelImage& image = aarch64::info.machine.kernel;
  const auto linked_at = [](const std::byte* at) { return reinterpret_cast<std::uint64_t>(at); };
  std::size_t used = 0;
  all[used++] = {linked_at(image_begin), image.text, MapAs::code};
  all[used++] = {linked_at(text_end), image.rodata, MapAs::constants};
  all[used++] = {linked_at(rodata_end), image.data, MapAs::data};
  const PhysAddr guard = aarch64::physical_address_of(stack_guard);
  const PhysAddr stacks = aarch64::physical_address_of(boot_stacks);
  all[used++] = {linked_at(bss_begin), {image.bss.begin(), guard}, MapAs::data};
  all[used++] = {linked_at(boot_stacks), {stacks, image.bss.end()}, MapAs::data};
  const auto& machine = aarch64::info.machine;
  const PhysRange tree = aarch64::pages_of(PhysRange::sized(machine.tree_at, Bytes{machine.tree.size()}));
  all[used++] = {kDirectMap + tree.begin().raw, tree, MapAs::constants};
  const auto device = [&](PhysRange registers) {
    if (registers.empty()) return;
    const PhysRange pages = aarch64::pages_of(registers);
    all[used++] = {kDirectMap + pages.begin().raw, pages, MapAs::device};
  };
  device(aarch64::serial);
  device(aarch64::gic_places.distributor);
  device(aarch64::gic_places.cpu_interface);
  for (const PhysRange run : aarch64::gic_places.redistributors) device(run);
  return {all.data(), used};
}

}  // namespace kernel

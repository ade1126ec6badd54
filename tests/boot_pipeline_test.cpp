// The whole pipeline in one process: machines of several geometries, both modes, two machines at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "linux/description.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"
#include "tests/fdt_builder.hpp"

namespace quarry {
namespace {

constexpr std::uint64_t kMiB = 1u << 20, kGiB = 1u << 30;

enum class Mode { linux_mode, native };
std::ostream& operator<<(std::ostream& out, Mode mode) {
  return out << (mode == Mode::native ? "native" : "Linux");
}

PhysRange sized(std::uint64_t base, std::uint64_t size) {
  return PhysRange::sized(PhysAddr{base}, Bytes{size});
}

// --- Machines --------------------------------------------------------------------------------------------

// 4 KiB pages, sparse: a PC of two nodes with a hole, ACPI tables in RAM, an initrd that ends within a page.
lnx::MachineDescription pc() {
  using firmware::MapType;
  lnx::MachineDescription pc;
  pc.kernel = lnx::builtin_profile(boot::Arch::x86_64);
  pc.command_line = "crashkernel=32M";
  pc.cpus = 2;
  pc.map = {{PhysAddr{0}, Bytes{0x9fc00}, MapType::usable},
            {PhysAddr{0x9fc00}, Bytes{0x60400}, MapType::reserved},
            {PhysAddr{kMiB}, Bytes{199 * kMiB + 123}, MapType::usable},
            {PhysAddr{256 * kMiB}, Bytes{160 * kMiB}, MapType::usable},
            {PhysAddr{416 * kMiB}, Bytes{kMiB}, MapType::acpi}};
  pc.memory_affinity = {{PhysAddr{0}, Bytes{256 * kMiB}, 0}, {PhysAddr{256 * kMiB}, Bytes{kGiB}, 1}};
  pc.cpu_affinity = {{0, 0}, {1, 1}};
  pc.acpi_tables = {{"SRAT", sized(300 * kMiB + 0x80, 0x1f8)}, {"DSDT", sized(416 * kMiB, 0x2000)}};
  pc.image = lnx::image_at(pc.kernel, PhysAddr{16 * kMiB}, Bytes{0x10000});
  pc.initrd = sized(100 * kMiB, 3 * kMiB + 0x123);
  return pc;
}

// What both trees have: banks, a reservation that nobody may map, one that is reusable, and one of the header's.
std::vector<std::byte> board_tree(std::uint64_t base, std::uint64_t size, std::uint64_t alignment,
                                  TextView processor) {
  FdtBuilder tree;
  tree.reserve(base + 80 * kMiB + 0x10, 0x100);
  tree.cells("#address-cells", 2).cells("#size-cells", 2);
  tree.begin("cpus").cells("#address-cells", 1).cells("#size-cells", 0);
  tree.begin("cpu@0").text("device_type", "cpu").text("compatible", processor).cells("reg", 0).end().end();
  tree.begin("memory").text("device_type", "memory").numbers("reg", base, size).end();
  tree.begin("reserved-memory").cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges");
  tree.begin("secret").numbers("reg", base + 96 * kMiB, 2 * kMiB).flag("no-map").end();
  tree.begin("log").numbers("reg", base + 112 * kMiB + 0x200, 0x4321).end();
  tree.begin("pool").text("compatible", "shared-dma-pool").flag("reusable");
  tree.numbers("size", std::max(alignment, 16 * kMiB)).numbers("alignment", alignment).end();
  tree.end();
  const auto bytes = tree.finish();
  return {bytes.begin(), bytes.end()};
}

lnx::MachineDescription board(boot::Arch arch, Geometry geometry, std::uint64_t base, std::uint64_t size) {
  lnx::MachineDescription board;
  board.kernel = lnx::builtin_profile(arch);
  board.kernel.geometry = geometry;
  board.tree = board_tree(base, size, geometry.pageblock_order().pages().raw << geometry.page_shift_,
                          arch == boot::Arch::arm       ? "arm,cortex-a15"
                          : arch == boot::Arch::riscv64 ? "riscv"
                                                        : "arm,cortex-a53");
  board.tree_at = PhysAddr{base + 128 * kMiB};
  board.image = lnx::image_at(board.kernel, PhysAddr{base + (arch == boot::Arch::arm ? 0 : 2 * kMiB)});
  board.initrd = sized(base + 144 * kMiB, 2 * kMiB + 0x777);
  return board;
}

// 4 KiB pages, flat, blocks of order 11: a 32-bit board.
lnx::MachineDescription small_board() { return board(boot::Arch::arm, k4KFlat, 0x80000000, 384 * kMiB); }
// 4 KiB pages, sparse, the kernel behind its firmware.
lnx::MachineDescription riscv_board() {
  return board(boot::Arch::riscv64, k4KSparse, 0x80000000, 384 * kMiB);
}
// 64 KiB pages, blocks of order 13, which have 512 MiB.
lnx::MachineDescription large_pages() { return board(boot::Arch::arm64, k64KSparse, 0x40000000, 3 * kGiB); }

// --- A machine on its way ---------------------------------------------------------------------------------

template <Geometry G>
class Booted {
 public:
  using System = memory::PageSystem<G, hosted::PagedHost>;

  Booted(lnx::MachineDescription description, Mode mode)
      : description_{std::move(description)},
        machine_{description_.machine()},
        ram_{std::span{&hosted::kEverything, 1}, G.page_size(), Bytes{16 * kGiB}},
        allocations_{description_.kernel},
        early_{*made(mode)},
        pages_{early_, hosted::PagedHost{ram_}, metadata(mode), {}} {}

  Result<Done> take(memory::Stage stage) {
    switch (stage) {
      case memory::Stage::early: return early_.run_flow();
      case memory::Stage::zones: return early_.cut_zones();
      case memory::Stage::descriptors: return pages_.describe_pages();
      case memory::Stage::hand_over: return pages_.hand_over();
      case memory::Stage::slab: return pages_.start_slab();
      case memory::Stage::finish: return pages_.finish();
      case memory::Stage::done: break;
    }
    return Done{};
  }
  void boot() {
    memory::Stage reached{};
    const auto done = memory::bring_up(early_, pages_, reached);
    ASSERT_TRUE(done) << early_.state().failure.step << " at stage " << static_cast<int>(reached);
    ASSERT_EQ(reached, memory::Stage::done);
  }

  const boot::Machine& machine() const { return machine_; }
  memory::EarlySystem& early() { return early_; }
  System& pages() { return pages_; }

 private:
  memory::EarlySystem* made(Mode mode) {
    memory::EarlyConfig config;
    if (mode == Mode::native)
      config.direct_map = hosted::direct_map_of(ram_);
    else
      config.hooks = allocations_.hooks();
    const auto made = memory::EarlySystem::make(machine_, arena_.arena(), config);
    EXPECT_TRUE(made);
    return made.value();
  }
  page::MetadataSource metadata(Mode mode) {
    return mode == Mode::native ? memory::metadata_in_ram(early_) : memory::metadata_outside(arena_.arena());
  }

  lnx::MachineDescription description_;
  boot::Machine machine_;
  hosted::VirtualArena arena_{std::size_t{1} << 30};
  hosted::PagedRam ram_;
  lnx::LinuxAllocations allocations_;
  memory::EarlySystem& early_;
  System pages_;
};

template <Geometry G>
void expect_laws(Booted<G>& booted) {
  EXPECT_FALSE(booted.early().memblock().audit());
  EXPECT_FALSE(booted.early().map().audit());
  EXPECT_EQ(zones::audit(booted.early().layout()), nullptr);
  const auto finding = booted.pages().allocator().audit();
  EXPECT_FALSE(finding) << "page " << finding.page.raw;
  EXPECT_TRUE(booted.pages().slabs().audit().holds());
}

template <Geometry G>
std::uint64_t free_pages(Booted<G>& booted) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < booted.early().layout().zones.size(); ++i)
    sum += booted.pages().allocator().free_pages_of(i).raw;
  return sum;
}

// --- The law: what a source reserved is nobody's ------------------------------------------------------------

// What may be handed out though memblock has it reserved: it was given back, or it is lent by a contiguous area.
template <Geometry G>
std::vector<PhysRange> given_back(Booted<G>& booted) {
  const boot::State& state = booted.early().state();
  std::vector<PhysRange> ranges{booted.machine().kernel.init};
  if (state.initrd.is_valid) ranges.push_back(state.initrd.range);
  for (const auto& area : state.cma) ranges.push_back(area.range);
  for (const auto& part : state.given_back)
    if (part.as == boot::GivenBack::As::free) ranges.push_back(part.range);
  return ranges;
}

bool contains(PhysRange outer, PhysRange inner) {
  return outer.begin() <= inner.begin() && inner.end() <= outer.end();
}

// Why nobody may have this page; empty: somebody may.
template <Geometry G>
std::string objection(Booted<G>& booted, PhysRange page, const std::vector<PhysRange>& returned) {
  const auto& memblock = booted.early().memblock();
  bool is_memory = false;
  for (const auto& region : memblock.memory().view()) {
    if (!region.range().overlaps(page)) continue;
    if (early::has(region.flags, early::Flags::nomap)) return "it must not be mapped";
    is_memory = is_memory || contains(region.range(), page);
  }
  if (!is_memory) return "it is no memory";
  const bool is_returned = std::any_of(returned.begin(), returned.end(),
                                       [page](PhysRange range) { return contains(range, page); });
  for (const auto& region : memblock.reserved().view())
    if (region.range().overlaps(page) && !is_returned) return "it is reserved";
  return {};
}

// Every free page, each by itself, whatever watermarks and migrate types say.
template <Geometry G>
std::vector<Pfn> take_all(Booted<G>& booted) {
  std::vector<Pfn> taken;
  for (const zones::Node& node : booted.early().layout().nodes) {
    for (const auto type : {buddy::MigrateType::movable, buddy::MigrateType::unmovable}) {
      const buddy::Request request{.highest = zones::ZoneType::movable,
                                   .type = type,
                                   .urgency = buddy::Urgency::unlimited,
                                   .node = node.id};
      while (const auto page = booted.pages().frames().alloc_pages(Order{0}, request))
        taken.push_back(page.value());
    }
  }
  return taken;
}

template <Geometry G>
void expect_that_only_free_pages_are_handed_out(Booted<G>& booted) {
  const std::uint64_t free = free_pages(booted);
  const std::vector<Pfn> taken = take_all(booted);
  EXPECT_EQ(taken.size(), free) << "what counts as free can be had";
  EXPECT_EQ(free_pages(booted), 0u);
  const auto returned = given_back(booted);
  std::set<Pfn> seen;
  for (const Pfn page : taken) {
    const PhysRange bytes = PhysRange::sized(G.page_size().address_of(page), G.page_size().bytes());
    ASSERT_EQ(objection(booted, bytes, returned), "") << std::hex << bytes.begin().raw;
    ASSERT_TRUE(seen.insert(page).second) << "twice: " << std::hex << bytes.begin().raw;
    ASSERT_NE(booted.pages().frames().map({page, page + PageCount{1}}), nullptr);
  }
  for (const Pfn page : taken) ASSERT_TRUE(booted.pages().frames().free_pages(page, Order{0}));
  booted.pages().allocator().drain_all();
  EXPECT_EQ(free_pages(booted), free);
  EXPECT_FALSE(booted.pages().allocator().audit()) << "all of it came back";
}

template <Geometry G>
void expect_that_counts_add_up(Booted<G>& booted) {
  const auto& counts = booted.pages().counts();
  std::uint64_t managed = 0;
  for (const auto& zone : booted.early().layout().zones) managed += zone.managed.raw;
  EXPECT_EQ(managed, counts.from_memblock.raw + counts.from_cma.raw + counts.from_initrd.raw +
                         counts.from_init.raw + counts.from_used.raw + counts.from_others.raw);
  EXPECT_GT(counts.from_memblock.raw, 0u);
  EXPECT_GT(counts.from_initrd.raw, 0u);
  EXPECT_GT(counts.from_init.raw, 0u);
}

template <Geometry G>
void expect_a_whole_system(const lnx::MachineDescription& description) {
  for (const Mode mode : {Mode::linux_mode, Mode::native}) {
    SCOPED_TRACE(::testing::Message() << mode);
    Booted<G> booted{description, mode};
    booted.boot();
    if (::testing::Test::HasFatalFailure()) return;
    expect_laws(booted);
    expect_that_counts_add_up(booted);
    EXPECT_TRUE(memory::exercise_pages(booted.pages()).complaint.empty());
    EXPECT_TRUE(memory::exercise_kmalloc(booted.pages()).complaint.empty());
    EXPECT_TRUE(memory::exercise_cache(booted.pages()).complaint.empty());
    expect_that_only_free_pages_are_handed_out(booted);
    expect_laws(booted);
  }
}

TEST(BootPipeline, a_pc_with_two_nodes_of_4_KiB_pages) { expect_a_whole_system<k4KSparse>(pc()); }
TEST(BootPipeline, a_flat_board_with_blocks_of_order_11) { expect_a_whole_system<k4KFlat>(small_board()); }
TEST(BootPipeline, a_board_of_riscv64) { expect_a_whole_system<k4KSparse>(riscv_board()); }
TEST(BootPipeline, a_board_of_64_KiB_pages_with_blocks_of_order_13) {
  expect_a_whole_system<k64KSparse>(large_pages());
}

TEST(BootPipeline, what_lies_in_reservations_is_what_the_descriptions_say) {
  Booted<k4KFlat> booted{small_board(), Mode::linux_mode};
  booted.boot();
  const auto& memblock = booted.early().memblock();
  EXPECT_TRUE(memblock.is_reserved(PhysAddr{0x80000000 + 80 * kMiB + 0x10})) << "the header's own list";
  EXPECT_TRUE(memblock.is_reserved(PhysAddr{0x80000000 + 112 * kMiB + 0x200})) << "a node with reg";
  EXPECT_FALSE(memblock.is_reserved(PhysAddr{0x80000000 + 120 * kMiB})) << "nobody asked for that";
  EXPECT_FALSE(memblock.is_map_memory(PhysAddr{0x80000000 + 96 * kMiB})) << "no-map";
  EXPECT_FALSE(booted.early().state().cma.empty()) << "a reusable pool";
}

// --- Two at a time -----------------------------------------------------------------------------------------

// All that a machine decided, as numbers.
template <Geometry G>
std::vector<std::uint64_t> decisions(Booted<G>& booted) {
  std::vector<std::uint64_t> numbers;
  for (const auto* table : {&booted.early().memblock().memory(), &booted.early().memblock().reserved()})
    for (const auto& region : table->view())
      numbers.insert(numbers.end(),
                     {region.base.raw, region.size.raw, static_cast<std::uint64_t>(region.flags),
                      static_cast<std::uint64_t>(region.node)});
  const auto& zones = booted.early().layout().zones;
  for (std::uint32_t i = 0; i < zones.size(); ++i) {
    numbers.insert(numbers.end(),
                   {zones[i].start.raw, zones[i].spanned.raw, zones[i].present.raw, zones[i].managed.raw});
    if (!zones[i].is_populated()) continue;
    const auto stats = booted.pages().allocator().stats(i);
    for (unsigned order = 0; order <= G.max_order().raw(); ++order)
      for (const std::uint64_t blocks : stats.free_blocks[order]) numbers.push_back(blocks);
  }
  return numbers;
}

TEST(BootPipeline, two_machines_boot_turn_by_turn_as_each_does_alone) {
  for (const Mode mode : {Mode::linux_mode, Mode::native}) {
    SCOPED_TRACE(::testing::Message() << mode);
    Booted<k4KSparse> pc_alone{pc(), mode}, one{pc(), mode};
    Booted<k4KFlat> board_alone{small_board(), mode}, other{small_board(), mode};
    pc_alone.boot();
    board_alone.boot();
    for (const auto stage : {memory::Stage::early, memory::Stage::zones, memory::Stage::descriptors,
                             memory::Stage::hand_over, memory::Stage::slab, memory::Stage::finish}) {
      ASSERT_TRUE(one.take(stage));
      ASSERT_TRUE(other.take(stage));
    }
    EXPECT_EQ(decisions(one), decisions(pc_alone));
    EXPECT_EQ(decisions(other), decisions(board_alone));

    // One is used up while the other is in use, and the other does not notice.
    const auto object = other.pages().kmalloc().kmalloc(64);
    ASSERT_TRUE(object);
    const auto before = decisions(other);
    const std::vector<Pfn> taken = take_all(one);
    EXPECT_FALSE(taken.empty());
    EXPECT_FALSE(one.pages().frames().alloc_pages(Order{0}, {}));
    EXPECT_FALSE(one.pages().kmalloc().kfree(object.value())) << "it is the other's";
    EXPECT_EQ(decisions(other), before);
    EXPECT_TRUE(other.pages().kmalloc().kfree(object.value()));
    for (const Pfn page : taken) ASSERT_TRUE(one.pages().frames().free_pages(page, Order{0}));
    expect_laws(one);
    expect_laws(other);
  }
}

TEST(BootPipeline, a_machine_of_another_geometry_is_refused) {
  Booted<k4KFlat> booted{pc(), Mode::linux_mode};
  ASSERT_TRUE(booted.take(memory::Stage::early));
  ASSERT_TRUE(booted.take(memory::Stage::zones));
  const auto done = booted.take(memory::Stage::descriptors);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::bad_geometry);
}

TEST(BootPipeline, a_machine_without_room_for_descriptors_stops_without_harm) {
  lnx::MachineDescription tiny = pc();
  tiny.map = {{PhysAddr{0}, Bytes{0x9fc00}, firmware::MapType::usable},
              {PhysAddr{0x9fc00}, Bytes{0x60400}, firmware::MapType::reserved}};
  tiny.memory_affinity.clear(), tiny.cpu_affinity.clear(), tiny.acpi_tables.clear();
  tiny.initrd = {};
  for (const Mode mode : {Mode::linux_mode, Mode::native}) {
    Booted<k4KSparse> booted{tiny, mode};
    memory::Stage reached{};
    EXPECT_FALSE(memory::bring_up(booted.early(), booted.pages(), reached));
    EXPECT_NE(reached, memory::Stage::done);
    EXPECT_FALSE(booted.early().memblock().audit());
  }
}

}  // namespace
}  // namespace quarry

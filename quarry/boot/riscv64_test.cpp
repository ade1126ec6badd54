#include "quarry/boot/device_tree_test_machine.hpp"
#include "quarry/boot/riscv64_steps.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {
namespace {

constexpr std::uint64_t kRam = 2 * kG;

// Firmware below the kernel, as boards of this architecture have it: RAM from 2 GiB, the kernel 2 MiB further up.
struct RiscvBoard : TestBoard {
  template <class Builder>
  explicit RiscvBoard(Builder& tree) : TestBoard{Arch::riscv64, tree, 56} {
    machine.limits.va_bits = 39;
    machine.kernel.whole = range(kRam + 2 * kM, kRam + 20 * kM + 0x1234);
    machine.tree_at = PhysAddr{kRam + 40 * kM};
  }
};

bool is_memory(const TestBoard& board, std::uint64_t at) { return board.memblock->is_memory(PhysAddr{at}); }

}  // namespace

TEST(a_riscv_board_boots_from_tree_to_zone_limits) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, 4 * kG);
  tree.begin("chosen").numbers("linux,initrd-start", kRam + 64 * kM + 5);
  tree.numbers("linux,initrd-end", kRam + 65 * kM + 1).end();
  RiscvBoard board{tree};
  expect(board.boots());
  const State& state = *board.state;
  // What lies below the kernel is no memory, though firmware says so.
  expect(board.notes("Ignoring memory range"));
  expect(board.memblock->memory()[0].range() == range(kRam + 2 * kM, kRam + 4 * kG));
  // The kernel has its last block to itself.
  expect(board.is_reserved(range(kRam + 2 * kM, kRam + 22 * kM)));
  expect(!board.memblock->is_reserved(PhysAddr{kRam + 22 * kM}));
  expect(state.initrd.is_valid && board.is_reserved(range(kRam + 64 * kM, kRam + 65 * kM + 0x1000)));
  expect(board.is_reserved(PhysRange::sized(board.machine.tree_at, Bytes{board.machine.tree.size()})));
  expect_equal(state.zone_limits.dma, Pfn{0});
  expect_equal(state.zone_limits.dma32, Pfn{0x10'0000});
  expect_equal(state.zone_limits.normal, Pfn{0x18'0000});
  // Above 4 GiB there is less than 4 GiB and the area: the default area lies below the limit of DMA32.
  expect(!state.cma.empty());
  expect(board.memblock->memory()[0].node == NodeId{0});
}

TEST(a_later_kernel_keeps_what_lies_below_it) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
  RiscvBoard board{tree};
  board.machine.limits.maps_below_kernel = true;
  expect(board.boots());
  expect(board.memblock->memory()[0].range() == range(kRam, kRam + kG));
  expect(!board.memblock->is_reserved(PhysAddr{kRam}));
}

TEST(the_linear_map_of_each_mode_of_translation_bounds_memory) {
  Machine machine;
  constexpr std::uint64_t tib = std::uint64_t{1} << 40;
  machine.limits.va_bits = 39;
  expect_equal(riscv64::linear_map_size(machine), Bytes{124 * kG});
  machine.limits.va_bits = 48;
  expect_equal(riscv64::linear_map_size(machine), Bytes{64 * tib - 4 * kG});
  machine.limits.va_bits = 57;
  expect_equal(riscv64::linear_map_size(machine), Bytes{32 * 1024 * tib - 4 * kG});

  auto tree = tree_with_bank<FdtBuilder>(kRam, 200 * kG);
  RiscvBoard board{tree};
  expect(board.boots());
  expect_equal(board.memblock->phys_mem_size(), Bytes{124 * kG});
  // Sv48 reaches all of it, and mem= asks for less.
  RiscvBoard wide{tree};
  wide.machine.limits.va_bits = 48;
  wide.machine.command_line = "mem=300G mem=1G";
  expect(wide.boots());
  expect_equal(wide.memblock->phys_mem_size(), Bytes{kG});
  expect_equal(wide.memblock->end_of_dram(), PhysAddr{kRam + 2 * kM + kG});
}

TEST(a_kernel_between_two_blocks_does_not_boot_and_a_limit_of_0_is_none) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
  RiscvBoard board{tree};
  board.machine.kernel.whole = range(kRam + 2 * kM + 0x1000, kRam + 20 * kM);
  expect(!board.boots());
  expect(board.state->failure.what.starts_with("the kernel does not begin"));
  RiscvBoard small{tree};
  small.machine.command_line = "mem=1K";  // no whole page
  expect(small.boots());
  expect_equal(small.memblock->phys_mem_size(), Bytes{kG - 2 * kM});
}

TEST(a_crash_kernel_goes_below_four_gibibytes_if_it_can) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, 8 * kG);
  RiscvBoard board{tree};
  board.machine.limits.has_cma = false;
  board.machine.command_line = "crashkernel=256M";
  expect(board.boots());
  // One byte of the last block below 4 GiB is out of reach, and so the block is.
  expect(board.state->crashkernel == range(4 * kG - 258 * kM, 4 * kG - 2 * kM));
  RiscvBoard large{tree};
  large.machine.limits.has_cma = false;
  large.machine.command_line = "crashkernel=3G";
  expect(large.boots());
  expect(large.state->crashkernel == range(7 * kG, 10 * kG));
  RiscvBoard fixed{tree};
  fixed.machine.command_line = "crashkernel=64M@0x81000000";  // over the kernel
  expect(fixed.boots());
  expect(fixed.state->crashkernel.empty() && fixed.notes("crashkernel: couldn't allocate"));
}

TEST(gigantic_areas_are_asked_for_before_memory_has_nodes) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, 8 * kG);
  RiscvBoard board{tree};
  board.machine.command_line = "hugetlb_cma=2G cma=0";
  expect(board.boots());
  expect(board.notes("hugetlb_cma: reservation failed: memory has no node yet"));
  expect(board.state->cma.empty());
  RiscvBoard flat{tree};
  flat.machine.limits.has_numa = false;
  flat.machine.command_line = "hugetlb_cma=2G cma=0";
  expect(flat.boots());
  expect(!flat.state->cma.empty() && (*flat.state->cma.begin()).range.size() == Bytes{2 * kG});
}

TEST(an_initrd_over_a_reservation_is_not_used) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
  RiscvBoard board{tree};
  board.machine.initrd = range(kRam + 19 * kM, kRam + 24 * kM);
  expect(board.boots());
  expect(!board.state->initrd.is_valid && board.notes("INITRD overlaps in-use memory region"));
  RiscvBoard below{tree};
  below.machine.initrd = range(kRam, kRam + kM);
  expect(below.boots());
  expect(!below.state->initrd.is_valid && below.notes("INITRD is not a memory region"));
}

// Goal: a report from the field: a table that grew before the linear map stood lay where nothing was mapped.
// Method: as many reservations as fill the first table, one less and one more; the kernel has one, the tree the last.
TEST(the_table_of_reservations_does_not_grow_before_the_linear_map_stands) {
  constexpr unsigned first = 128;
  for (const unsigned wanted : {first - 1, first, first + 1}) {
    std::byte places[first * 16] = {};
    for (unsigned i = 0; i + 2 < wanted; ++i) {
      const std::uint64_t at = kRam + (64 + 2 * i) * kM;
      for (unsigned byte = 0; byte < 8; ++byte) {
        places[16 * i + byte] = static_cast<std::byte>(at >> (56 - 8 * byte));
        places[16 * i + 8 + byte] = static_cast<std::byte>(kM >> (56 - 8 * byte));
      }
    }
    auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
    open_reserved(tree).begin("many").bytes("reg", std::span{places}.first((wanted - 2) * 16)).end().end();
    RiscvBoard board{tree};
    board.machine.limits.has_cma = false;
    State& state = board.begin();
    early::Region many[first];
    board.memblock.emplace(early::Config{}, early::Storage{board.memory, many, {}});
    expect(static_cast<bool>(riscv64::parse_dtb(state)));
    const auto done = riscv64::setup_bootmem(state);
    expect_equal(static_cast<bool>(done), wanted <= first);
    if (!done) expect_equal(done.error(), Error::too_early);
    expect_equal(board.memblock->reserved().view().size(), wanted < first ? wanted : first);
    expect(!board.memblock->audit());
  }
}

// Goal: a report from the field: banks at 2 GiB and at 128 GiB; the first allocation came from above what was mapped.
TEST(how_far_allocations_reach_is_the_embedders_to_say) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
  tree.begin("memory@2").text("device_type", "memory").numbers("reg", 128 * kG, kG).end();
  for (const bool is_limited : {true, false}) {
    RiscvBoard board{tree};
    board.machine.limits.has_cma = false;
    State& state = board.begin();
    if (is_limited) board.memblock->set_current_limit(PhysAddr{kRam + kG});
    expect(static_cast<bool>(run(state)));
    expect(is_memory(board, 128 * kG + kM));
    // A kernel of 6.1 thinks that memory is memory, and maps none of it.
    expect(board.notes("memory lies beyond the linear map: the kernel faults where it uses it"));
    const auto at = board.memblock->alloc(Bytes{kM}, Bytes{kM}, "whoever");
    expect(static_cast<bool>(at));
    expect_equal(at.value(), PhysAddr{is_limited ? kRam + kG - kM : 129 * kG - kM});
  }
}

// Goal: a report from the field: an address that was computed wrongly is reserved, far from all memory, and nobody minds.
TEST(a_reservation_outside_of_all_memory_is_lawful_and_counts) {
  auto tree = tree_with_bank<FdtBuilder>(kRam, kG);
  tree.reserve(0xffff'ffff'8010'0000, 0x4000);
  RiscvBoard board{tree};
  expect(board.boots());
  expect(board.is_reserved(range(0xffff'ffff'8010'0000, 0xffff'ffff'8010'4000)));
  expect(!is_memory(board, 0xffff'ffff'8010'0000));
  auto other_tree = tree_with_bank<FdtBuilder>(kRam, kG);
  RiscvBoard other{other_tree};
  expect(other.boots());
  const std::uint64_t trees = board.machine.tree.size() - other.machine.tree.size();
  expect_equal(board.memblock->reserved_size(), Bytes{other.memblock->reserved_size().raw + trees + 0x4000});
  expect(!board.memblock->audit());
}

}  // namespace quarry::boot

// Where the RAM of machines that nobody chose went: PCs with hostile maps and nodes, boards of every geometry with reserved
// memory, command lines and kernels at random, as Linux and natively, with either boot-time allocator.
//
//   every byte of RAM is in one bucket, and they add up to it; each has an owner that is known, and a rule
//   what is free, given back, contiguous or in use is what the zones manage, which is MemTotal
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "cli/boot_machine.hpp"
#include "linux/ledger_rules.hpp"
#include "tests/fuzzed_board.hpp"

namespace quarry::cli {
namespace {

using lnx::MachineDescription;
using test::Bytestream;

// Four KiB at a time, so that sections have odd ends at times and holes between them.
boot::KernelImage image_of(PhysRange whole, Bytestream& bytes) {
  boot::KernelImage image;
  image.whole = whole;
  if (bytes.byte() % 4 == 0) return image;
  PhysAddr at = whole.begin();
  for (PhysRange* const part : {&image.text, &image.rodata, &image.data, &image.init, &image.bss}) {
    const unsigned how = bytes.byte();
    at = PhysAddr{at.raw + how % 4 * 4096};
    const std::uint64_t size = how / 4 % 16 * 4096 + (how & 64 ? bytes.byte() : 0);
    if (at.raw + size > whole.end().raw) break;
    *part = {at, PhysAddr{at.raw + size}};
    at = PhysAddr{(at.raw + size + 4095) & ~std::uint64_t{4095}};
  }
  return image;
}

std::string more_options(Bytestream& bytes) {
  constexpr const char* options[] = {
      "log_buf_len=256K", "swiotlb=1024", "hugepagesz=1G hugepages=1", "mem=12M",      "memmap=1M$5M",
      "memmap=1M!4M",     "memmap=2M#3M", "crashkernel=1M@6M",         "slub_debug=U", "percpu_alloc=page"};
  std::string text;
  for (unsigned i = bytes.byte() % 3; i > 0; --i)
    text += std::string{" "} + options[bytes.byte() % std::size(options)];
  return text;
}

MachineDescription pc_of(Bytestream& bytes) {
  const std::string options = more_options(bytes);
  const unsigned cpus = 1 + bytes.byte() % 4, initrd = bytes.byte();
  const PhysRange at = PhysRange::sized(PhysAddr{0x400000 + initrd % 64 * 4096}, Bytes{initrd * 1000});
  MachineDescription pc;
  // The image is drawn before the machine, which is told where it ends.
  boot::KernelImage image = image_of({PhysAddr{0x200000}, PhysAddr{0x200000 + 4096u * 256}}, bytes);
  const test::FuzzedMachine machine{bytes};
  pc.kernel = lnx::builtin_profile(boot::Arch::x86_64);
  pc.map = machine.entries;
  // Room for what Linux takes, on most machines.
  if (initrd % 8 != 0) pc.map.push_back({PhysAddr{64u << 20}, Bytes{192u << 20}, firmware::MapType::usable});
  pc.map_source = "e820";
  pc.memory_affinity = machine.memory;
  pc.cpu_affinity = machine.cpus;
  for (const auto& table : machine.setup)
    pc.setup_data.push_back({std::string{table.name.data(), table.name.size()}, table.range});
  pc.command_line = machine.command_line + options;
  pc.cpus = cpus;
  pc.image = image;
  if (initrd % 3 != 0) pc.initrd = at;
  return pc;
}

MachineDescription board_of(Bytestream& bytes) {
  const std::string options = more_options(bytes);
  const test::FuzzedBoard drawn{bytes};
  const boot::Machine& machine = drawn.machine;
  MachineDescription board;
  board.kernel = lnx::builtin_profile(machine.arch);
  board.kernel.geometry = machine.geometry;
  board.kernel.limits = machine.limits;
  board.tree.assign(machine.tree.begin(), machine.tree.end());
  board.tree_at = machine.tree_at;
  board.command_line = drawn.command_line + options;
  board.cpus = machine.cpus;
  board.image = image_of(machine.kernel.whole, bytes);
  board.image.page_directory = machine.kernel.page_directory;
  board.initrd = machine.initrd;
  return board;
}

using Spans = std::vector<Span>;

// Each byte once, in order.
Spans joined(Spans spans) {
  std::ranges::sort(spans, {}, &Span::begin);
  Spans result;
  for (const Span span : spans) {
    if (span.size() == 0) continue;
    if (!result.empty() && span.begin <= result.back().end)
      result.back().end = std::max(result.back().end, span.end);
    else
      result.push_back(span);
  }
  return result;
}

// Of the firmware, and whatever the kernel takes for memory in spite of it.
Spans ram_of(const BootReport& report, const EventLog& log) {
  Spans ram;
  for (const FirmwareEntry& entry : report.firmware)
    if (entry.is_ram) ram.push_back(entry.range);
  for (const LoggedEvent& event : log.events())
    if (event.action == early::Action::add && event.allocator == boot::EarlyChoice::memblock)
      ram.push_back({event.range.begin().raw, event.range.end().raw});
  return joined(std::move(ram));
}

void hold_pieces_to_the_ram(const BootReport& report, const Spans& ram) {
  Spans pieces;
  std::uint64_t last = 0;
  for (const MapPiece& piece : report.pieces) {
    RC_ASSERT(piece.range.begin < piece.range.end);
    RC_ASSERT(piece.range.begin >= last);
    RC_ASSERT(!piece.owner.empty());
    last = piece.range.end;
    pieces.push_back(piece.range);
  }
  const Spans covered = joined(std::move(pieces));
  RC_ASSERT(covered.size() == ram.size());
  for (std::size_t i = 0; i < ram.size(); ++i) {
    RC_ASSERT(covered[i].begin == ram[i].begin);
    RC_ASSERT(covered[i].end == ram[i].end);
  }
}

// By a name that docs/ledger.md has, or one that the tree or the firmware brought.
bool is_known(const BootReport& report, const std::string& owner) {
  if (lnx::bucket_of(owner) != nullptr) return true;
  for (const auto start : {lnx::Ledger::kNotAdded, lnx::Ledger::kRemoved})
    if (owner.starts_with(std::string{start} + ", ")) return true;
  return std::ranges::any_of(report.reserved_memory, [&](const ReservedNode& node) {
    return owner == node.name || owner == node.name + ", no-map" || owner == "/reserved-memory/" + node.name;
  });
}

void hold_lines_to_the_laws(const BootReport& report, const Spans& ram) {
  std::uint64_t bytes = 0, all = 0, managed = 0, zones = 0, contiguous = 0;
  for (const Span span : ram) all += span.size();
  std::set<std::pair<std::string, lnx::Fate>> seen;
  for (const LedgerEntry& entry : report.ledger) {
    if (!is_known(report, entry.owner)) RC_FAIL("nobody knows " + entry.owner);
    if (entry.rule.empty()) RC_FAIL("no rule for " + entry.owner);
    RC_ASSERT(seen.emplace(entry.owner, entry.fate).second);
    RC_ASSERT(entry.owner.ends_with(", given back") == (entry.fate == lnx::Fate::given_back));
    bytes += entry.bytes;
    if (lnx::is_managed(entry.fate)) managed += entry.bytes;
    if (entry.fate == lnx::Fate::contiguous) contiguous += entry.bytes;
  }
  RC_ASSERT(bytes == all);
  RC_ASSERT(report.ram_bytes == all);
  for (const NodeEntry& node : report.nodes)
    for (const ZoneEntry& zone : node.zones) zones += zone.managed_pages;
  RC_ASSERT(managed == zones * report.page_size);
  RC_ASSERT((managed >> 10) == report.mem_total_kib);
  RC_ASSERT((contiguous >> 10) >= report.cma_total_kib);
}

// Returns   whether it booted.
bool account_for(const MachineDescription& machine, unsigned how) {
  EventLog log;
  const auto report =
      boot_machine(machine, how % 4 == 0 ? Mode::native : Mode::linux_mode, log,
                   how / 4 % 4 == 0 ? boot::EarlyChoice::bootmem : boot::EarlyChoice::memblock);
  if (!report) return false;
  const Spans ram = ram_of(*report, log);
  hold_pieces_to_the_ram(*report, ram);
  hold_lines_to_the_laws(*report, ram);
  return true;
}

// Machines of which enough boot: any law holds of none.
void check_machines(MachineDescription (*draw)(Bytestream&)) {
  unsigned booted = 0, drawn = 0;
  const auto bytes_of = rc::gen::resize(300, rc::gen::arbitrary<std::vector<std::uint8_t>>());
  EXPECT_TRUE(rc::check([&] {
    const auto bytes = *bytes_of;
    Bytestream stream{bytes.data(), bytes.size()};
    const unsigned how = stream.byte();
    const MachineDescription machine = draw(stream);
    booted += account_for(machine, how) ? 1u : 0u;
    ++drawn;
  }));
  EXPECT_GE(5 * booted, drawn);
  std::printf("%u of %u machines boot\n", booted, drawn);
}

// A bank of one byte that may be unplugged shares a page with its neighbour until the hand-over.
TEST(LedgerLaw, a_page_of_two_regions_is_in_no_zone) {
  std::vector<std::uint8_t> bytes(19);
  bytes[13] = 1, bytes[17] = 1, bytes[18] = 66;
  for (const unsigned how : {0u, 4u}) {
    Bytestream stream{bytes.data(), bytes.size()};
    EXPECT_NO_THROW(EXPECT_TRUE(account_for(board_of(stream), how)));
  }
}

TEST(LedgerLaw, every_byte_of_any_pc_is_accounted_for) { check_machines(pc_of); }
TEST(LedgerLaw, every_byte_of_any_board_is_accounted_for) { check_machines(board_of); }

}  // namespace
}  // namespace quarry::cli

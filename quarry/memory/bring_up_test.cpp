#include "quarry/memory/bring_up.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"
#include "tests/test.hpp"

namespace quarry::memory {
namespace {

constexpr PageSize k4K{12};

// A few megabytes of this program that stand for a machine's RAM from 1 MiB up.
struct Ram {
  static constexpr std::uint64_t kBase = 1u << 20;
  std::span<std::byte> bytes;

  std::byte* at(PhysRange range) const noexcept {
    const std::uint64_t end = kBase + bytes.size();
    if (range.empty() || range.begin().raw < kBase || end < range.end().raw) return nullptr;
    return bytes.data() + static_cast<std::size_t>(range.begin().raw - kBase);
  }
};

struct Platform {
  static constexpr auto kFeatures = port::Feature::none;
  const Ram* ram;
  std::byte* map(PfnRange pages) const noexcept {
    return ram->at({k4K.address_of(pages.begin()), k4K.address_of(pages.end())});
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto offset =
        reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(ram->bytes.data());
    if (offset >= ram->bytes.size()) return Error::out_of_range;
    return k4K.pfn_down(PhysAddr{Ram::kBase + offset});
  }
};

// One whole machine: its description, its RAM, and the system that it is booted into.
struct Bench {
  firmware::MapEntry map[2];  // a map of one entry would count as none, as in Linux
  boot::Machine machine;
  Ram ram;
  Arena arena;
  EarlySystem* early = nullptr;
  Stage reached = Stage::done;

  Bench(std::span<std::byte> memory, std::span<std::byte> tables,
        boot::EarlyChoice choice = boot::EarlyChoice::memblock) noexcept
      : map{{PhysAddr{Ram::kBase}, Bytes{memory.size()}, firmware::MapType::usable},
            {PhysAddr{0xf0000}, Bytes{0x10000}, firmware::MapType::reserved}},
        ram{memory},
        arena{tables} {
    machine.arch = boot::Arch::x86_64;
    machine.geometry = k4KSparse;
    machine.map = map;
    machine.limits.real_mode_size = Bytes{0};
    EarlyConfig config;
    config.early = choice;
    config.direct_map = {
        &ram, [](void* self, PhysRange range) noexcept { return static_cast<Ram*>(self)->at(range); }};
    if (auto made = EarlySystem::make(machine, arena, config)) early = made.value();
  }

  using System = PageSystem<k4KSparse, Platform>;
};

alignas(4096) constinit std::byte memory_here[4u << 20] = {}, memory_there[3u << 20] = {};
constinit std::byte tables_here[256u << 10] = {}, tables_there[256u << 10] = {};

void forget(std::span<std::byte> memory) noexcept { __builtin_memset(memory.data(), 0, memory.size()); }

}  // namespace

// Goal: after the bring-up there are areas to allocate from, whose tables nobody else gets.
// Method: 2 MiB are set aside before zones are cut; the area is emptied beside a machine that is used up.
TEST(a_machine_with_a_contiguous_area_can_allocate_from_it) {
  forget(memory_here), forget(tables_here);
  Bench bench{memory_here, tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  EarlySystem& early = *bench.early;
  const PhysRange range{PhysAddr{2u << 20}, PhysAddr{4u << 20}};
  expect(static_cast<bool>(early.run_flow()));
  expect(static_cast<bool>(early.memblock().reserve(range, "area")));
  expect(static_cast<bool>(early.state().cma.push(bench.arena, {.name = "area", .range = range})));
  expect(static_cast<bool>(early.cut_zones()));
  Bench::System system{early, Platform{&bench.ram}, metadata_in_ram(early), {}};
  expect(system.describe_pages() && system.hand_over() && system.start_slab());
  expect(system.areas().empty());
  expect(static_cast<bool>(system.finish()));
  expect_equal(system.areas().size(), 1u);
  if (system.areas().size() != 1) return;
  auto& area = system.areas()[0];
  expect_equal(system.counts().from_cma, PageCount{512});
  expect_equal(area.alloc(PageCount{512}).value(), k4K.pfn_down(range.begin()));
  while (const auto page = system.frames().alloc_pages(Order{0}, {}))
    __builtin_memset(system.frames().map({page.value(), page.value() + PageCount{1}}), 0xff, 4096);
  expect_equal(area.stats().used, PageCount{512});
  expect(static_cast<bool>(area.release(area.pages())));
  expect_equal(area.stats().largest_free, PageCount{512});
  expect(!system.allocator().audit());
}

// Goal: everything from the map to kmalloc works out of RAM alone, and nothing is left behind.
// Method: native mode on four megabytes, put to use, audited.
TEST(a_small_machine_comes_up_and_kmalloc_works) {
  forget(memory_here);
  forget(tables_here);
  Bench bench{memory_here, tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), {}};
  expect(static_cast<bool>(bring_up(*bench.early, system, bench.reached)));
  expect_equal(bench.reached, Stage::done);
  if (bench.reached != Stage::done) return;
  expect(exercise_pages(system).complaint.empty());
  expect(exercise_kmalloc(system).complaint.empty());
  expect(exercise_cache(system).complaint.empty());
  const auto object = system.kmalloc().kmalloc(100);
  expect(static_cast<bool>(object));
  if (object) expect(Platform{&bench.ram}.pfn_of(object.value()).value() >= Pfn{Ram::kBase >> 12});
  // Its own descriptors lie in its RAM and are not handed out.
  expect(system.counts().from_memblock < PageCount{sizeof memory_here >> 12});
  expect(!bench.early->memblock().audit());
}

// Goal: the same machine comes up with bitmaps, in whose place something else lies afterwards.
TEST(a_small_machine_comes_up_with_bootmem) {
  forget(memory_here);
  forget(tables_here);
  Bench bench{memory_here, tables_here, boot::EarlyChoice::bootmem};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), {}};
  expect(static_cast<bool>(bring_up(*bench.early, system, bench.reached)));
  expect_equal(bench.reached, Stage::done);
  if (bench.reached != Stage::done) return;
  expect(bench.early->bootmem() != nullptr);
  expect(exercise_pages(system).complaint.empty());
  expect(exercise_kmalloc(system).complaint.empty());
  expect(exercise_cache(system).complaint.empty());
  const auto& counts = system.counts();
  expect_equal(counts.from_memblock, PageCount{0});
  expect_equal(counts.from_bootmem.counts.bitmap_pages, PageCount{1});
  expect(counts.from_bootmem.counts.pages > PageCount{(sizeof memory_here >> 12) / 2});
  expect(counts.from_bootmem.counts.pages < PageCount{sizeof memory_here >> 12});
  expect(!bench.early->memblock().audit() && !bench.early->bootmem()->audit());
}

// Goal: each step of the hand-over is told once, in order, with counts that add up; the cores have their lists from
// right after memblock's pages on.
TEST(the_hand_over_is_told_step_by_step) {
  forget(memory_here), forget(tables_here);
  Bench bench{memory_here, tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  struct Heard {
    Bench::System* system = nullptr;
    std::size_t count = 0;
    PageCount given{};
    unsigned cores_before = 0, cores_after = 0;
    bool in_order = true;
  } heard;
  PageConfig config;
  config.moments = {&heard, [](void* self, const Moment& moment) noexcept {
                      auto& to = *static_cast<Heard*>(self);
                      to.in_order = to.in_order && static_cast<std::size_t>(moment.step) == to.count;
                      ++to.count;
                      to.given.raw += moment.given.raw;
                      to.in_order = to.in_order && to.given == moment.total;
                      const unsigned cores = to.system->allocator().core_count();
                      (moment.step < HandOverStep::cpu_lists ? to.cores_before : to.cores_after) += cores;
                    }};
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), config};
  heard.system = &system;
  expect(static_cast<bool>(bring_up(*bench.early, system, bench.reached)));
  expect_equal(heard.count, kHandOverSteps);
  expect(heard.in_order);
  expect_equal(heard.cores_before, 0u);
  expect_equal(heard.cores_after, unsigned{kHandOverSteps - 2});
  expect_equal(system.timeline().size(), kHandOverSteps);
  const Moment& last = system.timeline().back();
  PageCount managed;
  for (const zones::Zone& zone : bench.early->layout().zones) managed.raw += zone.managed.raw;
  expect_equal(last.total, managed);
  expect(last.free < last.total);  // the slabs' first pages are in use
  expect_equal(system.counts().from_memblock, system.timeline()[0].total);
}

TEST(cores_have_no_lists_if_an_embedder_wants_none) {
  forget(memory_here), forget(tables_here);
  Bench bench{memory_here, tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  PageConfig config;
  config.cpu_lists = CpuListsAre::left_out;
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), config};
  expect(static_cast<bool>(bring_up(*bench.early, system, bench.reached)));
  expect_equal(system.allocator().core_count(), 0u);
  expect(exercise_pages(system).complaint.empty());
}

// Goal: no state is shared.
// Method: the second machine's bring-up changes not one count of the first, and the other way round.
TEST(two_machines_come_up_side_by_side) {
  forget(memory_here), forget(memory_there), forget(tables_here), forget(tables_there);
  Bench here{memory_here, tables_here}, there{memory_there, tables_there};
  expect(here.early != nullptr && there.early != nullptr);
  if (here.early == nullptr || there.early == nullptr) return;
  Bench::System first{*here.early, Platform{&here.ram}, metadata_in_ram(*here.early), {}};
  Bench::System second{*there.early, Platform{&there.ram}, metadata_in_ram(*there.early), {}};
  expect(static_cast<bool>(bring_up(*here.early, first, here.reached)));
  if (here.reached != Stage::done) return;
  const auto before = first.counts().from_memblock;
  const auto free_before = first.allocator().free_pages_of(0);
  expect(static_cast<bool>(bring_up(*there.early, second, there.reached)));
  if (there.reached != Stage::done) return;
  expect(second.counts().from_memblock < before);
  expect_equal(first.allocator().free_pages_of(0), free_before);
  expect(!first.allocator().audit() && !second.allocator().audit());
}

// Goal: a machine that cannot hold its own tables is refused, by stage, without a crash.
TEST(a_machine_too_small_for_its_metadata_is_refused) {
  forget(memory_here), forget(tables_here);
  Bench bench{std::span{memory_here}.first(64u << 10), tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), {}};
  const auto done = bring_up(*bench.early, system, bench.reached);
  expect(!done);
  if (!done) expect_equal(done.error(), Error::no_memory);
  expect(bench.reached != Stage::done);
}

TEST(an_arena_too_small_for_the_tables_is_refused) {
  Bench bench{memory_here, std::span{tables_here}.first(512)};
  expect(bench.early == nullptr);
}

// Goal: a system of another geometry than the machine's says so before it touches anything.
TEST(a_machine_of_another_geometry_is_refused) {
  forget(memory_here), forget(tables_here);
  Bench bench{memory_here, tables_here};
  expect(bench.early != nullptr);
  if (bench.early == nullptr) return;
  bench.machine.geometry = k4KFlat;
  Bench::System system{*bench.early, Platform{&bench.ram}, metadata_in_ram(*bench.early), {}};
  expect_equal(system.describe_pages().error(), Error::bad_geometry);
}

TEST(every_stage_has_a_name) {
  expect(name_of(Stage::early) == TextView{"early"});
  expect(name_of(Stage::hand_over) == TextView{"hand-over"});
  expect(name_of(Stage::done) == TextView{"done"});
}

}  // namespace quarry::memory

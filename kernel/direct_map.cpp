#include "kernel/direct_map.hpp"

#include "kernel/cores.hpp"
#include "quarry/base/atomic.hpp"
#include "quarry/early/memblock.hpp"

namespace kernel {

using quarry::Bytes, quarry::Done, quarry::Error, quarry::Pfn, quarry::PfnRange, quarry::PhysAddr,
    quarry::PhysRange, quarry::Result;

using quarry::vm::VirtAddr, quarry::vm::VirtRange;

namespace {

constexpr quarry::PageSize kPage{Platform::kPageShift};
constinit Pfn ram_end{};
constinit quarry::Atomic<std::uint64_t> flushes_begun{}, flushes_done{}, flushes_on_cores{};

quarry::vm::Access access_for(arch::MapAs as) noexcept {
  using quarry::vm::MemoryType;
  switch (as) {
    case arch::MapAs::code: return {.write = false, .execute = true};
    case arch::MapAs::constants: return {.write = false, .execute = false};
    case arch::MapAs::data: return {.write = true, .execute = false};
    case arch::MapAs::device: return {.write = true, .execute = false, .type = MemoryType::device};
  }
  return {};
}

void forget_on_all_cores(VirtRange range) noexcept {
  const auto forget = [](void* self, unsigned) noexcept {
    const VirtRange& gone = *static_cast<const VirtRange*>(self);
    arch::forget(gone.begin().raw, gone.end().raw);
    flushes_on_cores.fetch_add_relaxed(1);
  };
  flushes_begun.fetch_add_relaxed(1);
  forget(&range, arch::this_core());
  for (unsigned core = 0; core < running_cores() && !arch::kForgetsEverywhere; ++core)
    if (core != arch::this_core()) Platform{}.run_on(core, forget, &range);
  flushes_done.fetch_add_relaxed(1);
}

}  // namespace

Pfn end_of_ram() noexcept { return ram_end; }

Flushes flushes() noexcept {
  return {flushes_begun.load_acquire(), flushes_done.load_acquire(), flushes_on_cores.load_acquire()};
}

DirectMap::DirectMap(PhysRange boot_mapped) noexcept : boot_mapped_{boot_mapped} {
  ram_end = kPage.pfn_down(boot_mapped.end());
}

quarry::boot::Hooks DirectMap::hooks() noexcept {
  return {this, [](void* self, quarry::boot::HookPoint point, quarry::boot::State& state) noexcept {
            return point == quarry::boot::HookPoint::page_tables ? static_cast<DirectMap*>(self)->build(state)
                                                                 : Result<Done>{Done{}};
          }};
}

quarry::early::DirectMap DirectMap::early() noexcept {
  return {nullptr, [](void*, PhysRange range) noexcept -> std::byte* {
            if (kPage.pfn_up(range.end()) > ram_end) return nullptr;
            return reinterpret_cast<std::byte*>(arch::kDirectMap + range.begin().raw);
          }};
}

Result<Pfn> DirectMap::take_page(void* self) noexcept {
  const auto& map = *static_cast<DirectMap*>(self);
  const auto at = map.state_->memblock.phys_alloc_range({.size = kPage.bytes(),
                                                         .alignment = kPage.bytes(),
                                                         .min = map.boot_mapped_.begin(),
                                                         .max = map.boot_mapped_.end()},
                                                        "page tables");
  if (!at) return at.error();
  return kPage.pfn_down(at.value());
}

Result<Done> DirectMap::build(quarry::boot::State& state) noexcept {
  state_ = &state;
  const quarry::vm::TablePages pages{this, &take_page, [](void* self, Pfn page) noexcept {
                                       const PhysAddr at = kPage.address_of(page);
                                       static_cast<void>(static_cast<DirectMap*>(self)->state_->memblock.free(
                                           PhysRange::sized(at, kPage.bytes()), "page tables"));
                                     }};
  auto made = Table::make(Platform{}, pages, {},
                          {.largest_page = Bytes{std::uint64_t{1} << arch::largest_page_bits()}});
  if (!made) return made.error();
  table_.emplace(std::move(made).value());
  if (auto mapped = map_ram(state); !mapped) return mapped;
  if (auto mapped = map_the_rest(); !mapped) return mapped;
  if (!early_.empty()) {
    const auto shown = table_->map(early_at_, early_, access_for(arch::MapAs::constants));
    if (!shown) return shown;
  }
  arch::use_tables(table_->root());
  ram_end = kPage.pfn_down(state.memblock.end_of_dram());
  state_ = nullptr;
  return Done{};
}

void DirectMap::give_page(System& system, Pfn page) noexcept {
  const auto* const descriptor = system.allocator().descriptor(page);
  const bool was_memblocks = descriptor != nullptr && descriptor->state() == quarry::page::State::nothing;
  const auto taken = was_memblocks ? system.allocator().release({page, page + quarry::PageCount{1}})
                                   : system.frames().free_pages(page, quarry::Order{0});
  quarry::check(bool{taken}, "a page table that nobody takes back");
}

void DirectMap::take_pages_from(System& system) noexcept {
  table_->set_pages({&system,
                     [](void* self) noexcept -> Result<Pfn> {
                       return static_cast<System*>(self)->frames().alloc_pages(quarry::Order{0}, {});
                     },
                     [](void* self, Pfn page) noexcept { give_page(*static_cast<System*>(self), page); }});
  table_->set_walkers({nullptr, [](void*, VirtRange) noexcept { arch::publish_tables(); },
                       [](void*, VirtRange range) noexcept { forget_on_all_cores(range); },
                       [](void*) noexcept { forget_on_all_cores({VirtAddr{0}, VirtAddr{UINT64_MAX}}); }});
}

Result<Done> DirectMap::map_ram(quarry::boot::State& state) noexcept {
  // Table pages come from memblock meanwhile, but regions of memory stay as they are.
  for (const quarry::early::Region& region : state.memblock.memory().view()) {
    if (quarry::early::has(region.flags, quarry::early::Flags::nomap)) continue;
    const PfnRange frames = PfnRange::inside(region.range(), kPage);
    if (frames.empty()) continue;
    const PhysRange range{kPage.address_of(frames.begin()), kPage.address_of(frames.end())};
    if (range.end().raw > arch::kVmalloc - arch::kDirectMap) return Error::out_of_range;
    const quarry::vm::VirtAddr at{arch::kDirectMap + range.begin().raw};
    if (auto mapped = table_->map(at, range, access_for(arch::MapAs::data)); !mapped) return mapped;
  }
  return Done{};
}

Result<Done> DirectMap::map_the_rest() noexcept {
  for (const arch::Mapping& mapping : arch::mappings()) {
    if (mapping.range.empty()) continue;
    const auto mapped = table_->map(quarry::vm::VirtAddr{mapping.at}, mapping.range, access_for(mapping.as));
    if (mapped) continue;
    if (mapped.error() != Error::busy) return mapped;
    if (const auto done = map_absent(mapping); !done) return done;
  }
  return Done{};
}

// Of what lies in RAM as well, the pages that a limit took from RAM.
Result<Done> DirectMap::map_absent(const arch::Mapping& mapping) noexcept {
  for (Bytes offset{0}; offset < mapping.range.size(); offset.raw += kPage.bytes().raw) {
    const quarry::vm::VirtAddr at{mapping.at + offset.raw};
    if (table_->lookup(at)) continue;
    const PhysRange page = PhysRange::sized(mapping.range.begin() + offset, kPage.bytes());
    if (const auto mapped = table_->map(at, page, access_for(mapping.as)); !mapped) return mapped;
  }
  return Done{};
}

}  // namespace kernel

// examples/mover.cpp: pages that can be moved, and owners who are told where their page is now.
//
//   things      0: 0x213   1: 0x3a0   2: -   ...      what a page table would say
//   owner_of    0x213 -> thing 0, 0x3a0 -> thing 1    the way back, by frame
//
// A machine is filled with things, every other one goes, and no large block is left; one is asked for, and compaction
// moves things together until there is one. Freestanding: the four mem functions and quarry::panic are all that is left
// undefined.
#include "quarry/base/geometries.hpp"
#include "quarry/buddy/compaction.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"

using namespace quarry;

namespace {

constexpr PageSize k4K = k4KSparse.page_size();
constexpr std::uint64_t kRamBase = 1u << 20;
constexpr std::size_t kMostThings = 4096;

// Physical memory from kRamBase on, where this kernel sees it.
struct Ram {
  std::byte* bytes;
  std::uint64_t size;

  std::byte* at(PhysRange range) const noexcept {
    if (range.empty() || range.begin().raw < kRamBase || kRamBase + size < range.end().raw) return nullptr;
    return bytes + static_cast<std::size_t>(range.begin().raw - kRamBase);
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
        reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(ram->bytes);
    if (offset >= ram->size) return Error::out_of_range;
    return k4K.pfn_down(PhysAddr{kRamBase + offset});
  }
};

using System = memory::PageSystem<k4KSparse, Platform>;

// Something that lives in a page of its own, wherever that is: its number is in every word of it.
struct Thing {
  Pfn page;
  bool is_there = false;
  std::uint32_t moves = 0;
};
constinit Thing things[kMostThings];
constinit std::uint16_t owner_of[(kRamBase >> 12) + 2 * kMostThings];  // 1 + the thing in a frame; 0: none
alignas(8) constinit std::byte tables[512u << 10];

class Things {
 public:
  explicit Things(System& system) noexcept : system_{&system} {}

  buddy::Mover mover() noexcept {
    return {this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
              return static_cast<Things*>(self)->move(from, to, order);
            }};
  }
  // Returns   false when there is no page for it.
  bool make(std::size_t number) noexcept {
    const auto page = system_->frames().alloc_pages(
        Order{0}, {.type = page::MigrateType::movable, .effort = buddy::Effort::no_wait});
    if (!page) return false;
    things[number] = {page.value(), true, 0};
    owner_of[page.value().raw] = static_cast<std::uint16_t>(number + 1);
    for (std::uint64_t word = 0; word < kWords; ++word) words_of(page.value())[word] = number;
    return true;
  }
  bool drop(std::size_t number) noexcept {
    things[number].is_there = false;
    owner_of[things[number].page.raw] = 0;
    return static_cast<bool>(system_->frames().free_pages(things[number].page, Order{0}));
  }
  bool is_whole(std::size_t number) const noexcept {
    for (std::uint64_t word = 0; word < kWords; ++word)
      if (words_of(things[number].page)[word] != number) return false;
    return true;
  }

 private:
  static constexpr std::uint64_t kWords = 4096 / sizeof(std::uint64_t);

  std::uint64_t* words_of(Pfn page) const noexcept {
    return reinterpret_cast<std::uint64_t*>(system_->frames().map({page, page + PageCount{1}}));
  }
  // What nobody here owns stays where it is. For what is owned: copy, then tell the owner, who reads at the new place
  // from now on. A kernel would take the page out of the tables that map it first, and put the new one in last.
  bool move(Pfn from, Pfn to, Order order) noexcept {
    const std::uint16_t owner = owner_of[from.raw];
    if (owner == 0 || order != Order{0}) return false;
    __builtin_memcpy(words_of(to), words_of(from), 4096);
    owner_of[from.raw] = 0;
    owner_of[to.raw] = owner;
    things[owner - 1].page = to;
    ++things[owner - 1].moves;
    return true;
  }

  System* system_;
};

// Fills the machine, makes holes everywhere, and asks for a large block. Returns how many things were moved.
Result<std::uint64_t> run(System& system, Things& owners, Order large) noexcept {
  std::size_t count = 0;
  while (count < kMostThings && owners.make(count)) ++count;
  for (std::size_t i = 0; i < count; i += 2)
    if (!owners.drop(i)) return Error::wrong_owner;
  system.allocator().drain_all();

  const buddy::Request patient{}, hasty{.effort = buddy::Effort::no_wait};
  if (system.frames().alloc_pages(large, hasty)) return Error::busy;  // there was no need to move anything
  const auto block = system.frames().alloc_pages(large, patient);
  if (!block) return block.error();
  std::uint64_t moves = 0;
  for (std::size_t i = 1; i < count; i += 2) {
    if (!things[i].is_there || !owners.is_whole(i)) return Error::wrong_owner;
    moves += things[i].moves;
  }
  if (const auto done = system.frames().free_pages(block.value(), large); !done) return done.error();
  for (std::size_t i = 1; i < count; i += 2)
    if (!owners.drop(i)) return Error::wrong_owner;
  if (system.allocator().audit()) return Error::wrong_owner;
  return moves;
}

}  // namespace

// `bytes` of RAM, at most 16 MiB, that this program may use as a machine's from 1 MiB up. Returns how many things were
// moved for a block of 1 MiB; 0 when something went wrong.
extern "C" std::uint64_t mover_main(std::byte* memory, std::uint64_t bytes) {
  const Ram ram{memory, bytes};
  const firmware::MapEntry map[] = {{PhysAddr{kRamBase}, Bytes{bytes}, firmware::MapType::usable},
                                    {PhysAddr{0xf0000}, Bytes{0x10000}, firmware::MapType::reserved}};
  boot::Machine machine;
  machine.arch = boot::Arch::x86_64;
  machine.geometry = k4KSparse;
  machine.map = map;
  machine.limits.real_mode_size = Bytes{0};
  memory::EarlyConfig config;
  config.direct_map = {const_cast<Ram*>(&ram), [](void* self, PhysRange range) noexcept {
                         return static_cast<const Ram*>(self)->at(range);
                       }};
  Arena arena{tables};
  const auto early = memory::EarlySystem::make(machine, arena, config);
  if (!early) return 0;
  System system{*early.value(), Platform{&ram}, memory::metadata_in_ram(*early.value()), {}};
  memory::Stage reached{};
  if (!memory::bring_up(*early.value(), system, reached)) return 0;

  Things owners{system};
  buddy::Compactor<System::Allocator> compactor{system.allocator(), owners.mover()};
  if (!compactor.init(memory::metadata_outside(arena))) return 0;
  system.allocator().set_mover(owners.mover());  // for isolated ranges and contiguous areas
  system.allocator().set_pressure(compactor.pressure());
  const auto moves = run(system, owners, Order{8});
  return moves ? moves.value() : 0;
}

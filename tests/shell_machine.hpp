// tests/shell_machine.hpp: for tests, a machine of four megabytes that has just booted, and a script for its shell.
#pragma once

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"
#include "shell/shell.hpp"
#include "shell/stage.hpp"
#include "tests/granted.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::shell::testing {

inline constexpr PageSize k4K{12};

// Four megabytes of this program that stand for a machine's RAM from 1 MiB up.
struct Ram {
  static constexpr std::uint64_t kBase = 1u << 20;
  alignas(4096) std::byte bytes[4u << 20];

  std::byte* at(PhysRange range) noexcept {
    if (range.empty() || range.begin().raw < kBase || kBase + sizeof bytes < range.end().raw) return nullptr;
    return bytes + static_cast<std::size_t>(range.begin().raw - kBase);
  }
};

struct Platform {
  static constexpr auto kFeatures = port::Feature::none;
  Ram* ram;
  std::byte* map(PfnRange pages) const noexcept {
    return ram->at({k4K.address_of(pages.begin()), k4K.address_of(pages.end())});
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(pointer) - ram->bytes);
    if (offset >= sizeof ram->bytes) return Error::out_of_range;
    return k4K.pfn_down(PhysAddr{Ram::kBase + offset});
  }
};

using System = memory::PageSystem<k4KSparse, Platform, StepWatcher>;

class SmallMachine final : public Stage<System, Platform> {
 public:
  using Stage<System, Platform>::Stage;
  std::uint64_t free_pages_in_all() const noexcept {
    std::uint64_t free = 0;
    for (std::uint32_t zone = 0; zone < early().layout().zones.size(); ++zone)
      if (early().layout().zones[zone].is_populated())
        free += stats(zone).free.raw + stats(zone).on_cores.raw;
    return free;
  }
  // The shell's notes out of the machine's own pages.
  Memory own_pages() noexcept {
    return {this,
            [](void* self, std::size_t bytes) noexcept -> std::byte* {
              auto& me = *static_cast<SmallMachine*>(self);
              const auto page = me.alloc_pages(order_of(bytes), {.urgency = buddy::Urgency::unlimited});
              return page ? me.memory_of({page.value(), page.value() + order_of(bytes).pages()}) : nullptr;
            },
            [](void* self, std::byte* memory, std::size_t bytes) noexcept {
              auto& me = *static_cast<SmallMachine*>(self);
              const auto page = Platform{me.ram}.pfn_of(memory);
              check(page && me.free_pages(page.value(), order_of(bytes)), "a page of the shell's");
            }};
  }
  Ram* ram = nullptr;

 private:
  static Order order_of(std::size_t bytes) noexcept {
    unsigned order = 0;
    while ((std::size_t{4096} << order) < bytes) ++order;
    return Order{order};
  }
};

inline constinit Ram ram{};
inline constinit std::byte tables[256u << 10] = {};
inline constinit Granted<256u << 10> granted;

struct Bench {
  firmware::MapEntry map[2] = {{PhysAddr{Ram::kBase}, Bytes{sizeof ram.bytes}, firmware::MapType::usable},
                               {PhysAddr{0xf0000}, Bytes{0x10000}, firmware::MapType::reserved}};
  boot::Machine machine;
  Arena arena{tables};
  memory::EarlySystem* early = nullptr;

  Bench() noexcept {
    __builtin_memset(ram.bytes, 0, sizeof ram.bytes), __builtin_memset(tables, 0, sizeof tables);
    machine.arch = boot::Arch::x86_64;
    machine.geometry = k4KSparse;
    machine.map = map;
    machine.limits.real_mode_size = Bytes{0};
    memory::EarlyConfig config;
    config.direct_map = {
        &ram, [](void* self, PhysRange range) noexcept { return static_cast<Ram*>(self)->at(range); }};
    early = memory::EarlySystem::make(machine, arena, config).value();
  }
};

// Lines from an array; what is said and what is complained of, each kept.
struct Script final : Console {
  std::span<const TextView> lines;
  test::Page<32u << 10>* said;
  test::Page<8u << 10> complaints;

  explicit Script(std::span<const TextView> script) noexcept : lines{script}, said{&page} {
    page.size = 0, page.cut = false;
  }
  std::optional<TextView> next() noexcept override {
    if (lines.empty()) return std::nullopt;
    const TextView line = lines.front();
    lines = lines.subspan(1);
    return line;
  }
  void write(TextView text) noexcept override { said->sink().put(text); }
  // Who looks presses a key in place of the wait behind so many; none: there is nobody.
  std::optional<unsigned> patience{}, left{};
  bool is_terminal() const noexcept override { return patience.has_value(); }
  bool wait(unsigned) noexcept override {
    if (left && *left != 0) return --*left, true;
    left = patience;
    return false;
  }
  void complain(TextView text) noexcept override { complaints.sink().put(text); }
  Style style() const noexcept override { return {.colour = false, .unicode = false, .width = 80}; }

  static test::Page<32u << 10> page;
};
inline constinit test::Page<32u << 10> Script::page = {};

inline std::size_t count_of(TextView text, TextView wanted) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at + wanted.size() <= text.size(); ++at)
    if (text.part(at, wanted.size()) == wanted) ++count;
  return count;
}
inline bool has(TextView text, TextView wanted) noexcept { return count_of(text, wanted) != 0; }
inline std::size_t lines_of(TextView text) noexcept { return count_of(text, "\n"); }

// Runs the lines on a machine that has just booted, with what it grants or with other memory.
template <std::size_t N, class Look>
void on_small_machine(const TextView (&lines)[N], const Memory* memory, Look look,
                      std::optional<unsigned> patience = std::nullopt) noexcept {
  Bench bench;
  StepTeller teller;
  StepWatcher watcher;
  watcher.to = &teller;
  System system{*bench.early, Platform{&ram}, memory::metadata_in_ram(*bench.early), {}, watcher};
  memory::Stage reached = memory::Stage::early;
  expect(static_cast<bool>(memory::bring_up(*bench.early, system, reached)));
  SmallMachine machine{*bench.early, system, Platform{&ram}};
  machine.ram = &ram;
  const std::uint64_t before = machine.free_pages_in_all();
  Script script{lines};
  script.patience = script.left = patience;
  {
    Shell shell{machine, script, teller, memory == nullptr ? machine.own_pages() : *memory};
    shell.run();
    look(shell, script, machine.free_pages_in_all(), before);
  }
  machine.drain(std::nullopt);
  expect(!machine.audit());
}

}  // namespace quarry::shell::testing

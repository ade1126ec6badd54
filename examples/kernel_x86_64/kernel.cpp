// examples/kernel_x86_64/kernel.cpp: from nothing to kmalloc. entry.S calls start() in 64 bits, the first 4 GiB in sight.
#include "quarry/base/geometries.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"

using namespace quarry;
extern "C" const std::byte image_begin[], image_end[];

namespace {

constinit std::byte tables[512u << 10] = {};  // for what is kept before there is memory
constinit firmware::MapEntry entries[128] = {};
struct StartInfo {  // PVH's, as far as it matters here
  std::uint64_t unused[5];
  const struct {
    std::uint64_t base, size, type;
  }* map;
  std::uint32_t map_count;
};

std::byte* at(PhysAddr address) noexcept { return reinterpret_cast<std::byte*>(address.raw); }
PhysAddr address_of(const void* at) noexcept { return PhysAddr{reinterpret_cast<std::uint64_t>(at)}; }
struct Platform {
  static constexpr auto kFeatures = port::Feature::none;
  std::byte* map(PfnRange pages) const noexcept { return at(PhysAddr{pages.begin().raw << 12}); }
  Result<Pfn> pfn_of(const void* at) const noexcept { return Pfn{address_of(at).raw >> 12}; }
};

void out(std::uint16_t port, char byte) noexcept { asm volatile("outb %0, %1" ::"a"(byte), "Nd"(port)); }
[[noreturn]] void end(TextView words, char status) noexcept {
  for (const char c : words) out(0x3f8, c);  // COM1
  for (out(0xf4, status);;) asm volatile("cli; hlt");
}

}  // namespace

void quarry::panic(const char* what, Site) noexcept { end(what, 1); }

extern "C" [[noreturn]] void start(const StartInfo& info) noexcept {
  boot::Machine machine;
  while (machine.map.size() < info.map_count && machine.map.size() < std::size(entries)) {
    const auto& entry = info.map[machine.map.size()];
    entries[machine.map.size()] = {PhysAddr{entry.base}, Bytes{entry.size}, firmware::MapType(entry.type)};
    machine.map = std::span{entries}.first(machine.map.size() + 1);
  }
  machine.command_line = "mem=4G";  // what lies above is not in sight
  machine.kernel.whole = {address_of(image_begin), address_of(image_end)};

  Arena arena{tables};
  memory::EarlyConfig config{
      .direct_map = {nullptr, [](void*, PhysRange range) noexcept { return at(range.begin()); }}};
  memory::EarlySystem& early = *memory::EarlySystem::make(machine, arena, config).value();
  memory::PageSystem<k4KSparse, Platform> system{early, {}, memory::metadata_in_ram(early), {}};
  memory::Stage reached{};
  if (!memory::bring_up(early, system, reached)) end("no memory\n", 1);

  const auto memory = system.kmalloc().kmalloc(100);
  const bool works = memory && system.kmalloc().kfree(memory.value());
  end(works ? "kmalloc works\n" : "kmalloc fails\n", works ? 0x10 : 1);
}

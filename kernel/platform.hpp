// kernel/platform.hpp: quarry's port: what the library asks of the machine that this kernel runs on.
#pragma once

#include "kernel/arch.hpp"
#include "quarry/port/platform.hpp"

namespace kernel {

// One past the last frame of RAM in the direct map; nothing before it is built.
quarry::Pfn end_of_ram() noexcept;

// Does what was put off; in kernel/cores.cpp.
[[gnu::cold]] void serve_due() noexcept;

// Empty: there is one machine, and it is this one.
struct Platform {
  static constexpr auto kFeatures = quarry::port::Feature::many_cores;
  static constexpr unsigned kPageShift = 12;

  std::byte* map(quarry::PfnRange pages) const noexcept {
    if (pages.end() > end_of_ram()) return nullptr;
    return reinterpret_cast<std::byte*>(arch::kDirectMap + (pages.begin().raw << kPageShift));
  }
  quarry::Result<quarry::Pfn> pfn_of(const void* pointer) const noexcept {
    const std::uint64_t offset = reinterpret_cast<std::uint64_t>(pointer) - arch::kDirectMap;
    const quarry::Pfn page{offset >> kPageShift};
    if (page >= end_of_ram()) return quarry::Error::out_of_range;
    return page;
  }
  using Lock = quarry::SpinLock;
  unsigned core_count() const noexcept { return arch::core_count(); }
  unsigned this_core() const noexcept { return arch::this_core(); }
  // Runs `function` on that core between whatever it does, and waits; in kernel/cores.cpp.
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept, void* self) const noexcept;

  // While it lives nothing else runs on this core, and the core's number holds. It counts, and leaves interrupts as they are: one
  // that comes is put off by its handler, until the last guard ends. Disabling them and enabling them again would be twice as long.
  class Guard {
   public:
    explicit Guard(const Platform&) noexcept { arch::enter_guard(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() {
      if (arch::leave_guard()) [[unlikely]]
        serve_due();
    }
    // Read anew: while it lives they stay as they are.
    unsigned core() const noexcept { return arch::this_core(); }
    std::size_t core_line() const noexcept { return arch::this_core_line(); }
  };
};
static_assert(quarry::port::Platform<Platform> && quarry::port::InverseMap<Platform>);

}  // namespace kernel

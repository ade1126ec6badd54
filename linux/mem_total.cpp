#include "linux/mem_total.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quarry::lnx {
namespace {

using boot::Arch;

// What the line "Memory:" of that kernel would say of its image, without what is given back.
std::int64_t image_kib(const Symbols& symbols) {
  const auto kib = [](std::uint64_t begin, std::uint64_t end) {
    return end > begin ? static_cast<std::int64_t>((end - begin) >> 10) : 0;
  };
  return kib(std::max(symbols.text, symbols.stext), symbols.etext) + kib(symbols.sdata, symbols.edata) +
         kib(symbols.rodata_start, symbols.rodata_end) + kib(symbols.bss_start, symbols.bss_stop);
}

std::string mib(std::int64_t kib) { return fmt::format("{:.1f}", static_cast<double>(kib) / 1024); }

class Reasons {
 public:
  Reasons(const MachineDescription& machine, const StandInBoot& boot, const Expectation& expected,
          std::optional<ReleaseName> name)
      : machine_{machine}, boot_{boot}, expected_{expected}, name_{std::move(name)} {}

  MemTotalRange range() {
    add_image();
    if (!is_of_same_flavour()) {
      add_rest();
      add_percpu();
      add_hashes();
      add_bounce_buffers();
      add_past_4g();
      add_kasan();
    }
    std::stable_sort(reasons_.begin(), reasons_.end(),
                     [](const auto& one, const auto& other) { return one.width() > other.width(); });
    std::int64_t low = static_cast<std::int64_t>(boot_.mem_total), high = low;
    for (const MemTotalReason& reason : reasons_) low += reason.low, high += reason.high;
    const auto within = [this](std::int64_t kib) {
      return static_cast<std::uint64_t>(
          std::clamp<std::int64_t>(kib, 0, static_cast<std::int64_t>(boot_.ram)));
    };
    return {within(low), within(high), std::move(reasons_)};
  }

 private:
  // Then configuration and structures are the stand-in's.
  bool is_of_same_flavour() const {
    const auto ours = read_release_name(machine_.kernel.release);
    return name_ && ours && !name_->flavour.empty() && *ours == *name_;
  }
  bool is_before(unsigned major, unsigned minor) const {
    return name_ && std::pair{name_->major, name_->minor} < std::pair{major, minor};
  }
  void add(std::string what, std::string source, std::int64_t low, std::int64_t high) {
    if (low != 0 || high != 0) reasons_.push_back({std::move(what), std::move(source), low, high});
  }
  std::string kernels() const {
    return expected_.kernels == 1
               ? expected_.first
               : fmt::format("{} kernels, {} to {}", expected_.kernels, expected_.first, expected_.last);
  }

  void add_image() {
    const std::int64_t ours = image_kib(machine_.kernel.symbols);
    const auto [least, most] = expected_.image;
    add(fmt::format("an image of {} to {} MiB, not {}", mib(least), mib(most), mib(ours)), kernels(),
        ours - most, ours - least);
  }

  void add_rest() {
    const auto share = static_cast<std::int64_t>(expected_.rest_of_ram * static_cast<double>(boot_.ram));
    add("its configuration and structures", "logs of other kernels", -std::max(expected_.rest.most, share),
        -std::min(expected_.rest.least, -share));
  }

  void add_percpu() {
    const auto [least, most] = expected_.percpu_pages;
    if (most == 0 || boot_.percpu_areas == 0) return;
    const auto ours = static_cast<std::int64_t>(boot_.percpu_areas);
    const auto of_all = [this](std::int64_t pages) { return pages * 4 * machine_.cpus; };
    add(fmt::format("per-CPU areas of {} to {} pages", least, most), kernels(),
        std::min<std::int64_t>(ours - of_all(most), 0), std::max<std::int64_t>(ours - of_all(least), 0));
  }

  // "Dentry cache hash table entries" stands before "Memory:" in the logs of 5.4 and later, and behind it in those of 3.13
  // to 4.19: there the tables are of the page allocator's pages, and MemTotal has them.
  void add_hashes() {
    if (machine_.kernel.arch != Arch::x86_64 || boot_.nodes != 1 || !is_before(5, 4)) return;
    add("hash tables out of pages that MemTotal counts", "logs of 3.13 to 4.19", 0,
        static_cast<std::int64_t>(boot_.late_hashes));
  }

  // An I/O MMU makes them useless, and x86 gives them back; since 6.5 arm64 has them on any machine, for buffers of
  // kmalloc's that share a cache line.
  void add_bounce_buffers() {
    const auto has_table = [this](std::string_view signature) {
      return std::any_of(machine_.acpi_tables.begin(), machine_.acpi_tables.end(),
                         [&](const AcpiTable& table) { return table.signature == signature; });
    };
    if (machine_.kernel.arch == Arch::x86_64 && (has_table("DMAR") || has_table("IVRS")))
      add("bounce buffers given back where an I/O MMU is used", "ACPI's DMAR or IVRS", 0,
          static_cast<std::int64_t>(boot_.bounce_buffers));
    constexpr std::int64_t usual = 65 * 1024;
    if (machine_.kernel.arch == Arch::arm64 && boot_.bounce_buffers == 0 && !is_before(6, 5))
      add("bounce buffers on any machine, since 6.5", "log of 6.6.0-rc2, RG353V", -usual, 0);
  }

  // Pages of 32-bit arm have addresses of 32 bits, or with LPAE of 40.
  void add_past_4g() {
    if (machine_.kernel.arch != Arch::arm || machine_.kernel.has("CONFIG_ARM_LPAE")) return;
    add("memory past 4 GiB, where the kernel has LPAE", "CONFIG_ARM_LPAE", 0,
        static_cast<std::int64_t>(boot_.past_4g));
  }

  // One byte of shadow for eight (Linux, Documentation/dev-tools/kasan.rst), and what comes with it.
  void add_kasan() {
    const bool is_certain = machine_.has_kasan.value_or(false);
    if (!is_certain && (machine_.has_kasan || !name_ || !name_->is_development)) return;
    const auto shadow = static_cast<std::int64_t>(boot_.ram / 8);
    const std::int64_t larger = std::max<std::int64_t>(expected_.kasan_image.most - expected_.image.most, 0);
    const std::int64_t most = shadow + std::max<std::int64_t>(expected_.kasan_rest.most, 0) + larger;
    add(is_certain ? "KASAN's shadow" : "KASAN's shadow, which a developer's kernel may have",
        "Documentation/dev-tools/kasan.rst", -most, is_certain ? -shadow : 0);
  }

  const MachineDescription& machine_;
  const StandInBoot& boot_;
  const Expectation& expected_;
  std::optional<ReleaseName> name_;
  std::vector<MemTotalReason> reasons_;
};

}  // namespace

std::optional<MemTotalRange> mem_total_range(const MachineDescription& machine, const StandInBoot& boot,
                                             std::span<const KnownKernel> known) {
  if (!machine.kernel.stands_for) return std::nullopt;
  const auto name = read_release_name(*machine.kernel.stands_for);
  const auto expected = expect_kernel(known, machine.kernel.arch, name);
  if (!expected) return std::nullopt;
  return Reasons{machine, boot, *expected, name}.range();
}

}  // namespace quarry::lnx

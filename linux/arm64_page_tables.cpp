#include "linux/arm64_page_tables.hpp"

#include <algorithm>
#include <vector>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kSmall = std::uint64_t{1} << 21, kLarge = std::uint64_t{1} << 30;
constexpr unsigned kUpperShift = 39;
constexpr std::uint64_t kSegment = std::uint64_t{64} << 10;
// Between the text of the init sections and their data: what is run once at exit, and alternatives.
constexpr std::uint64_t kAfterInitText = std::uint64_t{192} << 10;

constexpr std::uint64_t down(std::uint64_t at, std::uint64_t to) { return at & ~(to - 1); }
constexpr std::uint64_t up(std::uint64_t at, std::uint64_t to) { return down(at + to - 1, to); }

}  // namespace

bool Arm64PageTables::maps_pages_only() const {
  const boot::CommandLine line{state_->machine.command_line};
  // A crash kernel's memory is taken out of the linear map later on.
  if (line.has("crashkernel") && (kernel_->limits.has_zone_dma || kernel_->limits.has_zone_dma32))
    return true;
  const auto rodata = line.last("rodata");
  return !rodata || rodata->value == "full";
}

Result<Done> Arm64PageTables::need(std::set<std::uint64_t>& tables, std::uint64_t which) {
  if (!tables.insert(which).second) return Done{};
  const auto at =
      take_between(*state_, kPageTables,
                   {.size = kPage, .alignment = kPage, .min = PhysAddr{0}, .max = early::kNoLeakTrace});
  if (!at) return at.error();
  return Done{};
}

Result<Done> Arm64PageTables::map(PhysRange physical, std::uint64_t address, Blocks blocks) {
  const std::uint64_t begin = down(physical.begin().raw, kPage.raw);
  std::uint64_t at = down(address, kPage.raw);
  const std::uint64_t end = at + (up(physical.end().raw, kPage.raw) - begin);
  const std::uint64_t to_physical = begin - at;
  const auto fits = [&](std::uint64_t next, std::uint64_t size) {
    return blocks == Blocks::allowed && ((at | next | (at + to_physical)) & (size - 1)) == 0;
  };
  while (at < end) {
    if (const auto done = need(upper_, at >> kUpperShift); !done) return done;
    const std::uint64_t next_large = std::min(down(at, kLarge) + kLarge, end);
    if (fits(next_large, kLarge)) {
      at = next_large;
      continue;
    }
    if (const auto done = need(middle_, at / kLarge); !done) return done;
    while (at < next_large) {
      const std::uint64_t next = std::min(down(at, kSmall) + kSmall, next_large);
      if (!fits(next, kSmall))
        if (const auto done = need(lowest_, at / kSmall); !done) return done;
      at = next;
    }
  }
  return Done{};
}

Result<Done> Arm64PageTables::map_image() {
  const Symbols& symbols = kernel_->symbols;
  const std::uint64_t first = symbols.stext != 0 ? symbols.stext : symbols.text;
  const std::uint64_t init_text_end =
      symbols.einittext == 0 ? 0 : up(symbols.einittext + kAfterInitText, kSegment);
  // An Image by itself does not tell where its sections lie: what is not known is no border.
  std::vector<std::uint64_t> borders;
  for (const std::uint64_t border :
       {first, symbols.etext, symbols.init_begin, init_text_end, symbols.init_end, symbols.end})
    if (borders.empty() || borders.back() < border) borders.push_back(border);
  const PhysAddr image = state_->machine.kernel.whole.begin();
  // An image that a loader put beside a border of 2 MiB moves by as much virtually.
  const std::uint64_t beside = (image.raw - (first - symbols.text)) & (kSmall - 1);
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const PhysAddr begin{image.raw + (borders[i] - first)};
    const auto done = map(PhysRange::sized(begin, Bytes{borders[i + 1] - borders[i]}), borders[i] + beside,
                          Blocks::allowed);
    if (!done) return done;
  }
  return Done{};
}

Result<Done> Arm64PageTables::map_linear() {
  const std::uint64_t start = down(state_->memblock.start_of_dram().raw, kLarge);
  const auto address_of = [&](PhysAddr at) { return kernel_->limits.page_offset + (at.raw - start); };
  const Blocks blocks = maps_pages_only() ? Blocks::forbidden : Blocks::allowed;
  const boot::KernelImage& image = state_->machine.kernel;
  // The image is mapped once more at the end, so that nobody writes to it by its other address.
  const PhysRange protected_part = image.whole.empty() || image.init.empty()
                                       ? PhysRange{}
                                       : PhysRange{image.whole.begin(), image.init.begin()};
  for (const early::MemoryRange& memory : state_->memblock.memory_ranges()) {
    const PhysRange range = memory.range;
    const PhysAddr cut = std::clamp(protected_part.begin(), range.begin(), range.end());
    const PhysAddr rest = std::clamp(protected_part.end(), range.begin(), range.end());
    const bool is_apart = protected_part.empty() || cut == rest;
    if (is_apart) {
      if (const auto done = map(range, address_of(range.begin()), blocks); !done) return done;
      continue;
    }
    if (const auto done = map({range.begin(), cut}, address_of(range.begin()), blocks); !done) return done;
    if (const auto done = map({rest, range.end()}, address_of(rest), blocks); !done) return done;
  }
  if (protected_part.empty()) return Done{};
  return map(protected_part, address_of(protected_part.begin()), Blocks::allowed);
}

Result<Done> Arm64PageTables::map_everything() {
  if (state_->machine.geometry.page_size().bytes() != kPage || !kernel_->symbols.known()) return Done{};
  if (const auto done = map_image(); !done) return done;
  if (const auto done = map_linear(); !done) return done;
  // The identity map has tables of its own, of all levels, and one more for the flag of switched-off mappings.
  constexpr std::uint64_t identity_tables = 4;
  for (std::uint64_t table = 0; table < identity_tables; ++table)
    if (const auto done = need(upper_, UINT64_MAX - table); !done) return done;
  return Done{};
}

}  // namespace quarry::lnx

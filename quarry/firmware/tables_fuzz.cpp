// Any bytes as e820 tables, a zero page, setup_data, a UEFI map and a tagged list. Laws: a decoder takes all or
// nothing, leaves the caller's table as it was when it fails, and never needs more room than it said.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "quarry/firmware/atags.hpp"
#include "quarry/firmware/boot_params.hpp"
#include "quarry/firmware/e820.hpp"
#include "quarry/firmware/uefi_map.hpp"

namespace quarry {

void panic(const char*, Site) noexcept { std::abort(); }

namespace firmware {
namespace {

void law(bool holds) {
  if (!holds) std::abort();
}

void read_e820(ByteView bytes, std::size_t room) {
  for (const auto size : {E820EntrySize::basic, E820EntrySize::extended}) {
    std::vector<MapEntry> storage(room);
    Table<MapEntry> out{storage};
    const auto step = static_cast<std::size_t>(size);
    const auto done = decode_e820_table(bytes, size, out);
    if (bytes.size() % step != 0)
      law(!done && done.error() == Error::truncated_table && out.empty());
    else if (bytes.size() / step > room)
      law(!done && done.error() == Error::no_room && out.empty());
    else
      law(done && out.size() == bytes.size() / step);
  }
  std::vector<MapEntry> storage(bytes.size() / 20);
  Table<MapEntry> out{storage};
  law(decode_e820_ext(bytes, out) && out.size() == bytes.size() / 20);
}

void read_zero_page(ByteView bytes) {
  std::vector<std::byte> page(BootParams::kBytes);
  std::copy_n(bytes.begin(), std::min(bytes.size(), page.size()), page.begin());
  const auto params = BootParams::from(page).value();
  std::array<MapEntry, BootParams::kMaxEntries> storage;
  Table<MapEntry> out{storage};
  const unsigned count = std::to_integer<unsigned>(page[0x1e8]);
  const auto done = params.e820(out);
  law(count > BootParams::kMaxEntries ? !done && out.empty() : done && out.size() == count);
  law(params.initrd().begin() <= params.initrd().end());
  const MemoryFallback fallback = memory_fallback(params.alt_mem_k(), params.ext_mem_k());
  law(fallback.high.size.raw >> 10 == std::max<std::uint64_t>(params.alt_mem_k(), params.ext_mem_k()));
}

void read_uefi(ByteView bytes, std::size_t step) {
  const auto map = UefiMap::from(bytes, step);
  if (!map) {
    law(step < 40 || bytes.size() % step != 0);
    return;
  }
  law(map.value().size() * step == bytes.size());
  std::vector<MapEntry> storage(map.value().size());
  Table<MapEntry> out{storage};
  law(static_cast<bool>(map.value().to_entries(SoftReserve::on, out)));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const UefiDescriptor descriptor = map.value()[i];
    law(out[i].base == descriptor.base && (out[i].size.raw & 0xfff) == 0);
    if (is_usable(descriptor, SoftReserve::on)) law(is_memory(descriptor));
    if (out[i].type == MapType::usable) law(is_usable(descriptor, SoftReserve::on));
  }
}

void read_atags(ByteView bytes, std::size_t room) {
  std::vector<AtagMemory> storage(room);
  Table<AtagMemory> banks{storage};
  const auto said = Atags::from(bytes, banks);
  if (!said) {
    law(banks.empty());
    return;
  }
  law(banks.size() == said.value().banks && said.value().bytes <= bytes.size());
  // The bytes after its end are not the list's.
  Table<AtagMemory> again{storage};
  law(static_cast<bool>(Atags::from(bytes.first(said.value().bytes), again)));
  if (said.value().bytes != 0) {
    Table<AtagMemory> cut{storage};
    law(!Atags::from(bytes.first(said.value().bytes - 1), cut));
  }
}

}  // namespace
}  // namespace firmware
}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::firmware;
  if (size == 0) return 0;
  const ByteView bytes = std::as_bytes(std::span{data + 1, size - 1});
  read_e820(bytes, data[0] & 15);
  read_zero_page(bytes);
  read_uefi(bytes, data[0]);
  read_atags(bytes, data[0] & 15);
  if (const auto header = decode_setup_data(bytes)) law(bytes.size() >= SetupData::kHeaderBytes);
  return 0;
}

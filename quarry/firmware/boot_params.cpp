#include "quarry/firmware/boot_params.hpp"

#include "quarry/firmware/e820.hpp"

namespace quarry::firmware {
namespace {

constexpr std::size_t kExtMemK = 0x002;  // u16, in screen_info
constexpr std::size_t kAcpiRsdp = 0x070;
constexpr std::size_t kExtRamdiskImage = 0x0c0, kExtRamdiskSize = 0x0c4, kExtCmdLinePtr = 0x0c8;
constexpr std::size_t kEfiLoaderSignature = 0x1c0, kEfiMemdescSize = 0x1c8, kEfiMemdescVersion = 0x1cc,
                      kEfiMemmap = 0x1d0, kEfiMemmapSize = 0x1d4, kEfiMemmapHi = 0x1dc;
constexpr std::size_t kAltMemK = 0x1e0, kE820Entries = 0x1e8;
constexpr std::size_t kRamdiskImage = 0x218, kRamdiskSize = 0x21c, kCmdLinePtr = 0x228, kSetupData = 0x250;
constexpr std::size_t kE820Table = 0x2d0;
constexpr std::uint32_t kLoader32 = 0x32334c45, kLoader64 = 0x34364c45;  // "EL32", "EL64"
constexpr std::uint64_t kLowSize = 0x9f000, kHighBase = 0x100000;
constexpr auto kEntryBytes = static_cast<std::size_t>(E820EntrySize::basic);

std::uint64_t halves(ByteView bytes, std::size_t high, std::size_t low) noexcept {
  return (std::uint64_t{load_le<std::uint32_t>(bytes, high)} << 32) | load_le<std::uint32_t>(bytes, low);
}

}  // namespace

Result<BootParams> BootParams::from(ByteView bytes) noexcept {
  if (bytes.size() < kBytes) return Error::truncated_table;
  return BootParams{bytes.first(kBytes)};
}

Result<Done> BootParams::e820(Table<MapEntry>& out) const noexcept {
  const std::size_t count = load_le<std::uint8_t>(bytes_, kE820Entries);
  if (count > kMaxEntries) return Error::bad_table;
  return decode_e820_table(bytes_.subspan(kE820Table, count * kEntryBytes), E820EntrySize::basic, out);
}

std::uint32_t BootParams::alt_mem_k() const noexcept { return load_le<std::uint32_t>(bytes_, kAltMemK); }

std::uint16_t BootParams::ext_mem_k() const noexcept { return load_le<std::uint16_t>(bytes_, kExtMemK); }

PhysAddr BootParams::setup_data() const noexcept {
  return PhysAddr{load_le<std::uint64_t>(bytes_, kSetupData)};
}

PhysRange BootParams::initrd() const noexcept {
  const PhysAddr base{halves(bytes_, kExtRamdiskImage, kRamdiskImage)};
  const Bytes size{halves(bytes_, kExtRamdiskSize, kRamdiskSize)};
  return base == PhysAddr{0} || size == Bytes{0} ? PhysRange{} : PhysRange::sized(base, size);
}

PhysAddr BootParams::command_line() const noexcept {
  return PhysAddr{halves(bytes_, kExtCmdLinePtr, kCmdLinePtr)};
}

PhysAddr BootParams::acpi_rsdp() const noexcept {
  return PhysAddr{load_le<std::uint64_t>(bytes_, kAcpiRsdp)};
}

std::optional<BootEfiInfo> BootParams::efi() const noexcept {
  const auto signature = load_le<std::uint32_t>(bytes_, kEfiLoaderSignature);
  if (signature != kLoader32 && signature != kLoader64) return std::nullopt;
  return BootEfiInfo{.memory_map = PhysAddr{halves(bytes_, kEfiMemmapHi, kEfiMemmap)},
                     .memory_map_size = load_le<std::uint32_t>(bytes_, kEfiMemmapSize),
                     .descriptor_size = load_le<std::uint32_t>(bytes_, kEfiMemdescSize),
                     .descriptor_version = load_le<std::uint32_t>(bytes_, kEfiMemdescVersion)};
}

Result<SetupData> decode_setup_data(ByteView bytes) noexcept {
  if (bytes.size() < SetupData::kHeaderBytes) return Error::truncated_table;
  return SetupData{.next = PhysAddr{load_le<std::uint64_t>(bytes, 0)},
                   .type = load_le<std::uint32_t>(bytes, 8),
                   .length = load_le<std::uint32_t>(bytes, 12)};
}

Result<Done> decode_e820_ext(ByteView payload, Table<MapEntry>& out) noexcept {
  std::size_t whole = 0;
  while (holds(payload, whole, kEntryBytes)) whole += kEntryBytes;
  return decode_e820_table(payload.first(whole), E820EntrySize::basic, out);
}

MemoryFallback memory_fallback(std::uint32_t alt_mem_k, std::uint32_t ext_mem_k) noexcept {
  const bool older = alt_mem_k < ext_mem_k;
  const std::uint64_t kib = older ? ext_mem_k : alt_mem_k;
  return {.source = older ? MemoryFallback::Source::bios_88 : MemoryFallback::Source::e801,
          .low = {.base = PhysAddr{0}, .size = Bytes{kLowSize}, .type = MapType::usable},
          .high = {.base = PhysAddr{kHighBase}, .size = Bytes{kib << 10}, .type = MapType::usable}};
}

}  // namespace quarry::firmware

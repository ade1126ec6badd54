#include "quarry/firmware/uefi_map.hpp"

namespace quarry::firmware {

namespace {
constexpr std::uint64_t kMostPages = UINT64_MAX >> 12;
}  // namespace

Bytes UefiDescriptor::size() const noexcept { return Bytes{(pages < kMostPages ? pages : kMostPages) << 12}; }

bool is_memory(const UefiDescriptor& descriptor) noexcept {
  return descriptor.has(UefiAttribute::kWb | UefiAttribute::kWt | UefiAttribute::kWc);
}

bool is_usable(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept {
  switch (descriptor.type) {
    case UefiType::loader_code:
    case UefiType::loader_data:
    case UefiType::acpi_reclaim:
    case UefiType::boot_services_code:
    case UefiType::boot_services_data:
    case UefiType::conventional:
    case UefiType::persistent:
      if (soft_reserve == SoftReserve::on && descriptor.has(UefiAttribute::kSp)) return false;
      return descriptor.has(UefiAttribute::kWb);
    default: return false;
  }
}

bool is_boot_services(const UefiDescriptor& descriptor) noexcept {
  return descriptor.type == UefiType::boot_services_code || descriptor.type == UefiType::boot_services_data;
}

MapType map_type(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept {
  switch (descriptor.type) {
    case UefiType::loader_code:
    case UefiType::loader_data:
    case UefiType::boot_services_code:
    case UefiType::boot_services_data:
    case UefiType::conventional:
      if (soft_reserve == SoftReserve::on && descriptor.has(UefiAttribute::kSp))
        return MapType::soft_reserved;
      return descriptor.has(UefiAttribute::kWb) ? MapType::usable : MapType::reserved;
    case UefiType::acpi_reclaim: return MapType::acpi;
    case UefiType::acpi_nvs: return MapType::nvs;
    case UefiType::unusable: return MapType::unusable;
    case UefiType::persistent: return MapType::pmem;
    default: return MapType::reserved;
  }
}

MapEntry map_entry(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept {
  return {.base = descriptor.base, .size = descriptor.size(), .type = map_type(descriptor, soft_reserve)};
}

Result<UefiMap> UefiMap::from(ByteView bytes, std::size_t descriptor_size) noexcept {
  if (descriptor_size < kDescriptorBytes) return Error::bad_table;
  std::size_t count = 0;
  for (std::size_t left = bytes.size(); left != 0; left -= descriptor_size, ++count)
    if (left < descriptor_size) return Error::truncated_table;
  return UefiMap{bytes, descriptor_size, count};
}

UefiDescriptor UefiMap::operator[](std::size_t at) const noexcept {
  check(at < count_, "index outside the memory map");
  const ByteView bytes = bytes_.subspan(at * step_, kDescriptorBytes);
  return {.type = UefiType{load_le<std::uint32_t>(bytes, 0)},
          .base = PhysAddr{load_le<std::uint64_t>(bytes, 8)},
          .pages = load_le<std::uint64_t>(bytes, 24),
          .attribute = load_le<std::uint64_t>(bytes, 32)};
}

Result<Done> UefiMap::to_entries(SoftReserve soft_reserve, Table<MapEntry>& out) const noexcept {
  if (count_ > out.capacity() - out.size()) return Error::no_room;
  for (std::size_t at = 0; at < count_; ++at)
    check(static_cast<bool>(out.push(map_entry((*this)[at], soft_reserve))), "the room was counted");
  return Done{};
}

}  // namespace quarry::firmware

#include "quarry/firmware/acpi.hpp"

namespace quarry::firmware {
namespace {

// The root pointer of ACPI 1.0, and of 2.0 and later.
constexpr std::size_t kFirstBytes = 20, kWholeBytes = 36;

TextView characters(ByteView bytes, std::size_t offset, std::size_t size) noexcept {
  check(holds(bytes, offset, size), "characters outside the table");
  return {reinterpret_cast<const char*>(bytes.data()) + offset, size};
}

// A table whose length only its own header tells, out of memory that must be asked for by length.
Result<AcpiTable> table_at(const PhysMemory& memory, PhysAddr at) noexcept {
  const auto header = memory.view(at, AcpiTable::kHeaderBytes);
  if (!header) return header.error();
  const std::size_t length = load_le<std::uint32_t>(header.value(), 4);
  if (length < AcpiTable::kHeaderBytes) return Error::bad_table;
  const auto whole = memory.view(at, length);
  if (!whole) return whole.error();
  return AcpiTable::from(whole.value());
}

}  // namespace

Result<ByteView> PhysMemory::view(PhysAddr at, std::size_t size) const noexcept {
  const ByteView seen = show_(self_, at, size);
  if (seen.size() < size) return Error::out_of_range;
  return seen.first(size);
}

bool acpi_checksum_holds(ByteView bytes) noexcept {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  return (sum & 0xff) == 0;
}

Result<AcpiTable> AcpiTable::from(ByteView bytes) noexcept {
  if (bytes.size() < kHeaderBytes) return Error::truncated_table;
  const std::size_t length = load_le<std::uint32_t>(bytes, 4);
  if (length < kHeaderBytes) return Error::bad_table;
  if (length > bytes.size()) return Error::truncated_table;
  if (!acpi_checksum_holds(bytes.first(length))) return Error::bad_table;
  return AcpiTable{bytes.first(length)};
}

Result<AcpiTable> AcpiTable::from(ByteView bytes, TextView signature) noexcept {
  const auto table = from(bytes);
  if (table && table.value().signature() != signature) return Error::bad_table;
  return table;
}

TextView AcpiTable::signature() const noexcept { return characters(bytes_, 0, 4); }
TextView AcpiTable::oem_id() const noexcept { return characters(bytes_, 10, 6); }
TextView AcpiTable::oem_table_id() const noexcept { return characters(bytes_, 16, 8); }

Result<Rsdp> Rsdp::from(ByteView bytes) noexcept {
  if (bytes.size() < kFirstBytes) return Error::truncated_table;
  if (characters(bytes, 0, 8) != "RSD PTR ") return Error::bad_table;
  if (!acpi_checksum_holds(bytes.first(kFirstBytes))) return Error::bad_table;
  Rsdp pointer{.revision = load_le<std::uint8_t>(bytes, 15),
               .rsdt = PhysAddr{load_le<std::uint32_t>(bytes, 16)},
               .xsdt = {},
               .length = kFirstBytes};
  if (pointer.revision < 2) return pointer;
  if (bytes.size() < kWholeBytes) return Error::truncated_table;
  pointer.length = load_le<std::uint32_t>(bytes, 20);
  if (pointer.length < kWholeBytes) return Error::bad_table;
  if (pointer.length > bytes.size()) return Error::truncated_table;
  if (!acpi_checksum_holds(bytes.first(pointer.length))) return Error::bad_table;
  pointer.xsdt = PhysAddr{load_le<std::uint64_t>(bytes, 24)};
  return pointer;
}

Result<AcpiTables> AcpiTables::from(PhysMemory memory, PhysAddr rsdp) noexcept {
  const auto first = memory.view(rsdp, kFirstBytes);
  if (!first) return first.error();
  auto pointer = Rsdp::from(first.value());
  // Revision 2 is longer, and says itself how long.
  if (!pointer && pointer.error() == Error::truncated_table) {
    const auto fixed = memory.view(rsdp, kWholeBytes);
    if (!fixed) return fixed.error();
    const auto whole = memory.view(rsdp, load_le<std::uint32_t>(fixed.value(), 20));
    if (!whole) return whole.error();
    pointer = Rsdp::from(whole.value());
  }
  if (!pointer) return pointer.error();
  const bool wide = pointer.value().xsdt != PhysAddr{0};
  const auto root = table_at(memory, wide ? pointer.value().xsdt : pointer.value().rsdt);
  if (!root) return root.error();
  if (root.value().signature() != (wide ? TextView{"XSDT"} : TextView{"RSDT"})) return Error::bad_table;
  return AcpiTables{memory, root.value(), wide ? std::size_t{8} : std::size_t{4}};
}

std::size_t AcpiTables::size() const noexcept {
  return (root_.size() - AcpiTable::kHeaderBytes) >> (entry_bytes_ == 8 ? 3 : 2);
}

PhysAddr AcpiTables::address(std::size_t at) const noexcept {
  check(at < size(), "index outside the list of tables");
  const std::size_t offset = AcpiTable::kHeaderBytes + at * entry_bytes_;
  return PhysAddr{entry_bytes_ == 8 ? load_le<std::uint64_t>(root_.bytes(), offset)
                                    : load_le<std::uint32_t>(root_.bytes(), offset)};
}

Result<AcpiTable> AcpiTables::table(std::size_t at) const noexcept { return table_at(memory_, address(at)); }

Result<AcpiTable> AcpiTables::find(TextView signature) const noexcept {
  Error why = Error::not_found;
  for (std::size_t at = 0; at < size(); ++at) {
    const auto name = memory_.view(address(at), 4);
    if (!name || characters(name.value(), 0, 4) != signature) continue;
    const auto found = table(at);
    if (found) return found;
    why = found.error();
  }
  return why;
}

Result<AcpiEntry> next_acpi_entry(ByteView table, std::size_t& offset) noexcept {
  if (!holds(table, offset, 2)) return Error::truncated_table;
  const std::size_t length = load_le<std::uint8_t>(table, offset + 1);
  if (length < 2) return Error::bad_table;
  if (!holds(table, offset, length)) return Error::truncated_table;
  const AcpiEntry entry{load_le<std::uint8_t>(table, offset), table.subspan(offset, length)};
  offset += length;
  return entry;
}

}  // namespace quarry::firmware

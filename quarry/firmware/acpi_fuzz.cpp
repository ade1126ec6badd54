// Any bytes as ACPI tables: once as they are, once with the header made right so that the entries are reached.
// Laws: what is accepted can be read wholly, counts agree, and nothing grows larger than the bytes allow.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "quarry/firmware/madt.hpp"
#include "quarry/firmware/slit.hpp"
#include "quarry/firmware/srat.hpp"

namespace quarry {

void panic(const char*, Site) noexcept { std::abort(); }

namespace firmware {
namespace {

void law(bool holds) {
  if (!holds) std::abort();
}

void read_srat(ByteView bytes) {
  const auto srat = Srat::from(bytes);
  if (!srat) return;
  const std::size_t memory_count = srat.value().memory_count(), cpu_count = srat.value().cpu_count();
  law(memory_count * 40 + cpu_count * 16 <= bytes.size());
  std::vector<MemoryAffinity> memory_storage(memory_count);
  std::vector<CpuAffinity> cpu_storage(cpu_count);
  Table<MemoryAffinity> memory{memory_storage};
  Table<CpuAffinity> cpus{cpu_storage};
  law(srat.value().memory(memory) && memory.size() == memory_count);
  law(srat.value().cpus(cpus) && cpus.size() == cpu_count);
  if (srat.value().revision() < 2)
    for (const MemoryAffinity& entry : memory) law(entry.domain < 256);
  if (memory_count == 0) return;
  Table<MemoryAffinity> small{std::span{memory_storage}.first(memory_count - 1)};
  law(!srat.value().memory(small) && small.empty());
}

void read_slit(ByteView bytes) {
  const auto slit = Slit::from(bytes);
  if (!slit) return;
  const std::size_t side = slit.value().localities();
  law(slit.value().distances().size() == side * side && side * side + 44 <= bytes.size());
  for (std::size_t from = 0; from < side; ++from)
    for (std::size_t to = 0; to < side; ++to) {
      const unsigned distance = slit.value().distance(from, to);
      law(distance == slit.value().distances()[from * side + to]);
      if (slit.value().plausible()) law(from == to ? distance == 10 : distance > 10);
    }
}

void read_madt(ByteView bytes) {
  const auto cpus = count_madt_cpus(bytes);
  if (cpus) law((cpus.value().enabled() + cpus.value().disabled) * std::size_t{8} + 44 <= bytes.size());
}

void read_all(ByteView bytes) {
  read_srat(bytes);
  read_slit(bytes);
  read_madt(bytes);
  const auto table = AcpiTable::from(bytes);
  if (table) law(table.value().size() <= bytes.size() && acpi_checksum_holds(table.value().bytes()));
}

constexpr std::size_t kListed = 8;  // of the tables in a list, enough to look up

// The bytes are all of memory, from address zero on.
ByteView show(void* self, PhysAddr at, std::size_t size) noexcept {
  const ByteView bytes = *static_cast<ByteView*>(self);
  if (at.raw >= bytes.size()) return {};
  const ByteView rest = bytes.subspan(static_cast<std::size_t>(at.raw));
  return rest.first(std::min(size, rest.size()));
}

void walk(ByteView bytes, PhysAddr at) {
  const auto tables = AcpiTables::from(PhysMemory{&bytes, show}, at);
  if (!tables) return;
  for (std::size_t i = 0; i < tables.value().size() && i < kListed; ++i) {
    const auto table = tables.value().table(i);
    if (table) law(static_cast<bool>(tables.value().find(table.value().signature())));
  }
}

void mend(std::vector<std::byte>& bytes, std::size_t where, std::size_t size) {
  unsigned sum = 0;
  bytes[where] = std::byte{0};
  for (std::size_t i = 0; i < size; ++i) sum += std::to_integer<unsigned>(bytes[i]);
  bytes[where] = static_cast<std::byte>(0u - sum);
}

}  // namespace
}  // namespace firmware
}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::firmware;
  const auto bytes = std::as_bytes(std::span{data, size});
  read_all(bytes);
  walk(bytes, quarry::PhysAddr{0});
  if (size < 48) return 0;
  for (const char* const signature : {"SRAT", "SLIT", "APIC"}) {
    std::vector<std::byte> table{bytes.begin(), bytes.end()};
    std::memcpy(table.data(), signature, 4);
    for (unsigned i = 0; i < 4; ++i) table[4 + i] = static_cast<std::byte>(size >> (8 * i));
    mend(table, 9, size);
    read_all(table);
    law(static_cast<bool>(AcpiTable::from(table, signature)));
  }
  std::vector<std::byte> memory{bytes.begin(), bytes.end()};
  std::memcpy(memory.data(), "RSD PTR ", 8);
  mend(memory, 8, 20);
  if (memory[15] >= std::byte{2}) {
    for (unsigned i = 0; i < 4; ++i) memory[20 + i] = static_cast<std::byte>(36u >> (8 * i));
    mend(memory, 32, 36);
  }
  walk(memory, quarry::PhysAddr{0});
  return 0;
}

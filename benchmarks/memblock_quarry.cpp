// benchmarks/memblock_quarry.cpp: Quarry's memblock behind the benchmark's pointers.
#include "benchmarks/memblock_quarry.hpp"

#include <optional>

#include "quarry/early/memblock.hpp"

namespace quarry::bench {
namespace {

constexpr const char* kOwner = "bench";

// The subject is one machine, as Linux's is; a pointer from C has no place for another.
struct Machine {
  early::Region memory[128], reserved[128];
  std::optional<early::Memblock> memblock;

  // Physical and virtual are the same here, as in the peer.
  static std::byte* map(void*, PhysRange range) noexcept {
    return reinterpret_cast<std::byte*>(range.begin().raw);
  }
};
Machine machine;

PhysRange sized(std::uint64_t base, std::uint64_t size) {
  return PhysRange::sized(PhysAddr{base}, Bytes{size});
}

void reset() {
  machine.memblock.emplace(early::Config{}, early::Storage{machine.memory, machine.reserved},
                           early::DirectMap{nullptr, &Machine::map});
  machine.memblock->allow_resize();
}
int add(std::uint64_t base, std::uint64_t size) { return !machine.memblock->add(sized(base, size), kOwner); }
int reserve(std::uint64_t base, std::uint64_t size) {
  return !machine.memblock->reserve(sized(base, size), kOwner);
}
std::uint64_t alloc(std::uint64_t size, std::uint64_t alignment) {
  const auto at =
      machine.memblock->alloc_try_nid_raw({.size = Bytes{size}, .alignment = Bytes{alignment}}, kOwner);
  return at ? at.value().raw : 0;
}
int free(std::uint64_t base, std::uint64_t size) {
  return !machine.memblock->free(sized(base, size), kOwner);
}
memblock_walk walk() {
  memblock_walk walked{};
  for (const early::MemoryRange& at : machine.memblock->free_ranges()) {
    ++walked.ranges;
    walked.bytes += at.range.size().raw;
  }
  return walked;
}
std::uint64_t reserved_regions() { return machine.memblock->reserved().cnt(); }

}  // namespace

const memblock_subject quarry_memblock{&reset, &add, &reserve, &alloc, &free, &walk, &reserved_regions};

}  // namespace quarry::bench

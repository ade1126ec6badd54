// Any bytes. Laws: what from() accepts can be read wholly; every name and value lies inside the tree; nodes()
// and children() see the same nodes; reading twice gives the same; no refusal is without a reason inside.
#include <cstdlib>
#include <vector>

#include "quarry/firmware/fdt_dma.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry {

void panic(const char*, Site) noexcept { std::abort(); }

namespace firmware {
namespace {

void law(bool holds) {
  if (!holds) std::abort();
}

bool inside(ByteView whole, const void* data, std::size_t size) {
  const auto* const at = static_cast<const std::byte*>(data);
  return size == 0 || (at >= whole.data() && at + size <= whole.data() + whole.size());
}

struct Digest {
  std::uint64_t value = 1469598103934665603u;
  void add(ByteView bytes) {
    for (const std::byte byte : bytes)
      value = (value ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211u;
  }
  void add(TextView text) { add(std::as_bytes(std::span{text.data(), text.size()})); }
};

std::uint64_t read(const Fdt& tree, std::size_t& nodes) {
  Digest digest;
  for (const auto& [node, depth] : tree.nodes()) {
    ++nodes;
    law(depth < tree.bytes().size());
    law(inside(tree.bytes(), node.name().data(), node.name().size() + 1));
    law(node.base_name().size() + node.unit_address().size() <= node.name().size());
    digest.add(node.name());
    for (const FdtProperty property : node.properties()) {
      law(inside(tree.bytes(), property.name().data(), property.name().size() + 1));
      law(inside(tree.bytes(), property.bytes().data(), property.size()));
      law(inside(tree.bytes(), property.text().data(), property.text().size()));
      law(node.has(property.name()));
      const FdtRegs regs{property.bytes(), {2, 1}};
      for (const FdtReg reg : regs) digest.value ^= reg.base.raw + reg.size.raw;
      for (std::size_t i = 0; property.text(i).has_value(); ++i) law(property.lists(*property.text(i)));
      digest.add(property.name());
      digest.add(property.bytes());
    }
  }
  for (const FdtReservation entry : tree.reservations()) law(entry.size != Bytes{0});
  return digest.value;
}

// The other way to walk, with a stack of its own.
std::size_t count_by_children(const Fdt& tree) {
  std::vector<FdtNode> open{tree.root()};
  std::size_t count = 0;
  while (!open.empty()) {
    const FdtNode node = open.back();
    open.pop_back();
    ++count;
    for (const FdtNode child : node.children()) open.push_back(child);
  }
  return count;
}

// A handle leads to the first node that has it.
void follow(const Fdt& tree) {
  constexpr std::size_t most = 32;
  std::size_t seen = 0;
  for (const auto& [node, depth] : tree.nodes()) {
    const auto handle = node.phandle();
    if (!handle || ++seen > most) continue;
    const auto found = tree.by_phandle(*handle);
    law(found.has_value() == (*handle != 0 && *handle != UINT32_MAX));
    law(!found || (found->phandle() == handle && found->offset() <= node.offset()));
  }
}

void extract(const Fdt& tree) {
  const FdtChosen said = chosen(tree);
  law(!said.bootargs || inside(tree.bytes(), said.bootargs->data(), said.bootargs->size()));
  for (const auto& [node, depth] : tree.nodes()) {
    if (const auto memory = memory_node(tree, node))
      for (const FdtReg reg : memory->regs)
        law(reg.fits || root_cells(tree).address + root_cells(tree).size > 2);
    const FdtReservedNode reserved = reserved_node(tree, node);
    law(reserved.has_reg == node.has("reg") && (!reserved.size.well_formed || reserved.size.present));
  }
  if (const auto map = distance_map(tree))
    for (std::size_t i = 0; i < map->size(); ++i) static_cast<void>((*map)[i]);
  law(count_cpus(tree) <= tree.bytes().size());
  const PhysAddr limit = lowest_dma_limit(tree), again = lowest_dma_limit(tree);
  law(limit == again);
}

}  // namespace
}  // namespace firmware
}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::firmware;
  const ByteView bytes = std::as_bytes(std::span{data, size});
  FdtFault fault{quarry::Error::no_memory, SIZE_MAX, ""};
  const auto parsed = Fdt::from(bytes, &fault);
  if (!parsed) {
    law(fault.error == parsed.error() && fault.offset <= size && !fault.what.empty());
    law(fault.error == quarry::Error::bad_table || fault.error == quarry::Error::truncated_table);
    return 0;
  }
  const Fdt& tree = parsed.value();
  std::size_t first = 0, second = 0;
  law(read(tree, first) == read(tree, second) && first == second);
  law(count_by_children(tree) == first);
  extract(tree);
  follow(tree);
  // A prefix of a tree is no tree.
  law(!Fdt::from(tree.bytes().first(tree.bytes().size() - 1)));
  return 0;
}

// quarry/early/dump.cpp: memblock in Linux's words, line by line.
//
// Source    Linux 6.1, the "MEMBLOCK configuration:" lines of a boot with memblock=debug.
#include "quarry/early/memblock.hpp"

namespace quarry::early {
namespace {

class Dump {
 public:
  Dump(TextSink& out, const Config& config) noexcept
      : out_{out}, digits_{config.phys_addr_bits / 4}, has_numa_{config.numa == Numa::present} {}

  void sizes(Bytes memory, Bytes reserved) noexcept {
    out_.put("MEMBLOCK configuration:\n memory size = ");
    number(memory.raw);
    out_.put(" reserved size = ");
    number(reserved.raw);
    out_.put('\n');
  }
  void table(const RegionTable& table) noexcept {
    out_.put(' ').put(table.name()).put(".cnt  = 0x").hex(table.cnt()).put('\n');
    std::size_t index = 0;
    for (const Region& at : table.view()) region(table.name(), index++, at);
    if (table.empty()) region(table.name(), 0, {.base = {}, .size = {}, .node = table.dummy_node()});
  }

 private:
  // Cut to the width of the addresses: the region of no bytes at 0 ends at the last one.
  void number(std::uint64_t value) noexcept {
    out_.put("0x").hex(digits_ == 8 ? value & UINT32_MAX : value, digits_);
  }
  void region(TextView name, std::size_t index, const Region& at) noexcept {
    out_.put(' ').put(name).put("[0x").hex(index).put("]\t[");
    number(at.base.raw);
    out_.put('-');
    number(at.base.raw + at.size.raw - 1);
    out_.put("], ");
    number(at.size.raw);
    out_.put(" bytes");
    if (has_numa_ && at.node != kAnyNode) out_.put(" on node ").dec(static_cast<std::uint16_t>(at.node));
    out_.put(" flags: 0x").hex(static_cast<std::uint32_t>(at.flags)).put('\n');
  }

  TextSink& out_;
  std::size_t digits_;
  bool has_numa_;
};

}  // namespace

void Memblock::dump_all(TextSink& out) const noexcept {
  Dump dump{out, config_};
  dump.sizes(phys_mem_size(), reserved_size());
  dump.table(memory_.table);
  dump.table(reserved_.table);
  if (physmem_) dump.table(physmem_->table);
}

}  // namespace quarry::early

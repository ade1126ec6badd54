#include "cli/shell_addresses.hpp"

#include <new>
#include <optional>

#include "cli/address_space.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/format_riscv64.hpp"
#include "quarry/vm/format_x86_64.hpp"

namespace quarry::cli {
namespace {

// Blocks of a size that one page table maps are to be had of every machine with such pages.
constexpr Geometry geometry_of(unsigned page_shift) {
  return page_shift == 12 ? k4KSparse : page_shift == 14 ? k16KSparse : k64KSparse;
}

// Frames of the shell's machine, asked for as its commands ask.
template <unsigned kPageShift>
class MachineFrames {
 public:
  static constexpr Geometry kGeometry = geometry_of(kPageShift);
  using Cores = port::OneCore;

  MachineFrames(shell::Machine& machine, hosted::PagedRam& ram) noexcept : machine_{machine}, ram_{ram} {}
  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    return machine_.alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept { return machine_.free_pages(page, order); }
  std::byte* map(PfnRange pages) noexcept { return ram_.map(pages); }
  NodeId node_of(Pfn page) const noexcept {
    const auto ranges = zones::ranges_from(machine_.early().layout(), page);
    return ranges.empty() ? NodeId{} : ranges.front().node;
  }
  NodeId home_of(unsigned) const noexcept { return machine_.home(); }
  const Cores& cores() const noexcept { return cores_; }

 private:
  shell::Machine& machine_;
  hosted::PagedRam& ram_;
  [[no_unique_address]] Cores cores_;
};

template <class Format>
using TreeOf = vm::PageTable<Format, hosted::PagedHost>;
template <class Format>
using VmallocOf = vm::Vmalloc<TreeOf<Format>, MachineFrames<Format::kPageShift>, NoLock>;

template <class Format>
class SimulatedAddresses final : public shell::LiveAddresses<TreeOf<Format>, VmallocOf<Format>, NoLock> {
 public:
  SimulatedAddresses(shell::Machine& machine, hosted::PagedRam& ram, vm::VirtRange range)
      : host_{ram}, frames_{machine, ram}, range_{range} {
    for (const zones::Zone& zone : machine.early().layout().zones) most_.raw += zone.managed.raw;
  }
  ~SimulatedAddresses() = default;

  Result<Done> open() noexcept override {
    if (vmalloc_) return Done{};
    const vm::TablePages pages{
        &frames_, [](void* self) noexcept { return static_cast<Frames*>(self)->alloc_pages(Order{0}, {}); },
        [](void* self, Pfn page) noexcept {
          check(bool{static_cast<Frames*>(self)->free_pages(page, Order{0})}, "a page table's page");
        }};
    auto made = TreeOf<Format>::make(host_, pages);
    if (!made) return made.error();
    tree_.emplace(std::move(made).value());
    vmalloc_.emplace(*tree_, lock_, frames_,
                     vm::VmallocConfig{.range = range_, .records = kRecords, .most = most_});
    this->start(*tree_, lock_, *vmalloc_);
    return Done{};
  }
  unsigned address_digits() const noexcept override { return Format::kVirtBits == 32 ? 8 : 16; }

 private:
  using Frames = MachineFrames<Format::kPageShift>;
  // What is noted of areas is not the simulated machine's matter.
  static constexpr vm::AreaRecords kRecords{nullptr,
                                            [](void*) noexcept -> Result<void*> {
                                              void* const record =
                                                  ::operator new(sizeof(vm::Area), std::nothrow);
                                              if (record == nullptr) return Error::no_memory;
                                              return record;
                                            },
                                            [](void*, void* record) noexcept { ::operator delete(record); }};

  hosted::PagedHost host_;
  Frames frames_;
  vm::VirtRange range_;
  PageCount most_{};
  NoLock lock_;
  std::optional<TreeOf<Format>> tree_;
  std::optional<VmallocOf<Format>> vmalloc_;
};

using Owned = std::unique_ptr<shell::AddressSpace, void (*)(shell::AddressSpace*)>;

template <class Format>
Owned make(shell::Machine& machine, hosted::PagedRam& ram, vm::VirtRange range) {
  return {new SimulatedAddresses<Format>{machine, ram, range},
          [](shell::AddressSpace* addresses) { delete static_cast<SimulatedAddresses<Format>*>(addresses); }};
}

Owned nothing() {
  return {nullptr, [](shell::AddressSpace*) {}};
}

Owned make_arm64(shell::Machine& machine, hosted::PagedRam& ram, vm::VirtRange range) {
  const unsigned bits = machine.early().machine().limits.va_bits;
  switch (machine.geometry().page_size().shift()) {
    case 12:
      if (bits == 48) return make<vm::Arm64<48, vm::Half::upper>>(machine, ram, range);
      if (bits == 39) return make<vm::Arm64<39, vm::Half::upper>>(machine, ram, range);
      return nothing();
    case 14: return bits == 48 ? make<vm::Arm64<48, vm::Half::upper, 14>>(machine, ram, range) : nothing();
    case 16:
      if (bits == 48) return make<vm::Arm64<48, vm::Half::upper, 16>>(machine, ram, range);
      if (bits == 42) return make<vm::Arm64<42, vm::Half::upper, 16>>(machine, ram, range);
      return nothing();
    default: return nothing();
  }
}

Owned make_riscv64(shell::Machine& machine, hosted::PagedRam& ram, vm::VirtRange range) {
  switch (machine.early().machine().limits.va_bits) {
    case 39: return make<vm::Riscv64<39>>(machine, ram, range);
    case 48: return make<vm::Riscv64<48>>(machine, ram, range);
    case 57: return make<vm::Riscv64<57>>(machine, ram, range);
    default: return nothing();
  }
}

}  // namespace

Owned simulated_addresses(shell::Machine& machine, hosted::PagedRam& ram, const lnx::KernelProfile* kernel) {
  const auto space = AddressSpace::of(machine.early(), kernel);
  if (!space) return nothing();
  const auto page = machine.geometry().page_size().bytes().raw;
  for (const vm::Part& part : space->layout().parts()) {
    if (part.kind != vm::PartKind::vmalloc) continue;
    const vm::VirtRange range{vm::VirtAddr{(part.first + page - 1) & ~(page - 1)},
                              vm::VirtAddr{(part.last + 1) & ~(page - 1)}};
    switch (machine.early().machine().arch) {
      case boot::Arch::x86_64:
        if (range.begin().raw >= 0xffff'8000'0000'0000) return make<vm::X86<4>>(machine, ram, range);
        return make<vm::X86<5>>(machine, ram, range);
      case boot::Arch::arm64: return make_arm64(machine, ram, range);
      case boot::Arch::arm: return make<vm::ArmLpae>(machine, ram, range);
      case boot::Arch::riscv64: return make_riscv64(machine, ram, range);
    }
  }
  return nothing();
}

}  // namespace quarry::cli

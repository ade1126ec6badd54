// cli/address_space.hpp: what lies where in the address space of the kernel that a machine boots.
#pragma once

#include <optional>

#include "linux/kernel_profile.hpp"
#include "quarry/memory/early_system.hpp"
#include "quarry/vm/virtual_layout.hpp"

namespace quarry::cli {

class AddressSpace {
 public:
  // After the zones are cut. `kernel` is the one that boots; null: the library's own, of no build.
  //
  // Returns   nothing where it would not fit, or where an architecture has no such number of bits.
  static std::optional<AddressSpace> of(const memory::EarlySystem& early, const lnx::KernelProfile* kernel);

  const vm::VirtualLayout& layout() const noexcept { return layout_; }
  // The image, _text .. _end; on arm it is in the direct map, elsewhere a part of its own. Nothing where it is not known.
  std::optional<vm::Part> image() const noexcept { return image_; }
  // Where vmemmap shows a page's descriptor, and whose descriptor an address in vmemmap is part of; nothing where a kernel
  // keeps its descriptors elsewhere, and behind the last that a machine of this kind can have.
  std::optional<std::uint64_t> descriptor_of(Pfn page) const;
  std::optional<Pfn> described_at(std::uint64_t address) const;
  Bytes descriptor_size() const noexcept { return descriptor_; }

 private:
  explicit AddressSpace(const vm::VirtualLayout& layout) : layout_{layout} {}

  vm::VirtualLayout layout_;
  std::optional<vm::Part> image_;
  Bytes descriptor_{64};  // struct page
  bool has_vmemmap_ = false;
  Pfn first_described_{};  // whose descriptor vmemmap begins with
};

}  // namespace quarry::cli

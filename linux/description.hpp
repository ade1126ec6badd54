// linux/description.hpp: a machine as the tool holds it: boot::Machine's views, and the bytes they look at.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "linux/boot_log.hpp"
#include "linux/kernel_profile.hpp"
#include "quarry/boot/machine.hpp"

namespace quarry::lnx {

struct MachineDescription {
  std::string source;    // "corpus case x86-pc-2g", "device tree board.dtb", "this host"
  KernelProfile kernel;  // geometry, limits, image
  std::string model;
  std::string command_line;
  unsigned cpus = 1;
  bool has_gigabyte_pages = true;      // x86: the processor maps 1 GiB by one entry of a table
  unsigned interrupt_controllers = 1;  // x86: of ACPI's MADT

  std::vector<firmware::MapEntry> map;
  std::string map_source;         // "e820", "efi", or empty
  std::vector<EfiEntry> efi_map;  // as UEFI gave it, also where `map` is the e820
  std::vector<std::byte> tree;
  std::string tree_name;  // for people: "board.dtb"
  PhysAddr tree_at;
  Bytes tree_size{0};
  bool is_tree_from_log =
      false;  // `tree` was made of what a kernel listed, and does not show what it was given
  std::vector<PhysRange> extra_memory;

  std::vector<firmware::MemoryAffinity> memory_affinity;
  std::vector<firmware::CpuAffinity> cpu_affinity;
  std::vector<std::uint8_t> distances;
  std::vector<AcpiTable> acpi_tables;
  std::vector<AcpiTable> setup_data, efi_tables;  // x86: what else firmware and loader left in RAM

  std::optional<bool> has_kasan;  // whether its kernel does, where a log of it tells

  boot::KernelImage image;
  PhysRange initrd;

  std::vector<Origin> origins;       // which line of which input said what of the above
  std::vector<std::string> notes;    // what was assumed because nothing said it
  std::vector<std::string> sources;  // what was read, and what could not be and why

  // The description as the library takes it: views that are good while this object is neither moved nor changed.
  boot::Machine machine() const;

 private:
  mutable std::vector<boot::Machine::Table> acpi_, setup_, efi_;
  mutable std::vector<firmware::UefiDescriptor> descriptors_;
};

}  // namespace quarry::lnx

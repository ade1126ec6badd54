#include "linux/description.hpp"

#include "quarry/firmware/uefi_map.hpp"

namespace quarry::lnx {
namespace {

TextView view_of(const std::string& text) { return {text.data(), text.size()}; }

std::vector<boot::Machine::Table> views_of(const std::vector<AcpiTable>& tables) {
  std::vector<boot::Machine::Table> views;
  views.reserve(tables.size());
  for (const AcpiTable& table : tables) views.push_back({table.range, view_of(table.signature)});
  return views;
}

}  // namespace

boot::Machine MachineDescription::machine() const {
  acpi_ = views_of(acpi_tables);
  setup_ = views_of(setup_data);
  efi_ = views_of(efi_tables);
  descriptors_.clear();
  constexpr unsigned uefi_page_shift = 12;
  for (const EfiEntry& entry : efi_map)
    descriptors_.push_back(
        {firmware::UefiType{entry.type}, entry.base, entry.size.raw >> uefi_page_shift, entry.attributes});
  boot::Machine machine;
  machine.arch = kernel.arch;
  machine.geometry = kernel.geometry;
  machine.limits = kernel.limits;
  machine.model = view_of(model);
  machine.command_line = view_of(command_line);
  machine.cpus = cpus;
  machine.has_gigabyte_pages = has_gigabyte_pages;
  machine.interrupt_controllers = interrupt_controllers;
  machine.map = map;
  machine.tree = tree;
  machine.tree_at = tree_at;
  machine.tree_size = tree_size;
  machine.extra_memory = extra_memory;
  machine.memory_affinity = memory_affinity;
  machine.cpu_affinity = cpu_affinity;
  machine.distances = distances;
  machine.acpi_tables = acpi_;
  machine.setup_data = setup_;
  machine.efi_tables = efi_;
  machine.efi_map = descriptors_;
  machine.kernel = image;
  machine.initrd = initrd;
  return machine;
}

}  // namespace quarry::lnx

// linux/acpi_files.hpp: SRAT, SLIT and MADT from files into a description.
#pragma once

#include <span>
#include <string>

#include "linux/description.hpp"

namespace quarry::lnx {

// Replace what the description has. Errors malformed_input: `name`, and what was expected.
std::optional<Problem> read_srat(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into);
std::optional<Problem> read_slit(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into);
// Of the MADT: how many I/O interrupt controllers it lists.
std::optional<Problem> read_madt(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into);

}  // namespace quarry::lnx

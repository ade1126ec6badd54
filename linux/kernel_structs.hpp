// linux/kernel_structs.hpp: how large a kernel's structures are, as its compiler noted: BTF, or DWARF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "linux/problem.hpp"

namespace quarry::lnx {

// Sizes in bytes, by the structures' names in C: "page", "pglist_data". Only those that size_fields() names.
struct KernelStructs {
  std::string from;  // "BTF", "DWARF"; empty: nothing was there to be read
  std::map<std::string, std::uint64_t, std::less<>> bytes;
  std::string problem;  // what was there but could not be read, in words; empty: nothing
};

// Of a file of BTF, such as /sys/kernel/btf/vmlinux, which is what the section .BTF holds.
//
// Errors    malformed_input: no BTF, damaged, of another byte order, or without any of the structures.
// Source    Linux 6.1, Documentation/bpf/btf.rst; read by libbpf.
Expected<KernelStructs> structs_in_btf(std::span<const std::byte> bytes);

// Of the debugging information of an ELF file. Units are read in their order until each structure was seen; the
// first that has a name wins.
//
// Errors    malformed_input: none of the structures.
// Cost      at most one step for each byte of the file, and a million.
// Source    DWARF 2 to 5; read by elfutils' libdw.
Expected<KernelStructs> structs_in_dwarf(std::span<const std::byte> elf);

// Of an image that has no sections: BTF lies in it as it is, and is found by its first bytes. Empty if there is none.
KernelStructs structs_in_image(std::span<const std::byte> image);

// Of a file of BTF, or of an ELF file that has either.
//
// Errors    those above; malformed_input: an ELF file with neither, or of another machine.
Expected<KernelStructs> structs_in_file(std::span<const std::byte> bytes);

}  // namespace quarry::lnx

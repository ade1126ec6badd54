// linux/corpus_case.hpp: a recorded boot of a real kernel: a directory of what it was given and what it said.
//
// Inputs are case.json, kernel.txt, machine.dtb, srat.bin, slit.bin, madt.bin and of dmesg.txt what LogInputs
// holds. Where the loader of the case put kernel, tree and initrd follows from case.json by the loader's rules
// (Placement). Removing every outcome changes nothing. One property of an input has to be asked elsewhere: the size that
// QEMU gave to a board's tree is known for the boards of the table in corpus_case.cpp; of another board
// result.json's dtb_totalsize says it, if the file is there.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/description.hpp"

namespace quarry::lnx {

// Whether the directory holds a case.json.
bool is_corpus_case(const std::filesystem::path& directory);

// Errors    malformed_input: a file that must be there is missing or malformed: which, where, what was expected.
Expected<MachineDescription> read_corpus_case(const std::filesystem::path& directory);

// The same of files that lie elsewhere: `files` gives the contents of a name, or nothing; `where` is for messages.
using FileSource = std::function<std::optional<std::vector<std::byte>>(std::string_view name)>;
Expected<MachineDescription> read_corpus_case(const FileSource& files, const std::string& where);

// --- Where a boot loader puts things: rules as data --------------------------------------------------------

struct Placement {
  PhysAddr kernel_base;  // physical address of the kernel's link base
  PhysAddr tree_at;
  Bytes tree_size{0};  // bytes that the tree claims for itself; 0: what it has
};

// How a case was started, and what its file says about places.
struct LoaderRequest {
  boot::Arch arch = boot::Arch::arm64;
  enum class Kind { loader, qemu, uefi } kind = Kind::loader;
  std::optional<PhysAddr> kernel, tree;  // "load" of case.json
  std::optional<PhysAddr> ram_base;      // "ram_base"
  PhysRange initrd;                      // from the tree's /chosen
  PhysAddr lowest_memory;                // from the tree's memory nodes
  Bytes tree_bytes{0};
  bool is_board_tree = false;  // a tree of a board was given, which QEMU enlarges
  Bytes board_tree_bytes{0};   // its size before QEMU changed it
};
Placement place(const LoaderRequest& request, const KernelProfile& kernel);

}  // namespace quarry::lnx

// linux/describe.hpp: from a MACHINE argument and its options to a description, whatever kind of thing it names.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/description.hpp"

namespace quarry::lnx {

// What completes or overrides the description; each field is a command-line option of the same name.
struct DescribeOptions {
  std::optional<boot::Arch> arch = {};
  std::vector<PhysRange> memory = {};  // --memory BASE+SIZE, repeatable
  std::optional<std::string> command_line = {};
  std::optional<PhysAddr> kernel_at = {}, tree_at = {};
  std::optional<PhysRange> initrd = {};
  std::optional<std::string> srat_file = {}, slit_file = {}, tree_file = {};
  std::optional<unsigned> cpus = {};
  std::optional<std::string> kernel_file = {}, config_file = {};
  std::optional<KernelProfile> kernel = {};  // what kernel_file says, for whoever has read it already
  std::optional<std::string> release =
      {};                                  // what kernel_file is if there is no such file: a kernel's version
  std::istream* standard_input = nullptr;  // what `-` reads; null: std::cin
};

// Describes what `machine` names: a built-in, `host`, `-`, a command line of QEMU, a case directory, a device tree or a
// boot log. Files are told apart by their bytes, never by their names.
//
// Errors    bad_arguments: no such file or built-in, options that cannot apply; malformed_input: the contents.
Expected<MachineDescription> describe(std::string_view machine, const DescribeOptions& options = {});

// The same for bytes that were read already; `name` is for messages.
Expected<MachineDescription> describe_bytes(std::span<const std::byte> bytes, std::string_view name,
                                            const DescribeOptions& options = {});

// This machine. `root` stands before /sys, /proc and /var: empty for the real ones.
Expected<MachineDescription> describe_host(const DescribeOptions& options = {}, const std::string& root = {});

// --- Built-in machines -------------------------------------------------------------------------------------

struct Builtin {
  std::string_view name;
  std::string_view about;
};
inline constexpr std::string_view kDefaultMachine = "pc-2g";
std::span<const Builtin> builtins();

// "0x80000000+512M": Errors bad_arguments, with the option's name.
Expected<PhysRange> parse_base_and_size(std::string_view text, std::string_view option);

}  // namespace quarry::lnx

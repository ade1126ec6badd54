// linux/describe_parts.hpp: the pieces of describe(), by kind of source.
#pragma once

#include <optional>
#include <string_view>

#include "linux/boot_log.hpp"
#include "linux/describe.hpp"
#include "linux/tree_facts.hpp"

namespace quarry::lnx {

// None: there is no built-in machine of that name.
std::optional<Expected<MachineDescription>> describe_builtin(std::string_view name);

// A tree, and with it what a log of the same machine adds.
Expected<MachineDescription> describe_tree(std::vector<std::byte> tree, std::string_view name,
                                           const LogInputs& log, const DescribeOptions& options);
// Whether a log has no map of its own and is of a machine that a device tree told of memory; and that machine, with
// what the kernel listed of memory in place of the tree.
//
// Errors    malformed_input: the log does not say what memory there is; those of describe_tree().
bool needs_board(const LogInputs& log, const DescribeOptions& options);
Expected<MachineDescription> describe_board(std::span<const std::byte> bytes, const LogInputs& log,
                                            std::string_view name, const DescribeOptions& options);
// A log with a map of its own.
Expected<MachineDescription> describe_log(const LogInputs& log, std::string_view name,
                                          const DescribeOptions& options);

// A command line of QEMU, which a MACHINE is that begins with "qemu:" or is one with its program; none for others.
std::optional<std::string_view> qemu_line(std::string_view name);
// Errors    bad_arguments: what QEMU or this does not understand, and what QEMU refuses; those of a kernel's file.
Expected<MachineDescription> describe_qemu(std::string_view line, const DescribeOptions& options);

// Errors    bad_arguments: an option says something about a kind of machine that this one is not.
std::optional<Problem> require_fitting(const DescribeOptions& options, const MachineDescription& machine);

// What options say about any machine, last.
//
// Errors    bad_arguments: a file that cannot be read; malformed_input: its contents.
std::optional<Problem> apply_options(const DescribeOptions& options, MachineDescription& machine);

// Whether options name a kernel's file that nobody has read; and the same options with what it says.
//
// Errors    those of read_kernel_file().
bool needs_kernel(const DescribeOptions& options);
Expected<DescribeOptions> with_kernel(const DescribeOptions& options);

// The kernel to describe a machine with: the one given, that of the release, or the architecture's default with a note.
//
// Errors    bad_arguments: the one given is of another architecture.
std::optional<Problem> choose_kernel(boot::Arch arch, std::string_view release,
                                     const DescribeOptions& options, MachineDescription& machine);

// The image where options.kernel_at says, and of options.kernel where there is one: in place of the image that was. It
// stays empty if neither option nor machine says where. Errors    as above.
std::optional<Problem> place_kernel(const DescribeOptions& options, MachineDescription& machine);

// Where no loader says: kernel 2 MiB into RAM (arm: at its start), tree behind it on the next 2 MiB; and further up where
// the tree has put something there already. Fills what is empty.
void place_by_habit(const TreeFacts& facts, const DescribeOptions& options, MachineDescription& machine);

}  // namespace quarry::lnx

#include "linux/ledger_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "quarry/boot/command_line.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
using early::Action;

std::string_view text_of(TextView text) { return {text.data(), text.size()}; }

// Where the function depends on when, or on which architecture.
struct Exception {
  std::string_view owner, step, function;
};
constexpr Exception kExceptions[] = {
    {"initrd", "reserve_initrd", "relocate_initrd"},
    {"initrd", "arm_memblock_init", "arm_initrd_init"},
    {"initrd", "arm64_memblock_init", "memblock_reserve"},
    {"initrd", "setup_bootmem", "reserve_initrd_mem"},
    {"command line", "setup_log_buf (late)", "print_unknown_bootoptions"},
    {"page tables", "init_mem_mapping", "alloc_low_pages"},
    {"page tables", "setup_per_cpu_areas", "pcpu_populate_pte"},
    {"page tables", "sparse_init", "vmemmap_populate"},
    {"page tables", "zone_sizes_init", "vmemmap_populate"},
    {"page tables", "mm_init", "setup_cpu_entry_areas"},
    {"node data", "arch_numa_init", "setup_node_data"},
    {"node data", "zone_sizes_init", "arch_alloc_nodedata"},
    {"resources", "acpi_boot_init", "acpi_boot_init"},
    {"resources", "e820__reserve_resources", "e820__reserve_resources"},
};

std::string_view function_of(const Bucket& bucket, const Occasion& occasion) {
  for (const Exception& other : kExceptions)
    if (other.owner == bucket.owner && other.step == occasion.step) return other.function;
  if (bucket.owner == "page tables") {
    if (occasion.arch == Arch::arm64) return "early_pgtable_alloc";
    if (occasion.arch == Arch::riscv64) return "create_pgd_mapping";
    return "early_alloc";
  }
  if (bucket.owner == "EFI memory map" && occasion.arch != Arch::x86_64) return {};
  if (bucket.owner == "resources" && occasion.arch == Arch::riscv64) return "init_resources";
  return bucket.function;
}

// Memblock's own function, when nobody's stands before it.
std::string_view function_of(Action action) {
  switch (action) {
    case Action::reserve: return "memblock_reserve";
    case Action::grow: return "memblock_double_array";
    case Action::remove: return "memblock_remove";
    case Action::mark: return "memblock_mark_nomap";
    default: return "memblock_alloc";
  }
}

// What the ledger calls the owner that an event names.
std::string name_of(const early::Event& event, const Occasion& occasion) {
  const std::string owner{text_of(event.owner)};
  if (event.action == Action::grow) return "memblock tables";
  if (owner.empty()) return "unnamed";
  if (occasion.step == "acpi_boot_table_init") return "ACPI table " + owner;
  if (occasion.step == "efi_config_parse_tables") return "EFI table " + owner;
  if (owner == "efi memory map") return "EFI memory map";
  return owner;
}

// What made the kernel give up memory that it could have had; empty: nobody asked for it.
std::string wish_behind(std::string_view function, const Occasion& occasion) {
  if (function == "memblock_cap_memory_range" && occasion.step == "early_init_dt_scan_nodes")
    return "linux,usable-memory-range";
  if (function == "memblock_cap_memory_range" || function == "memblock_enforce_memory_limit" ||
      function == "early_mem")
    return options_in(occasion.command_line, {"mem"});
  return {};
}

// `owner` of a removal is the function that removes.
Claim removal(const early::Event& event, const Occasion& occasion) {
  const std::string_view by = text_of(event.owner);
  const std::string wish = wish_behind(by, occasion);
  const std::string rule = in_step(by.empty() ? function_of(event.action) : by, occasion.step);
  return {listed(Ledger::kRemoved, wish), listed(rule, wish)};
}

}  // namespace

std::string options_in(std::string_view command_line, std::initializer_list<std::string_view> names) {
  constexpr std::size_t most = 2;
  std::string words;
  std::size_t count = 0;
  for (const boot::Option& option : boot::CommandLine{{command_line.data(), command_line.size()}}) {
    const bool is_named = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return boot::same_name(option.name, {name.data(), name.size()});
    });
    if (!is_named || !option.has_value) continue;
    if (++count > most) return words + ", ...";
    words = listed(words, fmt::format("{}={}", text_of(option.name), text_of(option.value)));
  }
  return words;
}

std::string in_step(std::string_view function, std::string_view step) {
  if (step.empty() || function == step) return std::string{function};
  return function.empty() ? std::string{step} : fmt::format("{} in {}", function, step);
}

std::string listed(std::string_view a, std::string_view b) {
  return fmt::format("{}{}{}", a, a.empty() || b.empty() ? "" : ", ", b);
}

const Bucket* bucket_of(std::string_view owner) {
  for (const Bucket& bucket : buckets()) {
    if (bucket.owner.ends_with('*') && owner.starts_with(bucket.owner.substr(0, bucket.owner.size() - 1)))
      return &bucket;
    if (bucket.owner == owner) return &bucket;
  }
  // With the options that wanted it so: "never taken in, mem=4G".
  for (const Bucket& bucket : buckets())
    if (!bucket.option.empty() && owner.starts_with(std::string{bucket.owner} + ", ")) return &bucket;
  return nullptr;
}

Claim claim_of(const early::Event& event, const Occasion& occasion) {
  if (event.action == Action::remove) return removal(event, occasion);
  if (event.action == Action::mark)
    return {std::string{Ledger::kNoMap}, in_step(function_of(event.action), occasion.step)};
  const std::string owner = name_of(event, occasion);
  if (occasion.step.empty()) return {owner, "Quarry's own tables"};
  const Bucket* const bucket = bucket_of(owner);
  std::string_view function = bucket != nullptr ? function_of(*bucket, occasion) : std::string_view{};
  if (function.empty()) function = function_of(event.action);
  const std::string options =
      bucket != nullptr && !bucket->option.empty() ? options_in(occasion.command_line, {bucket->option}) : "";
  return {owner, listed(in_step(function, occasion.step), options)};
}

}  // namespace quarry::lnx

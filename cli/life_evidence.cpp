// Which line of the input is behind a decision.
#include <fmt/format.h>

#include <algorithm>

#include "cli/life_context.hpp"
#include "cli/text.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/firmware/fdt_memory.hpp"
#include "quarry/view/firmware_map.hpp"

namespace quarry::cli {
namespace {

using lnx::Origin;

// What an owner is decided by: an option of the command line, or a constant of the kernel's configuration.
struct Decider {
  std::string_view owner;  // its first words
  std::string_view option, config;
};
constexpr Decider kDeciders[] = {
    {"crashkernel", "crashkernel", ""},
    {"elfcorehdr", "elfcorehdr", ""},
    {"cma", "cma", "CONFIG_CMA_SIZE_MBYTES"},
    {"reserved", "cma", "CONFIG_CMA_SIZE_MBYTES"},
    {"pernuma", "cma_pernuma", ""},
    {"hugetlb", "hugetlb_cma", ""},
    {"gigantic", "hugepages", ""},
    {"swiotlb", "swiotlb", ""},
    {"log buffer", "log_buf_len", "CONFIG_LOG_BUF_SHIFT"},
    {"dentry hash table", "dhash_entries", ""},
    {"inode hash table", "ihash_entries", ""},
    {"early_mem", "mem", ""},
    {"arm_add_memory", "mem", ""},
    {"arm64_memblock_init", "mem", ""},
    {"numa distances", "numa", ""},
};

// Whether "SIZE@BASE" is a range that has the address.
bool is_about(TextView value, PhysAddr at) {
  const auto size = parse_size(value);
  if (!size || size.value().length >= value.size() || value[size.value().length] != '@') return false;
  const auto base = parse_size(value.part(size.value().length + 1));
  return base && PhysRange::sized(PhysAddr{base.value().value}, Bytes{size.value().value}).contains(at);
}

bool is_of_image(std::string_view owner) {
  return owner.starts_with("kernel ") || owner == "swapper_pg_dir" || owner == "SMP alternatives";
}

void add_words(const firmware::FdtRegs& regs, const std::string& path, PhysAddr at, const TreeWord& like,
               std::vector<TreeWord>& words) {
  std::size_t number = 0;
  for (const firmware::FdtReg reg : regs) {
    const PhysRange range = PhysRange::sized(reg.base, reg.size);
    if (range.contains(at)) {
      TreeWord word = like;
      word.path = fmt::format("{}, reg {}", path, number);
      word.range = range;
      words.push_back(std::move(word));
    }
    ++number;
  }
}

std::string flags_of(const firmware::FdtReservedNode& node) {
  std::string flags = node.no_map ? "no-map" : "";
  if (node.reusable) flags += flags.empty() ? "reusable" : ", reusable";
  return flags;
}

void add_reserved(const firmware::Fdt& tree, const std::string& file, PhysAddr at,
                  std::vector<TreeWord>& words) {
  const auto reserved = firmware::reserved_memory(tree);
  if (!reserved) return;
  for (const firmware::FdtNode child : reserved->node.children()) {
    const auto node = firmware::reserved_node(tree, child);
    if (!node.available) continue;
    const std::string path =
        fmt::format("{}: /{}/{}", file, to_string(reserved->node.name()), to_string(node.name()));
    if (node.has_reg)
      add_words(node.regs, path, at,
                {.kind = TreeWord::Kind::reserved, .path = {}, .range = {}, .flags = flags_of(node)}, words);
  }
}

}  // namespace

std::string place_of(const Origin& origin) {
  return origin.words.empty() ? origin.where : fmt::format("{}: {}", origin.where, origin.words);
}

std::string option_behind(const LifeContext& context, std::string_view name) {
  const boot::CommandLine line{view_of(context.description.command_line)};
  auto option = line.last(view_of(name));
  if (!option) return {};
  for (const boot::Option& one : line)
    if (boot::same_name(one.name, view_of(name)) && is_about(one.value, context.at)) option = one;
  const Origin* const origin = lnx::find_origin(context.description.origins, Origin::Kind::command_line);
  const std::string word = option->has_value
                               ? fmt::format("{}={}", to_string(option->name), to_string(option->value))
                               : to_string(option->name);
  return fmt::format("{}: {}", origin == nullptr ? "command line" : origin->where + ", command line", word);
}

std::string config_behind(const LifeContext& context, std::string_view option) {
  if (context.kernel == nullptr) return {};
  const auto found = context.kernel->config.find(option);
  if (found == context.kernel->config.end()) return {};
  return fmt::format("{}: {}={}", context.kernel->source, found->first, found->second);
}

std::string input_behind(const LifeContext& context, std::string_view owner, PhysRange range) {
  const auto& origins = context.description.origins;
  if (owner.starts_with("initrd")) {
    if (const Origin* const origin = lnx::find_origin(origins, Origin::Kind::initrd))
      return place_of(*origin);
    for (const TreeWord& word : tree_words(context, context.at))
      if (word.kind == TreeWord::Kind::initrd) return word.path;
  }
  if (const Origin* const table = lnx::find_origin(origins, Origin::Kind::table, range))
    return place_of(*table);
  if (is_of_image(owner) && context.kernel != nullptr)
    return fmt::format("{}: _text .. _end", context.kernel->source);
  for (const Decider& decider : kDeciders) {
    if (!owner.starts_with(decider.owner)) continue;
    if (std::string word = option_behind(context, decider.option); !word.empty()) return word;
    if (!decider.config.empty()) return config_behind(context, decider.config);
  }
  for (const TreeWord& word : tree_words(context, context.at))
    if (word.kind != TreeWord::Kind::memory && word.range == range) return word.path;
  if (owner == "early_init_dt_scan_memory")
    for (const TreeWord& word : tree_words(context, context.at))
      if (word.kind == TreeWord::Kind::memory) return word.path;
  return {};
}

std::vector<TreeWord> tree_words(const LifeContext& context, PhysAddr at) {
  std::vector<TreeWord> words;
  const auto read = firmware::Fdt::from(context.machine().tree);
  if (!read) return words;
  const firmware::Fdt& tree = read.value();
  const std::string& file = context.description.tree_name;
  for (const firmware::FdtNode node : tree.root().children()) {
    const auto memory = firmware::memory_node(tree, node);
    if (!memory || !memory->available) continue;
    TreeWord like;
    if (memory->numa_node) like.node = *memory->numa_node;
    if (memory->hotpluggable) like.flags = "hotpluggable";
    const char* const which = memory->usable_memory ? " linux,usable-memory" : "";
    add_words(memory->regs, fmt::format("{}: /{}{}", file, to_string(node.name()), which), at, like, words);
  }
  add_reserved(tree, file, at, words);
  std::size_t number = 0;
  for (const firmware::FdtReservation entry : tree.reservations()) {
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    if (range.contains(at))
      words.push_back({TreeWord::Kind::reservation,
                       fmt::format("{}: memory reservation {}", file, number),
                       range,
                       {},
                       {}});
    ++number;
  }
  const auto chosen = firmware::chosen(tree);
  if (chosen.initrd_start && chosen.initrd_end && *chosen.initrd_start < *chosen.initrd_end) {
    const PhysRange range{*chosen.initrd_start, *chosen.initrd_end};
    const PageSize page = context.page_size();
    const PfnRange whole = PfnRange::covering(range, page);
    if (whole.contains(page.pfn_down(at)))
      words.push_back(
          {TreeWord::Kind::initrd, fmt::format("{}: /chosen linux,initrd-start", file), range, {}, {}});
  }
  return words;
}

std::string mem_text(const LifeContext& context, PhysRange range) {
  if (range.empty()) return "[mem empty]";
  const bool is_narrow = context.machine().limits.phys_bits <= 32;
  return fmt::format("[mem {:#0{}x}-{:#0{}x}]", range.begin().raw, is_narrow ? 10 : 18, range.end().raw - 1,
                     is_narrow ? 10 : 18);
}

std::string pages_text(const LifeContext& context, PfnRange pages) {
  const PageSize page = context.page_size();
  return mem_text(context, {page.address_of(pages.begin()), page.address_of(pages.end())});
}

std::string address_text(std::uint64_t address) { return fmt::format("{:#010x}", address); }

nlohmann::ordered_json range_json(PhysRange range) {
  constexpr std::uint64_t largest = (std::uint64_t{1} << 53) - 1;  // that every reader of JSON keeps
  return {{"base", std::min(range.begin().raw, largest)}, {"size", std::min(range.size().raw, largest)}};
}

}  // namespace quarry::cli

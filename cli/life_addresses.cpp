// Which resource an address is part of, and which virtual addresses show it.
#include <fmt/format.h>

#include <algorithm>

#include "cli/life_context.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"

namespace quarry::cli {
namespace {

using vm::PartKind;

// What is mapped in a part, and why no frame is fixed to an address of it.
std::string about_part(PartKind kind) {
  switch (kind) {
    case PartKind::user:
      return "user space: each process has page tables of its own, and frames as it touches pages";
    case PartKind::hole:
      return "nothing is mapped here: the processor refuses the address, or nobody uses it";
    case PartKind::guard: return "kept free on purpose";
    case PartKind::tables: return "mappings that the processor itself needs";
    case PartKind::vmalloc:
      return "vmalloc, vmap and ioremap: what an address shows is decided while the kernel runs";
    case PartKind::pci_io: return "ports of PCI devices: no RAM";
    case PartKind::modules:
      return "code of modules, loaded while the kernel runs into frames that are free then";
    case PartKind::fixmap: return "slots known when the kernel is compiled; what they show changes";
    case PartKind::kmap: return "a window on high memory, moved whenever a page is wanted";
    case PartKind::firmware: return "UEFI's runtime services";
    case PartKind::vmemmap: return "page descriptors";
    case PartKind::direct_map: return "the direct map: all of RAM, one after the other";
    case PartKind::kernel: return "the kernel's image";
  }
  return {};
}

bool is_nomap(const LifeContext& context) {
  const RegionEntry* const memory = context.memory();
  return memory != nullptr && std::ranges::find(memory->flags, "nomap") != memory->flags.end();
}

// One after the other from the outermost to the one that has the address.
std::vector<const ResourceEntry*> resources_at(const LifeContext& context) {
  std::vector<const ResourceEntry*> chain;
  for (const ResourceEntry& entry : context.report.iomem) {
    if (entry.range.begin > context.at.raw || context.at.raw >= entry.range.end) continue;
    if (entry.depth == chain.size()) chain.push_back(&entry);
  }
  return chain;
}

}  // namespace

LifeStage resources_stage(const LifeContext& context) {
  LifeStage stage{.name = "resource", .says = {}};
  auto names = nlohmann::ordered_json::array();
  for (const ResourceEntry* const entry : resources_at(context)) {
    stage.says += (stage.says.empty() ? "" : " / ") + entry->name;
    stage.because(fmt::format("{} : {}",
                              mem_text(context, {PhysAddr{entry->range.begin}, PhysAddr{entry->range.end}}),
                              entry->name));
    names.push_back(entry->name);
  }
  if (stage.says.empty()) {
    stage.says = "none in /proc/iomem";
    if (context.piece() != nullptr && !context.is_ram())
      stage.because("memory that memblock has not got is no System RAM");
    else if (!context.is_ram())
      stage.because("a hole: room for devices (MMIO), which their drivers claim while the kernel runs");
  }
  stage.facts["path"] = std::move(names);
  return stage;
}

LifeStage addresses_stage(const LifeContext& context) {
  LifeStage stage{.name = "addresses", .says = {}};
  auto list = nlohmann::ordered_json::array();
  const auto add = [&](std::uint64_t address, const char* where) {
    stage.says += (stage.says.empty() ? "" : ", ") + fmt::format("{:#x} ({})", address, where);
    list.push_back({{"address", fmt::format("{:#x}", address)}, {"part", where}});
  };
  if (context.space == nullptr) {
    stage.says = "not known: the layout of this kernel's address space is none that Linux 6.1 has";
    stage.facts["addresses"] = std::move(list);
    return stage;
  }
  const vm::VirtualLayout& layout = context.space->layout();
  const auto direct = layout.direct(context.at);
  const bool is_shown = context.is_ram() && !is_nomap(context);
  if (direct && is_shown) add(direct.value(), "direct map");
  if (const auto image = layout.in_image(context.at); image && (!direct || image.value() != direct.value()))
    add(image.value(), "kernel");
  if (stage.says.empty()) stage.says = "none that lasts";
  if (const auto image = layout.in_image(context.at); image && direct && image.value() == direct.value())
    stage.because("the kernel's image: here it is a part of the direct map");
  if (!context.is_ram())
    stage.because("no RAM: a driver that wants it maps it by ioremap");
  else if (is_nomap(context))
    stage.because("not to be mapped: the direct map leaves it out");
  else if (!direct)
    stage.because("high memory: mapped by kmap when a page is wanted");
  if (!list.empty()) stage.because("of a kernel that was not moved (nokaslr)");
  stage.facts["addresses"] = std::move(list);
  return stage;
}

VirtualAnswer virtual_stage(std::uint64_t address, const AddressSpace* space,
                            const memory::EarlySystem& early) {
  LifeStage stage{.name = "virtual", .says = {}};
  stage.facts["address"] = fmt::format("{:#x}", address);
  stage.facts["part"] = nullptr;
  if (space == nullptr) {
    stage.says = "not known: the layout of this kernel's address space is none that Linux 6.1 has";
    return {std::move(stage), std::nullopt};
  }
  const vm::VirtualLayout& layout = space->layout();
  if (address > layout.last()) {
    stage.says =
        fmt::format("no address: this machine has {} bits of them", layout.last() > UINT32_MAX ? 64 : 32);
    return {std::move(stage), std::nullopt};
  }
  const vm::Part& part = layout.part_of(address);
  const std::string name = to_string(vm::name_of(part.kind));
  stage.says = name;
  stage.facts["part"] = name;
  stage.because(fmt::format("{:#x} - {:#x}: {}", part.first, part.last, about_part(part.kind)));
  const PageSize page = early.machine().geometry.page_size();
  std::optional<PhysAddr> physical;
  if (const auto found = layout.physical(address)) {
    physical = found.value();
    stage.because(fmt::format("it shows {}", address_text(physical->raw)));
  } else if (part.kind == PartKind::direct_map || part.kind == PartKind::kernel) {
    stage.because("no RAM is shown here");
  } else if (const auto described = space->described_at(address)) {
    physical = page.address_of(*described);
    stage.says = fmt::format("vmemmap: the descriptor of page {:#x}", described->raw);
    stage.facts["pfn"] = described->raw;
    stage.because(fmt::format("byte {} of {}: what follows is the life of the page described",
                              address - *space->descriptor_of(*described), space->descriptor_size().raw));
  } else {
    stage.because("no frame is fixed to it");
  }
  stage.because("of a kernel that was not moved (nokaslr)");
  return {std::move(stage), physical};
}

std::string summary_of(const LifeContext& context) {
  const std::string address = address_text(context.at.raw);
  const zones::Zone* const zone = context.zone();
  if (!context.is_ram()) {
    if (const MapPiece* const piece = context.piece(); piece != nullptr)
      return fmt::format("{} is RAM that the kernel does not use: {}", address, piece->owner);
    std::string what = "no RAM";
    for (const ResourceEntry* const entry : resources_at(context)) what = "no RAM: " + entry->name;
    std::uint64_t last = 0;
    for (const RegionEntry& region : context.report.memory) last = std::max(last, region.range.end);
    if (context.at.raw >= last && last != 0)
      return fmt::format("{} is {}, {} beyond the last byte of RAM", address, what,
                         human_size(context.at.raw - last + 1));
    return fmt::format("{} is {}", address, what);
  }
  std::string text = fmt::format("{} is RAM", address);
  if (context.early.layout().nodes.size() > 1)
    text += fmt::format(" of node {}", std::max(context.memory()->node, 0));
  if (zone != nullptr) text += fmt::format(", zone {}", to_string(zones::name_of(zone->type)));
  const MapPiece* const piece = context.piece();
  if (piece != nullptr && piece->owner != lnx::Ledger::kFree) text += fmt::format("; {}", piece->owner);
  const LifeStage now = now_stage(context);
  if (context.given_by) {
    text += fmt::format("; {} after boot", now.says == "slab" ? "a slab of " + context.now.cache : now.says);
    if (context.now.state == page::State::free)
      text += fmt::format(", in a block of {} pages", context.now.block.size().raw);
  } else {
    text += "; never handed to the page allocator";
  }
  return text;
}

}  // namespace quarry::cli

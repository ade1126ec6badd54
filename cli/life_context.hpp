// cli/life_context.hpp: what the stages of a life are told from, and the functions that tell them.
#pragma once

#include <string>
#include <string_view>

#include "cli/address_space.hpp"
#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "cli/life.hpp"
#include "cli/page_look.hpp"
#include "linux/description.hpp"
#include "linux/ledger.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::cli {

// One address of a machine that has booted.
struct LifeContext {
  PhysAddr at;
  Pfn page;
  const lnx::MachineDescription& description;
  const memory::EarlySystem& early;
  const EventLog& log;
  const BootReport& report;
  const lnx::KernelProfile* kernel;  // null: the library's own metadata
  const AddressSpace* space;         // null: not known
  PageLook now;                      // at the end of the boot
  std::optional<memory::HandOverStep> given_by;

  const boot::Machine& machine() const { return early.machine(); }
  PageSize page_size() const { return machine().geometry.page_size(); }
  bool is_x86() const { return machine().arch == boot::Arch::x86_64; }
  // What the report says of the address; null: nothing.
  const RegionEntry* memory() const;
  const RegionEntry* reserved() const;
  const MapPiece* piece() const;
  const zones::Zone* zone() const;  // that has the page, or that spans it though it is no memory
  bool is_ram() const { return memory() != nullptr; }
};

// life_firmware.cpp
LifeStage firmware_stage(const LifeContext& context);
std::optional<LifeStage> map_stage(const LifeContext& context);  // of x86
// life_early.cpp
LifeStage early_stage(const LifeContext& context);
LifeStage node_stage(const LifeContext& context);
// life_zones.cpp
LifeStage section_stage(const LifeContext& context);
LifeStage zone_stage(const LifeContext& context);
LifeStage descriptor_stage(const LifeContext& context);
LifeStage pageblock_stage(const LifeContext& context);
// life_pages.cpp
LifeStage hand_over_stage(const LifeContext& context);
LifeStage ledger_stage(const LifeContext& context);
LifeStage now_stage(const LifeContext& context);
// life_addresses.cpp
LifeStage resources_stage(const LifeContext& context);
LifeStage addresses_stage(const LifeContext& context);
// What a virtual address is, and its physical one where that is fixed: of the page itself, of vmemmap of the page described.
struct VirtualAnswer {
  LifeStage stage;
  std::optional<PhysAddr> physical;
};
VirtualAnswer virtual_stage(std::uint64_t address, const AddressSpace* space,
                            const memory::EarlySystem& early);
std::string summary_of(const LifeContext& context);

// life_evidence.cpp: which line of the input is behind a decision; empty where none is.
std::string place_of(const lnx::Origin& origin);  // "dmesg.txt:17  'BIOS-e820: …'"
std::string option_behind(
    const LifeContext& context,
    std::string_view name);  // "crashkernel=512M": the word about this address, else the last
std::string input_behind(const LifeContext& context, std::string_view owner, PhysRange range);
std::string config_behind(const LifeContext& context,
                          std::string_view option);  // "CONFIG_CMA_SIZE_MBYTES=64 (kernel.txt)"
// The nodes of the tree that say something about the address.
struct TreeWord {
  enum class Kind { memory, reserved, reservation, initrd } kind = Kind::memory;
  std::string path;  // "machine.dtb: /memory@40000000, reg 0"
  PhysRange range;
  std::string flags;               // "no-map", "reusable"
  std::optional<unsigned> node{};  // numa-node-id
};
std::vector<TreeWord> tree_words(const LifeContext& context, PhysAddr at);

// "[mem 0x0000000000100000-0x000000007ffdffff]", as the machine's own log prints it.
std::string mem_text(const LifeContext& context, PhysRange range);
std::string pages_text(const LifeContext& context, PfnRange pages);  // the same of whole pages
std::string address_text(std::uint64_t address);                     // "0x07123456"
nlohmann::ordered_json range_json(PhysRange range);

}  // namespace quarry::cli

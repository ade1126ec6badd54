#include "cli/life_reader.hpp"

#include <fmt/format.h>

#include "cli/life_context.hpp"
#include "quarry/base/bits.hpp"

namespace quarry::cli {
namespace {

template <class Entry>
const Entry* entry_at(const std::vector<Entry>& entries, PhysAddr at) {
  for (const Entry& entry : entries)
    if (entry.range.begin <= at.raw && at.raw < entry.range.end) return &entry;
  return nullptr;
}

}  // namespace

void LifeStage::because(std::string text, std::string where) {
  Reason& reason = reasons.emplace_back();
  reason.text = std::move(text);
  reason.where = std::move(where);
}

const RegionEntry* LifeContext::memory() const { return entry_at(report.memory, at); }
const RegionEntry* LifeContext::reserved() const { return entry_at(report.reserved, at); }
const MapPiece* LifeContext::piece() const { return entry_at(report.pieces, at); }

const zones::Zone* LifeContext::zone() const {
  const zones::Layout& layout = early.layout();
  const RegionEntry* const region = memory();
  const zones::Zone* spanning = nullptr;
  for (const zones::Zone& zone : layout.zones) {
    if (!zone.is_populated() || !zone.span().contains(page)) continue;
    const bool is_of_node =
        region == nullptr || region->node < 0 || static_cast<int>(zone.node) == region->node;
    if (!is_of_node) continue;
    for (const zones::NodeRange& range : layout.node_ranges) {
      const bool has_page = range.node == zone.node && range.span.contains(page);
      if (has_page && zones::part_of(layout, zone, range, range.span).contains(page)) return &zone;
    }
    if (spanning == nullptr) spanning = &zone;
  }
  return spanning;
}

LifeReader::LifeReader(const lnx::MachineDescription& machine, const LifeQuestion& question)
    : machine_{machine}, question_{question} {}
LifeReader::~LifeReader() = default;

PagesRunner LifeReader::runner(PolicyChoice policy) {
  return [this, policy](memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                        std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report) {
    early_ = &early;
    kernel_ = as_linux ? &as_linux->machine.kernel : nullptr;
    const PagesRun run =
        run_pages(early, ram, metadata, as_linux, log, report, policy, AfterBoot::exercise, this);
    if (run.is_known && run.done) read(early, log, report);
    return run;
  };
}

// Virtual addresses are known once the zones are cut, which is before the first step of the hand-over.
void LifeReader::find_address(const memory::EarlySystem& early) {
  if (is_found_) return;
  is_found_ = true;
  if (auto space = AddressSpace::of(early, kernel_)) space_ = std::make_unique<AddressSpace>(*space);
  switch (question_.kind) {
    case LifeQuestion::Kind::physical: at_ = PhysAddr{question_.address}; return;
    case LifeQuestion::Kind::page_frame: {
      const PageSize page = early.machine().geometry.page_size();
      at_ = PhysAddr{question_.address << page.shift()};
      return;
    }
    case LifeQuestion::Kind::virtual_address: {
      VirtualAnswer answer = virtual_stage(question_.address, space_.get(), early);
      life_.virtual_address = question_.address;
      life_.stages.push_back(std::move(answer.stage));
      at_ = answer.physical;
      return;
    }
  }
}

void LifeReader::after(memory::HandOverStep step, const PageLooker& look) {
  find_address(*early_);
  if (!at_ || given_by_) return;
  const PageLook now = look(early_->machine().geometry.page_size().pfn_down(*at_));
  if (now.state != page::State::nothing || now.is_deferred) given_by_ = step;
}

void LifeReader::at_end(const PageLooker& look) {
  if (!at_) return;
  const Geometry& geometry = early_->machine().geometry;
  const Pfn page = geometry.page_size().pfn_down(*at_);
  now_ = look(page);
  if (!now_.is_deferred) return;
  // A section that is free as a whole is counted in blocks of the highest order.
  const Order order = geometry.max_order();
  const Pfn start{align_down(page.raw, order.pages().raw)};
  now_.state = page::State::free;
  now_.block = {start, start + order.pages()};
}

void LifeReader::read(const memory::EarlySystem& early, const EventLog& log, const BootReport& report) {
  life_.source = report.source, life_.arch = report.arch, life_.page_size = report.page_size;
  life_.address = at_;
  if (!at_) {
    life_.summary =
        fmt::format("{:#x} is no address of RAM: {}", question_.address, life_.stages.front().says);
    return;
  }
  const LifeContext context{.at = *at_,
                            .page = early.machine().geometry.page_size().pfn_down(*at_),
                            .description = machine_,
                            .early = early,
                            .log = log,
                            .report = report,
                            .kernel = kernel_,
                            .space = space_.get(),
                            .now = now_,
                            .given_by = given_by_};
  auto& stages = life_.stages;
  stages.push_back(firmware_stage(context));
  if (auto map = map_stage(context)) stages.push_back(*std::move(map));
  for (const auto& stage :
       {early_stage, node_stage, section_stage, zone_stage, descriptor_stage, pageblock_stage,
        hand_over_stage, ledger_stage, now_stage, resources_stage, addresses_stage})
    stages.push_back(stage(context));
  life_.summary = summary_of(context);
}

}  // namespace quarry::cli

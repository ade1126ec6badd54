#include <fmt/format.h>

#include "cli/boot_report.hpp"
#include "cli/shell.hpp"
#include "cli/shell_words.hpp"
#include "cli/sizes.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/view/fragmentation.hpp"

namespace quarry::cli {
namespace {

const char* words_of(page::State state) {
  switch (state) {
    case page::State::nothing: return "inside a block";
    case page::State::free: return "free";
    case page::State::allocated: return "in use";
    case page::State::slab: return "a slab's";
    case page::State::per_cpu: return "on a core's list";
    case page::State::isolated: return "isolated";
    case page::State::reserved: return "reserved";
  }
  return "unknown";
}

}  // namespace

std::vector<view::CountedZone> Shell::counted() {
  std::vector<view::CountedZone> zones;
  on_core_.clear();
  const zones::Layout& layout = machine_.early().layout();
  on_core_.reserve(layout.zones.size());
  for (std::uint32_t i = 0; i < layout.zones.size(); ++i) {
    const zones::Zone& zone = layout.zones[i];
    if (!zone.is_populated()) continue;
    on_core_.emplace_back();
    for (unsigned core = 0; core < machine_.core_count(); ++core)
      on_core_.back().push_back(machine_.pages_on(i, core));
    zones.push_back({zone.node, zone.type, machine_.stats(i), on_core_.back()});
  }
  return zones;
}

std::vector<view::RefusingZone> Shell::refusing(const view::FailedRequest& failed) {
  std::vector<view::RefusingZone> zones;
  const zones::Layout& layout = machine_.early().layout();
  for (std::uint32_t i = 0; i < layout.zones.size(); ++i) {
    const zones::Zone& zone = layout.zones[i];
    if (!zone.is_populated()) continue;
    zones.push_back({.counted = {zone.node, zone.type, machine_.stats(i), {}},
                     .present = zone.present,
                     .local = machine_.pages_on(i, machine_.core()),
                     .obstacle = machine_.obstacle(i, failed.order, failed.request)});
  }
  return zones;
}

std::string Shell::explain(const view::FailedRequest& failed) {
  const auto zones = refusing(failed);
  return printed([&](TextSink& out) {
    view::print_failure(out, failed);
    view::print_mem_info(out, machine_.geometry(), machine_.early().layout(), zones, failed,
                         machine_.device_column());
    out.put("Why:\n");
    view::print_obstacles(out, machine_.geometry().max_order(), zones, failed);
  });
}

void Shell::why(const Words&) { console_.write(failure_.empty() ? "nothing was refused yet\n" : failure_); }

void Shell::meminfo(const Words&) {
  const view::FailedRequest all{.request = {.highest = zones::ZoneType::movable}};
  const auto zones = refusing(all);
  console_.write(printed([&](TextSink& out) {
    view::print_mem_info(out, machine_.geometry(), machine_.early().layout(), zones, all,
                         machine_.device_column());
  }));
}

void Shell::buddyinfo(const Words&) {
  const auto zones = counted();
  console_.write(
      printed([&](TextSink& out) { view::print_buddyinfo(out, machine_.geometry().max_order(), zones); }));
}

void Shell::pagetypeinfo(const Words&) {
  const auto zones = counted();
  const bool has_cma = machine_.early().machine().limits.has_cma;
  console_.write(printed([&](TextSink& out) {
    view::print_pagetypeinfo(out, machine_.geometry(),
                             has_cma ? view::CmaColumn::present : view::CmaColumn::absent, zones);
  }));
}

void Shell::zoneinfo(const Words&) {
  const auto zones = counted();
  console_.write(printed([&](TextSink& out) {
    view::print_zoneinfo(out, machine_.early().layout(), zones, machine_.device_column());
  }));
}

void Shell::slabinfo(const Words&) { console_.write(machine_.slabinfo()); }

void Shell::extfrag(const Words&) {
  const auto zones = counted();
  console_.write(printed(
      [&](TextSink& out) { view::print_extfrag_index(out, machine_.geometry().max_order(), zones); }));
}

void Shell::unusable(const Words&) {
  const auto zones = counted();
  console_.write(printed(
      [&](TextSink& out) { view::print_unusable_index(out, machine_.geometry().max_order(), zones); }));
}

void Shell::memblock(const Words&) {
  console_.write(printed([&](TextSink& out) { machine_.early().memblock().dump_all(out); }));
}

void Shell::iomem(const Words&) {
  BootReport report;
  const auto regions = machine_.early().memblock().memory().view();
  const std::vector<early::Region> memory(regions.begin(), regions.end());
  read_iomem(machine_.early(), memory, report);
  console_.write(report.texts.iomem);
}

void Shell::page(const Words& words) {
  const Pfn page{number_of(words[1], "PFN")};
  const auto look = machine_.look_at(page);
  if (!look) throw Refusal{fmt::format("{:#x}: there is no such page", page.raw)};
  std::string line = fmt::format("{:#x}  {}, {}, in a pageblock of type {}", page.raw, place_of(page),
                                 words_of(look->state), to_string(view::name_of(look->pageblock)));
  const PfnRange block = look->block;
  if (!block.empty())
    line += fmt::format(", block {:#x}-{:#x} ({} pages)", block.begin().raw, block.end().raw - 1,
                        block.size().raw);
  say(line);
}

void Shell::stats(const Words&) {
  const auto row = [](const auto&... columns) {
    return fmt::format("{:<14} {:>12} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7}", columns...);
  };
  say(row("zone", "free", "on CPUs", "allocs", "frees", "failed", "splits", "merges", "refills", "spills"));
  for (const view::CountedZone& zone : counted()) {
    const buddy::ZoneStats& has = zone.stats;
    say(row(fmt::format("node {} {}", static_cast<unsigned>(zone.node), to_string(zones::name_of(zone.type))),
            grouped(has.free.raw), has.on_cores.raw, has.allocs, has.frees, has.failures, has.splits,
            has.merges, has.refills, has.spills));
  }
}

void Shell::audit(const Words&) {
  const auto finding = machine_.audit();
  const std::string slabs = machine_.slab_audit();
  if (!finding && slabs.empty()) {
    say("every law holds");
    return;
  }
  has_findings_ = true;
  if (finding)
    throw Refusal{
        fmt::format("broken at {:#x}: {}", finding.page.raw, to_string(buddy::name_of(finding.broken)))};
  throw Refusal{"broken: " + slabs};
}

void Shell::policy(const Words&) {
  say(fmt::format("policy {}: {}", word_of(machine_.policy()),
                  machine_.policy() == PolicyChoice::compact ? "fullest pageblocks and lowest addresses first"
                                                             : "Linux 6.1's choices, block by block"));
  const Geometry& geometry = machine_.geometry();
  say(fmt::format("pages of {} KiB, blocks up to order {}, pageblocks of order {}, {} CPU{}",
                  geometry.page_size().bytes().raw >> 10, geometry.max_order().raw(),
                  geometry.pageblock_order().raw(), machine_.core_count(),
                  machine_.core_count() == 1 ? "" : "s"));
}

void Shell::step(const Words& words) {
  const std::string to = words.size() > 1 ? words[1] : teller_.is_on() ? "off" : "on";
  if (to != "on" && to != "off") throw BadLine{fmt::format("step {}: expected on or off", to)};
  teller_.set_on(to == "on");
  say(to == "on" ? "every step is told from now on" : "steps are told no longer");
}

}  // namespace quarry::cli

// cli/pages_stage.hpp: one bring-up with snapshots, on a machine whose geometry is a type.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "cli/ledger_parts.hpp"
#include "cli/run_pages.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "cli/timeline.hpp"
#include "host/many_core_host.hpp"
#include "linux/deferred_pages.hpp"
#include "linux/initcall_watermarks.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/view/memory_line.hpp"
#include "quarry/view/slab_memory.hpp"
#include "quarry/view/slabinfo.hpp"
#include "quarry/view/zoneinfo.hpp"
#include "quarry/view/zones.hpp"

namespace quarry::cli {

template <Geometry G, class Policy = buddy::LinuxPolicy>
class PagesStage {
 public:
  using System = memory::PageSystem<G, hosted::ManyCoreHost, buddy::NoObserver, Policy>;

  // All that is given outlives this. Without `as_linux` the sizes and moments are the library's own. `watcher` may be null.
  PagesStage(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
             std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report, AfterBoot after,
             PageWatcher* watcher)
      : early_{early},
        linux_{as_linux},
        ram_{ram},
        log_{log},
        report_{report},
        after_{after},
        watcher_{watcher},
        timeline_{early},
        cores_{.count = early.machine().cpus},
        system_{early, hosted::ManyCoreHost{ram, cores_}, metadata, config()} {}

  Result<Done> run() {
    auto done = memory::bring_up(early_, system_, reached_, {this, &PagesStage::after});
    if (!done) return done;
    if (after_ == AfterBoot::exercise) {
      exercise(memory::exercise_pages(system_));
      exercise(memory::exercise_kmalloc(system_));
      exercise(memory::exercise_cache(system_));
    } else {
      system_.allocator().drain_all();  // as they leave it
    }
    read_end();
    if (watcher_ != nullptr) watcher_->at_end(looker());
    report_.timeline = timeline_.take();
    return done;
  }
  memory::Stage reached() const { return reached_; }

 private:
  memory::PageConfig config() {
    memory::PageConfig config;
    config.moments = {this, [](void* self, const memory::Moment& moment) noexcept {
                        static_cast<PagesStage*>(self)->moment(moment);
                      }};
    // Whole free sections of a machine that is too large to describe at once wait until they are needed.
    config.allocator.hand_over = buddy::HandOver::deferred;
    config.slabs.packing.cpus = early_.machine().cpus;
    const boot::Arch arch = early_.machine().arch;
    config.slabs.packing.kmalloc_align = arch == boot::Arch::arm64    ? 128
                                         : arch == boot::Arch::x86_64 ? 8
                                                                      : 64;
    return config;
  }

  // Linux computes the watermarks once more when khugepaged starts. Kernels that defer pages have no bootmem.
  void moment(const memory::Moment& moment) {
    using Step = memory::HandOverStep;
    if (moment.step == Step::low_memory && linux_ && early_.bootmem() == nullptr &&
        linux_->machine.kernel.has("CONFIG_DEFERRED_STRUCT_PAGE_INIT"))
      timeline_.expect_deferred(lnx::deferred_pages_of_nodes(early_));
    if (moment.step == Step::used && linux_) {
      const auto marks = lnx::initcall_marks(lnx::managed_zones(early_), linux_->machine.kernel,
                                             linux_->machine.command_line);
      system_.allocator().set_min_free(marks.min_free_kib);
    }
    timeline_.add(moment, [this](std::uint32_t zone) { return system_.allocator().free_pages_of(zone); });
    if (watcher_ != nullptr) watcher_->after(moment.step, looker());
  }

  PageLooker looker() {
    return [this](Pfn page) { return look_at(page); };
  }

  PageLook look_at(Pfn page) {
    PageLook look;
    const auto place = memory::place_of(system_.allocator(), early_.layout(), page);
    if (!place) return look;
    static_cast<memory::PagePlace&>(look) = place.value();
    look.is_described = true;
    auto& map = system_.allocator().map();
    if constexpr (!G.is_flat()) look.is_deferred = map.is_deferred(page);
    if (look.state != page::State::slab) return look;
    if (const auto* const cache = system_.slabs().by_id(map.at(look.block.begin()).cache());
        cache != nullptr) {
      look.cache = to_string(cache->name());
      look.object_bytes = cache->packing().object_size;
    }
    return look;
  }

  static void after(void* self, memory::Stage stage) noexcept {
    auto& me = *static_cast<PagesStage*>(self);
    if (stage == memory::Stage::early) me.limit_ram();
    if (stage == memory::Stage::descriptors) read_bitmaps(me.early_, me.report_);
    if (stage == memory::Stage::hand_over) me.read_handover();
  }

  // The flow has decided what is memory: from here on nothing else may be touched.
  void limit_ram() {
    std::vector<PhysRange> memory;
    for (const auto& region : early_.memblock().memory().view()) {
      memory.push_back(region.range());
      memory_.push_back(region);
    }
    ram_.limit_to(memory);
  }

  std::vector<view::CountedZone> counted() {
    on_core_.clear();
    std::vector<view::CountedZone> zones;
    const auto& layout = early_.layout();
    for (std::uint32_t i = 0; i < layout.zones.size(); ++i) {
      if (!layout.zones[i].is_populated()) continue;
      zones.push_back({layout.zones[i].node, layout.zones[i].type, system_.allocator().stats(i), {}});
      on_core_.emplace_back();
      for (unsigned core = 0; core < system_.allocator().core_count(); ++core)
        on_core_.back().push_back(system_.allocator().pages_on(i, core));
      zones.back().on_core = on_core_.back();
    }
    return zones;
  }

  static std::vector<std::uint64_t> free_area(const buddy::ZoneStats& stats) {
    std::vector<std::uint64_t> blocks;
    for (unsigned order = 0; order <= G.max_order().raw(); ++order) {
      std::uint64_t count = 0;
      for (const std::uint64_t some : stats.free_blocks[order]) count += some;
      blocks.push_back(count);
    }
    return blocks;
  }

  bool is_high(zones::ZoneType type) const {
    return lnx::memory_of(early_.layout(), type) == buddy::Memory::high;
  }

  void read_handover() {
    for (const auto& zone : counted()) handover_.push_back(free_area(zone.stats));
    if (report_.bootmem) {
      const memory::BootmemRelease& from = system_.counts().from_bootmem;
      report_.bootmem->released_pages = from.counts.pages.raw;
      report_.bootmem->bitmap_pages = from.counts.bitmap_pages.raw;
      report_.bootmem->lost_pages = from.counts.lost.raw;
      report_.bootmem->blocks = from.blocks;
    }
    view::MemoryLine line;
    const auto& kernel = early_.machine().kernel;
    std::uint64_t present = 0, managed = 0;
    for (const auto& zone : early_.layout().zones) present += zone.present.raw, managed += zone.managed.raw;
    for (const auto& area : early_.state().cma)
      line.cma_reserved = Bytes{line.cma_reserved.raw + area.range.size().raw};
    line.available = G.page_size().bytes_in(PageCount{managed});
    line.physical = G.page_size().bytes_in(PageCount{present});
    // arm's text begins with page tables and exception vectors, which are no code.
    const PhysAddr code = std::max(kernel.text.begin(), kernel.whole.begin());
    line.kernel_code = Bytes{kernel.text.end().raw - code.raw}, line.rwdata = kernel.data.size(),
    line.rodata = kernel.rodata.size();
    line.init = kernel.init.size(), line.bss = kernel.bss.size();
    line.reserved = Bytes{line.physical.raw - line.available.raw - line.cma_reserved.raw};
    if (linux_ && linux_->machine.kernel.has("CONFIG_DEFERRED_STRUCT_PAGE_INIT"))
      line.available.raw -= G.page_size().bytes_in(lnx::deferred_free_pages(early_)).raw;
    line.has_highmem = early_.machine().limits.has_highmem;
    for (const auto& zone : early_.layout().zones) {
      if (!is_high(zone.type)) continue;
      line.highmem = Bytes{line.highmem.raw + G.page_size().bytes_in(zone.managed).raw};
    }
    report_.texts.memory_line = printed([&](TextSink& out) { view::print_memory_line(out, line); });
  }

  // Pages for all that is not descriptors: of the kernel's own, and less what it calls its DMA reserve.
  PageCount total_pages() const {
    const Bytes own{sizeof(page::Descriptor)};
    if (!linux_) return zones::counted_pages(early_.layout(), G, own).all;
    const Bytes descriptor = lnx::struct_sizes_of(linux_->machine.kernel).page;
    return zones::counted_pages(early_.layout(), G, descriptor, linux_->allocations.dma_reserve()).all;
  }

  // Watermarks and lowmem reserves: what the page allocator has, or what Linux computes at its initcalls.
  void read_marks(std::vector<view::CountedZone>& zones) {
    if (linux_) {
      const auto marks = lnx::initcall_marks(lnx::managed_zones(early_), linux_->machine.kernel,
                                             linux_->machine.command_line);
      report_.min_free_kib = marks.min_free_kib;
      for (std::size_t i = 0; i < zones.size(); ++i) {
        zones[i].stats.marks = marks.zones[i].marks;
        std::ranges::copy(marks.zones[i].reserve, zones[i].stats.lowmem_reserve);
      }
    }
    std::size_t at = 0;
    for (auto& node : report_.nodes)
      for (auto& zone : node.zones) {
        const buddy::Watermarks& marks = zones[at++].stats.marks;
        zone.min_pages = marks.min.raw, zone.low_pages = marks.low.raw, zone.high_pages = marks.high.raw;
      }
    const bool has_device = linux_ && linux_->machine.kernel.has("CONFIG_ZONE_DEVICE");
    report_.texts.zoneinfo = printed([&](TextSink& out) {
      view::print_zoneinfo(out, early_.layout(), zones,
                           has_device ? view::DeviceColumn::present : view::DeviceColumn::absent);
    });
    const std::uint64_t section = !linux_ ? 16 : lnx::struct_sizes_of(linux_->machine.kernel).mem_section.raw;
    report_.texts.sections = printed([&](TextSink& out) {
      view::print_sections(out, G, early_.layout(), G.page_size().bytes().raw / section);
    });
  }

  void exercise(const memory::Exercise& done) {
    report_.exercises.push_back(
        {to_string(done.what), done.operations, done.complaint.empty() ? "ok" : to_string(done.complaint)});
  }

  void read_end() {
    read_early(early_, log_, report_);
    read_zones(early_, report_);
    read_layout(early_, linux_ ? &linux_->machine.kernel : nullptr, report_);
    read_iomem(early_, memory_, report_);
    read_where_ram_went(early_, log_, report_);

    auto zones = counted();
    std::size_t at = 0;
    for (auto& node : report_.nodes) {
      for (auto& zone : node.zones) {
        zone.free_area = free_area(zones[at].stats);
        zone.free_area_handover = handover_[at++];
        report_.mem_total_kib += zone.managed_pages * (report_.page_size >> 10);
        report_.cma_total_kib += zone.cma_pages * (report_.page_size >> 10);
        if (is_high(zones[at - 1].type))
          report_.high_total_kib += zone.managed_pages * (report_.page_size >> 10);
      }
    }
    read_marks(zones);
    report_.texts.zonelists =
        printed([&](TextSink& out) { view::print_zonelists(out, early_.layout(), total_pages()); });
    report_.texts.zonerefs = printed([&](TextSink& out) { view::print_zonerefs(out, early_.layout()); });
    report_.texts.buddyinfo =
        printed([&](TextSink& out) { view::print_buddyinfo(out, G.max_order(), zones); });
    const auto cma = early_.machine().limits.has_cma ? view::CmaColumn::present : view::CmaColumn::absent;
    report_.texts.pagetypeinfo =
        printed([&](TextSink& out) { view::print_pagetypeinfo(out, G, cma, zones); });
    report_.texts.slabinfo =
        printed([&](TextSink& out) { view::print_slabinfo(out, system_.slabs().first()); });
    const auto slab = view::slab_memory(system_.slabs().first(), system_.kmalloc().large_pages());
    report_.texts.slab_memory =
        printed([&](TextSink& out) { view::print_slab_memory(out, slab, G.page_size()); });
  }

  memory::EarlySystem& early_;
  std::optional<AsLinux> linux_;
  hosted::PagedRam& ram_;
  const EventLog& log_;
  BootReport& report_;
  AfterBoot after_;
  PageWatcher* watcher_;
  std::vector<early::Region> memory_;  // as the flow leaves it: later, hot-pluggable memory is like any other
  TimelineReader timeline_;
  hosted::SimulatedCores cores_;
  std::deque<std::vector<PageCount>> on_core_;  // of what counted() gave last
  System system_;
  memory::Stage reached_ = memory::Stage::early;
  std::vector<std::vector<std::uint64_t>> handover_;  // by populated zone
};

}  // namespace quarry::cli

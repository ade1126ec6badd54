#include "quarry/view/mem_info.hpp"

#include "quarry/view/gfp.hpp"

namespace quarry::view {
namespace {

using buddy::Obstacle;
using page::MigrateType;

constexpr char kLetters[page::kMigrateTypes] = {'U', 'M', 'E', 'H', 'C', 'I'};

class MemInfo {
 public:
  MemInfo(TextSink& out, const Geometry& geometry) noexcept : out_{out}, geometry_{geometry} {}

  void name(const CountedZone& zone) noexcept {
    out_.put("Node ").dec(static_cast<std::uint16_t>(zone.node)).put(' ').put(zones::name_of(zone.type));
  }
  void counts(const RefusingZone& zone) noexcept {
    const buddy::ZoneStats& stats = zone.counted.stats;
    name(zone.counted);
    kib(" free:", stats.free).put(" boost:0kB");
    kib(" min:", stats.marks.min);
    kib(" low:", stats.marks.low);
    kib(" high:", stats.marks.high);
    out_.put(" reserved_highatomic:").dec(kib_of(stats.highatomic)).put("KB");
    kib(" present:", zone.present);
    kib(" managed:", stats.managed);
    kib(" free_pcp:", stats.on_cores);
    kib(" local_pcp:", zone.local);
    kib(" free_cma:", stats.free_cma).put('\n');
  }
  void reserves(const zones::Layout& layout, const RefusingZone& zone, DeviceColumn device) noexcept {
    out_.put("lowmem_reserve[]:");
    std::uint64_t last = 0;
    for (const zones::ZoneRange& range : layout.ranges) {
      if (!range.configured && range.type != zones::ZoneType::movable) continue;
      last = zone.counted.stats.lowmem_reserve[static_cast<std::size_t>(range.type)].raw;
      out_.put(' ').dec(last);
    }
    if (device == DeviceColumn::present) out_.put(' ').dec(last);
    out_.put('\n');
  }
  void blocks(const RefusingZone& zone) noexcept {
    name(zone.counted);
    out_.put(": ");
    PageCount total;
    for (unsigned order = 0; order <= geometry_.max_order().raw(); ++order) {
      std::uint64_t blocks = 0;
      char letters[page::kMigrateTypes];
      std::size_t types = 0;
      for (unsigned type = 0; type < page::kMigrateTypes; ++type) {
        const std::uint64_t some = zone.counted.stats.free_blocks[order][type];
        blocks += some;
        if (some != 0) letters[types++] = kLetters[type];
      }
      total.raw += blocks << order;
      out_.dec(blocks).put('*').dec(kib_of(Order{order}.pages())).put("kB ");
      if (types != 0) out_.put('(').put(TextView{letters, types}).put(") ");
    }
    kib("= ", total).put('\n');
  }

 private:
  std::uint64_t kib_of(PageCount pages) const noexcept {
    return geometry_.page_size().bytes_in(pages).raw >> 10;
  }
  TextSink& kib(TextView what, PageCount pages) noexcept {
    return out_.put(what).dec(kib_of(pages)).put("kB");
  }

  TextSink& out_;
  const Geometry& geometry_;
};

// What adds up to the pages that would have to be free, the watermark first.
void print_needed(TextSink& out, const RefusingZone& zone, const FailedRequest& failed) noexcept {
  const buddy::ZoneStats& stats = zone.counted.stats;
  const buddy::Request& request = failed.request;
  const bool is_urgent =
      request.urgency == buddy::Urgency::atomic || request.urgency == buddy::Urgency::unlimited;
  const std::uint64_t reserve = stats.lowmem_reserve[static_cast<std::size_t>(request.highest)].raw;
  const std::uint64_t block = failed.order.pages().raw;
  const std::uint64_t urgent = is_urgent ? 0 : stats.highatomic.raw;
  const std::uint64_t areas = request.type == MigrateType::movable ? 0 : stats.free_cma.raw;
  const std::uint64_t others = reserve + block + urgent + areas;
  const std::uint64_t needed = zone.obstacle.needed.raw, mark = needed > others ? needed - others : 0;
  if (mark != 0) out.put(mark < stats.marks.min.raw ? "what is left of min " : "min ").dec(mark).put(" + ");
  if (reserve != 0) out.put("lowmem reserve ").dec(reserve).put(" + ");
  if (urgent != 0) out.put("kept for urgent requests ").dec(urgent).put(" + ");
  if (areas != 0) out.put("free in contiguous areas ").dec(areas).put(" + ");
  out.put("the block's ").dec(block);
}

TextSink& print_pages(TextSink& out, PageCount pages) noexcept {
  return out.dec(pages.raw).put(pages.raw == 1 ? " page" : " pages");
}

void print_largest(TextSink& out, const RefusingZone& zone, Order max_order) noexcept {
  for (unsigned order = max_order.raw() + 1; order-- > 0;) {
    std::uint64_t blocks = 0;
    for (const std::uint64_t some : zone.counted.stats.free_blocks[order]) blocks += some;
    if (blocks == 0) continue;
    out.put("the largest free ones are ").dec(blocks).put(" of order ").dec(order).put(" (");
    bool is_first = true;
    for (unsigned type = 0; type < page::kMigrateTypes; ++type) {
      if (zone.counted.stats.free_blocks[order][type] == 0) continue;
      out.put(is_first ? "" : ", ").put(name_of(static_cast<MigrateType>(type)));
      is_first = false;
    }
    out.put(')');
    return;
  }
  out.put("no block is free");
}

}  // namespace

void print_failure(TextSink& out, const FailedRequest& failed) noexcept {
  out.put(failed.who).put(": page allocation failure: order:").dec(failed.order.raw()).put(", mode:");
  print_gfp(out, failed.request);
  out.put(", nodemask=(null)\n");
}

void print_mem_info(TextSink& out, const Geometry& geometry, const zones::Layout& layout,
                    std::span<const RefusingZone> zones, const FailedRequest& failed, DeviceColumn device,
                    const SlabMemory& slab) noexcept {
  const auto is_shown = [&](const RefusingZone& zone) { return zone.counted.type <= failed.request.highest; };
  std::uint64_t free = 0, free_cma = 0, on_cores = 0, present = 0, managed = 0, high = 0, cma = 0;
  for (const RefusingZone& zone : zones) {
    const buddy::ZoneStats& stats = zone.counted.stats;
    free += stats.free.raw, free_cma += stats.free_cma.raw;
    if (is_shown(zone)) on_cores += stats.on_cores.raw;
    present += zone.present.raw, managed += stats.managed.raw;
    const bool is_high = zone.counted.type == zones::ZoneType::highmem ||
                         (zone.counted.type == zones::ZoneType::movable &&
                          layout.ranges[static_cast<std::size_t>(zones::ZoneType::highmem)].configured);
    if (is_high) high += zone.present.raw;
  }
  for (const zones::Zone& zone : layout.zones) cma += zone.cma.raw;
  out.put("Mem-Info:\n slab_reclaimable:").dec(slab.reclaimable.raw);
  out.put(" slab_unreclaimable:").dec(slab.unreclaimable.raw).put('\n');
  out.put(" free:").dec(free).put(" free_pcp:").dec(on_cores);
  out.put(" free_cma:").dec(free_cma).put('\n');
  MemInfo print{out, geometry};
  for (const RefusingZone& zone : zones) {
    if (!is_shown(zone)) continue;
    print.counts(zone);
    print.reserves(layout, zone, device);
  }
  for (const RefusingZone& zone : zones)
    if (is_shown(zone)) print.blocks(zone);
  out.dec(present).put(" pages RAM\n").dec(high).put(" pages HighMem/MovableOnly\n");
  out.dec(present - managed).put(" pages reserved\n").dec(cma).put(" pages cma reserved\n");
}

void print_obstacles(TextSink& out, Order max_order, std::span<const RefusingZone> zones,
                     const FailedRequest& failed) noexcept {
  for (const RefusingZone& zone : zones) {
    const Obstacle& obstacle = zone.obstacle;
    out.put("Node ").dec(static_cast<std::uint16_t>(zone.counted.node)).put(' ');
    out.put(zones::name_of(zone.counted.type)).put(": ");
    const bool is_elsewhere =
        failed.request.placement == buddy::Placement::this_node && zone.counted.node != failed.request.node;
    if (is_elsewhere) {
      out.put("not asked: the request is for node ").dec(static_cast<std::uint16_t>(failed.request.node));
      out.put(" alone\n");
      continue;
    }
    switch (obstacle.why) {
      case Obstacle::Why::none: out.put("it could serve the request"); break;
      case Obstacle::Why::too_high:
        out.put("not asked: the request goes no higher than ").put(zones::name_of(failed.request.highest));
        break;
      case Obstacle::Why::empty: out.put("it manages no page"); break;
      case Obstacle::Why::below_mark:
        print_pages(out, obstacle.free).put(obstacle.free.raw == 1 ? " is free, " : " are free, ");
        out.dec(obstacle.needed.raw).put(" would have to be: ");
        print_needed(out, zone, failed);
        out.put("; ").dec(obstacle.needed.raw - obstacle.free.raw).put(" too few");
        break;
      case Obstacle::Why::no_block:
        print_pages(out, obstacle.free).put(" are free, enough, but in no block of order ");
        out.dec(failed.order.raw()).put(" that it may have: ");
        print_largest(out, zone, max_order);
        break;
    }
    out.put('\n');
  }
}

}  // namespace quarry::view

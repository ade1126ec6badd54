#include "quarry/view/slabtop.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::view {
namespace {

constexpr std::uint64_t share(std::uint64_t part, std::uint64_t whole, std::uint64_t of) noexcept {
  return whole == 0 ? 0 : divide(part * of, whole);
}

// "0.06K": KiB to two digits.
void put_kib(TextSink& out, std::uint64_t bytes, std::size_t width = 0) noexcept {
  const std::uint64_t hundredths = (bytes * 100 + 512) >> 10;
  const std::uint64_t whole = divide(hundredths, 100), rest = hundredths - whole * 100;
  out.dec(whole, width < 3 ? 0 : width - 3).put('.').put(rest < 10 ? "0" : "").dec(rest).put('K');
}

// " Active / Total Slabs (% used)      : 3 / 4 (75.0%)".
template <class Put>
void put_share(TextSink& out, TextView what, std::uint64_t active, std::uint64_t all, Put put) noexcept {
  const std::uint64_t thousandths = share(active, all, 1000), whole = divide(thousandths, 10);
  put(out.put(' ').left(what, 34).put(" : "), active);
  put(out.put(" / "), all);
  out.put(" (").dec(whole).put('.').dec(thousandths - whole * 10).put("%)\n");
}

}  // namespace

void SlabTotals::add(const slab::CacheStats& cache) noexcept {
  const std::uint64_t active = cache.active_objects + cache.at_hand;
  if (caches == 0 || cache.size < smallest) smallest = cache.size;
  if (cache.size > largest) largest = cache.size;
  ++caches;
  active_caches += cache.total_slabs != 0;
  slabs += cache.total_slabs, active_slabs += cache.active_slabs;
  objects += cache.total_objects, active_objects += active, at_hand += cache.at_hand;
  bytes += cache.total_objects * cache.size, active_bytes += active * cache.size;
}

void print_slab_totals(TextSink& out, const SlabTotals& totals) noexcept {
  const auto plain = [](TextSink& into, std::uint64_t number) noexcept { into.dec(number); };
  const auto kib = [](TextSink& into, std::uint64_t bytes) noexcept { put_kib(into, bytes); };
  put_share(out, "Active / Total Objects (% used)", totals.active_objects, totals.objects, plain);
  put_share(out, "Active / Total Slabs (% used)", totals.active_slabs, totals.slabs, plain);
  put_share(out, "Active / Total Caches (% used)", totals.active_caches, totals.caches, plain);
  put_share(out, "Active / Total Size (% used)", totals.active_bytes, totals.bytes, kib);
  put_kib(out.put(' ').left("Minimum / Average / Maximum Object", 34).put(" : "), totals.smallest);
  put_kib(out.put(" / "), share(totals.bytes, totals.objects, 1));
  put_kib(out.put(" / "), totals.largest);
  out.put("\n ").left("At hand of CPUs, among the active", 34).put(" : ").dec(totals.at_hand).put('\n');
}

void print_slabtop_heading(TextSink& out) noexcept {
  out.put("  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME");
}

void print_slabtop_line(TextSink& out, const slab::CacheStats& cache, PageSize size) noexcept {
  const std::uint64_t active = cache.active_objects + cache.at_hand;
  out.dec(cache.total_objects, 6).put(' ').dec(active, 6).put(' ');
  out.dec(share(active, cache.total_objects, 100), 3).put("% ");
  put_kib(out, cache.size, 7);
  out.put(' ').dec(cache.total_slabs, 6).put(' ').dec(cache.objects_per_slab, 8).put(' ');
  out.dec(size.bytes_in(cache.pages).raw >> 10, 9).put("K ").put(cache.name);
}

}  // namespace quarry::view

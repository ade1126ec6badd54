#include "quarry/map/sweep.hpp"

#include "quarry/base/sort.hpp"

namespace quarry::map {
namespace {

// The end of an entry, cut to 64 bits.
std::uint64_t end_of(const firmware::MapEntry& entry) noexcept {
  return PhysRange::sized(entry.base, entry.size).end().raw;
}

}  // namespace

Sweep::Sweep(std::span<const firmware::MapEntry> entries, std::span<Edge> edges,
             std::span<std::uint32_t> heap) noexcept
    : entries_{entries}, edges_{edges}, heap_{heap} {
  check(entries.size() <= UINT32_MAX && heap.size() >= entries.size(), "no room to sweep in");
  check((edges.size() >> 1) >= entries.size(), "no room for the edges");
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t begin = entries[i].base.raw, end = end_of(entries[i]);
    if (begin == end) continue;
    edges_[count++] = {begin, i, true};
    edges_[count++] = {end, i, false};
  }
  edges_ = edges_.first(count);
  sort(edges_, [](const Edge& a, const Edge& b) { return a.at < b.at; });
}

bool Sweep::next(Piece& piece) noexcept {
  while (edge_ < edges_.size()) {
    const std::uint64_t at = edges_[edge_].at;
    for (; edge_ < edges_.size() && edges_[edge_].at == at; ++edge_)
      if (edges_[edge_].begins) open(edges_[edge_].entry);
    drop_ended(at);
    if (open_ == 0) continue;
    check(edge_ < edges_.size(), "an open entry has an end ahead");
    const std::uint32_t decider = heap_[0];
    piece = {PhysRange{PhysAddr{at}, PhysAddr{edges_[edge_].at}}, entries_[decider].type, decider};
    return true;
  }
  return false;
}

// Whether `a` gives way to `b`.
bool Sweep::decides_after(std::uint32_t a, std::uint32_t b) const noexcept {
  return entries_[a].type != entries_[b].type ? entries_[a].type < entries_[b].type : a > b;
}

void Sweep::open(std::uint32_t entry) noexcept {
  if (entries_[entry].type == firmware::MapType{0}) return;
  check(open_ < heap_.size(), "an entry begins twice");
  heap_[open_++] = entry;
  sift_up(heap_.first(open_), [this](std::uint32_t a, std::uint32_t b) { return decides_after(a, b); });
}

// Entries that end below the top do no harm: they are dropped when they get there.
void Sweep::drop_ended(std::uint64_t at) noexcept {
  while (open_ != 0 && end_of(entries_[heap_[0]]) <= at) {
    heap_[0] = heap_[--open_];
    sift_down(heap_.first(open_), 0,
              [this](std::uint32_t a, std::uint32_t b) { return decides_after(a, b); });
  }
}

Result<Done> attribute(std::span<const firmware::MapEntry> entries, std::span<Edge> edges,
                       std::span<std::uint32_t> heap, Table<Piece>& out) noexcept {
  Sweep sweep{entries, edges, heap};
  const std::size_t first = out.size();
  for (Piece piece; sweep.next(piece);) {
    if (out.size() > first) {
      Piece& last = out[out.size() - 1];
      if (last.entry == piece.entry && last.range.end() == piece.range.begin()) {
        last.range = {last.range.begin(), piece.range.end()};
        continue;
      }
    }
    if (out.push(piece)) continue;
    while (out.size() > first) out.erase(out.size() - 1);
    return Error::no_room;
  }
  return Done{};
}

}  // namespace quarry::map

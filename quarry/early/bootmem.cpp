// quarry/early/bootmem.cpp: nodes, and what is freed and reserved on them.
#include "quarry/early/bootmem.hpp"

namespace quarry::early {
namespace {

constexpr TextView kBeginsTaken{"all its pages are taken at first"};

constexpr BootmemChange change_of(BootmemReserve how) noexcept {
  return how == BootmemReserve::exclusive ? BootmemChange::reserve_exclusive : BootmemChange::reserve;
}

// Whole pages inside. The sum wraps around as Linux's does: the range is then one that frees nothing.
BootmemPages freed_pages(PageSize page, PhysAddr at, Bytes size) noexcept {
  return {page.pfn_up(at).raw, page.pfn_down(PhysAddr{at.raw + size.raw}).raw};
}

Result<BootmemPages> reserved_pages(PageSize page, PhysAddr at, Bytes size) noexcept {
  if (size.raw > UINT64_MAX - at.raw) return Error::overflow;
  return BootmemPages{page.pfn_down(at).raw, page.pfn_up(at + size).raw};
}

// The bits of a piece, which lies on the node; none when the piece is inverted.
BootmemPages bits_of(const BootmemData& data, BootmemPages piece) noexcept {
  const std::uint64_t min = data.node_min_pfn().raw;
  return {piece.first - min, piece.last - min};
}

// Law: piece.first >= node_min_pfn and piece.last <= node_low_pfn.
Result<Done> check_piece(const BootmemData& data, BootmemPages piece, BootmemChange how) noexcept {
  if (data.is_handed_over) return Error::not_found;
  if (piece.last < data.node_min_pfn().raw) return Error::out_of_range;
  const auto [first, last] = bits_of(data, piece);
  if (first >= last) return Done{};
  if (how == BootmemChange::free && data.map.next_clear(first, last) != last) return Error::wrong_owner;
  if (how == BootmemChange::reserve_exclusive && data.map.next_set(first, last) != last) return Error::busy;
  return Done{};
}

void lower_hint(BootmemData& data, BootmemPages piece) noexcept {
  const PageCount first{bits_of(data, piece).first};
  if (first < data.hint_idx) data.hint_idx = first;
}

void change_piece(BootmemData& data, BootmemPages piece, BootmemChange how) noexcept {
  const auto [first, last] = bits_of(data, piece);
  if (how == BootmemChange::free) {
    lower_hint(data, piece);
    data.map.clear(first, last);
  } else {
    data.map.set(first, last);
  }
}

// Cuts pages into a piece for each node that they go through, and stops at the first error.
//
//   nodes      |---- 0 ----|---- 1 ----|     |---- 2 ----|
//   pages              [=====|=======)                         two pieces
//   pages                          [===.....                   out_of_range after node 1: a hole
//
// Errors    out_of_range: no node holds the begin, or the nodes end or part before the pages do.
template <class Visit>
Result<Done> each_piece(Table<BootmemData>& nodes, BootmemPages pages, Visit visit) noexcept {
  std::uint64_t at = pages.first;
  for (BootmemData& data : nodes) {
    if (!data.pages.contains(Pfn{at})) {
      if (at != pages.first) return Error::out_of_range;
      continue;
    }
    const std::uint64_t low = data.node_low_pfn().raw;
    const std::uint64_t stop = pages.last < low ? pages.last : low;
    const Result<Done> visited = visit(data, BootmemPages{at, stop});
    if (!visited || stop == pages.last) return visited;
    at = low;
  }
  return Error::out_of_range;
}

}  // namespace

Bootmem::Bootmem(const BootmemConfig& config, std::span<BootmemData> storage, DirectMap direct_map,
                 Observer observer) noexcept
    : config_{config}, nodes_{storage}, direct_map_{direct_map}, observer_{observer} {}

PageCount Bootmem::bootmap_pages(PageCount pages) const noexcept {
  return PageCount{config_.page.pfn_up(PhysAddr{BootmemMap::bytes_for(pages, config_.long_bits).raw}).raw};
}

const BootmemData* Bootmem::find(NodeId node) const noexcept {
  for (const BootmemData& data : nodes_)
    if (data.node == node) return &data;
  return nullptr;
}

BootmemData* Bootmem::record(NodeId node) noexcept {
  for (BootmemData& data : nodes_)
    if (data.node == node) return &data;
  return nullptr;
}

std::size_t Bootmem::slot_for(Pfn begin) const noexcept {
  std::size_t slot = 0;
  while (slot < nodes_.size() && nodes_[slot].node_min_pfn() <= begin) ++slot;
  return slot;
}

Result<Done> Bootmem::check_new(NodeId node, PfnRange pages) const noexcept {
  if (find(node) != nullptr) return Error::bad_argument;
  if (nodes_.size() == nodes_.capacity()) return Error::no_room;
  if (pages.end().raw > UINT64_MAX >> config_.page.shift()) return Error::out_of_range;
  if (BootmemMap::bytes_for(pages.size(), config_.long_bits).raw > PTRDIFF_MAX) return Error::no_room;
  return Done{};
}

// Law: check_new() said yes.
Bytes Bootmem::put(const BootmemData& data) noexcept {
  const bool is_put = static_cast<bool>(nodes_.insert(slot_for(data.node_min_pfn()), data));
  check(is_put, "room for the node was seen");
  const PageSize page = config_.page;
  observer_.tell({.action = Action::add,
                  .range = {page.address_of(data.node_min_pfn()), page.address_of(data.node_low_pfn())},
                  .node = data.node,
                  .reason = kBeginsTaken});
  return Bytes{data.map.words().size_bytes()};
}

Result<Bytes> Bootmem::init_node(NodeId node, Pfn map_at, PfnRange pages) noexcept {
  if (const auto sound = check_new(node, pages); !sound) return sound.error();
  if (map_at.raw > UINT64_MAX >> config_.page.shift()) return Error::out_of_range;
  const Bytes bytes = BootmemMap::bytes_for(pages.size(), config_.long_bits);
  std::span<BootmemMap::Word> words{};
  if (bytes.raw != 0) {
    std::byte* const memory = direct_map_.at(PhysRange::sized(config_.page.address_of(map_at), bytes));
    if (memory == nullptr) return Error::out_of_range;
    check(is_aligned(reinterpret_cast<std::uintptr_t>(memory), alignof(BootmemMap::Word)),
          "a frame's memory is aligned");
    auto* const first = reinterpret_cast<BootmemMap::Word*>(memory);
    words = {first, static_cast<std::size_t>(BootmemMap::words_for(pages.size(), config_.long_bits))};
    for (std::size_t i = 0; i < words.size(); ++i)
      ::new (static_cast<void*>(first + i)) BootmemMap::Word{~BootmemMap::Word{0}};
  }
  return put({.node = node, .pages = pages, .map = {words, pages.size()}, .map_at = map_at});
}

Result<Bytes> Bootmem::init_node(NodeId node, std::span<BootmemMap::Word> map, PfnRange pages) noexcept {
  if (const auto sound = check_new(node, pages); !sound) return sound.error();
  const Bytes bytes = BootmemMap::bytes_for(pages.size(), config_.long_bits);
  if (bytes.raw > map.size_bytes()) return Error::no_room;
  BootmemMap filled{
      map.first(static_cast<std::size_t>(BootmemMap::words_for(pages.size(), config_.long_bits))),
      pages.size()};
  filled.fill();
  return put({.node = node, .pages = pages, .map = filled});
}

Result<Bytes> Bootmem::init(Pfn map_at, PageCount pages) noexcept {
  const auto bytes = init_node(NodeId::first, map_at, {Pfn{0}, Pfn{pages.raw}});
  if (!bytes) return bytes;
  max_low_pfn_ = Pfn{pages.raw};
  min_low_pfn_ = map_at;
  return bytes;
}

// All is looked at before anything changes.
Result<Done> Bootmem::change(BootmemPages pages, BootmemChange how) noexcept {
  const auto sound = each_piece(
      nodes_, pages, [how](BootmemData& data, BootmemPages piece) { return check_piece(data, piece, how); });
  if (!sound && sound.error() == Error::busy) {
    return each_piece(nodes_, pages, [how](BootmemData& data, BootmemPages piece) {
      lower_hint(data, piece);
      return check_piece(data, piece, how);
    });
  }
  if (!sound) return sound;
  return each_piece(nodes_, pages, [how](BootmemData& data, BootmemPages piece) -> Result<Done> {
    change_piece(data, piece, how);
    return Done{};
  });
}

Result<Done> Bootmem::change_on(NodeId node, BootmemPages pages, BootmemChange how) noexcept {
  BootmemData* const data = record(node);
  if (data == nullptr) return Error::not_found;
  if (pages.first < data->node_min_pfn().raw || pages.last > data->node_low_pfn().raw)
    return Error::out_of_range;
  const auto sound = check_piece(*data, pages, how);
  if (sound)
    change_piece(*data, pages, how);
  else if (sound.error() == Error::busy)
    lower_hint(*data, pages);
  return sound;
}

Result<Done> Bootmem::told(const Result<Done>& done, BootmemPages pages, BootmemChange how, NodeId node,
                           TextView owner) const noexcept {
  if (!done || pages.first >= pages.last) return done;
  const PageSize page = config_.page;
  observer_.tell({.action = how == BootmemChange::free ? Action::free : Action::reserve,
                  .range = {page.address_of(Pfn{pages.first}), page.address_of(Pfn{pages.last})},
                  .node = node,
                  .owner = owner});
  return done;
}

Result<Done> Bootmem::free_node(NodeId node, PhysAddr at, Bytes size, TextView owner) noexcept {
  const BootmemPages pages = freed_pages(config_.page, at, size);
  return told(change_on(node, pages, BootmemChange::free), pages, BootmemChange::free, node, owner);
}

Result<Done> Bootmem::free(PhysAddr at, Bytes size, TextView owner) noexcept {
  const BootmemPages pages = freed_pages(config_.page, at, size);
  return told(change(pages, BootmemChange::free), pages, BootmemChange::free, kAnyNode, owner);
}

Result<Done> Bootmem::reserve_node(NodeId node, PhysAddr at, Bytes size, BootmemReserve how,
                                   TextView owner) noexcept {
  const auto pages = reserved_pages(config_.page, at, size);
  if (!pages) return pages.error();
  return told(change_on(node, pages.value(), change_of(how)), pages.value(), change_of(how), node, owner);
}

Result<Done> Bootmem::reserve(PhysAddr at, Bytes size, BootmemReserve how, TextView owner) noexcept {
  const auto pages = reserved_pages(config_.page, at, size);
  if (!pages) return pages.error();
  return told(change(pages.value(), change_of(how)), pages.value(), change_of(how), kAnyNode, owner);
}

BootmemStats Bootmem::stats() const noexcept {
  BootmemStats stats{.asked = asked_, .allocations = allocations_, .failures = failures_};
  std::uint64_t managed = 0, free = 0, largest = 0;
  for (const BootmemData& data : nodes_) {
    if (data.is_handed_over) continue;
    const std::uint64_t pages = data.pages.size().raw;
    managed += pages;
    for (std::uint64_t at = data.map.next_clear(0, pages); at < pages; at = data.map.next_clear(at, pages)) {
      const std::uint64_t end = data.map.next_set(at, pages);
      free += end - at;
      if (largest < end - at) largest = end - at;
      at = end;
    }
  }
  stats.managed = config_.page.bytes_in(PageCount{managed});
  stats.free = config_.page.bytes_in(PageCount{free});
  stats.largest_free = config_.page.bytes_in(PageCount{largest});
  return stats;
}

std::optional<BootmemLaw> Bootmem::audit() const noexcept {
  return early::audit(nodes_.view(), config_.page, config_.long_bits);
}

}  // namespace quarry::early

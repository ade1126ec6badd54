// Maps of firmware, by address: a part of mix_parts.hpp.
//
//   from     |------ usable ------|--rsv--|
//   to       |--- usable ---|----- rsv ------|
//   changes                 |=====|       |==|      each range whose type changes alike is one difference
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "linux/mix_parts.hpp"
#include "quarry/view/firmware_map.hpp"

namespace quarry::lnx {
namespace {

using firmware::MapEntry;
using firmware::MapType;
using Type = std::uint32_t;  // 0: nothing is there
constexpr Type kUsable = static_cast<Type>(MapType::usable);
// More ranges than these are told as one.
constexpr std::size_t kMostRanges = 24;

PhysRange range_of(const MapEntry& entry) { return PhysRange::sized(entry.base, entry.size); }

// Where entries overlap, the highest number counts, as in the kernel.
Type type_at(const std::vector<MapEntry>& map, PhysAddr at) {
  Type type = 0;
  for (const MapEntry& entry : map)
    if (range_of(entry).contains(at)) type = std::max(type, static_cast<Type>(entry.type));
  return type;
}

struct Piece {
  PhysRange range;
  Type from = 0, to = 0;
  std::size_t change = 0;  // index of the difference that it belongs to; only where the types differ
};

std::vector<Piece> pieces_of(const std::vector<MapEntry>& from, const std::vector<MapEntry>& to) {
  std::vector<PhysAddr> edges;
  for (const auto* const map : {&from, &to})
    for (const MapEntry& entry : *map) {
      edges.push_back(range_of(entry).begin());
      edges.push_back(range_of(entry).end());
    }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    const Piece piece{{edges[i], edges[i + 1]}, type_at(from, edges[i]), type_at(to, edges[i]), 0};
    if (!pieces.empty() && pieces.back().from == piece.from && pieces.back().to == piece.to &&
        pieces.back().range.end() == piece.range.begin())
      pieces.back().range = {pieces.back().range.begin(), piece.range.end()};
    else
      pieces.push_back(piece);
  }
  return pieces;
}

std::string type_words(Type type) {
  if (type == 0) return {};
  const TextView name = view::name_of(MapType{type});
  return name.empty() ? fmt::format("type {}", type) : std::string{name.data(), name.size()};
}

// Memory is there before other memory goes, so that a machine always has some.
int rank_of(const Piece& piece) { return piece.to == kUsable ? 0 : piece.from == kUsable ? 2 : 1; }

struct MapMix {
  std::vector<Piece> pieces;
  std::vector<Difference> differences;

  void name_changes() {
    std::vector<Piece*> changed;
    for (Piece& piece : pieces)
      if (piece.from != piece.to) changed.push_back(&piece);
    std::stable_sort(changed.begin(), changed.end(), [](const Piece* a, const Piece* b) {
      return a->range.size().raw > b->range.size().raw;
    });
    std::vector<Piece*> small;
    if (changed.size() > kMostRanges) {
      small.assign(changed.begin() + kMostRanges - 1, changed.end());
      changed.resize(kMostRanges - 1);
    }
    std::stable_sort(changed.begin(), changed.end(), [](const Piece* a, const Piece* b) {
      return std::pair{rank_of(*a), a->range.begin()} < std::pair{rank_of(*b), b->range.begin()};
    });
    for (Piece* const piece : changed) {
      piece->change = differences.size();
      differences.push_back(
          {DifferenceKind::memory, mem_words(piece->range), type_words(piece->from), type_words(piece->to)});
    }
    for (Piece* const piece : small) piece->change = differences.size();
    if (!small.empty())
      differences.push_back({DifferenceKind::memory,
                             fmt::format("{} smaller ranges of the map", small.size()), "one type",
                             "another"});
  }

  std::vector<MapEntry> painted(const Chosen& chosen) const {
    std::vector<MapEntry> map;
    for (const Piece& piece : pieces) {
      const Type type = piece.from != piece.to && chosen[piece.change] ? piece.to : piece.from;
      if (type == 0) continue;
      if (!map.empty() && static_cast<Type>(map.back().type) == type &&
          range_of(map.back()).end() == piece.range.begin())
        map.back().size = piece.range.end() - map.back().base;
      else
        map.push_back({piece.range.begin(), piece.range.size(), MapType{type}});
    }
    return map;
  }
};

}  // namespace

MixPart map_part(const MachineDescription& from, const MachineDescription& to) {
  const auto mix = std::make_shared<MapMix>();
  if (from.map != to.map) {
    mix->pieces = pieces_of(from.map, to.map);
    mix->name_changes();
    if (mix->differences.empty())
      mix->differences.push_back({DifferenceKind::memory, "the same ranges of the map, in other entries",
                                  fmt::format("{} entries", from.map.size()),
                                  fmt::format("{} entries", to.map.size())});
  }
  const std::size_t ranges = mix->differences.size();
  MixPart part;
  part.differences = mix->differences;
  const bool has_efi = from.efi_map != to.efi_map, has_extra = from.extra_memory != to.extra_memory;
  const auto say = [&](const char* what, std::size_t before, std::size_t after) {
    part.differences.push_back(
        {DifferenceKind::memory, what, fmt::format("{} entries", before), fmt::format("{} entries", after)});
  };
  if (has_efi) say("UEFI's memory map", from.efi_map.size(), to.efi_map.size());
  if (has_extra) {
    const auto words = [](const std::vector<PhysRange>& memory) {
      std::string text;
      for (const PhysRange range : memory) text += (text.empty() ? "" : ", ") + mem_words(range);
      return text;
    };
    part.differences.push_back(
        {DifferenceKind::memory, "--memory", words(from.extra_memory), words(to.extra_memory)});
  }
  part.take = [mix, ranges, has_efi, has_extra, &to](const Chosen& chosen, MachineDescription& into) {
    const Chosen of_ranges{chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(ranges)};
    if (!none_of(of_ranges)) into.map = all_of(of_ranges) ? to.map : mix->painted(of_ranges);
    if (ranges != 0 && all_of(of_ranges)) into.map_source = to.map_source;
    std::size_t at = ranges;
    if (has_efi && chosen[at++]) into.efi_map = to.efi_map;
    if (has_extra && chosen[at]) into.extra_memory = to.extra_memory;
    return true;
  };
  return part;
}

std::optional<std::uint32_t> type_of(const MachineDescription& machine, PhysRange range) {
  const auto pieces = pieces_of(machine.map, {});
  std::optional<Type> type;
  PhysAddr at = range.begin();
  for (const Piece& piece : pieces) {
    if (piece.range.end() <= at) continue;
    if (range.end() <= piece.range.begin()) break;
    // A gap, or a piece of another type than the one before it.
    if (at < piece.range.begin() || (type && *type != piece.from)) return std::nullopt;
    type = piece.from;
    at = std::min(piece.range.end(), range.end());
  }
  if (!type) return Type{0};
  return at < range.end() ? std::nullopt : type;
}

}  // namespace quarry::lnx

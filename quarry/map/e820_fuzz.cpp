// The e820 map in lockstep with an obvious model: every entry is a row of cells, each with a type of its own.
#include <array>
#include <cstdlib>
#include <vector>

#include "quarry/map/e820_map.hpp"

namespace quarry {

void panic(const char*, Site) noexcept { std::abort(); }

namespace map {
namespace {

constexpr std::size_t kCells = 48;
constexpr std::uint64_t kScale = 0x800;  // half a page, so that pages can be cut
constexpr std::uint32_t kNone = UINT32_MAX;

void law(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}
  bool empty() const { return size_ == 0; }
  unsigned byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

constexpr MapType kTypes[] = {
    MapType{0},      MapType::usable, MapType::reserved,      MapType::acpi,
    MapType::usable, MapType{13},     MapType::soft_reserved, MapType::reserved_kern};

MapType type_of(unsigned byte) { return kTypes[byte & 7]; }

using Row = std::array<std::uint32_t, kCells>;  // the type of each cell of one entry; kNone outside it

struct Model {
  std::vector<Row> rows;

  void add(std::size_t begin, std::size_t end, MapType type) {
    Row row;
    row.fill(kNone);
    for (std::size_t i = begin; i < end; ++i) row[i] = static_cast<std::uint32_t>(type);
    rows.push_back(row);
  }
  // The highest type over each cell; none and zero are the same.
  Row painted() const {
    Row row{};
    for (const Row& one : rows)
      for (std::size_t i = 0; i < kCells; ++i)
        if (one[i] != kNone && one[i] > row[i]) row[i] = one[i];
    return row;
  }
  std::array<bool, kCells + 1> edges() const {
    std::array<bool, kCells + 1> cut{};
    for (const Row& one : rows)
      for (std::size_t i = 0; i <= kCells; ++i)
        if ((i == 0 ? kNone : one[i - 1]) != (i == kCells ? kNone : one[i])) cut[i] = true;
    return cut;
  }
  template <class Change>
  std::uint64_t each(std::size_t begin, std::size_t end, Change change) {
    std::uint64_t count = 0;
    for (Row& one : rows)
      for (std::size_t i = begin; i < end; ++i) count += change(one[i]) ? kScale : 0;
    return count;
  }
  void take(std::span<const MapEntry> entries) {
    rows.clear();
    for (const MapEntry& entry : entries)
      add(entry.base.raw / kScale, (entry.base.raw + entry.size.raw) / kScale, entry.type);
  }
};

bool keeps_borders(MapType type) { return type == MapType::soft_reserved || type == MapType::pram; }

// The entries that a sanitised map of these cells has.
std::vector<MapEntry> runs_of(const Row& cells, const std::array<bool, kCells + 1>& cut) {
  std::vector<MapEntry> runs;
  for (std::size_t i = 0; i < kCells; ++i) {
    if (cells[i] == 0) continue;
    const MapType type{cells[i]};
    const bool joins = i != 0 && cells[i - 1] == cells[i] && (!keeps_borders(type) || !cut[i]);
    if (joins)
      runs.back().size.raw += kScale;
    else
      runs.push_back({PhysAddr{i * kScale}, Bytes{kScale}, type});
  }
  return runs;
}

std::vector<MapEntry> copy_of(const E820Map& map) { return {map.entries().begin(), map.entries().end()}; }

struct Machine {
  explicit Machine(std::size_t capacity)
      : entries(capacity),
        spare(capacity),
        origins(capacity),
        spare_origins(capacity),
        heap(capacity),
        edges(2 * capacity),
        map{{entries, origins, spare, spare_origins, edges, heap}} {}

  void add(Input& input) {
    std::size_t begin = input.byte() % (kCells + 1), end = input.byte() % (kCells + 1);
    if (begin > end) std::swap(begin, end);
    const MapType type = type_of(input.byte());
    const bool room = map.size() < map.capacity();
    law(static_cast<bool>(map.add({PhysAddr{begin * kScale}, Bytes{(end - begin) * kScale}, type})) == room);
    if (room) model.add(begin, end, type);
  }

  void sanitize() {
    attribute_all();
    const std::vector<MapEntry> before = copy_of(map);
    const std::vector<MapEntry> want = runs_of(model.painted(), model.edges());
    const auto done = map.sanitize();
    if (!done) {
      law(done.error() == Error::no_room && copy_of(map) == before && want.size() > map.capacity());
      map.set_when_full(WhenFull::drop_rest);
      law(map.sanitize().value() == Sanitized::cut);
      map.set_when_full(WhenFull::refuse);
      law(copy_of(map) ==
          std::vector<MapEntry>(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(map.capacity())));
    } else if (done.value() == Sanitized::too_few) {
      law(before.size() < 2 && copy_of(map) == before);
    } else {
      law(done.value() == Sanitized::done && !map.audit() && want == copy_of(map));
      const std::vector<MapEntry> once = copy_of(map);
      law(static_cast<bool>(map.sanitize()) && once == copy_of(map));  // and it stays so
    }
    model.take(map.entries());
  }

  // Each cell belongs to the first of the entries with the highest type over it.
  void attribute_all() {
    std::vector<Piece> storage(2 * map.size() + 1);
    Table<Piece> pieces{storage};
    law(static_cast<bool>(attribute(map.entries(), edges, heap, pieces)));
    std::array<std::size_t, kCells> owner;
    owner.fill(SIZE_MAX);
    for (const Piece& piece : pieces)
      for (std::uint64_t i = piece.range.begin().raw / kScale; i < piece.range.end().raw / kScale; ++i) {
        law(owner[i] == SIZE_MAX);
        owner[i] = piece.entry;
      }
    for (std::size_t i = 0; i < kCells; ++i) {
      std::size_t want = SIZE_MAX;
      for (std::size_t e = 0; e < map.size(); ++e) {
        const MapEntry& entry = map.entries()[e];
        if (entry.type == MapType{0} || i * kScale < entry.base.raw ||
            i * kScale >= entry.base.raw + entry.size.raw)
          continue;
        if (want == SIZE_MAX || entry.type > map.entries()[want].type) want = e;
      }
      law(owner[i] == want);
    }
  }

  void change(Input& input, bool update) {
    std::size_t begin = input.byte() % (kCells + 1), end = input.byte() % (kCells + 1);
    if (begin > end) std::swap(begin, end);
    const MapType from = type_of(input.byte()), to = type_of(input.byte());
    const bool any = !update && to == MapType{0};  // remove from every type
    const PhysRange range{PhysAddr{begin * kScale}, PhysAddr{end * kScale}};
    const std::vector<MapEntry> before = copy_of(map);
    const auto done = update ? map.update_range(range, from, to)
                             : map.remove_range(range, any ? std::nullopt : std::optional{from});
    if (update && from == to) {
      law(!done && done.error() == Error::bad_argument && copy_of(map) == before);
      return;
    }
    if (!done) {
      law(done.error() == Error::no_room && copy_of(map) == before);
      law(before.size() + 2 * before.size() > map.capacity());
      return;
    }
    const auto as_number = [](MapType type) { return static_cast<std::uint32_t>(type); };
    const std::uint64_t count = model.each(begin, end, [&](std::uint32_t& cell) {
      const bool hit = cell != kNone && (any || cell == as_number(from));
      if (hit) cell = update ? as_number(to) : kNone;
      return hit;
    });
    law(done.value() == Bytes{count});
    compare();
  }

  // The two have the same cells over and over, whatever entries they belong to.
  void compare() {
    Model ours;
    ours.take(map.entries());
    law(ours.painted() == model.painted());
    std::uint64_t have = 0, want = 0;
    for (const MapEntry& entry : map.entries()) have += entry.size.raw;
    for (const Row& row : model.rows)
      for (const std::uint32_t cell : row) want += cell != kNone ? kScale : 0;
    law(have == want);
    model = ours;  // where entries are cut is not the model's to know
  }

  void ask(Input& input) {
    const PageSize page{12};
    const std::uint64_t limit = input.byte() % 30;
    std::uint64_t last = 0;
    for (const MapEntry& entry : map.entries()) {
      if (entry.type != MapType::usable) continue;
      const std::uint64_t end = (entry.base.raw + entry.size.raw) / 4096;
      if (entry.base.raw / 4096 < limit) last = std::max(last, std::min(end, limit));
    }
    law(map.end_of_ram(Pfn{limit}, page) == Pfn{last});
  }

  // An entry that wraps, or that reaches 2^64, keeps the whole map from being sanitised.
  void wrap(Input& input) {
    const std::uint64_t base = UINT64_MAX - input.byte(), over = input.byte();
    const MapEntry entry{PhysAddr{base}, Bytes{UINT64_MAX - base + over}, type_of(input.byte())};
    const std::vector<MapEntry> before = copy_of(map);
    const MapEntry pair[] = {entry, entry};
    law(static_cast<bool>(map.append(pair)) == (!wraps(entry) && before.size() + 2 <= map.capacity()));
    if (map.size() != before.size()) {
      const auto done = map.sanitize();
      law(done ? over == 0 : done.error() == (over == 0 ? Error::no_room : Error::overflow));
    }
    law(wraps(entry) == (over > 1));
    map.clear();
    for (const MapEntry& old : before) law(static_cast<bool>(map.add(old)));
  }

  std::vector<MapEntry> entries, spare;
  std::vector<std::uint32_t> origins, spare_origins, heap;
  std::vector<Edge> edges;
  E820Map map;
  Model model;
};

}  // namespace
}  // namespace map
}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quarry::map::Input input{data, size};
  quarry::map::Machine machine{input.byte() % 40 + 1};
  while (!input.empty()) {
    switch (input.byte() % 8) {
      case 0: machine.sanitize(); break;
      case 1: machine.change(input, true); break;
      case 2: machine.change(input, false); break;
      case 3: machine.ask(input); break;
      case 4: machine.wrap(input); break;
      default: machine.add(input); break;
    }
  }
  machine.sanitize();
  return 0;
}

#include "quarry/boot/x86_options.hpp"

namespace quarry::boot {
namespace {

using firmware::MapType;

constexpr MapType kNoType{0};

// What the sign between size and address adds.
struct Mark {
  char sign;
  MapType type;
};
constexpr Mark kMarks[] = {
    {'@', MapType::usable}, {'#', MapType::acpi}, {'$', MapType::reserved}, {'!', MapType::pram}};

// Everything of type usable from `end` on; the topmost byte of the address space is in no range.
Result<Done> cut_usable(map::E820Map& map, std::uint64_t end) noexcept {
  const auto cut = map.remove_range({PhysAddr{end}, PhysAddr{UINT64_MAX}}, MapType::usable);
  if (!cut) return cut.error();
  return Done{};
}

// A type of the form N%S-F+T: a number, 0 where there is none.
Result<MapType> parse_type(ValueReader& reader, char sign) noexcept {
  if (!reader.take(sign)) return MapType{0};
  const auto number = reader.size();
  if (!number) return number.error() == Error::bad_argument ? Result<MapType>{MapType{0}} : number.error();
  return static_cast<MapType>(number.value() & UINT32_MAX);
}

Result<Done> change_types(map::E820Map& map, const firmware::MapEntry& entry, MapType from,
                          MapType to) noexcept {
  const PhysRange range = PhysRange::sized(entry.base, entry.size);
  if (from == kNoType && to != kNoType) return map.add({.base = entry.base, .size = entry.size, .type = to});
  if (from != kNoType && from == to) return Error::bad_argument;
  const auto done = from != kNoType && to != kNoType ? map.update_range(range, from, to)
                    : from != kNoType                ? map.remove_range(range, from)
                                                     : map.remove_range(range);
  if (!done) return done.error();
  return Done{};
}

Result<Done> apply_percent(map::E820Map& map, Bytes size, ValueReader& reader) noexcept {
  const auto base = reader.size();
  if (!base) return base.error();
  const auto from = parse_type(reader, '-');
  if (!from) return from.error();
  const auto to = parse_type(reader, '+');
  if (!to) return to.error();
  if (!reader.at_end()) return Error::bad_argument;
  return change_types(map, {.base = PhysAddr{base.value()}, .size = size}, from.value(), to.value());
}

Result<Done> apply_part(map::E820Map& map, TextView part, bool& changes_map) noexcept {
  if (part.starts_with("exactmap")) {
    map.clear();
    changes_map = true;
    return Done{};
  }
  ValueReader reader{part};
  const auto size = reader.size();
  if (!size) return size.error();
  changes_map = true;
  for (const Mark& mark : kMarks) {
    if (!reader.take(mark.sign)) continue;
    const auto base = reader.size();
    if (!base) return base.error();
    const auto added =
        map.add({.base = PhysAddr{base.value()}, .size = Bytes{size.value()}, .type = mark.type});
    if (!added) return added;
    return reader.at_end() ? Result<Done>{Done{}} : Error::bad_argument;
  }
  if (reader.take('%')) return apply_percent(map, Bytes{size.value()}, reader);
  const auto cut = cut_usable(map, size.value());
  if (!cut) return cut;
  return reader.at_end() ? Result<Done>{Done{}} : Error::bad_argument;
}

}  // namespace

Result<Done> apply_mem(map::E820Map& map, TextView value) noexcept {
  ValueReader reader{value};
  const auto size = reader.size();
  if (!size) return size.error();
  if (size.value() == 0) return Error::bad_argument;
  return cut_usable(map, size.value());
}

Result<MemmapOutcome> apply_memmap(map::E820Map& map, TextView value) noexcept {
  MemmapOutcome outcome;
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const auto applied = apply_part(map, value.part(0, comma), outcome.changes_map);
    if (!applied && applied.error() == Error::no_room) return applied.error();
    if (!applied) outcome.has_bad_part = true;
    value = value.part(comma + 1);
  }
  return outcome;
}

NumaOptions parse_numa_options(const CommandLine& line) noexcept {
  NumaOptions options;
  for (const Option& option : line) {
    if (!same_name(option.name, "numa")) continue;
    if (option.value.starts_with("off")) options.is_off = true;
    if (option.value.starts_with("noacpi")) options.ignores_acpi = true;
    if (!option.value.starts_with("fake=")) continue;
    const auto fake = numa::parse_fake(option.value.part(5));
    if (fake) options.fake = fake.value();
    options.is_malformed = !fake;
  }
  return options;
}

}  // namespace quarry::boot

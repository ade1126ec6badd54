// What firmware says of an address, and what the kernel made of the map before it took it in.
#include <fmt/format.h>

#include <algorithm>

#include "cli/life_context.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/boot/x86_options.hpp"
#include "quarry/view/firmware_map.hpp"

namespace quarry::cli {
namespace {

using firmware::MapEntry;
using lnx::Origin;

std::string type_text(firmware::MapType type) {
  return printed([&](TextSink& out) { view::print_type(out, type); });
}
std::string type_text(const MapEntry* entry) { return entry == nullptr ? "nothing" : type_text(entry->type); }

bool covers(const MapEntry& entry, PhysAddr at) {
  return PhysRange::sized(entry.base, entry.size).contains(at);
}

// Of overlapping entries the highest type decides, and of equals the first. Null: there is none.
const MapEntry* decider(std::span<const MapEntry> map, PhysAddr at) {
  const MapEntry* best = nullptr;
  for (const MapEntry& entry : map)
    if (covers(entry, at) && (best == nullptr || entry.type > best->type)) best = &entry;
  return best;
}

// Where the RAM is that an address outside of all entries lies beside.
std::string hole_text(const LifeContext& context) {
  std::uint64_t before = 0, after = UINT64_MAX;
  bool has_before = false, has_after = false;
  for (const FirmwareEntry& entry : context.report.firmware) {
    if (entry.range.end <= context.at.raw) before = std::max(before, entry.range.end), has_before = true;
    if (entry.range.begin > context.at.raw) after = std::min(after, entry.range.begin), has_after = true;
  }
  if (!has_after)
    return has_before ? fmt::format("it lies {} beyond the last entry, which ends at {}",
                                    human_size(context.at.raw - before), address_text(before - 1))
                      : "there is no entry at all";
  if (!has_before) return fmt::format("the first entry begins at {}", address_text(after));
  return fmt::format("a hole of {} between the entries that end at {} and begin at {}",
                     human_size(after - before), address_text(before - 1), address_text(after));
}

void add_map_entries(const LifeContext& context, LifeStage& stage) {
  const auto map = context.machine().map;
  const MapEntry* const winner = decider(map, context.at);
  const auto count =
      std::ranges::count_if(map, [&](const MapEntry& entry) { return covers(entry, context.at); });
  auto entries = nlohmann::ordered_json::array();
  for (const MapEntry& entry : map) {
    if (!covers(entry, context.at)) continue;
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    const char* fate = count == 1         ? ""
                       : &entry == winner ? "; it wins: of entries that overlap the highest type does"
                                          : "; it loses";
    const Origin* const origin = lnx::find_origin(context.description.origins, Origin::Kind::map, range);
    const std::string place = origin == nullptr ? context.description.map_source : place_of(*origin);
    stage.because(fmt::format("{} {}{}", mem_text(context, range), type_text(entry.type), fate), place);
    auto object = range_json(range);
    object["type"] = type_text(entry.type), object["wins"] = &entry == winner, object["where"] = place;
    entries.push_back(std::move(object));
  }
  stage.facts["entries"] = std::move(entries);
  if (winner != nullptr) {
    stage.says = type_text(winner->type);
    stage.facts["type"] = stage.says;
  }
  // UEFI's own map beside an e820.
  if (context.description.map_source != "e820") return;
  for (const lnx::EfiEntry& entry : context.description.efi_map) {
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    const Origin* const origin = lnx::find_origin(context.description.origins, Origin::Kind::map, range);
    if (range.contains(context.at) && origin != nullptr)
      stage.because(fmt::format("{} of UEFI's map, type {}", mem_text(context, range), entry.type),
                    place_of(*origin));
  }
}

void add_tree_words(const LifeContext& context, LifeStage& stage) {
  auto nodes = nlohmann::ordered_json::array();
  for (const TreeWord& word : tree_words(context, context.at)) {
    using Kind = TreeWord::Kind;
    const char* what = word.kind == Kind::memory     ? "memory"
                       : word.kind == Kind::reserved ? "reserved-memory"
                       : word.kind == Kind::initrd   ? "initrd"
                                                     : "memory reservation";
    std::string text = fmt::format("{} {}", mem_text(context, word.range), what);
    if (!word.flags.empty()) text += ", " + word.flags;
    stage.because(std::move(text), word.path);
    auto object = range_json(word.range);
    object["what"] = what, object["flags"] = word.flags, object["where"] = word.path;
    nodes.push_back(std::move(object));
    if (word.kind == Kind::memory && stage.says.empty())
      stage.says = "usable", stage.facts["type"] = "usable";
  }
  stage.facts["nodes"] = std::move(nodes);
}

// The option of the command line that made another type of the address, found by applying one after the other to the map as
// it was.
std::string option_that_changed(const LifeContext& context, const std::vector<MapEntry>& before,
                                std::optional<firmware::MapType> to) {
  constexpr std::size_t room = 64;
  std::vector<std::byte> memory((before.size() + room) * 512);
  Arena arena{memory};
  const auto storage = map::E820Storage::from(arena, 2 * before.size() + room);
  if (!storage) return {};
  map::E820Map map{storage.value()};
  if (!map.append(before)) return {};
  const std::string_view line = context.description.command_line;
  const Origin* const origin = lnx::find_origin(context.description.origins, Origin::Kind::command_line);
  const auto type_now = [&] {
    const MapEntry* const entry = decider(map.entries(), context.at);
    return entry == nullptr ? std::nullopt : std::optional{entry->type};
  };
  std::string found;
  for (const boot::Option& option : boot::CommandLine{view_of(line)}) {
    const auto type_before = type_now();
    if (boot::same_name(option.name, "mem"))
      static_cast<void>(boot::apply_mem(map, option.value));
    else if (boot::same_name(option.name, "memmap"))
      static_cast<void>(boot::apply_memmap(map, option.value));
    else
      continue;
    if (type_now() != type_before && type_now() == to)
      found = fmt::format("{}: {}={}", origin == nullptr ? "command line" : origin->where + ", command line",
                          to_string(option.name), to_string(option.value));
  }
  return found;
}

std::string_view about_of(const LifeContext& context, std::string_view step) {
  for (const StepEntry& entry : context.report.steps)
    if (entry.function == step) return entry.about;
  return {};
}

}  // namespace

LifeStage firmware_stage(const LifeContext& context) {
  LifeStage stage{.name = "firmware", .says = {}};
  if (!context.machine().map.empty()) add_map_entries(context, stage);
  if (!context.machine().tree.empty()) add_tree_words(context, stage);
  for (const PhysRange extra : context.machine().extra_memory) {
    if (!extra.contains(context.at)) continue;
    stage.because(mem_text(context, extra) + " usable", "--memory");
    if (stage.says.empty()) stage.says = "usable", stage.facts["type"] = "usable";
  }
  if (stage.says.empty()) {
    stage.says = "no word of it";
    stage.because(hole_text(context));
    stage.facts["type"] = nullptr;
  }
  return stage;
}

std::optional<LifeStage> map_stage(const LifeContext& context) {
  if (!context.is_x86() || context.log.maps().empty()) return std::nullopt;
  LifeStage stage{.name = "map", .says = {}};
  auto changes = nlohmann::ordered_json::array();
  const MapMoment* last = nullptr;
  const MapEntry* now = nullptr;
  for (const MapMoment& moment : context.log.maps()) {
    const MapEntry* const entry = decider(moment.entries, context.at);
    const bool is_changed = last != nullptr && type_text(entry) != type_text(now);
    if (is_changed) {
      std::string place;
      if (moment.step == "parse_early_param")
        place = option_that_changed(context, last->entries,
                                    entry == nullptr ? std::nullopt : std::optional{entry->type});
      changes.push_back(
          {{"step", moment.step}, {"from", type_text(now)}, {"to", type_text(entry)}, {"where", place}});
      stage.because(fmt::format("{} ({}): {} becomes {}", moment.step, about_of(context, moment.step),
                                type_text(now), type_text(entry)),
                    std::move(place));
    }
    now = entry;
    last = &moment;
  }
  stage.says = stage.reasons.empty() ? "as firmware has it" : type_text(now);
  if (now != nullptr)
    stage.because(fmt::format("the entry when memblock is filled: {} {}",
                              mem_text(context, PhysRange::sized(now->base, now->size)), type_text(now)));
  stage.facts["type"] =
      now == nullptr ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(type_text(now));
  stage.facts["changes"] = std::move(changes);
  return stage;
}

}  // namespace quarry::cli

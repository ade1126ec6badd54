// What the boot-time allocators did with an address, and which node it belongs to.
#include <fmt/format.h>

#include <algorithm>

#include "cli/life_context.hpp"
#include "cli/text.hpp"

namespace quarry::cli {
namespace {

using early::Action;

std::string owner_text(const LoggedEvent& event) {
  return event.owner.empty() ? std::string{} : fmt::format(" '{}'", event.owner);
}

std::string flag_text(const LoggedEvent& event) {
  std::string text;
  const auto add = [&](early::Flags flag, const char* name) {
    if (early::has(event.flags, flag)) text += (text.empty() ? "" : ", ") + std::string{name};
  };
  add(early::Flags::hotplug, "hotplug");
  add(early::Flags::mirror, "mirror");
  add(early::Flags::nomap, "nomap");
  add(early::Flags::driver_managed, "driver_managed");
  return text.empty() ? "a flag" : text;
}

// What an event did to the memory it is about; empty: it is about a search, or tells nothing of this address.
std::string deed_of(const LoggedEvent& event) {
  switch (event.action) {
    case Action::add: return "added to memory by" + owner_text(event);
    case Action::remove: return "removed from memory by" + owner_text(event);
    case Action::reserve: return "reserved for" + owner_text(event);
    case Action::alloc: return "allocated for" + owner_text(event);
    case Action::free: return "freed again:" + owner_text(event);
    case Action::grow: return "taken for a larger table," + owner_text(event);
    case Action::mark: return fmt::format("{} {}", flag_text(event), event.reason);
    case Action::set_node:
      return fmt::format("{}belongs to node {}", event.owner == "reserved" ? "the reservation " : "",
                         static_cast<unsigned>(event.node));
    case Action::free_late:
    case Action::alloc_failed:
    case Action::fallback:
    case Action::grow_failed: return {};
  }
  return {};
}

const char* word_of(Action action) {
  switch (action) {
    case Action::add: return "add";
    case Action::remove: return "remove";
    case Action::reserve: return "reserve";
    case Action::alloc: return "alloc";
    case Action::free: return "free";
    case Action::grow: return "grow";
    case Action::mark: return "mark";
    case Action::set_node: return "set_node";
    default: return "";
  }
}

// Who took the address last; empty: nobody, or it was freed since.
std::string_view last_owner(const LifeContext& context) {
  std::string_view owner;
  for (const LoggedEvent& event : context.log.events()) {
    if (!event.range.contains(context.at)) continue;
    const bool takes =
        event.action == Action::reserve || event.action == Action::alloc || event.action == Action::grow;
    if (takes) owner = event.owner;
    if (event.action == Action::free) owner = {};
  }
  return owner;
}

std::string end_text(const LifeContext& context) {
  const RegionEntry* const memory = context.memory();
  if (memory == nullptr && context.reserved() == nullptr) return "memblock knows nothing of it";
  const std::string_view owner = last_owner(context);
  if (memory == nullptr) return fmt::format("no memory, but reserved for '{}'", owner);
  const bool is_hidden = std::ranges::find(memory->flags, "nomap") != memory->flags.end();
  if (context.reserved() != nullptr)
    return fmt::format("memory, reserved{}{}", owner.empty() ? "" : fmt::format(" for '{}'", owner),
                       is_hidden ? ", not to be mapped" : "");
  return is_hidden ? "memory that nobody maps" : "memory, free at the end";
}

// Tells apart what an event changed at one address from what it said of everything.
class News {
 public:
  explicit News(const LifeContext& context) : context_{context} {}
  bool has(const LoggedEvent& event) {
    if (event.action == Action::set_node) {
      if (event.node == early::kAnyNode) return false;  // what tables said before is forgotten
      return event.owner == "reserved" ? context_.reserved() != nullptr : context_.is_ram();
    }
    if (event.action == Action::add) marked_ = marked_ | event.flags;
    if (event.action != Action::mark) return true;
    const bool sets = event.reason == "set";
    const bool is_new = sets || early::has(marked_, event.flags);
    marked_ =
        sets
            ? marked_ | event.flags
            : static_cast<early::Flags>(static_cast<unsigned>(marked_) & ~static_cast<unsigned>(event.flags));
    return is_new;
  }

 private:
  const LifeContext& context_;
  early::Flags marked_ = early::Flags::none;
};

// The entry of SRAT, or the node of the tree, that names the memory's node.
void add_node_reasons(const LifeContext& context, LifeStage& stage) {
  const auto& nodes = context.early.state().nodes;
  const std::string source = to_string(nodes.source());
  if (source == "SRAT") {
    for (const auto& entry : context.machine().memory_affinity) {
      const PhysRange range = PhysRange::sized(entry.base, entry.size);
      if (!range.contains(context.at)) continue;
      const lnx::Origin* const origin =
          lnx::find_origin(context.description.origins, lnx::Origin::Kind::affinity, range);
      stage.because(
          fmt::format("SRAT: {} is of domain {}{}{}", mem_text(context, range), entry.domain,
                      entry.enabled ? "" : ", disabled", entry.hotpluggable ? ", hot-pluggable" : ""),
          origin == nullptr ? "SRAT" : place_of(*origin));
    }
  } else if (source == "device tree") {
    for (const TreeWord& word : tree_words(context, context.at))
      if (word.kind == TreeWord::Kind::memory)
        stage.because(
            word.node ? fmt::format("numa-node-id = <{}>", *word.node) : "without numa-node-id: node 0",
            word.path);
  } else if (source == "fake") {
    stage.because("nodes are made up", option_behind(context, "numa"));
  } else {
    stage.because("nothing tells of nodes: all memory is of one", option_behind(context, "numa"));
  }
  stage.facts["source"] = source;
}

}  // namespace

LifeStage early_stage(const LifeContext& context) {
  LifeStage stage{.name = "early", .says = end_text(context)};
  auto events = nlohmann::ordered_json::array();
  News news{context};
  for (const LoggedEvent& event : context.log.events()) {
    const std::string deed = event.range.contains(context.at) ? deed_of(event) : std::string{};
    if (deed.empty() || !news.has(event)) continue;
    const bool is_bootmem = event.allocator == boot::EarlyChoice::bootmem;
    std::string why =
        event.action == Action::alloc || event.action == Action::grow ? event.reason : std::string{};
    std::string place = input_behind(context, event.owner, event.range);
    stage.because(fmt::format("{}: {}{}, {}{}", event.step.empty() ? "hand-over" : event.step,
                              is_bootmem ? "bootmem: " : "", deed, mem_text(context, event.range),
                              why.empty() ? "" : ": " + why),
                  place);
    auto object = nlohmann::ordered_json{{"step", event.step}, {"action", word_of(event.action)}};
    object.update(range_json(event.range));
    object["owner"] = event.owner, object["reason"] = event.reason, object["where"] = place;
    if (is_bootmem) object["allocator"] = "bootmem";
    events.push_back(std::move(object));
  }
  stage.facts["is_memory"] = context.is_ram();
  stage.facts["is_reserved"] = context.reserved() != nullptr;
  stage.facts["events"] = std::move(events);
  return stage;
}

LifeStage node_stage(const LifeContext& context) {
  LifeStage stage{.name = "node", .says = {}};
  const RegionEntry* const memory = context.memory();
  const int node = memory == nullptr ? -1 : memory->node;
  stage.facts["node"] = node < 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(node);
  if (memory == nullptr) {
    stage.says = "none: it is no memory";
    const NodeId named = context.early.state().nodes.node_of(context.at);
    if (named != early::kAnyNode && context.early.state().nodes.source() != "none")
      stage.says += fmt::format(", though the tables put it on node {}", static_cast<unsigned>(named));
    return stage;
  }
  stage.says = fmt::format("node {}", std::max(node, 0));
  if (node < 0) stage.facts["node"] = 0;
  add_node_reasons(context, stage);
  return stage;
}

}  // namespace quarry::cli

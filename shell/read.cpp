#include "shell/shell.hpp"

namespace quarry::shell {

std::optional<std::uint64_t> Shell::number_of(TextView word, TextView what) noexcept {
  const auto number = read_number(word);
  if (!number)
    bad_line()->put(what).put(' ').put(word).put(": expected a number, such as 4096, 0x1000 or 4K");
  return number;
}

std::optional<Order> Shell::order_of(TextView word) noexcept {
  const auto order = number_of(word, "ORDER");
  if (!order) return std::nullopt;
  const unsigned most = machine_.geometry().max_order().raw();
  if (*order > most) {
    bad_line()->put("ORDER ").put(word).put(": expected 0 to ").dec(most);
    return std::nullopt;
  }
  return Order{static_cast<unsigned>(*order)};
}

std::optional<unsigned> Shell::core_of(TextView word) noexcept {
  const auto core = number_of(word, "CPU");
  if (!core) return std::nullopt;
  if (*core >= machine_.core_count()) {
    bad_line()->put("CPU ").put(word).put(": expected 0 to ").dec(machine_.core_count() - 1);
    return std::nullopt;
  }
  return static_cast<unsigned>(*core);
}

// Where the line ends before it, ranges are movable.
std::optional<page::MigrateType> Shell::type_of(const Words& words, std::size_t at) noexcept {
  if (words.size() <= at) return page::MigrateType::movable;
  const auto type = read_type(words[at]);
  if (!type) bad_line()->put(words[at]).put(": expected unmovable, movable, reclaimable or cma");
  return type;
}

std::optional<PfnRange> Shell::range_of(const Words& words, std::size_t at) noexcept {
  const auto first = number_of(words[at], "PFN");
  if (!first) return std::nullopt;
  const auto count = number_of(words[at + 1], "COUNT");
  if (!count) return std::nullopt;
  if (*count == 0 || *first + *count < *first) {
    bad_line()->put("COUNT ").put(words[at + 1]).put(": expected pages");
    return std::nullopt;
  }
  return PfnRange{Pfn{*first}, Pfn{*first + *count}};
}

// An area by its place, or the first of that name.
std::optional<std::size_t> Shell::area_of(TextView word) noexcept {
  std::size_t count = 0;
  const auto place = read_number(word);
  for (; const auto area = machine_.area(count); ++count)
    if (place ? *place == count : area->name == word) return count;
  if (count == 0)
    refuse()->put("there is no contiguous area on this machine");
  else
    bad_line()
        ->put("AREA ")
        .put(word)
        .put(": expected 0 to ")
        .dec(count - 1)
        .put(", or a name; 'cma' lists them");
  return std::nullopt;
}

// "movable node=1 zone=dma32 atomic", from word `first` on.
std::optional<buddy::Request> Shell::request_of(const Words& words, std::size_t first,
                                                buddy::Request request) noexcept {
  for (std::size_t i = first; i < words.size(); ++i) {
    const TextView word = words[i];
    if (apply_setting(word, request)) continue;
    if (begins_with_word(word, "node=")) {
      if (!read_node(word, request)) return std::nullopt;
      continue;
    }
    bad_line()->put(word).put(": expected a type, zone=, node= or an urgency; 'help alloc_pages' lists them");
    return std::nullopt;
  }
  return request;
}

// "reclaimable node=1 atomic": what is asked of kmalloc or of a cache. Without a node, the one of the CPU that asks.
std::optional<ObjectRequest> Shell::object_request_of(const Words& words, std::size_t first) noexcept {
  const auto request = request_of(words, first, {.node = slab::kHere});
  if (!request) return std::nullopt;
  if (request->node != slab::kHere && !has_node(request->node)) return std::nullopt;
  if (request->type == page::MigrateType::movable) {
    bad_line()->put("movable: objects stay where they are; expected unmovable or reclaimable");
    return std::nullopt;
  }
  ObjectRequest wanted;
  wanted.where = {.node = request->node,
                  .placement = request->placement,
                  .urgency = request->urgency,
                  .effort = request->effort};
  if (request->type == page::MigrateType::reclaimable) wanted.memory = slab::Memory::reclaimable;
  if (request->highest == zones::ZoneType::dma) wanted.memory = slab::Memory::dma;
  return wanted;
}

// A cache by the name that it was given here, or by its own.
std::optional<CacheId> Shell::cache_of(TextView name) noexcept {
  if (const MadeCaches::Made* const made = made_.find(name)) return made->id;
  const auto found = machine_.find_cache(name);
  if (!found) bad_line()->put(name).put(": there is no such cache; 'slabinfo' lists them");
  return found;
}

// If not, that was said.
bool Shell::has_node(NodeId node) noexcept {
  for (const zones::NodeRange& range : machine_.early().layout().node_ranges)
    if (range.node == node) return true;
  bad_line()->put("node=").dec(static_cast<unsigned>(node)).put(": there is no such node");
  return false;
}

bool Shell::read_node(TextView word, buddy::Request& request) noexcept {
  const auto node = read_number(word.part(5));
  if (!node) {
    Line line = bad_line();
    put_lower(line->put("node "), word.part(5));
    line->put(": expected a number, such as 4096, 0x1000 or 4K");
    return false;
  }
  if (*node > UINT16_MAX) {
    Line line = bad_line();
    put_lower(*line, word);
    line->put(": there is no such node");
    return false;
  }
  request.node = static_cast<NodeId>(*node);
  return true;
}

}  // namespace quarry::shell

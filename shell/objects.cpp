#include "shell/names.hpp"
#include "shell/rounds.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

constexpr std::uint64_t kMostObjects = std::uint64_t{1} << 20;  // in one request

// As `request`, but of the page allocator: what it is explained by where it fails.
buddy::Request pages_for(const slab::Where& where) noexcept {
  return {.placement = where.placement,
          .urgency = where.urgency,
          .effort = where.effort,
          .node = where.node == slab::kHere ? NodeId{} : where.node};
}

TextSink& put_objects(TextSink& out, std::uint64_t count) noexcept {
  return out.dec(count).put(count == 1 ? " object" : " objects");
}

}  // namespace

// --- kmalloc ---------------------------------------------------------------------------------------

void Shell::kmalloc(const Words& words) noexcept { hand_out(words, Content::any); }
void Shell::kzalloc(const Words& words) noexcept { hand_out(words, Content::zeros); }

void Shell::hand_out(const Words& words, Content content) noexcept {
  const auto size = number_of(words[1], "SIZE");
  auto request = size ? object_request_of(words, 2) : std::nullopt;
  if (!request) return;
  if (*size == 0) {
    bad_line()->put("SIZE 0: there would be nothing to show");
    return;
  }
  if (!objects_.make_room(1)) return no_memory_to_note();
  request->size = *size;
  request->content = content;
  const auto object = machine_.kmalloc(*request);
  if (!object && object.error() == Error::bad_argument) {
    refuse()->dec(*size).put(request->memory == slab::Memory::dma && *size <= UINT32_MAX
                                 ? " bytes of the DMA zone: kmalloc has no caches for them here"
                                 : " bytes are more than the largest block");
    return;
  }
  if (!object) return refuse_bytes(*size, request->where);
  objects_.put(object.value().raw, Object{.bytes = *size}.packed());
  say_usable(object.value());
}

void Shell::refuse_bytes(std::uint64_t bytes, const slab::Where& where) noexcept {
  unsigned order = 0;
  const PageSize page = machine_.geometry().page_size();
  while (order < Order::kCeiling && page.bytes_in(Order{order}.pages()).raw < bytes) ++order;
  refuse_request(Order{order}, pages_for(where))
      ->put("no memory for ")
      .dec(bytes)
      .put(" bytes; 'why' explains");
}

// "0xffc0  128 bytes can be used, of kmalloc-128".
void Shell::say_usable(PhysAddr object) noexcept {
  const ObjectLook look = machine_.look_at_object(object);
  Line line = say();
  line->put("0x").hex(object.raw).put("  ").dec(look.size).put(" bytes can be used, ");
  if (look.cache)
    line->put("of ").put(look.name);
  else
    line->put("a block of pages");
}

void Shell::krealloc(const Words& words) noexcept {
  const auto at = number_of(words[1], "ADDR");
  const auto size = at ? number_of(words[2], "SIZE") : std::nullopt;
  if (!size) return;
  if (*size == 0) {
    bad_line()->put("SIZE 0: 'kfree' takes it back");
    return;
  }
  const PhysAddr old{*at};
  const auto known = objects_.find(*at);
  if (!known) return refuse_object(old, machine_.look_at_object(old));
  if (!objects_.make_room(1)) return no_memory_to_note();
  const auto moved = machine_.krealloc(old, *size);
  if (!moved && moved.error() == Error::bad_argument) {
    refuse()->dec(*size).put(" bytes are more than the largest block");
    return;
  }
  if (!moved && moved.error() == Error::no_memory) return refuse_bytes(*size, {});
  if (!moved) return refuse_object(old, machine_.look_at_object(old));
  if (moved.value() != old) {
    objects_.erase(*at);
    say()->put("moved from 0x").hex(*at);
  }
  const bool is_same_cache = moved.value() == old && Object::of(*known).cache;
  if (!is_same_cache) objects_.put(moved.value().raw, Object{.bytes = *size}.packed());
  say_usable(moved.value());
}

void Shell::ksize(const Words& words) noexcept {
  const auto at = number_of(words[1], "ADDR");
  if (!at) return;
  const ObjectLook look = machine_.look_at_object(PhysAddr{*at});
  if (look.state != slab::ObjectState::live) return refuse_object(PhysAddr{*at}, look);
  say_usable(PhysAddr{*at});
}

void Shell::kfree(const Words& words) noexcept {
  if (const auto at = number_of(words[1], "ADDR")) free_object(PhysAddr{*at});
}

// --- What comes back -------------------------------------------------------------------------------

// Why an address is no object that could be taken back.
void Shell::refuse_object(PhysAddr object, const ObjectLook& look) noexcept {
  const auto reason = [&](TextSink& out) noexcept {
    using slab::ObjectState;
    const TextView whose = look.name.empty() ? TextView{"kmalloc"} : look.name;
    out.put("0x").hex(object.raw);
    switch (look.state) {
      case ObjectState::live: out.put(": in use, but not handed out here: of ").put(whose); return;
      case ObjectState::free: out.put(": freed already, or never handed out: of ").put(whose); return;
      case ObjectState::misaligned: out.put(": no object starts there, but in one of ").put(whose); return;
      case ObjectState::other_cache: out.put(": of another cache"); return;
      case ObjectState::no_slab: out.put(": nothing was handed out there"); return;
      case ObjectState::unmapped: out.put(": it lies outside of memory"); return;
    }
  };
  TextSink note = failure_.start();
  reason(note);
  note.put(". It was refused; nothing changed.\n");
  reason(*refuse());
}

// False: it was refused.
bool Shell::free_object(PhysAddr object) noexcept {
  const auto known = objects_.find(object.raw);
  if (!known) {
    refuse_object(object, machine_.look_at_object(object));
    return false;
  }
  if (!machine_.kfree(object)) {
    refuse_object(object, machine_.look_at_object(object));
    return false;
  }
  objects_.erase(object.raw);
  return true;
}

// All that this shell has, or what it has of a cache.
//
// Returns   how many objects were taken back.
std::uint64_t Shell::free_objects(std::optional<CacheId> cache) noexcept {
  std::uint64_t count = 0;
  for (auto entry = objects_.at_or_after(0); entry; entry = objects_.at_or_after(entry->key + 1)) {
    if (cache && Object::of(entry->value).cache != cache) continue;
    if (!free_object(PhysAddr{entry->key})) return count;
    ++count;
  }
  return count;
}

void Shell::held_object(const Book::Entry& entry) noexcept {
  const Object object = Object::of(entry.value);
  Line line = say();
  line->put("0x").hex(entry.key).put("  ");
  if (object.cache) {
    const slab::CacheStats stats = machine_.look_at_cache(*object.cache).stats;
    line->dec(stats.object_size).put(" bytes of ").put(stats.name);
  } else {
    line->dec(object.bytes).put(" bytes by kmalloc");
  }
}

// --- Objects of caches -----------------------------------------------------------------------------

// As many as are to be had, through `into`, which may take several rounds. `ends` become the first and the last.
std::uint64_t Shell::take_objects(CacheId cache, std::span<PhysAddr> into, std::uint64_t count,
                                  const slab::Where& where, Objects& ends) noexcept {
  return take_in_rounds(into, count, ends, [&](std::span<PhysAddr> round) noexcept {
    const std::size_t some = machine_.alloc_objects(cache, round, where);
    for (std::size_t i = 0; i < some; ++i) objects_.put(round[i].raw, Object{.cache = cache}.packed());
    return some;
  });
}

void Shell::kmem_cache_alloc(const Words& words) noexcept {
  const auto cache = cache_of(words[1]);
  if (!cache) return;
  const bool has_count = words.size() > 2 && words[2][0] >= '0' && words[2][0] <= '9';
  const auto count = has_count ? number_of(words[2], "COUNT") : std::uint64_t{1};
  if (!count) return;
  if (*count == 0 || *count > kMostObjects) {
    bad_line()->put("COUNT ").put(words[2]).put(": expected 1 to ").dec(kMostObjects);
    return;
  }
  const auto request = object_request_of(words, has_count ? 3 : 2);
  if (!request) return;
  if (request->memory != slab::Memory::normal) {
    bad_line()->put("the kind of memory is the cache's: 'kmem_cache_create' chooses it");
    return;
  }
  constexpr std::size_t at_once = 256;
  Room<PhysAddr> room{memory_};
  const auto into = room.fresh(at_once);
  if (!into || !objects_.make_room(*count)) return no_memory_to_note();
  Objects ends;
  const std::uint64_t got = take_objects(*cache, into.value(), *count, request->where, ends);
  const CacheLook look = machine_.look_at_cache(*cache);
  if (got != 0) {
    Line line = say();
    if (*count == 1) {
      line->put("0x").hex(ends.first.raw).put("  ").dec(look.stats.object_size).put(" bytes of ");
      line->put(look.stats.name).put(", ");
      put_place(*line, machine_.geometry().page_size().pfn_down(ends.first));
    } else {
      put_objects(line->dec(got).put(" of "), *count).put(" of ").put(look.stats.name);
      line->put(", from 0x").hex(ends.first.raw).put(" to 0x").hex(ends.last.raw);
    }
  }
  if (got == *count) return;
  Line line = refuse_request(look.order, pages_for(request->where));
  put_objects(line->dec(got).put(" of "), *count).put(got == 1 ? " was" : " were");
  line->put(" to be had; 'why' explains");
}

// "ADDR...", "NAME ADDR..." or "NAME" alone: all that this shell has of it.
void Shell::kmem_cache_free(const Words& words) noexcept {
  const bool has_name = !read_number(words[1]);
  const auto cache = has_name ? cache_of(words[1]) : std::nullopt;
  if (has_name && !cache) return;
  if (has_name && words.size() == 2) {
    const std::uint64_t count = free_objects(cache);
    put_objects(*say(), count).put(" taken back");
    return;
  }
  for (std::size_t i = has_name ? 2 : 1; i < words.size(); ++i) {
    const auto at = number_of(words[i], "ADDR");
    if (!at) return;
    const ObjectLook look = cache ? machine_.look_at_object(PhysAddr{*at}) : ObjectLook{};
    if (look.cache && look.cache != cache) {
      refuse()->put("0x").hex(*at).put(": of ").put(look.name).put(", not of ").put(words[1]);
      continue;
    }
    free_object(PhysAddr{*at});
  }
}

}  // namespace quarry::shell

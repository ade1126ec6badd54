#include "shell/names.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

// A flag of kmem_cache_create and what it sets.
struct Flag {
  const char* word;
  void (*set)(slab::CacheSpec&) noexcept;
};
constexpr Flag kFlags[] = {
    {"hwcache_align", [](slab::CacheSpec& to) noexcept { to.line_align = slab::LineAlign::yes; }},
    {"reclaim", [](slab::CacheSpec& to) noexcept { to.memory = slab::Memory::reclaimable; }},
    {"dma", [](slab::CacheSpec& to) noexcept { to.memory = slab::Memory::dma; }},
    {"account", [](slab::CacheSpec& to) noexcept { to.charged = slab::Charged::yes; }},
    {"typesafe_by_rcu", [](slab::CacheSpec& to) noexcept { to.link = slab::LinkPlace::behind; }},
    {"nomerge", [](slab::CacheSpec& to) noexcept { to.merging = slab::Merging::never; }},
};

}  // namespace

// False: it makes no sense, and that was said.
bool Shell::read_cache_word(TextView word, slab::CacheSpec& spec) noexcept {
  for (const Flag& flag : kFlags) {
    if (!is_word(word, flag.word)) continue;
    flag.set(spec);
    return true;
  }
  constexpr TextView align = "align=";
  if (!begins_with_word(word, align)) {
    bad_line()->put(word).put(": expected align=N or a flag; 'help kmem_cache_create' lists them");
    return false;
  }
  const auto number = number_of(word.part(align.size()), "align");
  if (!number) return false;
  if (!is_power_of_two(*number) || *number > UINT32_MAX) {
    bad_line()->put(word).put(": expected a power of two");
    return false;
  }
  spec.align = static_cast<std::uint32_t>(*number);
  return true;
}

void Shell::kmem_cache_create(const Words& words) noexcept {
  const TextView name = words[1];
  if (read_number(name)) {
    bad_line()->put("NAME ").put(name).put(": expected a name, which is no number");
    return;
  }
  const auto size = number_of(words[2], "SIZE");
  if (!size) return;
  if (*size == 0 || *size > UINT32_MAX) {
    bad_line()->put("SIZE ").put(words[2]).put(": expected the bytes of an object");
    return;
  }
  slab::CacheSpec spec{.name = name, .size = static_cast<std::uint32_t>(*size)};
  for (std::size_t i = 3; i < words.size(); ++i)
    if (!read_cache_word(words[i], spec)) return;
  if (made_.find(name) != nullptr || machine_.find_cache(name)) {
    refuse()->put(name).put(": there is a cache of that name");
    return;
  }
  const auto kept = made_.keep(name);
  if (!kept) return no_memory_to_note();
  MadeCaches::Made& made = *kept.value();
  spec.name = made.name();
  const auto cache = machine_.create_cache(spec);
  if (cache) {
    made.id = cache.value();
    return say_created(made.name(), made.id);
  }
  made_.drop(made);
  switch (cache.error()) {
    case Error::bad_argument: refuse()->put("no slab can hold such an object"); return;
    case Error::no_room: refuse()->put("there are as many caches as there can be"); return;
    case Error::no_memory: refuse()->put("no memory for a cache"); return;
    default: refuse()->put(word_of(cache.error())); return;
  }
}

void Shell::say_created(TextView name, CacheId id) noexcept {
  const CacheLook look = machine_.look_at_cache(id);
  const slab::CacheStats& stats = look.stats;
  Line line = say();
  line->put(name).put(": ");
  if (look.users > 1)
    line->put("merged into ").put(stats.name).put(", which now serves ").dec(look.users).put(" creations; ");
  line->dec(stats.object_size).put(" bytes, ");
  if (stats.size != stats.object_size) line->put("one every ").dec(stats.size).put(", ");
  line->put("aligned to ").dec(stats.align).put("; ").dec(stats.objects_per_slab);
  line->put(stats.objects_per_slab == 1 ? " in a slab of " : " to a slab of ");
  put_size(*line, machine_.geometry().page_size().bytes_in(look.order.pages()));
}

void Shell::kmem_cache_destroy(const Words& words) noexcept {
  MadeCaches::Made* const made = made_.find(words[1]);
  if (made != nullptr) return say_destroyed(*made, made->id);
  if (machine_.find_cache(words[1]))
    refuse()->put(words[1]).put(": not made here, and in use by who made it");
  else
    bad_line()->put(words[1]).put(": there is no such cache");
}

void Shell::say_destroyed(MadeCaches::Made& made, CacheId id) noexcept {
  const CacheLook before = machine_.look_at_cache(id);
  const auto left = machine_.destroy_cache(
      id, {this, [](void* self, PhysAddr object) noexcept {
             static_cast<Shell*>(self)->say()->put("  0x").hex(object.raw).put(" is in use");
           }});
  if (!left) {
    refuse()->put(made.name()).put(": ").put(word_of(left.error()));
    return;
  }
  if (before.users > 1) {
    Line line = say();
    line->put(made.name()).put(" leaves; ").put(before.stats.name).put(" stays for ").dec(before.users - 1);
    line->put(before.users == 2 ? " other" : " others");
    if (before.stats.name.data() == made.name().data())
      made.has_left = true;
    else
      made_.drop(made);
    return;
  }
  if (left.value().none()) {
    made_.drop_all_of(id);
    return;
  }
  const slab::Leaks& leaks = left.value();
  Line line = refuse();
  line->put(made.name()).put(": ").dec(leaks.objects).put(leaks.objects == 1 ? " object is" : " objects are");
  line->put(" in use, in ").dec(leaks.slabs).put(leaks.slabs == 1 ? " slab" : " slabs");
  line->put("; the cache lives on");
}

void Shell::kmem_cache_shrink(const Words& words) noexcept {
  const auto cache = words.size() > 1 ? cache_of(words[1]) : std::nullopt;
  if (words.size() > 1 && !cache) return;
  const PageCount gone = machine_.shrink(cache);
  say()->dec(gone.raw).put(gone.raw == 1 ? " page given back" : " pages given back");
}

// What goes by a name that is kept here must not outlive it; what does nevertheless keeps the name.
void Shell::forget_caches() noexcept {
  teller_.set_on(false);
  while (MadeCaches::Made* const made = made_.first()) {
    const CacheId id = made->id;
    free_objects(id);
    const unsigned users = machine_.look_at_cache(id).users;
    const auto left = machine_.destroy_cache(id, {});
    if (users == 1 && left && left.value().none())
      made_.drop_all_of(id);
    else
      made->has_left = true;
  }
}

}  // namespace quarry::shell

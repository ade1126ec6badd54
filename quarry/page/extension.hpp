// quarry/page/extension.hpp: bytes for every page beside its descriptor, by whoever asked for them while booting.
//
//   add("owner", 16)  add("idle", 1)         before the hand-over; each says whether this boot needs it
//   start()           |owner|idle|...|owner|idle|...|     one stretch for a section, or for a flat map's array
//   find(id, pfn)      ^ O(1)
//
// Linux's page_ext. What every build of an embedder needs is an extra field of the descriptor instead (extra.hpp).
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::page {

struct ExtensionSpec {
  TextView name;
  Bytes size;                               // of each page's share
  Bytes alignment{alignof(std::uint64_t)};  // a power of two
  void* self = nullptr;
  bool (*need)(void* self) noexcept = nullptr;  // asked once, by start(); null: always
};

// One extension and where its share lies.
struct Extension {
  ExtensionSpec spec;
  std::uint64_t offset = 0;
  bool is_needed = false;
};

enum class ExtensionId : std::uint32_t { first = 0 };

// Map: a MemoryMap, which outlives this. One set of extensions a map.
template <class Map>
class Extensions {
 public:
  // As many extensions as `room` holds, which outlives this.
  explicit Extensions(std::span<Extension> room) noexcept : room_{room} {}
  Extensions(const Extensions&) = delete;
  Extensions& operator=(const Extensions&) = delete;

  // Before start() alone.
  //
  // Errors    bad_argument: no size, no alignment, or one that is no power of two. no_room: too many.
  Result<ExtensionId> add(const ExtensionSpec& spec) noexcept;

  // Asks who is needed, and takes their memory for every page with a descriptor. Nothing at all when nobody is.
  //
  // Errors    no_memory: the source has none; the extensions are not to be used.
  // Cost      O(sections); writes none of the memory, which reads as zero.
  // Source    Linux 6.1, mm/page_ext.c, "invoke_need_callbacks", "page_ext_init".
  Result<Done> start(const zones::Layout& layout, Map& map, MetadataSource source) noexcept;

  // The bytes of that extension for `page`; null: nobody needs it, or the page has no descriptor.
  //
  // Cost      O(1); of a flat map O(nodes).
  std::byte* find(ExtensionId id, Pfn page) const noexcept {
    const auto at = static_cast<std::size_t>(id);
    check(at < count_, "no such page extension");
    if (map_ == nullptr || !room_[at].is_needed) return nullptr;
    const auto stretch = map_->extension_base(page);
    if (stretch.base == nullptr || *stretch.base == nullptr) return nullptr;
    return *stretch.base + (page.raw - stretch.pages.begin().raw) * stride_ + room_[at].offset;
  }
  // The same as a T, whose zero bytes are a value.
  template <class T>
  T* of(ExtensionId id, Pfn page) const noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    const Extension& extension = room_[static_cast<std::size_t>(id)];
    check(sizeof(T) <= extension.spec.size.raw && alignof(T) <= extension.spec.alignment.raw,
          "not what was registered");
    return reinterpret_cast<T*>(find(id, page));
  }

  // After Map::add_sections(): the same for these. Their bytes are zero.
  //
  // Errors    no_memory: the source has none. Some sections may have theirs; remove_sections() undoes that.
  Result<Done> add_sections(PfnRange pages, MetadataSource source) noexcept;
  // Before Map::remove_sections(). Without a source that takes back, the memory waits for the section to come again.
  void remove_sections(PfnRange pages, MetadataSource source) noexcept;

  bool is_needed(ExtensionId id) const noexcept { return room_[static_cast<std::size_t>(id)].is_needed; }
  Bytes bytes_per_page() const noexcept { return Bytes{stride_}; }
  std::span<const Extension> view() const noexcept { return {room_.data(), count_}; }

 private:
  Result<Done> take(PfnRange pages, MetadataSource source) noexcept;

  std::span<Extension> room_;
  std::size_t count_ = 0;
  Map* map_ = nullptr;  // null: not started
  std::uint64_t stride_ = 0;
  Bytes alignment_{1};
};

template <class Map>
Result<ExtensionId> Extensions<Map>::add(const ExtensionSpec& spec) noexcept {
  check(map_ == nullptr, "page extensions are registered before the hand-over");
  if (spec.size.raw == 0 || !is_power_of_two(spec.alignment.raw)) return Error::bad_argument;
  if (count_ == room_.size()) return Error::no_room;
  room_[count_] = {spec, 0, false};
  return static_cast<ExtensionId>(count_++);
}

template <class Map>
Result<Done> Extensions<Map>::start(const zones::Layout& layout, Map& map, MetadataSource source) noexcept {
  check(map_ == nullptr, "page extensions are started once");
  map_ = &map;
  for (Extension& extension : room_.first(count_)) {
    const ExtensionSpec& spec = extension.spec;
    extension.is_needed = spec.need == nullptr || spec.need(spec.self);
    if (!extension.is_needed) continue;
    extension.offset = align_down(stride_ + spec.alignment.raw - 1, spec.alignment.raw);
    stride_ = extension.offset + spec.size.raw;
    if (alignment_ < spec.alignment) alignment_ = spec.alignment;
  }
  stride_ = align_down(stride_ + alignment_.raw - 1, alignment_.raw);
  Pfn end;
  for (const zones::NodeRange& range : layout.node_ranges)
    if (end < range.span.end()) end = range.span.end();
  return take({Pfn{0}, end}, source);
}

template <class Map>
Result<Done> Extensions<Map>::take(PfnRange pages, MetadataSource source) noexcept {
  if (stride_ == 0) return Done{};
  for (Pfn at = map_->next_present(pages.begin(), pages.end()); at < pages.end();) {
    const auto stretch = map_->extension_base(at);
    const std::uint64_t bytes = stretch.pages.size().raw * stride_;
    if (*stretch.base == nullptr) {
      const auto taken = source.take_bytes(source.self, Bytes{bytes}, alignment_, stretch.node);
      if (!taken) return taken.error();
      *stretch.base = taken.value();
    } else {
      for (std::uint64_t i = 0; i < bytes; ++i) (*stretch.base)[i] = std::byte{0};
    }
    at = stretch.pages.end() < pages.end() ? map_->next_present(stretch.pages.end(), pages.end())
                                           : pages.end();
  }
  return Done{};
}

template <class Map>
Result<Done> Extensions<Map>::add_sections(PfnRange pages, MetadataSource source) noexcept {
  check(map_ != nullptr, "page extensions have not been started");
  return take(pages, source);
}

template <class Map>
void Extensions<Map>::remove_sections(PfnRange pages, MetadataSource source) noexcept {
  if (stride_ == 0 || !source.takes_back()) return;
  for (Pfn at = map_->next_present(pages.begin(), pages.end()); at < pages.end();) {
    const auto stretch = map_->extension_base(at);
    if (*stretch.base != nullptr) source.give_back(*stretch.base, stretch.pages.size().raw * stride_);
    *stretch.base = nullptr;
    at = stretch.pages.end() < pages.end() ? map_->next_present(stretch.pages.end(), pages.end())
                                           : pages.end();
  }
}

}  // namespace quarry::page

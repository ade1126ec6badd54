#include "quarry/view/vmallocinfo.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {

using vm::AreaInfo, vm::AreaKind, vm::VirtAddr;

namespace {

constexpr TextView kCaller = "shell";

TextView name_of(AreaKind kind) noexcept {
  switch (kind) {
    case AreaKind::vmalloc: return "vmalloc";
    case AreaKind::vmap: return "vmap";
    case AreaKind::ioremap: return "ioremap";
  }
  return "";
}
TextView undone_by(AreaKind kind) noexcept {
  switch (kind) {
    case AreaKind::vmalloc: return "vfree";
    case AreaKind::vmap: return "vunmap";
    case AreaKind::ioremap: return "iounmap";
  }
  return "";
}

TextSink& put_size(TextSink& out, Bytes size) noexcept {
  const std::uint64_t kib = size.raw >> 10;
  if (kib >= 1024 && kib % 1024 == 0) return out.dec(kib >> 10).put(" MiB");
  return out.dec(kib).put(" KiB");
}

}  // namespace

// Null: there is none, and that was said.
AddressSpace* Shell::addresses() noexcept {
  const Result<Done> open = addresses_ == nullptr ? Result<Done>{Error::not_found} : addresses_->open();
  if (open) return addresses_;
  if (open.error() == Error::no_memory)
    refuse()->put("no memory for the first page table");
  else
    refuse()->put("there are no page tables for this machine here");
  return nullptr;
}

TextSink& Shell::put_address(TextSink& out, std::uint64_t address) noexcept {
  return out.put("0x").hex(address, addresses_->address_digits());
}

// Notes it, and says "0xffffc90000200000  2052 KiB in 2 pages: 1 of 2 MiB, 1 of 4 KiB".
void Shell::note_area(VirtAddr at) noexcept {
  const auto area = addresses_->find(at);
  check(bool{area}, "an area that was handed out is not there");
  // By its first page: registers need not begin there.
  areas_.put(area.value().range.begin().raw, static_cast<std::uint64_t>(area.value().kind));
  constexpr unsigned most_sizes = 8;
  struct {
    Bytes size{};
    std::uint64_t count = 0;
  } sizes[most_sizes];
  std::uint64_t pages = 0;
  const vm::VirtRange range = area.value().range;
  for (VirtAddr page = range.begin(); page < range.end(); ++pages) {
    const auto mapping = addresses_->lookup(page);
    if (!mapping) break;
    unsigned which = 0;
    while (which + 1 < most_sizes && sizes[which].count != 0 && sizes[which].size != mapping.value().page)
      ++which;
    sizes[which].size = mapping.value().page;
    ++sizes[which].count;
    page = page + mapping.value().page;
  }
  Line line = say();
  put_size(put_address(*line, at.raw).put("  "), range.size());
  line->put(" in ").dec(pages).put(pages == 1 ? " page" : " pages");
  for (unsigned i = 0; i < most_sizes && sizes[i].count != 0; ++i)
    put_size(line->put(i == 0 ? ": " : ", ").dec(sizes[i].count).put(" of "), sizes[i].size);
}

void Shell::vmalloc(const Words& words) noexcept { map_memory(words, Content::any); }
void Shell::vzalloc(const Words& words) noexcept { map_memory(words, Content::zeros); }

void Shell::map_memory(const Words& words, Content content) noexcept {
  const auto size = number_of(words[1], "BYTES");
  if (!size) return;
  if (*size == 0) {
    bad_line()->put("BYTES 0: there would be nothing to show");
    return;
  }
  vm::VmallocRequest request{.size = Bytes{*size}, .caller = kCaller};
  buddy::Request node{.node = slab::kHere};
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (is_word(words[i], "nohuge")) {
      request.huge = vm::HugeBlocks::never;
    } else if (begins_with_word(words[i], "node=")) {
      if (!read_node(words[i], node) || !has_node(node.node)) return;
      request.node = node.node;
    } else {
      bad_line()->put(words[i]).put(": expected node= or nohuge");
      return;
    }
  }
  AddressSpace* const addresses = this->addresses();
  if (addresses == nullptr) return;
  if (!areas_.make_room(1)) return no_memory_to_note();
  const auto at = addresses->vmalloc(request, content);
  if (!at) return refuse_area(Bytes{*size}, at.error());
  note_area(at.value());
}

void Shell::refuse_area(Bytes size, Error error) noexcept {
  Line line = refuse();
  if (error == Error::no_room)
    line->put("no gap between areas for ").dec(size.raw).put(" bytes");
  else if (error == Error::no_memory)
    line->put("no memory for ").dec(size.raw).put(" bytes, or for their page tables");
  else
    line->put("no processor of this kind has such memory");
}

void Shell::vfree(const Words& words) noexcept { unmap(words[1], AreaKind::vmalloc); }
void Shell::vunmap(const Words& words) noexcept { unmap(words[1], AreaKind::vmap); }
void Shell::iounmap(const Words& words) noexcept { unmap(words[1], AreaKind::ioremap); }

void Shell::unmap(TextView word, AreaKind kind) noexcept {
  const auto number = number_of(word, "ADDR");
  AddressSpace* const addresses = number ? this->addresses() : nullptr;
  if (addresses == nullptr) return;
  const VirtAddr at{*number};
  const auto area = addresses->find(at);
  const auto done = kind == AreaKind::vmalloc ? addresses->vfree(at)
                    : kind == AreaKind::vmap  ? addresses->vunmap(at)
                                              : addresses->iounmap(at);
  if (done) {
    check(bool{area}, "an area that was taken back had not been there");
    areas_.erase(area.value().range.begin().raw);
    return;
  }
  Line line = refuse();
  put_address(*line, at.raw).put(": ");
  if (area && area.value().kind != kind) {
    line->put("of ").put(name_of(area.value().kind)).put(", which ").put(undone_by(area.value().kind));
    line->put(" takes back");
  } else if (area) {
    put_address(line->put("inside an area that begins at "), area.value().range.begin().raw);
  } else if (done.error() == Error::wrong_owner) {
    line->put("given back already; it waits to be purged");
  } else {
    line->put("no area begins there");
  }
}

void Shell::vmap(const Words& words) noexcept {
  Room<Pfn> room{memory_};
  const auto frames = room.fresh(words.size() - 1);
  if (!frames || !areas_.make_room(1)) return no_memory_to_note();
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto page = number_of(words[i], "PFN");
    if (!page) return;
    if (!machine_.look_at(Pfn{*page})) {
      refuse()->put("0x").hex(*page).put(": there is no such page");
      return;
    }
    frames.value()[i - 1] = Pfn{*page};
  }
  AddressSpace* const addresses = this->addresses();
  if (addresses == nullptr) return;
  const auto at = addresses->vmap(frames.value(), kCaller);
  if (!at)
    return refuse_area(machine_.geometry().page_size().bytes_in(PageCount{words.size() - 1}), at.error());
  note_area(at.value());
}

void Shell::ioremap(const Words& words) noexcept {
  const auto begin = number_of(words[1], "PHYS");
  const auto size = begin ? number_of(words[2], "BYTES") : std::nullopt;
  if (!size) return;
  if (*size == 0 || *begin + *size < *begin) {
    bad_line()->put("BYTES ").put(words[2]).put(": expected some, up to the end of physical memory");
    return;
  }
  const PhysRange range = PhysRange::sized(PhysAddr{*begin}, Bytes{*size});
  for (const early::Region& region : machine_.early().memblock().memory().view())
    if (region.range().overlaps(range)) {
      // As Linux, which would give RAM a second, uncached, face.
      refuse()->put("0x").hex(*begin).put(": that is RAM; 'vmap' shows its pages");
      return;
    }
  AddressSpace* const addresses = this->addresses();
  if (addresses == nullptr) return;
  if (!areas_.make_room(1)) return no_memory_to_note();
  const auto at = addresses->ioremap(range, kCaller);
  if (!at) return refuse_area(Bytes{*size}, at.error());
  note_area(at.value());
}

void Shell::purge(const Words&) noexcept {
  AddressSpace* const addresses = this->addresses();
  if (addresses == nullptr) return;
  const std::uint64_t gone = addresses->purge();
  Line line = say();
  line->dec(gone).put(gone == 1 ? " area" : " areas").put(gone == 0 ? " waited" : " forgotten by all CPUs");
  line->put("; ").dec(addresses->tables()).put(" page tables are left");
}

void Shell::translate(const Words& words) noexcept {
  const auto at = number_of(words[1], "ADDR");
  AddressSpace* const addresses = at ? this->addresses() : nullptr;
  if (addresses == nullptr) return;
  const auto mapping = addresses->lookup(VirtAddr{*at});
  if (!mapping) {
    Line line = refuse();
    put_address(*line, *at)
        .put(mapping.error() == Error::out_of_range ? ": these page tables translate no such address"
                                                    : ": nothing is mapped there");
    return;
  }
  Line line = say();
  const vm::Access access = mapping.value().access;
  put_address(*line, *at).put(" is 0x").hex(mapping.value().at.raw);
  put_size(line->put(", in a page of "), mapping.value().page);
  line->put(access.write ? ", read and written" : ", read").put(access.execute ? ", executed" : "");
  if (access.type == vm::MemoryType::device) line->put(", a device");
  if (access.type == vm::MemoryType::uncached) line->put(", uncached");
}

void Shell::vmallocinfo(const Words&) noexcept {
  std::size_t nodes = 0;
  for (const zones::Node& node : machine_.early().layout().nodes)
    if (static_cast<std::size_t>(node.id) >= nodes) nodes = static_cast<std::size_t>(node.id) + 1;
  Room<PageCount> room{memory_};
  const auto on_nodes = room.fresh(nodes);
  AddressSpace* const addresses = this->addresses();
  if (addresses == nullptr) return;
  if (!on_nodes) return no_memory_to_note();
  TextSink out = console_.out();
  view::print_vmallocinfo(out, *addresses, on_nodes.value(), addresses->address_digits());
}

// All that this shell has.
//
// Returns   how many areas were taken back.
std::uint64_t Shell::free_areas() noexcept {
  std::uint64_t count = 0;
  for (auto entry = areas_.at_or_after(0); entry; entry = areas_.at_or_after(entry->key + 1), ++count) {
    const VirtAddr at{entry->key};
    const auto kind = static_cast<AreaKind>(entry->value);
    const auto done = kind == AreaKind::vmalloc ? addresses_->vfree(at)
                      : kind == AreaKind::vmap  ? addresses_->vunmap(at)
                                                : addresses_->iounmap(at);
    check(bool{done}, "an area of this shell's is gone");
    areas_.erase(entry->key);
  }
  return count;
}

void Shell::held_area(const Book::Entry& entry) noexcept {
  const auto area = addresses_->find(VirtAddr{entry.key});
  if (!area) return;
  Line line = say();
  put_size(put_address(*line, entry.key).put("  "), area.value().range.size());
  line->put(" by ").put(name_of(area.value().kind));
}

}  // namespace quarry::shell

// quarry/vm/page_table_impl.hpp: bodies of PageTable: its beginning, the pages of its tables, lookups.
#pragma once

#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

template <TableFormat F, class P>
  requires port::DirectMap<P>
PageTable<F, P>::PageTable(P platform, TablePages pages, Walkers walkers, Processor processor) noexcept
    : platform_{platform},
      pages_{pages},
      walkers_{walkers},
      highest_leaf_{highest_leaf_of(processor)},
      phys_bits_{processor.phys_bits < F::kPhysBits ? processor.phys_bits : F::kPhysBits},
      kept_bits_{~processor.lacks} {
  check((processor.lacks & ~Entry{F::kOptional}) == 0, "a processor lacks what its page tables need");
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<PageTable<F, P>> PageTable<F, P>::make(P platform, TablePages pages, Walkers walkers,
                                              Processor processor) noexcept {
  PageTable tree{platform, pages, walkers, processor};
  auto root = tree.take(1);
  if (!root) return root.error();
  Chain chain = root.value();
  tree.root_ = tree.pop(chain);
  return tree;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
unsigned PageTable<F, P>::highest_leaf_of(Processor processor) noexcept {
  unsigned level = F::kHighestLeaf;
  while (level > 0 && Tree::span(level) > processor.largest_page.raw) --level;
  return level;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::find_table(PhysAddr at) const noexcept -> Entry* {
  const Pfn page = kPage.pfn_down(at);
  return reinterpret_cast<Entry*>(platform_.map(PfnRange{page, page + PageCount{1}}));
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::table(PhysAddr at) const noexcept -> Entry* {
  Entry* const found = find_table(at);
  check(found != nullptr, "a page table left the direct map");
  return found;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
bool PageTable<F, P>::is_as(Entry entry, unsigned level, const std::optional<Access>& access) const noexcept {
  return access && entry == leaf(F::address_in(entry, level), level, *access);
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
bool PageTable<F, P>::is_empty(const Entry* table, unsigned level) noexcept {
  for (unsigned i = 0; i < Tree::entries(level); ++i)
    if (load(table + i) != 0) return false;
  return true;
}

// The same of a table of which `part`, an entry's of the level above, has just gone: what is left stands most often next to it.
template <TableFormat F, class P>
  requires port::DirectMap<P>
bool PageTable<F, P>::is_empty_around(const Entry* table, const Part& part) noexcept {
  const unsigned level = part.level - 1, count = Tree::entries(level);
  unsigned below = Tree::index(part.begin, level), above = Tree::index(part.end - 1, level) + 1;
  // Tables at both ends of the part may have more in them than what it was.
  for (unsigned inside = below; level != 0 && inside != above; ++inside)
    if (load(table + inside) != 0) return false;
  // What is left elsewhere is most often close by.
  while (below != 0 || above != count) {
    if (below != 0 && load(table + --below) != 0) return false;
    if (above != count && load(table + above++) != 0) return false;
  }
  return true;
}

// --- Pages that are in no tree ---------------------------------------------------------------------------

template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::take(std::uint64_t count) noexcept -> Result<Chain> {
  Chain chain;
  while (chain.count < count) {
    const auto page = pages_.take(pages_.self);
    if (!page) {
      give_back(chain);
      return page.error();
    }
    const PhysAddr at = kPage.address_of(page.value());
    Entry* const entries = find_table(at);
    if (entries == nullptr) {
      pages_.give_back(pages_.self, page.value());
      give_back(chain);
      return Error::out_of_range;
    }
    for (unsigned i = 0; i < kEntriesInPage; ++i) store(entries + i, 0);
    ++tables_;
    push(chain, at);
  }
  return chain;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::push(Chain& chain, PhysAddr at) noexcept {
  store(table(at), chain.first.raw);
  chain = {chain.count + 1, at};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
PhysAddr PageTable<F, P>::pop(Chain& chain) noexcept {
  check(chain.count != 0, "more tables are needed than were planned");
  const PhysAddr at = chain.first;
  Entry* const link = table(at);
  chain = {chain.count - 1, PhysAddr{load(link)}};
  store(link, 0);
  return at;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::give_back(Chain chain) noexcept {
  while (chain.count != 0) {
    const PhysAddr at = pop(chain);
    --tables_;
    pages_.give_back(pages_.self, kPage.pfn_down(at));
  }
}

// --- Addresses -------------------------------------------------------------------------------------------

template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::first_part(Span span, unsigned level) noexcept -> Part {
  const std::uint64_t slot_end = (span.begin | (Tree::span(level) - 1)) + 1;
  return {span.begin, slot_end < span.end ? slot_end : span.end, level};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::span_of(VirtAddr begin, Bytes size) const noexcept -> Result<Span> {
  check(tables_ != 0, "a tree of page tables is used after its end");
  if (size.raw == 0 || ((begin.raw | size.raw) & (kPage.bytes().raw - 1)) != 0) return Error::bad_argument;
  if (size.raw > UINT64_MAX - begin.raw) return Error::out_of_range;
  const VirtAddr last{begin.raw + size.raw - 1};
  const bool is_one_half = ((begin.raw ^ last.raw) >> 63) == 0;
  if (!is_one_half || !F::translates(begin) || !F::translates(last)) return Error::out_of_range;
  const std::uint64_t offset = begin.raw & ((std::uint64_t{1} << F::kVirtBits) - 1);
  return Span{offset, offset + size.raw};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Mapping> PageTable<F, P>::lookup(VirtAddr at) const noexcept {
  check(tables_ != 0, "a tree of page tables is used after its end");
  if (!F::translates(at)) return Error::out_of_range;
  const Entry* entries = table(root_);
  for (unsigned level = Tree::top();; --level) {
    const Entry entry = load(entries + Tree::index(at.raw, level));
    if (!F::is_present(entry)) return Error::not_found;
    const PhysAddr to = F::address_in(entry, level);
    if (F::is_leaf(entry, level)) {
      const std::uint64_t inside = at.raw & (Tree::span(level) - 1);
      return Mapping{to + Bytes{inside}, Bytes{Tree::span(level)}, F::access_of(entry, level)};
    }
    check(level != 0, "a table below the pages");
    entries = table(to);
  }
}

}  // namespace quarry::vm

// quarry/vm/page_table_map_impl.hpp: bodies of PageTable: what is absent becomes mapped.
#pragma once

#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::map(VirtAddr at, PhysRange to, Access access) noexcept {
  const Result<Done> done = map_silently(at, to, access);
  if (done) walkers_.tell_made(VirtRange{at, at + to.size()});
  return done;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::map(VirtAddr at, PhysRange to, Access access, Row& row) noexcept {
  const bool is_in_table =
      row.table_ != nullptr && at == row.made_.end() && (at.raw & (Tree::span(1) - 1)) != 0;
  if (!is_in_table) row.table_ = span_of(at, to.size()) ? smallest_table_of(at) : nullptr;
  if (!map_in_table(at, to, access, row)) {
    if (const Result<Done> done = map_silently(at, to, access); !done) return done;
    row.table_ = smallest_table_of(at + Bytes{to.size().raw - kPage.bytes().raw});
  }
  row.made_ = {row.made_.empty() ? at : row.made_.begin(), at + to.size()};
  return Done{};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::finish_map(Row& row) noexcept {
  if (!row.made_.empty()) walkers_.tell_made(row.made_);
  row = Row{};
}

// Pages in a table that is there already, in which nothing has to be planned.
//
// Returns   whether that was so, and it is done.
template <TableFormat F, class P>
  requires port::DirectMap<P>
bool PageTable<F, P>::map_in_table(VirtAddr at, PhysRange to, Access access, const Row& row) noexcept {
  const std::uint64_t page = kPage.bytes().raw;
  const std::uint64_t slot = at.raw & (Tree::span(1) - 1), pages = to.size().raw >> kPage.shift();
  if (row.table_ == nullptr) return false;
  if (to.empty() || ((to.begin().raw | to.size().raw) & (page - 1)) != 0) return false;
  if (to.size().raw > Tree::span(1) - slot || !reaches(to)) return false;
  Entry* const first = row.table_ + (slot >> kPage.shift());
  for (std::uint64_t i = 0; i < pages; ++i)
    if (load(first + i) != 0) return false;
  for (std::uint64_t i = 0; i < pages; ++i)
    store(first + i, leaf(to.begin() + Bytes{i << kPage.shift()}, 0, access));
  return true;
}

// Null where there is none yet, or a larger page is mapped.
template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::smallest_table_of(VirtAddr at) const noexcept -> Entry* {
  Entry* entries = table(root_);
  for (unsigned level = Tree::top(); level != 0; --level) {
    const Entry entry = load(entries + Tree::index(at.raw, level));
    if (!F::is_present(entry) || F::is_leaf(entry, level)) return nullptr;
    entries = table(F::address_in(entry, level));
  }
  return entries;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::map_silently(VirtAddr at, PhysRange to, Access access) noexcept {
  if ((to.begin().raw & (kPage.bytes().raw - 1)) != 0) return Error::bad_argument;
  const auto span = span_of(at, to.size());
  if (!span) return span.error();
  if (!reaches(to)) return Error::out_of_range;
  return build(span.value(), {to.begin(), span.value().begin, access, highest_leaf_});
}

// Plans it, then does it.
template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::build(Span span, const NewMapping& mapping) noexcept {
  const auto missing = plan_map(table(root_), Tree::top(), span, mapping);
  if (!missing) return missing.error();
  const auto taken = take(missing.value());
  if (!taken) return taken.error();
  Chain spare = taken.value();
  make_entries(table(root_), Tree::top(), span, mapping, spare);
  check(spare.count == 0, "fewer tables are needed than were planned");
  return Done{};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
bool PageTable<F, P>::fits(const Part& part, const NewMapping& mapping) noexcept {
  const PhysAddr to = mapping.at(part.begin);
  return part.level <= mapping.highest_leaf && part.is_whole() &&
         (to.raw & (Tree::span(part.level) - 1)) == 0;
}

// How many tables are missing. `table` is null where there is none yet.
template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<std::uint64_t> PageTable<F, P>::plan_map(const Entry* table, unsigned level, Span span,
                                                const NewMapping& mapping) const noexcept {
  std::uint64_t missing = 0;
  for (Span rest = span; rest.begin != rest.end;) {
    const Part part = first_part(rest, level);
    rest.begin = part.end;
    const Entry entry = table == nullptr ? 0 : load(table + Tree::index(part.begin, level));
    const bool is_here = F::is_present(entry);
    if (is_here ? F::is_leaf(entry, level) || fits(part, mapping) : entry != 0) return Error::busy;
    if (fits(part, mapping)) continue;
    const Entry* const below = is_here ? this->table(F::address_in(entry, level)) : nullptr;
    if (!is_here) ++missing;
    if (!is_here && level == 1) continue;  // a new table of pages lacks nothing
    const auto more = plan_map(below, level - 1, {part.begin, part.end}, mapping);
    if (!more) return more;
    missing += more.value();
  }
  return missing;
}

// As planned. A new table is filled before the entry that leads to it is written.
template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::make_entries(Entry* table, unsigned level, Span span, const NewMapping& mapping,
                                   Chain& spare) noexcept {
  for (Span rest = span; rest.begin != rest.end;) {
    const Part part = first_part(rest, level);
    rest.begin = part.end;
    Entry* const entry = table + Tree::index(part.begin, level);
    if (fits(part, mapping)) {
      store(entry, mapping.access ? leaf(mapping.at(part.begin), level, *mapping.access) : kShut);
      continue;
    }
    const Entry old = load(entry);
    const PhysAddr below = F::is_present(old) ? F::address_in(old, level) : pop(spare);
    make_entries(this->table(below), level - 1, {part.begin, part.end}, mapping, spare);
    if (!F::is_present(old)) store(entry, F::table_at(below));
  }
}

}  // namespace quarry::vm

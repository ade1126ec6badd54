// quarry/vm/page_table_change_impl.hpp: bodies of PageTable: what is mapped ends, or allows something else.
//
//   large page   |=====================|
//   change             |xxxxx|
//   afterwards   |--|--|xx|xx|--|--|--|       its table is filled and changed before it takes the page's place
#pragma once

#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::unmap(VirtRange range) noexcept {
  return change_and_tell(range, std::nullopt);
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::protect(VirtRange range, Access access) noexcept {
  return change_and_tell(range, access);
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::begin_unmap(VirtRange range, Ended& ended) noexcept {
  return change(range, std::nullopt, ended);
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::finish_unmap(Ended& ended) noexcept {
  if (!ended.changed_.empty()) walkers_.tell_gone(ended.changed_);
  give_back(ended.emptied_);
  ended = Ended{};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::change_and_tell(VirtRange range, std::optional<Access> access) noexcept {
  Ended ended;
  const Result<Done> done = change(range, access, ended);
  if (done) finish_unmap(ended);
  return done;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::change(VirtRange range, std::optional<Access> access, Ended& ended) noexcept {
  const auto span = span_of(range.begin(), range.size());
  if (!span) return span.error();
  const auto missing = plan_change(table(root_), Tree::top(), span.value(), access);
  if (!missing) return missing.error();
  const auto taken = take(missing.value());
  if (!taken) return taken.error();

  Change change{.access = access,
                .base = VirtAddr{range.begin().raw - span.value().begin},
                .changed = {UINT64_MAX, 0},
                .spare = taken.value(),
                .emptied = ended.emptied_};
  change_entries(table(root_), Tree::top(), span.value(), change);
  check(change.spare.count == 0, "fewer tables are needed than were planned");
  if (change.changed.begin < change.changed.end) ended.add(change.range_of(change.changed));
  ended.emptied_ = change.emptied;
  return Done{};
}

// How many tables are missing to split what is cut.
template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<std::uint64_t> PageTable<F, P>::plan_change(const Entry* table, unsigned level, Span span,
                                                   const std::optional<Access>& access) const noexcept {
  if (level == 0) {  // whole pages, which are never split
    const Entry* const first = table + Tree::index(span.begin, 0);
    for (std::uint64_t i = 0; i < (span.end - span.begin) >> kPage.shift(); ++i)
      if (!F::is_present(load(first + i))) return Error::not_found;
    return std::uint64_t{0};
  }
  std::uint64_t missing = 0;
  for (Span rest = span; rest.begin != rest.end;) {
    const Part part = first_part(rest, level);
    rest.begin = part.end;
    const Entry entry = load(table + Tree::index(part.begin, level));
    if (!F::is_present(entry)) return Error::not_found;
    if (F::is_leaf(entry, level)) {
      if (!is_as(entry, level, access)) missing += tables_to_split(part);
      continue;
    }
    const auto more =
        plan_change(this->table(F::address_in(entry, level)), level - 1, {part.begin, part.end}, access);
    if (!more) return more;
    missing += more.value();
  }
  return missing;
}

// Of a large page that `part` is cut out of: one for it, and those for the pages at both ends of the cut.
template <TableFormat F, class P>
  requires port::DirectMap<P>
std::uint64_t PageTable<F, P>::tables_to_split(const Part& part) noexcept {
  if (part.is_whole()) return 0;
  std::uint64_t tables = 1;
  for (Span rest{part.begin, part.end}; rest.begin != rest.end;) {
    const Part below = first_part(rest, part.level - 1);
    rest.begin = below.end;
    tables += tables_to_split(below);
  }
  return tables;
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::change_entries(Entry* table, unsigned level, Span span, Change& change) noexcept {
  if (level == 0 && !change.access) {
    Entry* const first = table + Tree::index(span.begin, 0);
    for (std::uint64_t i = 0; i < (span.end - span.begin) >> kPage.shift(); ++i) store(first + i, 0);
    return change.add(span);
  }
  for (Span rest = span; rest.begin != rest.end;) {
    const Part part = first_part(rest, level);
    rest.begin = part.end;
    Entry* const entry = table + Tree::index(part.begin, level);
    const Entry old = load(entry);
    if (!F::is_leaf(old, level))
      change_below(entry, part, change);
    else if (is_as(old, level, change.access))
      continue;
    else if (!part.is_whole())
      split(entry, part, change);
    else
      change_leaf(entry, part, change);
  }
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::change_leaf(Entry* entry, const Part& part, Change& change) noexcept {
  change.add({part.begin, part.end});
  if (!change.access) return store(entry, 0);
  const Entry old = load(entry);
  // Another memory type is another translation; what is allowed may change in place.
  if (F::kBreaksBeforeMaking && F::access_of(old, part.level).type != change.access->type)
    break_entry(entry, {part.begin, part.end}, change);
  store(entry, leaf(F::address_in(old, part.level), part.level, *change.access));
}

// A table, which goes when nothing is left in it.
template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::change_below(Entry* entry, const Part& part, Change& change) noexcept {
  const PhysAddr at = F::address_in(load(entry), part.level);
  Entry* const below = table(at);
  change_entries(below, part.level - 1, {part.begin, part.end}, change);
  if (change.access) return;
  if (!part.is_whole() && !is_empty_around(below, part)) return;
  store(entry, 0);
  push(change.emptied, at);
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::split(Entry* entry, const Part& part, Change& change) noexcept {
  const unsigned level = part.level - 1;
  const Entry old = load(entry);
  const PhysAddr from = F::address_in(old, part.level);
  const Access access = F::access_of(old, part.level);
  const PhysAddr at = pop(change.spare);
  Entry* const pieces = table(at);
  for (unsigned i = 0; i < kEntriesInPage; ++i)
    store(pieces + i, leaf(from + Bytes{i * Tree::span(level)}, level, access));
  change_entries(pieces, level, {part.begin, part.end}, change);

  const Span slot{part.slot(), part.slot() + Tree::span(part.level)};
  change.add(slot);
  if (F::kBreaksBeforeMaking) break_entry(entry, slot, change);
  store(entry, F::table_at(at));
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::break_entry(Entry* entry, Span span, const Change& change) noexcept {
  store(entry, 0);
  walkers_.tell_gone(change.range_of(span));
}

}  // namespace quarry::vm

// quarry/vm/page_table_audit_impl.hpp: bodies of PageTable: its laws, and its end.
#pragma once

#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::release() noexcept {
  check(tables_ != 0, "a tree of page tables ends twice");
  walkers_.tell_all();
  Chain chain;
  give_back_below(table(root_), Tree::top(), chain);
  push(chain, root_);
  give_back(chain);
  check(tables_ == 0, "a page table was lost");
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::give_back_below(Entry* table, unsigned level, Chain& chain) noexcept {
  if (level == 0) return;
  for (unsigned i = 0; i < Tree::entries(level); ++i) {
    const Entry entry = load(table + i);
    if (!F::is_present(entry) || F::is_leaf(entry, level)) continue;
    const PhysAddr below = F::address_in(entry, level);
    give_back_below(this->table(below), level - 1, chain);
    push(chain, below);
  }
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
TableFinding PageTable<F, P>::audit() const noexcept {
  if (tables_ == 0) return {};
  const Entry* const root = find_table(root_);
  if (root == nullptr) return {TableLaw::table_is_mapped};
  std::uint64_t tables = 1;
  if (const auto finding = audit_table(root, Tree::top(), 0, tables)) return finding;
  return {tables == tables_ ? TableLaw::holds : TableLaw::tables_are_counted};
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
TableFinding PageTable<F, P>::audit_table(const Entry* table, unsigned level, std::uint64_t offset,
                                          std::uint64_t& tables) const noexcept {
  for (unsigned i = 0; i < Tree::entries(level); ++i) {
    const Entry entry = load(table + i);
    const std::uint64_t here = offset + i * Tree::span(level);
    const TableLaw broken = law_of(entry, level);
    if (broken != TableLaw::holds) return {broken, here};
    if (!F::is_present(entry) || F::is_leaf(entry, level)) continue;
    const Entry* const below = find_table(F::address_in(entry, level));
    if (below == nullptr) return {TableLaw::table_is_mapped, here};
    if (is_empty(below, level - 1)) return {TableLaw::no_table_is_empty, here};
    ++tables;
    if (const auto finding = audit_table(below, level - 1, here, tables)) return finding;
  }
  return {};
}

// Of an entry alone.
template <TableFormat F, class P>
  requires port::DirectMap<P>
TableLaw PageTable<F, P>::law_of(Entry entry, unsigned level) const noexcept {
  if (!F::is_present(entry))
    return entry == 0 || (entry == kShut && level == 0) ? TableLaw::holds : TableLaw::absent_is_zero;
  const PhysAddr to = F::address_in(entry, level);
  if (!F::is_leaf(entry, level)) {
    if (level == 0) return TableLaw::leaf_is_as_written;
    return entry == F::table_at(to) ? TableLaw::holds : TableLaw::table_is_as_written;
  }
  if (level > highest_leaf_) return TableLaw::leaf_is_allowed;
  if ((to.raw & (Tree::span(level) - 1)) != 0 || to.raw >> phys_bits_ != 0) return TableLaw::leaf_is_aligned;
  return is_as(entry, level, F::access_of(entry, level)) ? TableLaw::holds : TableLaw::leaf_is_as_written;
}

}  // namespace quarry::vm

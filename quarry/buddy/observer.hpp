// quarry/buddy/observer.hpp: who is told what the page allocator decides.
//
// A compile-time policy: with NoObserver each call is empty and leaves nothing behind. Every call stands
// alone on its line, so that it can be taken out and the instructions counted.
#pragma once

#include <concepts>
#include <type_traits>

#include "quarry/base/range.hpp"
#include "quarry/buddy/misuse.hpp"
#include "quarry/buddy/request.hpp"

namespace quarry::buddy {

// Always inline, so that the empty calls are gone before the compiler weighs what to inline.
struct NoObserver {
  [[gnu::always_inline]] void allocated(Pfn, Order, MigrateType /* asked for */) noexcept {}
  [[gnu::always_inline]] void failed(Order, const Request&) noexcept {}
  [[gnu::always_inline]] void freed(Pfn, Order) noexcept {}
  [[gnu::always_inline]] void split(Pfn, Order /* from */, Order /* to */) noexcept {}
  [[gnu::always_inline]] void merged(Pfn, Order /* of each half */) noexcept {}
  [[gnu::always_inline]] void fell_back(Pfn, Order, MigrateType /* from */, MigrateType /* to */) noexcept {}
  [[gnu::always_inline]] void pageblock_changed(Pfn, MigrateType /* now */) noexcept {}
  [[gnu::always_inline]] void released(PfnRange) noexcept {}
  [[gnu::always_inline]] void brought_up(PfnRange) noexcept {}  // a section whose bring-up had been deferred
  // Before it happens: a core's lists get blocks of a zone (an index into Layout::zones), or give pages back to it.
  [[gnu::always_inline]] void refilling(std::uint32_t, Order, std::uint32_t /* blocks */) noexcept {}
  [[gnu::always_inline]] void spilling(std::uint32_t, PageCount) noexcept {}
  [[gnu::always_inline]] void misused(Pfn, Order, Misuse) noexcept {}
};

template <class T>
concept Observer = requires(T& to, Pfn page, Order order, const Request& request, MigrateType type,
                            PfnRange pages, Misuse misuse, std::uint32_t number, PageCount count) {
  { to.allocated(page, order, type) } noexcept;
  { to.failed(order, request) } noexcept;
  { to.freed(page, order) } noexcept;
  { to.split(page, order, order) } noexcept;
  { to.merged(page, order) } noexcept;
  { to.fell_back(page, order, type, type) } noexcept;
  { to.pageblock_changed(page, type) } noexcept;
  { to.released(pages) } noexcept;
  { to.brought_up(pages) } noexcept;
  { to.refilling(number, order, number) } noexcept;
  { to.spilling(number, count) } noexcept;
  { to.misused(page, order, misuse) } noexcept;
};
static_assert(Observer<NoObserver>);

// Whether it is worth finding out what an observer would be told.
template <class W>
inline constexpr bool kIsWatched = !std::is_same_v<W, NoObserver>;

}  // namespace quarry::buddy

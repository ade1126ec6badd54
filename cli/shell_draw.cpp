#include "cli/shell_draw.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace quarry::cli {
namespace {

// Of a block of the largest order that is drawn; the words beside it take up to 54.
std::size_t most_columns(const TextStyle& style) { return style.width >= 120 ? 64 : 32; }

// Columns of a block of `order` where one of `whole` has `columns`; none vanishes.
std::size_t width_of(unsigned order, unsigned whole, std::size_t columns) {
  return std::max<std::size_t>(columns >> (whole - order), 1);
}

std::string repeated(std::string_view what, std::size_t count) {
  std::string text;
  while (count-- != 0) text += what;
  return text;
}

std::string piece(Piece kind, std::size_t width, const TextStyle& style) {
  switch (kind) {
    case Piece::kept: return style.in(Ink::kernel, repeated(style.unicode ? "█" : "#", width));
    case Piece::returning: return style.in(Ink::metadata, repeated(style.unicode ? "▒" : "+", width));
    case Piece::free: break;
  }
  return style.in(Ink::free, repeated(style.unicode ? "░" : ".", width));
}

std::string pages_of(Pfn first, Order order) {
  return order.raw() == 0 ? fmt::format("{:#x}", first.raw)
                          : fmt::format("{:#x}-{:#x}", first.raw, first.raw + order.pages().raw - 1);
}

}  // namespace

std::string draw_bar(const std::vector<std::pair<Piece, unsigned>>& pieces, unsigned whole,
                     std::size_t columns, const TextStyle& style) {
  std::string bar = "|";
  for (const auto& [kind, order] : pieces) bar += piece(kind, width_of(order, whole, columns), style) + "|";
  return bar;
}

std::vector<std::string> draw_split(Pfn page, Order from, Order to, const TextStyle& style) {
  std::vector<std::string> lines;
  for (unsigned order = from.raw(); order-- > to.raw();) {
    const Pfn upper = page + Order{order}.pages();
    const std::size_t columns = width_of(order + 1, from.raw(), most_columns(style));
    lines.push_back(
        fmt::format("  split {:>2} -> {:<2} {}  {} becomes free", order + 1, order,
                    draw_bar({{Piece::kept, order}, {Piece::free, order}}, order + 1, columns, style),
                    pages_of(upper, Order{order})));
  }
  return lines;
}

std::string draw_split_line(Pfn page, Order from, Order to, const TextStyle& style) {
  std::vector<std::pair<Piece, unsigned>> pieces{{Piece::kept, to.raw()}};
  for (unsigned order = to.raw(); order < from.raw(); ++order) pieces.emplace_back(Piece::free, order);
  const std::size_t columns = std::min(most_columns(style), std::size_t{2} << std::min(from.raw(), 10u));
  return fmt::format("  split {:>2} -> {:<2} {}  {}", from.raw(), to.raw(),
                     draw_bar(pieces, from.raw(), columns, style), pages_of(page, from));
}

std::string draw_merge(Pfn page, Order half, Order largest, const TextStyle& style) {
  const unsigned order = half.raw();
  const std::size_t columns = width_of(order + 1, largest.raw(), most_columns(style));
  return fmt::format("  merge {:>2} -> {:<2} {}  {}", order, order + 1,
                     draw_bar({{Piece::returning, order}, {Piece::free, order}}, order + 1, columns, style),
                     pages_of(page, Order{order + 1}));
}

}  // namespace quarry::cli

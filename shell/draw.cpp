#include "shell/draw.hpp"

namespace quarry::shell {
namespace {

// What a part of a bar is: kept by whoever asked, free, or just coming back.
enum class Piece : std::uint8_t { kept, free, returning };

// Of a block of the largest order that is drawn; the words beside it take up to 54.
std::size_t most_columns(const Style& style) noexcept { return style.width >= 120 ? 64 : 32; }

// Columns of a block of `order` where one of `whole` has `columns`; none vanishes.
std::size_t width_of(unsigned order, unsigned whole, std::size_t columns) noexcept {
  const std::size_t width = columns >> (whole - order);
  return width == 0 ? 1 : width;
}

void put_piece(TextSink& out, Piece kind, std::size_t width, const Style& style) noexcept {
  const Ink ink = kind == Piece::kept ? Ink::kept : kind == Piece::returning ? Ink::returning : Ink::free;
  const char* const plain = kind == Piece::kept ? "#" : kind == Piece::returning ? "+" : ".";
  const char* const shaded = kind == Piece::kept ? "█" : kind == Piece::returning ? "▒" : "░";
  style.begin(out, ink);
  while (width-- != 0) out.put(style.unicode ? shaded : plain);
  style.end(out);
  out.put('|');
}

// The piece that comes first and the free one behind it, alike in size.
void put_halves(TextSink& out, Piece first, unsigned order, std::size_t columns,
                const Style& style) noexcept {
  const std::size_t width = width_of(order, order + 1, columns);
  out.put('|');
  put_piece(out, first, width, style);
  put_piece(out, Piece::free, width, style);
}

void put_heading(TextSink& out, TextView what, unsigned from, unsigned to) noexcept {
  out.put("  ").put(what).put(' ').dec(from, 2).put(" -> ").dec(to).put(to < 10 ? "  " : " ");
}

void put_pages(TextSink& out, Pfn first, Order order) noexcept {
  out.put("  0x").hex(first.raw);
  if (order.raw() != 0) out.put("-0x").hex(first.raw + order.pages().raw - 1);
}

}  // namespace

void draw_split(TextSink& out, Pfn page, Order from, Order to, const Style& style) noexcept {
  for (unsigned order = from.raw(); order-- > to.raw();) {
    put_heading(out, "split", order + 1, order);
    put_halves(out, Piece::kept, order, width_of(order + 1, from.raw(), most_columns(style)), style);
    put_pages(out, page + Order{order}.pages(), Order{order});
    out.put(" becomes free\n");
  }
}

void draw_split_line(TextSink& out, Pfn page, Order from, Order to, const Style& style) noexcept {
  std::size_t columns = std::size_t{2} << (from.raw() < 10 ? from.raw() : 10u);
  if (columns > most_columns(style)) columns = most_columns(style);
  put_heading(out, "split", from.raw(), to.raw());
  out.put('|');
  put_piece(out, Piece::kept, width_of(to.raw(), from.raw(), columns), style);
  for (unsigned order = to.raw(); order < from.raw(); ++order)
    put_piece(out, Piece::free, width_of(order, from.raw(), columns), style);
  put_pages(out, page, from);
  out.put('\n');
}

void draw_merge(TextSink& out, Pfn page, Order half, Order largest, const Style& style) noexcept {
  const unsigned order = half.raw();
  put_heading(out, "merge", order, order + 1);
  put_halves(out, Piece::returning, order, width_of(order + 1, largest.raw(), most_columns(style)), style);
  put_pages(out, page, Order{order + 1});
  out.put('\n');
}

}  // namespace quarry::shell

// shell/draw.hpp: blocks that split and merge, as bars to scale.
//
//   split 3 -> 2   |████|░░░░|
//   split 2 -> 1   |██|░░|
//   split 1 -> 0   |█|░|
#pragma once

#include "quarry/base/units.hpp"
#include "shell/console.hpp"

namespace quarry::shell {

// A line for each time that a block is halved; the first half is taken and halved again.
void draw_split(TextSink& out, Pfn page, Order from, Order to, const Style& style) noexcept;
// The same in one line: the block in pieces, by address.
void draw_split_line(TextSink& out, Pfn page, Order from, Order to, const Style& style) noexcept;
// Two free halves of `half` become the block at `page`; a block of `largest` takes the whole width.
void draw_merge(TextSink& out, Pfn page, Order half, Order largest, const Style& style) noexcept;

}  // namespace quarry::shell

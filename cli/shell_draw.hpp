// cli/shell_draw.hpp: blocks that split and merge, as bars to scale.
//
//   split 3 -> 2   |████|░░░░|
//   split 2 -> 1   |██|░░|
//   split 1 -> 0   |█|░|
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "quarry/base/units.hpp"

namespace quarry::cli {

// What a part of a bar is: kept by whoever asked, free, or just coming back.
enum class Piece { kept, free, returning };

// One bar of pieces, each with the order of its block; as wide as `columns` when they make a whole block.
std::string draw_bar(const std::vector<std::pair<Piece, unsigned>>& pieces, unsigned whole,
                     std::size_t columns, const TextStyle& style);

// A line for each time that a block is halved; the first half is taken and halved again.
std::vector<std::string> draw_split(Pfn page, Order from, Order to, const TextStyle& style);
// The same in one line: the block in pieces, by address.
std::string draw_split_line(Pfn page, Order from, Order to, const TextStyle& style);
// Two free halves of `half` become the block at `page`; a block of `largest` takes the whole width.
std::string draw_merge(Pfn page, Order half, Order largest, const TextStyle& style);

}  // namespace quarry::cli

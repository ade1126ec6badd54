// cli/picture.hpp: the physical map to scale, in characters.
#pragma once

#include <string>

#include "cli/boot_report.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// How a kind of memory is drawn: a letter that works without colours, and an ink.
struct Look {
  char letter;
  Ink ink;
  const char* name;  // at most 12 characters, for the legend
};
Look look_of(MapPiece::Kind kind);

//   0x000000000  K·▄····▐██                  DMA DMA32      cell = 4 MiB
//   0x010000000  ···········    hole         Normal         █ kernel
//                ╌╌╌ no RAM for 1 GiB ╌╌╌                   · free
//
// Rows of cells, each cell the same number of bytes; what a cell shows is the kind that fills most of it, used
// memory before free. A hole of a row or more is one line, a smaller one is blank cells. Beside a row stand
// the zones that begin in it, at the right what the marks mean (below, where that does not fit).
// In colour each cell shows two halves; without, it is one letter.
std::string draw_map(const BootReport& report, const TextStyle& style);

}  // namespace quarry::cli

// cli/terminal.hpp: what the reader's end can show: colours, how wide, which characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quarry::cli {

// Named by what they say, not by how they look.
enum class Ink {
  plain,
  heading,
  faint,
  free,
  kernel,
  loaded,
  firmware,
  metadata,
  tables,
  contiguous,
  crash,
  reserved,
  unused,
  warning
};

struct TextStyle {
  bool colour = false;
  bool unicode = true;
  std::size_t width = 100;  // columns; never under 60
  bool quiet = false;
  bool verbose = false;
  enum class Stage { all, firmware, early, zones, buddy, slab } stage = Stage::all;

  // `text` in an ink; as it is without colours.
  std::string in(Ink ink, std::string_view text) const;
  // The same on a ground of another ink: two kinds in one character.
  std::string in(Ink ink, Ink ground, std::string_view text) const;
};

// Whether standard output is a terminal, how wide it is (or COLUMNS, or 100), and whether the locale is UTF-8.
bool stdout_is_terminal();
std::size_t terminal_width();
std::size_t terminal_height();  // rows, or 24
bool locale_is_utf8();

}  // namespace quarry::cli

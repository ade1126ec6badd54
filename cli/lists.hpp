// cli/lists.hpp: long lists, cut to what fits on a screen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.hpp"

namespace quarry::cli {

// Lines of one list that are shown when it is longer; -v shows all.
inline constexpr std::size_t kScreenful = 24;

// The lines, or the first of them and "… 45 more (-v shows all)". A line has no newline of its own.
std::string listed(const std::vector<std::string>& lines, const TextStyle& style);

// The same for text of several lists one after the other, as a kernel prints it: lines belong to one list when
// they are alike up to their first digit.
std::string listed_text(std::string_view text, const TextStyle& style);

std::vector<std::string> lines_of(std::string_view text);

// Words in lines of at most `width` columns, each line but the first behind `indent` blanks.
std::string wrapped(const std::vector<std::string>& words, std::string_view between, std::size_t indent,
                    std::size_t width);

// `part` of `most` as a bar of at most `room` columns; empty where not an eighth of a column would show.
std::string bar(std::uint64_t part, std::uint64_t most, std::size_t room, Ink ink, const TextStyle& style);

// How many columns UTF-8 text takes: one for each character.
std::size_t columns_of(std::string_view text);

}  // namespace quarry::cli

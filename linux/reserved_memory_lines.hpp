// linux/reserved_memory_lines.hpp: what a log says of /reserved-memory, gathered for each node.
//
//   Reserved memory: incorrect alignment of CMA region            a line without a name belongs to
//   OF: reserved mem: node pool@48400000 compatible matching fail      the next one that has one
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quarry::lnx {

// Whether the line is one that a kernel of the 6.1 series prints while it takes reserved memory. Of an overlap,
// which is two lines, the second is told from `before`: the last such line, empty if there was none.
bool is_reserved_memory_line(std::string_view line, std::string_view before);

struct ReservedMemoryLines {
  std::string node;  // "": of the whole
  std::vector<std::string> lines;
};

// In the order in which nodes are first named.
std::vector<ReservedMemoryLines> lines_by_node(const std::vector<std::string>& lines);

}  // namespace quarry::lnx

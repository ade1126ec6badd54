// linux/origins.hpp: which line of which input said something about a machine's memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "quarry/base/range.hpp"

namespace quarry::lnx {

struct Origin {
  enum class Kind {
    map,       // an entry of the e820 or of UEFI's map
    affinity,  // memory on a node: an entry of SRAT
    initrd,
    table,         // where an ACPI table lies
    command_line,  // no range
    option,        // of the tool's own command line: memory that the description leaves out
  };
  Kind kind = Kind::map;
  PhysRange range;
  std::string where;  // "dmesg.txt:17", "case.json: e820[3]", "srat.bin: memory affinity 2"
  std::string words;  // the line itself, where it has words
  friend bool operator==(const Origin&, const Origin&) = default;
};

// What was read from a file gets its name: "17" becomes "dmesg.txt:17".
void name_origins(std::vector<Origin>& origins, std::string_view file);

// The first of a kind that says something about exactly this range; null: none does.
const Origin* find_origin(const std::vector<Origin>& origins, Origin::Kind kind, PhysRange range);
// The first of a kind; null: there is none.
const Origin* find_origin(const std::vector<Origin>& origins, Origin::Kind kind);

}  // namespace quarry::lnx

#include "quarry/vm/table_law.hpp"

namespace quarry::vm {

TextView name_of(TableLaw law) noexcept {
  switch (law) {
    case TableLaw::holds: return "all laws hold";
    case TableLaw::absent_is_zero: return "an absent entry is not zero";
    case TableLaw::leaf_is_allowed: return "a page is larger than the processor has";
    case TableLaw::leaf_is_aligned: return "a page is misaligned or outside physical memory";
    case TableLaw::leaf_is_as_written: return "a page's entry has bits that nobody wrote";
    case TableLaw::table_is_mapped: return "a table is outside the direct map";
    case TableLaw::table_is_as_written: return "a table's entry has bits that nobody wrote";
    case TableLaw::no_table_is_empty: return "a table is empty";
    case TableLaw::tables_are_counted: return "there are not as many tables as counted";
  }
  return "unknown law";
}

}  // namespace quarry::vm

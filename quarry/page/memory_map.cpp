#include "quarry/page/memory_map.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/page/flat_map_impl.hpp"
#include "quarry/page/sparse_hotplug_impl.hpp"
#include "quarry/page/sparse_map_impl.hpp"

namespace quarry::page {

template class SparseMap<k4KSparse>;
template class FlatMap<k4KFlat>;
template class FlatMap<k4KFlatHuge>;
template class SparseMap<k16KSparse>;
template class SparseMap<k64KSparse>;

}  // namespace quarry::page

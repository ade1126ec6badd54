#include "quarry/buddy/page_allocator.hpp"

#include "quarry/buddy/page_allocator_impl.hpp"

namespace quarry::buddy {

template class LinuxZone<k4KSparse>;
template class LinuxZone<k4KFlat>;
template class LinuxZone<k4KFlatHuge>;
template class LinuxZone<k16KSparse>;
template class LinuxZone<k64KSparse>;
template class CompactZone<k4KSparse>;
template class PageAllocator<k4KSparse>;
template class PageAllocator<k4KFlat>;
template class PageAllocator<k4KFlatHuge>;
template class PageAllocator<k16KSparse>;
template class PageAllocator<k64KSparse>;
template class PageAllocator<k4KSparse, NoObserver, CompactPolicy>;

}  // namespace quarry::buddy

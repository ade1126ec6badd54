#include "quarry/early/current_allocator.hpp"

#include "quarry/early/bootmem.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {

Result<PhysAddr> CurrentAllocator::from_bootmem(const Request& request, NodePolicy policy,
                                                TextView owner) noexcept {
  Bootmem& bootmem = *bootmem_;
  const Bytes alignment = request.alignment.raw == 0 ? bootmem.cache_line() : request.alignment;
  const BootmemRequest wanted{request.size, alignment,
                              request.min.raw == 0 ? bootmem.low_goal() : request.min};
  const bool has_limit =
      request.max != kAccessible && request.max != kNoLeakTrace && request.max != kAnywhere;
  if (has_limit) return bootmem.alloc_node_limit(request.node, wanted, request.max, owner);
  if (request.node == kAnyNode) return bootmem.alloc(wanted, owner);
  if (policy == NodePolicy::exact) return bootmem.alloc_node_high(request.node, wanted, owner);
  return bootmem.alloc_node(request.node, wanted, owner);
}

Result<PhysAddr> CurrentAllocator::phys_alloc_range(const Request& request, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->phys_alloc_range(request, owner);
  Request anywhere = request;
  anywhere.node = kAnyNode;
  return from_bootmem(anywhere, NodePolicy::preferred, owner);
}

Result<PhysAddr> CurrentAllocator::phys_alloc_try_nid(const Request& request, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->phys_alloc_try_nid(request, owner);
  return from_bootmem({.size = request.size, .alignment = request.alignment, .node = request.node},
                      NodePolicy::preferred, owner);
}

Result<PhysAddr> CurrentAllocator::alloc_try_nid(const Request& request, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->alloc_try_nid(request, owner);
  return from_bootmem(request, NodePolicy::preferred, owner);
}

Result<PhysAddr> CurrentAllocator::alloc_try_nid_raw(const Request& request, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->alloc_try_nid_raw(request, owner);
  return from_bootmem(request, NodePolicy::preferred, owner);
}

Result<PhysAddr> CurrentAllocator::alloc_exact_nid_raw(const Request& request, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->alloc_exact_nid_raw(request, owner);
  return from_bootmem(request, NodePolicy::exact, owner);
}

Result<Done> CurrentAllocator::free(PhysRange range, TextView owner) noexcept {
  if (bootmem_ == nullptr) return memblock_->free(range, owner);
  const auto home = memblock_->search_pfn_nid(bootmem_->page().pfn_down(range.begin()));
  if (!home) return home.error();
  const NodeId node = bootmem_->find(home.value().node) != nullptr ? home.value().node : NodeId::first;
  return bootmem_->free_node(node, range.begin(), range.size(), owner);
}

}  // namespace quarry::early

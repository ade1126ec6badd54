// shell/address_space.hpp: a kernel's addresses as the shell's commands use them, whatever its page tables.
#pragma once

#include "quarry/vm/vmalloc.hpp"
#include "shell/machine.hpp"

namespace quarry::shell {

// Requests and refusals are those of vm::Vmalloc. What does not override it has none: nothing is found there.
class AddressSpace {
 public:
  // Called in front of the first request.
  //
  // Errors    whatever keeps its page tables from being made.
  virtual Result<Done> open() noexcept { return Error::not_found; }

  virtual Result<vm::VirtAddr> vmalloc(const vm::VmallocRequest&, Content) noexcept {
    return Error::not_found;
  }
  virtual Result<Done> vfree(vm::VirtAddr) noexcept { return Error::not_found; }
  virtual Result<vm::VirtAddr> vmap(std::span<const Pfn>, TextView) noexcept { return Error::not_found; }
  virtual Result<Done> vunmap(vm::VirtAddr) noexcept { return Error::not_found; }
  virtual Result<vm::VirtAddr> ioremap(PhysRange, TextView) noexcept { return Error::not_found; }
  virtual Result<Done> iounmap(vm::VirtAddr) noexcept { return Error::not_found; }
  virtual std::uint64_t purge() noexcept { return 0; }

  virtual Result<vm::AreaInfo> find(vm::VirtAddr) noexcept { return Error::not_found; }
  virtual Result<vm::AreaInfo> next(vm::VirtAddr, std::span<PageCount>) noexcept { return Error::not_found; }
  // Where an address leads, by its page tables.
  virtual Result<vm::Mapping> lookup(vm::VirtAddr) noexcept { return Error::not_found; }
  virtual vm::VmallocStats stats() noexcept { return {}; }
  virtual std::uint64_t tables() noexcept { return 0; }            // pages of page tables
  virtual TextView audit() noexcept { return {}; }                 // the law that is broken; empty: all hold
  virtual unsigned address_digits() const noexcept { return 16; }  // of an address that is written out

 protected:
  ~AddressSpace() = default;
};

// Over a vm::Vmalloc and its tables. Between its making and start() nothing is found there.
template <class Tree, class Vmalloc, Lock TableLock>
class LiveAddresses : public AddressSpace {
 public:
  LiveAddresses() noexcept = default;

  Result<Done> open() noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : Result<Done>{Done{}};
  }
  Result<vm::VirtAddr> vmalloc(const vm::VmallocRequest& request, Content content) noexcept override {
    return content == Content::zeros ? vmalloc_->vzalloc(request) : vmalloc_->vmalloc(request);
  }
  Result<Done> vfree(vm::VirtAddr at) noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : vmalloc_->vfree(at);
  }
  Result<vm::VirtAddr> vmap(std::span<const Pfn> frames, TextView caller) noexcept override {
    return vmalloc_->vmap(frames, {.write = true}, caller);
  }
  Result<Done> vunmap(vm::VirtAddr at) noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : vmalloc_->vunmap(at);
  }
  Result<vm::VirtAddr> ioremap(PhysRange range, TextView caller) noexcept override {
    return vmalloc_->ioremap(range, caller);
  }
  Result<Done> iounmap(vm::VirtAddr at) noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : vmalloc_->iounmap(at);
  }
  std::uint64_t purge() noexcept override { return vmalloc_ == nullptr ? 0 : vmalloc_->purge(); }

  Result<vm::AreaInfo> find(vm::VirtAddr at) noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : vmalloc_->find(at);
  }
  Result<vm::AreaInfo> next(vm::VirtAddr from, std::span<PageCount> on_nodes) noexcept override {
    return vmalloc_ == nullptr ? Error::not_found : vmalloc_->next(from, on_nodes);
  }
  Result<vm::Mapping> lookup(vm::VirtAddr at) noexcept override {
    if (vmalloc_ == nullptr) return Error::not_found;
    const Hold<TableLock> hold{*lock_};
    return tree_->lookup(at);
  }
  vm::VmallocStats stats() noexcept override {
    return vmalloc_ == nullptr ? vm::VmallocStats{} : vmalloc_->stats();
  }
  std::uint64_t tables() noexcept override {
    if (vmalloc_ == nullptr) return 0;
    const Hold<TableLock> hold{*lock_};
    return tree_->tables();
  }
  TextView audit() noexcept override {
    if (vmalloc_ == nullptr) return {};
    const Hold<TableLock> hold{*lock_};
    if (const auto areas = vmalloc_->audit(); areas) return vm::name_of(areas.broken);
    const auto tables = tree_->audit();
    return tables ? vm::name_of(tables.broken) : TextView{};
  }

 protected:
  // All of them outlive this.
  void start(Tree& tree, TableLock& lock, Vmalloc& vmalloc) noexcept {
    tree_ = &tree;
    lock_ = &lock;
    vmalloc_ = &vmalloc;
  }
  ~LiveAddresses() = default;

 private:
  Tree* tree_ = nullptr;
  TableLock* lock_ = nullptr;
  Vmalloc* vmalloc_ = nullptr;
};

}  // namespace quarry::shell

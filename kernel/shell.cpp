#include "kernel/shell.hpp"

#include "kernel/cores.hpp"
#include "kernel/line_editor.hpp"
#include "shell/shell.hpp"
#include "shell/stage.hpp"

namespace kernel {

using quarry::Done, quarry::Error, quarry::Order, quarry::Pfn, quarry::Result, quarry::buddy::Request,
    quarry::vm::VirtAddr;

namespace {

// Requests are made on the core that the shell's cpu command names.
class ThisMachine final : public quarry::shell::Stage<System, Platform> {
 public:
  using Stage::Stage;

  Result<Pfn> alloc_pages(Order order, const Request& request) noexcept override {
    Result<Pfn> answer = Error::busy;
    on_core([&] { answer = Stage::alloc_pages(order, request); });
    return answer;
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept override {
    Result<Done> answer = Error::busy;
    on_core([&] { answer = Stage::free_pages(page, order); });
    return answer;
  }
  std::size_t alloc_bulk(std::span<Pfn> into, const Request& request) noexcept override {
    std::size_t count = 0;
    on_core([&] { count = Stage::alloc_bulk(into, request); });
    return count;
  }
  Result<quarry::PhysAddr> kmalloc(const quarry::shell::ObjectRequest& request) noexcept override {
    Result<quarry::PhysAddr> answer = Error::busy;
    on_core([&] { answer = Stage::kmalloc(request); });
    return answer;
  }
  Result<quarry::PhysAddr> krealloc(quarry::PhysAddr object, std::uint64_t size) noexcept override {
    Result<quarry::PhysAddr> answer = Error::busy;
    on_core([&] { answer = Stage::krealloc(object, size); });
    return answer;
  }
  std::size_t alloc_objects(quarry::shell::CacheId cache, std::span<quarry::PhysAddr> into,
                            const quarry::slab::Where& where) noexcept override {
    std::size_t count = 0;
    on_core([&] { count = Stage::alloc_objects(cache, into, where); });
    return count;
  }
  Result<Done> kfree(quarry::PhysAddr object) noexcept override {
    Result<Done> answer = Error::busy;
    on_core([&] { answer = Stage::kfree(object); });
    return answer;
  }

  unsigned core_count() const noexcept override { return running_cores(); }
  unsigned core() const noexcept override { return core_; }
  Result<Done> run_on(unsigned core) noexcept override {
    if (core >= running_cores()) return Error::not_found;
    core_ = core;
    return Done{};
  }
  quarry::TextView policy() const noexcept override { return "compact"; }
  bool tells_steps() const noexcept override { return false; }

  template <class F>
  void on_core(F&& f) noexcept {
    run_on_core(
        core_, [](void* self, unsigned) noexcept { (*static_cast<std::remove_reference_t<F>*>(self))(); },
        &f);
  }

 private:
  unsigned core_ = 0;
};

// Memory is asked for on the core that the shell's cpu command names.
class ThisSpace final : public quarry::shell::LiveAddresses<DirectMap::Table, Vmalloc, quarry::SpinLock> {
 public:
  ThisSpace(ThisMachine& machine, DirectMap& map, Vmalloc& vmalloc) noexcept : machine_{machine} {
    start(*map.table(), map.lock(), vmalloc);
  }
  Result<VirtAddr> vmalloc(const quarry::vm::VmallocRequest& request,
                           quarry::shell::Content content) noexcept override {
    Result<VirtAddr> answer = Error::busy;
    machine_.on_core([&] { answer = LiveAddresses::vmalloc(request, content); });
    return answer;
  }

 private:
  ThisMachine& machine_;
};

// What the shell notes is in the memory that it shows.
quarry::shell::Memory notes_in(System& system) noexcept {
  return {&system,
          [](void* self, std::size_t bytes) noexcept -> std::byte* {
            const auto made = static_cast<System*>(self)->kmalloc().kmalloc(bytes);
            return made ? static_cast<std::byte*>(made.value()) : nullptr;
          },
          [](void* self, std::byte* memory, std::size_t) noexcept {
            static_cast<void>(static_cast<System*>(self)->kmalloc().kfree(memory));
          }};
}

}  // namespace

bool run_shell(const quarry::memory::EarlySystem& early, System& system, DirectMap& map,
               Vmalloc& vmalloc) noexcept {
  ThisMachine machine{early, system, Platform{}};
  SerialConsole console;
  quarry::shell::StepTeller teller;
  ThisSpace addresses{machine, map, vmalloc};
  quarry::shell::Shell shell{machine, console, teller, notes_in(system), &addresses};
  shell.run();
  return !shell.has_findings();
}

}  // namespace kernel

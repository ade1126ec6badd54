#include "kernel/faults.hpp"

#include "kernel/console.hpp"

namespace kernel {

using quarry::Done, quarry::Error, quarry::Order, quarry::PageCount, quarry::Pfn, quarry::Result,
    quarry::TextView;
using quarry::buddy::Misuse;
using quarry::slab::Fault;

namespace {

// The library's answer to one fault, against what it must be.
class Judge {
 public:
  explicit Judge(System& system) noexcept : system_{system} {}

  void pages(const Result<Done>& answer, Misuse expected) noexcept {
    const bool is_caught = !answer && answer.error() == quarry::buddy::error_of(expected) &&
                           system_.allocator().last_misuse() == expected;
    record("page given back", quarry::buddy::name_of(expected), is_caught);
  }
  void object(TextView fault, const Result<Done>& answer, Error expected) noexcept {
    record("object given back", fault, !answer && answer.error() == expected);
  }
  void fault(const Result<Done>& answer, const Fault& told, Fault expected) noexcept {
    record("hardened object", quarry::slab::name_of(expected), !answer && told == expected);
  }
  const FaultRun& run() const noexcept { return run_; }

 private:
  void record(TextView where, TextView what, bool is_caught) noexcept {
    ++(is_caught ? run_.caught : run_.missed);
    console().put("fault: ").put(where).put(": ").put(what).put(is_caught ? ": caught\n" : ": NOT CAUGHT\n");
  }

  System& system_;
  FaultRun run_;
};

void misuse_pages(System& system, Judge& judge) noexcept {
  auto& frames = system.frames();
  const Order order{2};
  const auto block = frames.alloc_pages(order, {});
  if (!block) return judge.pages(Error::no_memory, Misuse::double_free);
  const Pfn first = block.value();
  judge.pages(frames.free_pages(first, Order{1}), Misuse::wrong_order);
  judge.pages(frames.free_pages(first + PageCount{1}, Order{0}), Misuse::inner_page);
  judge.pages(frames.free_pages(first + PageCount{1}, order), Misuse::misaligned_page);
  judge.pages(frames.free_pages(Pfn{std::uint64_t{1} << 40}, Order{0}), Misuse::foreign_page);
  static_cast<void>(frames.free_pages(first, order));
  // Not yet on any list but those of all cores.
  system.allocator().drain_all();
  judge.pages(frames.free_pages(first, order), Misuse::double_free);
}

void misuse_reserved(System& system, const quarry::boot::Machine& machine, Judge& judge) noexcept {
  const Pfn image = System::kGeometry.page_size().pfn_down(machine.kernel.text.begin());
  judge.pages(system.frames().free_pages(image, Order{0}), Misuse::reserved_page);
}

void misuse_objects(System& system, Judge& judge) noexcept {
  auto& kmalloc = system.kmalloc();
  constexpr std::uint64_t size = 192;
  const auto made = kmalloc.kmalloc(size);
  const auto page = system.frames().alloc_pages(Order{0}, {});
  if (!made || !page) return judge.object("double free", Error::no_memory, Error::wrong_owner);
  auto* const object = static_cast<std::byte*>(made.value());
  int on_stack = 0;
  judge.object("inside an object", kmalloc.kfree_checked(object + 8), Error::bad_argument);
  judge.object("not from the heap", kmalloc.kfree(&on_stack), Error::out_of_range);
  judge.object("a page of the page allocator",
               kmalloc.kfree(Platform{}.map({page.value(), page.value() + PageCount{1}})), Error::not_found);
  auto* const other = kmalloc.cache_for(2 * size);
  if (other != nullptr) judge.object("another cache's", other->free_checked(object), Error::wrong_owner);
  const auto slab = Platform{}.pfn_of(object);
  if (slab) judge.pages(system.frames().free_pages(slab.value(), Order{0}), Misuse::busy_page);
  static_cast<void>(kmalloc.kfree(object));
  judge.object("freed already", kmalloc.kfree_checked(object), Error::wrong_owner);
  static_cast<void>(system.frames().free_pages(page.value(), Order{0}));
}

// The same pages under caches that watch over each object.
using Hardened = quarry::slab::SlabAllocator<System::Pages, quarry::slab::kHardened>;
using Watched = quarry::slab::Kmalloc<System::Pages, quarry::slab::kHardened>;

void misuse_hardened(Watched& kmalloc, Judge& judge, const Fault& last) noexcept {
  constexpr std::uint64_t size = 64;
  const auto take = [&]() noexcept { return static_cast<std::byte*>(kmalloc.kmalloc(size).value()); };
  std::byte* object = take();
  static_cast<void>(kmalloc.kfree(object));
  judge.fault(kmalloc.kfree(object), last, Fault::double_free);
  judge.fault(kmalloc.kfree(object + 16), last, Fault::misaligned_free);
  auto* const other = kmalloc.cache_for(2 * size);
  if (other != nullptr) judge.fault(other->free(object), last, Fault::foreign_free);
  object = take();
  object[size] = std::byte{0x41};
  judge.fault(kmalloc.kfree(object), last, Fault::overrun);
  object = take();
  object[-1] = std::byte{0x41};
  judge.fault(kmalloc.kfree(object), last, Fault::underrun);
  object = take();
  static_cast<void>(kmalloc.kfree(object));
  object[5] = std::byte{0x41};
  std::byte* const fresh = take();
  judge.fault(Error::damaged, last, fresh == object ? Fault::none : Fault::written_while_free);
  static_cast<void>(kmalloc.kfree(fresh));
}

// What is damaged on purpose stays out of use, and its pages with it: three objects of one slab.
void watch_objects(System& system, Judge& judge) noexcept {
  const auto memory = system.kmalloc().kmalloc(sizeof(Hardened) + sizeof(Watched));
  if (!memory) return judge.object("hardened", Error::no_memory, Error::wrong_owner);
  auto& slabs = *::new (memory.value()) Hardened{system.frames(), quarry::slab::SlabConfig{}};
  auto& kmalloc = *::new (static_cast<std::byte*>(memory.value()) + sizeof(Hardened)) Watched{slabs};
  Fault last = Fault::none;
  slabs.set_fault_hook({&last, [](void* self, const quarry::slab::FaultReport& report) noexcept {
                          *static_cast<Fault*>(self) = report.fault;
                        }});
  if (slabs.boot() && kmalloc.boot(quarry::slab::DmaCaches::none))
    misuse_hardened(kmalloc, judge, last);
  else
    judge.object("hardened", Error::no_memory, Error::wrong_owner);
}

}  // namespace

FaultRun provoke_faults(System& system, const quarry::boot::Machine& machine) noexcept {
  Judge judge{system};
  misuse_pages(system, judge);
  misuse_reserved(system, machine, judge);
  misuse_objects(system, judge);
  watch_objects(system, judge);
  return judge.run();
}

}  // namespace kernel

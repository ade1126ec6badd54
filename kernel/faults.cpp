#include "kernel/faults.hpp"

#include "kernel/console.hpp"

namespace kernel {

using quarry::Done, quarry::Error, quarry::Order, quarry::PageCount, quarry::Pfn, quarry::Result,
    quarry::TextView;
using quarry::buddy::Misuse;

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
  void law(TextView fault, quarry::slab::Law broken, quarry::slab::Law expected) noexcept {
    record(fault, quarry::slab::name_of(expected), broken == expected);
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
  judge.object("inside an object", kmalloc.kfree(object + 8), Error::bad_argument);
  judge.object("not from the heap", kmalloc.kfree(&on_stack), Error::out_of_range);
  judge.object("a page of the page allocator",
               kmalloc.kfree(Platform{}.map({page.value(), page.value() + PageCount{1}})), Error::not_found);
  auto* const other = kmalloc.cache_for(2 * size);
  if (other != nullptr) judge.object("another cache's", other->free(object), Error::wrong_owner);
  const auto slab = Platform{}.pfn_of(object);
  if (slab) judge.pages(system.frames().free_pages(slab.value(), Order{0}), Misuse::busy_page);
  static_cast<void>(kmalloc.kfree(object));
  judge.object("freed already", kmalloc.kfree(object), Error::wrong_owner);
  static_cast<void>(system.frames().free_pages(page.value(), Order{0}));
}

// Writes past the end of an object, into its free neighbour: the neighbour's seal breaks, and the audit says so.
void overrun(System& system, Judge& judge) noexcept {
  constexpr std::size_t size = 64;
  const auto cache = system.slabs().create({.name = "overrun", .size = size, .align = size});
  if (!cache)
    return judge.law("write past an object", quarry::slab::Law::none, quarry::slab::Law::seals_hold);
  if (const auto made = cache.value()->alloc()) {
    auto* const object = static_cast<std::byte*>(made.value());
    std::byte neighbour[size];
    __builtin_memcpy(neighbour, object + size, size);
    __builtin_memset(object, 0x41, 2 * size);
    judge.law("write past an object", cache.value()->audit().broken, quarry::slab::Law::seals_hold);
    __builtin_memcpy(object + size, neighbour, size);
    static_cast<void>(cache.value()->free(object));
  }
  static_cast<void>(system.slabs().destroy(*cache.value()));
}

}  // namespace

FaultRun provoke_faults(System& system, const quarry::boot::Machine& machine) noexcept {
  Judge judge{system};
  misuse_pages(system, judge);
  misuse_reserved(system, machine, judge);
  misuse_objects(system, judge);
  overrun(system, judge);
  return judge.run();
}

}  // namespace kernel

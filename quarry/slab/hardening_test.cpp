// What each option sees, and what it says of it.
#include "quarry/slab/cache.hpp"
#include "quarry/slab/kmalloc.hpp"
#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_with;
using testing::MachineOf;
using testing::TestPages;

// The last thing that was told.
FaultReport last;
unsigned told = 0;
FaultHook hook() noexcept {
  last = {};
  told = 0;
  return {nullptr, [](void*, const FaultReport& report) noexcept {
            last = report;
            ++told;
          }};
}

template <Hardening H>
MachineOf<H>& machine() noexcept {
  MachineOf<H>& made = booted_with<H>({});
  made.slabs.set_fault_hook(hook());
  return made;
}
template <Hardening H>
KmemCache<TestPages, H>& cache_of(MachineOf<H>& m, std::uint32_t size = 64) noexcept {
  return *m.slabs.create({.name = "victim", .size = size}).value();
}
std::byte* bytes(Result<void*> object) noexcept { return static_cast<std::byte*>(object.value()); }
// By hand, so that compilers do not know better.
void write(std::byte* at, unsigned char value) noexcept {
  *const_cast<volatile std::byte*>(at) = static_cast<std::byte>(value);
}

TEST(an_object_given_back_twice_is_refused_and_both_owners_are_named) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  std::byte* const other = bytes(cache.alloc());
  expect(static_cast<bool>(cache.free(object)));
  expect_equal(told, 0);
  expect_equal(cache.free(object).error(), Error::wrong_owner);
  expect_equal(told, 1);
  expect_equal(last.fault, Fault::double_free);
  expect(last.cache == "victim" && last.object == object && last.offset == 0);
  expect(last.allocated.caller != nullptr && last.freed.caller != nullptr);
  expect(last.allocated.event != 0 && last.allocated.event < last.freed.event);
  expect(static_cast<bool>(cache.free(other)));
  expect(m.slabs.audit().holds());
}

TEST(a_double_free_is_seen_with_the_state_word_alone) {
  auto& m = machine<Hardening{.checked_frees = true}>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  std::byte image[64];
  __builtin_memcpy(image, object, sizeof image);
  expect(static_cast<bool>(cache.free(object)));
  expect_equal(cache.free(object).error(), Error::wrong_owner);
  expect_equal(last.fault, Fault::double_free);
  expect(last.freed.caller == nullptr);  // nobody keeps track
  // What an object contains does not make it free or live.
  std::byte* const again = bytes(cache.alloc());
  expect(again == object);
  __builtin_memset(again, 0x6b, 64);
  expect(static_cast<bool>(cache.free(again)));
}

TEST(what_is_no_object_of_the_cache_is_refused_by_name_and_offset) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  auto& other = *m.slabs.create({.name = "other", .size = 64}).value();
  std::byte* const object = bytes(cache.alloc());
  expect_equal(cache.free(object + 8).error(), Error::bad_argument);
  expect_equal(last.fault, Fault::misaligned_free);
  expect_equal(last.offset, 8);
  expect_equal(other.free(object).error(), Error::wrong_owner);
  expect_equal(last.fault, Fault::foreign_free);
  expect(last.cache == "other" && last.object == object);
  int outside = 0;
  expect_equal(cache.free(&outside).error(), Error::out_of_range);
  expect_equal(cache.free(nullptr).error(), Error::out_of_range);
  expect_equal(told, 4);
  expect(static_cast<bool>(cache.free(object)));
}

TEST(a_byte_behind_an_object_is_found_when_it_comes_back_and_it_is_not_used_again) {
  auto& m = machine<kHardened>();
  for (const std::uint32_t size : {61u, 64u}) {
    auto& cache = cache_of(m, size);
    std::byte* const object = bytes(cache.alloc());
    write(object + size + 1, 0x41);
    expect_equal(cache.free(object).error(), Error::damaged);
    expect_equal(last.fault, Fault::overrun);
    expect(last.object == object && last.offset == size + 1 && last.allocated.caller != nullptr);
    for (unsigned i = 0; i < 40; ++i) {
      std::byte* const fresh = bytes(cache.alloc());
      expect(fresh != object);
      expect(static_cast<bool>(cache.free(fresh)));
    }
    expect(m.slabs.audit().holds());
    expect_equal(m.slabs.destroy(cache).value().objects, 1);
  }
}

TEST(a_byte_in_front_of_an_object_is_found) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  write(object - 1, 0);
  expect_equal(cache.free(object).error(), Error::damaged);
  expect_equal(last.fault, Fault::underrun);
  expect_equal(last.offset, -1);
}

TEST(a_state_word_that_was_overrun_is_no_double_free) {
  auto& m = machine<Hardening{.checked_frees = true}>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  __builtin_memset(object + 64, 0x20, sizeof(void*));
  expect_equal(cache.free(object).error(), Error::damaged);
  expect_equal(last.fault, Fault::overrun);
  expect_equal(last.offset, 64);
}

TEST(a_write_to_a_free_object_is_found_before_it_is_used_again) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  expect(static_cast<bool>(cache.free(object)));
  write(object + 13, 0x99);
  std::byte* const fresh = bytes(cache.alloc());
  expect(fresh != object);
  expect_equal(last.fault, Fault::written_while_free);
  expect(last.object == object && last.offset == 13 && last.freed.caller != nullptr);
  expect(static_cast<bool>(cache.free(fresh)));
  expect(m.slabs.audit().holds());
}

TEST(a_write_to_the_last_byte_of_a_free_object_is_found) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  for (const unsigned at : {0u, 62u, 63u}) {
    std::byte* const object = bytes(cache.alloc());
    expect(static_cast<bool>(cache.free(object)));
    write(object + at, 0x99);
    expect(bytes(cache.alloc()) != object);
    expect(last.fault == Fault::written_while_free && last.object == object);
    expect_equal(last.offset, at);
  }
}

TEST(fresh_and_free_objects_are_filled) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  std::byte* const object = bytes(cache.alloc());
  for (unsigned i = 0; i < 64; ++i) expect(object[i] == std::byte{0x5a});
  expect(static_cast<bool>(cache.free(object)));
  for (unsigned i = 0; i < 63; ++i) expect(object[i] == std::byte{0x6b});
  expect(object[63] == std::byte{0xa5});
}

TEST(a_constructors_work_is_not_overwritten) {
  auto& m = machine<kHardened>();
  struct Made {
    static void construct(void* object) noexcept { __builtin_memset(object, 0x77, 40); }
  };
  auto& cache = *m.slabs.create({.name = "made", .size = 40, .constructor = &Made::construct}).value();
  for (unsigned round = 0; round < 3; ++round) {
    std::byte* const object = bytes(cache.alloc());
    for (unsigned i = 0; i < 40; ++i) expect(object[i] == std::byte{0x77});
    expect(static_cast<bool>(cache.free(object)));
  }
  expect_equal(told, 0);
}

TEST(objects_of_a_fresh_slab_come_in_random_order) {
  auto& m = machine<Hardening{.random_order = true}>();
  auto& cache = cache_of(m);
  unsigned ascending = 0;
  bool seen[64] = {};
  std::byte* before = nullptr;
  const std::uintptr_t page = 4096;
  for (unsigned i = 0; i < 64; ++i) {
    std::byte* const object = bytes(cache.alloc());
    if (before != nullptr && object == before + 64) ++ascending;
    before = object;
    const auto index = (reinterpret_cast<std::uintptr_t>(object) & (page - 1)) / 64;
    expect(!seen[index]);
    seen[index] = true;
  }
  expect(ascending < 16);
  expect_equal(cache.stats().total_slabs, 1);
  auto& other = booted_with<Hardening{.random_order = true}>({.secret = 7});
  expect(static_cast<bool>(other.slabs.audit().holds()));
}

TEST(leaks_name_each_object_and_who_had_it) {
  auto& m = machine<kHardened>();
  auto& cache = cache_of(m);
  std::byte* objects[30];
  for (std::byte*& object : objects) object = bytes(cache.alloc());
  for (unsigned i = 0; i < 30; i += 3) expect(static_cast<bool>(cache.free(objects[i])));
  struct Seen {
    std::byte** objects;
    unsigned count = 0;
  } seen{objects};
  const Leaks leaks =
      m.slabs
          .destroy(cache, {&seen,
                           [](void* self, const Leak& leak) noexcept {
                             auto& all = *static_cast<Seen*>(self);
                             expect(leak.allocated.caller != nullptr && leak.allocated.event != 0);
                             for (unsigned i = 0; i < 30; ++i)
                               if (i % 3 != 0 && all.objects[i] == leak.object) ++all.count;
                           }})
          .value();
  expect_equal(leaks.objects, 20);
  expect_equal(seen.count, 20);
}

TEST(kmalloc_is_hardened_with_its_caches) {
  auto& m = machine<kHardened>();
  Kmalloc<TestPages, kHardened> k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  std::byte* const memory = bytes(k.kmalloc(100));
  expect(is_aligned(reinterpret_cast<std::uintptr_t>(memory), 128));
  expect(static_cast<bool>(k.kfree(memory)));
  expect_equal(k.kfree(memory).error(), Error::wrong_owner);
  expect(last.cache == "kmalloc-128");
  expect_equal(k.ksize(memory).error(), Error::wrong_owner);
  expect_equal(k.krealloc(memory, 200).error(), Error::wrong_owner);
  expect_equal(k.kfree(memory + 4).error(), Error::bad_argument);
  expect_equal(last.offset, 4);
  expect_equal(k.shut_down(), 0);
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
}

TEST(a_typed_pointer_gives_back_to_a_hardened_cache) {
  auto& m = machine<kHardened>();
  struct Node {
    std::uint64_t words[3];
  };
  auto nodes = Cache<Node, TestPages, kHardened>::create(m.slabs, "node").value();
  {
    auto node = nodes.make().value();
    expect(static_cast<bool>(node));
  }
  expect(nodes.destroy().value().none());
  expect_equal(told, 0);
}

}  // namespace
}  // namespace quarry::slab

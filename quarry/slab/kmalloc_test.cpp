#include "quarry/slab/kmalloc.hpp"

#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_machine;
using testing::Machine;
using testing::TestPages;
using Kmallocs = Kmalloc<TestPages>;

constexpr PackingRules kX86{}, kArm64{.kmalloc_align = 128}, kArm{.word = 4, .kmalloc_align = 64};

constexpr std::uint32_t served(std::uint64_t size, const PackingRules& rules) {
  return class_size(*class_of(size, rules));
}

TEST(sizes_are_rounded_up_to_the_classes_of_the_architecture) {
  expect_equal(served(1, kX86), 8);
  expect_equal(served(8, kX86), 8);
  expect_equal(served(9, kX86), 16);
  expect_equal(served(65, kX86), 96);
  expect_equal(served(96, kX86), 96);
  expect_equal(served(97, kX86), 128);
  expect_equal(served(129, kX86), 192);
  expect_equal(served(193, kX86), 256);
  expect_equal(served(8192, kX86), 8192);
  expect_equal(served(1, kArm64), 128);
  expect_equal(served(129, kArm64), 256);
  expect_equal(served(192, kArm64), 256);
  expect_equal(served(1, kArm), 64);
  expect_equal(served(65, kArm), 128);
  expect_equal(served(129, kArm), 192);
  expect(!class_of(0, kX86) && !class_of(8193, kX86));
  expect_equal(served(131072, {.page_shift = 16}), 131072);
}

TEST(every_size_gets_the_smallest_class_that_there_is) {
  for (const PackingRules& rules : {kX86, kArm64, kArm}) {
    for (std::uint32_t size = 1; size <= 8192; ++size) {
      std::uint32_t best = UINT32_MAX;
      for (unsigned index = 1; index < kSizeClasses; ++index)
        if (has_class(index, rules) && class_size(index) >= size && class_size(index) < best)
          best = class_size(index);
      expect_equal(served(size, rules), best);
    }
  }
}

TEST(caches_have_the_names_that_slabinfo_shows) {
  expect(class_name(Memory::normal, 1) == "kmalloc-96");
  expect(class_name(Memory::reclaimable, 10) == "kmalloc-rcl-1k");
  expect(class_name(Memory::dma, 13) == "dma-kmalloc-8k");
  expect(class_name(Memory::normal, 17) == "kmalloc-128k");
}

TEST(booting_makes_the_classes_of_each_kind) {
  Machine& m = booted_machine(kArm64);
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  unsigned caches = 0;
  for (auto* cache = m.slabs.first(); cache != nullptr; cache = cache->next()) ++caches;
  expect_equal(caches, 2 + 2 * 7);  // 128 to 8192
  expect_equal(k.kmalloc(8, {}, Memory::dma).error(), Error::bad_argument);
  expect(m.slabs.audit().holds());
  expect_equal(k.shut_down(), 0);
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
}

TEST(a_boot_of_the_classes_that_fails_at_any_page_leaves_nothing_behind) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  bool booted = false;
  unsigned failures = 0;
  for (; !booted; ++failures) {
    m.pages.fail_call(failures + 1);
    booted = static_cast<bool>(k.boot(DmaCaches::all));
    expect(m.slabs.audit().holds());
    if (!booted) expect(m.slabs.first()->next()->next() == nullptr);
  }
  m.pages.never_fail();
  expect(failures > 1);
  expect_equal(k.shut_down(), 0);
}

TEST(memory_is_aligned_to_its_power_of_two) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  for (std::uint64_t size = 1; size <= 32768; size += (size >> 2) + 1) {
    const Result<void*> memory = k.kmalloc(size);
    const std::uint64_t usable = k.ksize(memory.value()).value();
    expect(usable >= size);
    const auto at = reinterpret_cast<std::uintptr_t>(memory.value());
    expect(is_aligned(at, is_power_of_two(usable) ? usable : 8));
    __builtin_memset(memory.value(), 0x11, static_cast<std::size_t>(usable));
  }
  expect(m.slabs.audit().holds());
}

TEST(large_memory_is_whole_blocks) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  const std::uint64_t before = m.pages.in_use();
  std::byte* const block = static_cast<std::byte*>(k.kmalloc(8193).value());
  expect_equal(k.ksize(block).value(), 16384);
  expect_equal(k.large_blocks(), 1);
  expect_equal(k.large_pages(), PageCount{4});
  expect_equal(k.kfree(block + 4096).error(), Error::bad_argument);
  expect_equal(k.kfree(block + 1).error(), Error::bad_argument);
  expect(static_cast<bool>(k.kfree(block)));
  expect_equal(k.kfree(block).error(), Error::not_found);
  expect_equal(k.large_blocks(), 0);
  expect_equal(m.pages.in_use(), before);
  expect_equal(k.kmalloc((4u << 20) + 1).error(), Error::bad_argument);
  expect_equal(k.kmalloc(UINT64_MAX).error(), Error::bad_argument);
  expect_equal(k.kmalloc(4u << 20).error(), Error::no_memory);
  expect_equal(k.large_blocks(), 0);
}

TEST(zero_bytes_are_no_memory_and_no_failure) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  expect(k.kmalloc(0).value() == zero_size_pointer());
  expect(k.kzalloc(0).value() == zero_size_pointer());
  expect_equal(k.ksize(zero_size_pointer()).value(), 0);
  expect_equal(k.ksize(nullptr).value(), 0);
  expect(static_cast<bool>(k.kfree(zero_size_pointer())) && static_cast<bool>(k.kfree(nullptr)));
  expect_equal(k.shut_down(), 0);
}

TEST(without_caches_every_size_is_refused) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  for (const std::uint64_t size : {1u, 100u, 1024u, 1025u, 8192u})
    expect_equal(k.kmalloc(size).error(), Error::bad_argument);
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  void* const memory = k.kmalloc(100).value();
  expect(static_cast<bool>(k.kfree(memory)));
  expect_equal(k.shut_down(), 0);
  for (const std::uint64_t size : {1u, 100u, 1024u, 1025u, 8192u})
    expect_equal(k.kmalloc(size).error(), Error::bad_argument);
}

TEST(pages_of_others_are_not_freed) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  const Pfn page = m.pages.alloc_pages(Order{0}, {}).value();
  std::byte* const memory = m.pages.map({page, page + PageCount{1}});
  expect_equal(k.kfree(memory).error(), Error::not_found);
  expect_equal(k.ksize(memory).error(), Error::not_found);
  int outside = 0;
  expect_equal(k.kfree(&outside).error(), Error::out_of_range);
  void* const freed = k.kmalloc(32).value();
  expect(static_cast<bool>(k.kfree(freed)));
  expect_equal(k.kfree_checked(freed).error(), Error::wrong_owner);
}

TEST(memory_grows_with_its_content_and_stays_when_it_cannot) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  std::byte* memory = static_cast<std::byte*>(k.krealloc(nullptr, 20).value());
  for (unsigned i = 0; i < 32; ++i) memory[i] = static_cast<std::byte>(i + 1);
  expect(k.krealloc(memory, 32).value() == memory);
  expect(k.krealloc(memory, 1).value() == memory);
  for (const std::uint64_t size : {33u, 100u, 5000u, 20000u}) {
    memory = static_cast<std::byte*>(k.krealloc(memory, size).value());
    for (unsigned i = 0; i < 32; ++i) expect(memory[i] == static_cast<std::byte>(i + 1));
  }
  m.pages.fail_from_now_on();
  expect_equal(k.krealloc(memory, 40000).error(), Error::no_memory);
  expect(memory[31] == std::byte{32});
  expect(k.krealloc(memory, 0).value() == zero_size_pointer());
  expect_equal(k.shut_down(), 0);
}

TEST(zeroed_memory_is_zero_to_its_last_usable_byte) {
  Machine& m = booted_machine();
  Kmallocs k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::none)));
  for (const std::uint64_t size : {5u, 70u, 3000u, 9000u}) {
    const auto* const memory = static_cast<const std::byte*>(k.kzalloc(size).value());
    const std::uint64_t usable = k.ksize(memory).value();
    for (std::uint64_t i = 0; i < usable; ++i) expect(memory[i] == std::byte{0});
  }
}

}  // namespace
}  // namespace quarry::slab

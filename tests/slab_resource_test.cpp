// tests/slab_resource_test.cpp: the standard library's containers on kmalloc.
#include "host/slab_resource.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "quarry/slab/test_machine.hpp"

namespace quarry::hosted {
namespace {

using slab::kHardened;
using slab::Kmalloc;
using slab::testing::booted_with;
using slab::testing::TestPages;

TEST(SlabResource, ContainersLiveInSlabsAndLeaveNothingBehind) {
  auto& m = booted_with<kHardened>({});
  Kmalloc<TestPages, kHardened> kmalloc{m.slabs};
  ASSERT_TRUE(kmalloc.boot(slab::DmaCaches::none));
  {
    SlabResource<TestPages, kHardened> resource{kmalloc};
    std::pmr::map<int, std::pmr::string> names{&resource};
    std::pmr::unordered_map<int, int> squares{&resource};
    for (int i = 0; i < 300; ++i) {
      names.emplace(i, std::pmr::string(static_cast<std::size_t>(i % 90), 'x'));
      squares[i] = i * i;
    }
    for (int i = 0; i < 300; i += 2) names.erase(i);
    EXPECT_EQ(150u, names.size());
    EXPECT_EQ(79u, names.at(79).size());
    EXPECT_EQ(299 * 299, squares.at(299));
  }
  EXPECT_TRUE(m.slabs.audit().holds());
  EXPECT_EQ(0u, kmalloc.shut_down());
}

TEST(SlabResource, AlignsAsAskedAndThrowsWithoutMemory) {
  auto& m = booted_with({});
  Kmalloc<TestPages> kmalloc{m.slabs};
  ASSERT_TRUE(kmalloc.boot(slab::DmaCaches::none));
  SlabResource<TestPages> resource{kmalloc};
  SlabResource<TestPages> same{kmalloc};
  EXPECT_TRUE(resource == same);
  EXPECT_FALSE(resource == *std::pmr::new_delete_resource());
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    void* const memory = resource.allocate(24, alignment);
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(memory) % alignment);
    same.deallocate(memory, 24, alignment);
  }
  void* const nothing = resource.allocate(0);
  EXPECT_NE(nullptr, nothing);
  resource.deallocate(nothing, 0);
  m.pages.fail_from_now_on();
  EXPECT_THROW(static_cast<void>(resource.allocate(100'000)), std::bad_alloc);
  m.pages.never_fail();
  EXPECT_EQ(0u, kmalloc.shut_down());
}

}  // namespace
}  // namespace quarry::hosted

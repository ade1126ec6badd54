#include "quarry/view/iomem.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {
constexpr PhysRange range(std::uint64_t begin, std::uint64_t last) noexcept {
  return {PhysAddr{begin}, PhysAddr{last + 1}};
}
}  // namespace

TEST(iomem_nests_by_containment_in_whatever_order_resources_come) {
  Resource storage[8];
  ResourceTree tree{storage};
  expect(static_cast<bool>(tree.insert(range(0x1000000, 0x1e01ef1), "Kernel code")));
  expect(static_cast<bool>(tree.insert(range(0x7ffe0000, 0x7fffffff), "Reserved")));
  expect(static_cast<bool>(tree.insert(range(0x100000, 0x7ffdffff), "System RAM")));
  expect(static_cast<bool>(tree.insert(range(0x1000000, 0x100ffff), "inner")));
  expect(static_cast<bool>(tree.insert(range(0xfd00000000, 0xffffffffff), "Reserved")));
  expect(static_cast<bool>(tree.insert({PhysAddr{5}, PhysAddr{5}}, "empty")));
  test::Page page;
  auto out = page.sink();
  tree.print(out);
  expect(page.view() == TextView{"00100000-7ffdffff : System RAM\n"
                                 "  01000000-01e01ef1 : Kernel code\n"
                                 "    01000000-0100ffff : inner\n"
                                 "7ffe0000-7fffffff : Reserved\n"
                                 "fd00000000-ffffffffff : Reserved\n"});
}

TEST(iomem_refuses_what_neither_nests_nor_stands_apart) {
  Resource storage[3];
  ResourceTree tree{storage};
  expect(static_cast<bool>(tree.insert(range(0x1000, 0x1fff), "a")));
  expect(static_cast<bool>(tree.insert(range(0x1800, 0x18ff), "b")));
  expect_equal(tree.insert(range(0x1f00, 0x20ff), "over the end").error(), Error::bad_argument);
  expect_equal(tree.insert(range(0x0f00, 0x10ff), "over the begin").error(), Error::bad_argument);
  expect_equal(tree.insert(range(0x1000, 0x187f), "through the child").error(), Error::bad_argument);
  expect_equal(tree.sorted().size(), 2u);
  expect(static_cast<bool>(tree.insert(range(0x3000, 0x3fff), "c")));
  expect_equal(tree.insert(range(0x5000, 0x5fff), "d").error(), Error::no_room);
  expect_equal(tree.sorted().size(), 3u);
  expect_equal(tree.sorted()[1].depth, 1u);
}

}  // namespace quarry::view

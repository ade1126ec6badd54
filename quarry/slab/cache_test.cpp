#include "quarry/slab/cache.hpp"

#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_machine;
using testing::Machine;
using testing::TestPages;

struct Inode {
  Inode(unsigned n, unsigned& living) noexcept : number{n}, count{&living} { ++*count; }
  ~Inode() { --*count; }
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;
  unsigned number;
  unsigned* count;
};
using Inodes = Cache<Inode, TestPages>;

TEST(an_object_lives_as_long_as_its_pointer) {
  Machine& m = booted_machine();
  Inodes inodes = Inodes::create(m.slabs, "inode").value();
  unsigned living = 0;
  {
    Inodes::Pointer a = inodes.make(7u, living).value();
    expect_equal(a->number, 7);
    Inodes::Pointer b = std::move(a);
    expect(!a && b);  // NOLINT(bugprone-use-after-move): what is left behind is empty
    expect_equal(living, 1);
    b = inodes.make(8u, living).value();
    expect_equal((*b).number, 8);
    expect_equal(living, 1);
    expect_equal(inodes.untyped().stats().active_objects, 1);
  }
  expect_equal(living, 0);
  expect(inodes.destroy().value().none());
}

TEST(a_released_object_is_a_leak_until_it_is_adopted) {
  Machine& m = booted_machine();
  Inodes inodes = Inodes::create(m.slabs, "inode", LineAlign::yes).value();
  unsigned living = 0;
  Inode* const raw = inodes.make(1u, living).value().release();
  expect_equal(inodes.destroy().value().objects, 1);
  inodes.adopt(raw).value().reset();
  expect_equal(living, 0);
  expect_equal(inodes.adopt(raw).error(), Error::wrong_owner);
  expect(inodes.destroy().value().none());
}

TEST(without_memory_nothing_is_constructed) {
  Machine& m = booted_machine();
  Inodes inodes = Inodes::create(m.slabs, "inode").value();
  m.pages.fail_from_now_on();
  unsigned living = 0;
  expect_equal(inodes.make(1u, living).error(), Error::no_memory);
  expect_equal(living, 0);
}

}  // namespace
}  // namespace quarry::slab

// Machines with so many cores that what a cache knows of each fills a slab by itself.
#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab::testing {
namespace {

struct ManyCores : port::OneCore {
  struct Guard {
    explicit Guard(const ManyCores&) noexcept {}
    static constexpr unsigned core() noexcept { return 599; }
  };
  static constexpr unsigned core_count() noexcept { return 600; }
  static constexpr unsigned this_core() noexcept { return 599; }
};
static_assert(port::Cores<ManyCores>);

class ManyCorePages : public TestPages {
 public:
  using Cores = ManyCores;
  using TestPages::TestPages;
  const Cores& cores() const noexcept { return many_; }

 private:
  [[no_unique_address]] Cores many_;
};

TEST(the_first_two_caches_share_a_slab_however_many_cores_there_are) {
  ManyCorePages pages{test_memory()};
  const std::uint64_t before = pages.in_use();
  SlabAllocator<ManyCorePages> slabs{pages, SlabConfig{}};
  expect(static_cast<bool>(slabs.boot()));
  const CacheStats own = slabs.first()->stats();
  expect(own.pages_per_slab > PageCount{8});  // an object alone has more than 600 cache lines
  expect(own.total_slabs != 0);

  const auto cache = slabs.create({.name = "thing", .size = 40});
  expect(static_cast<bool>(cache));
  const auto object = cache.value()->alloc();
  expect(static_cast<bool>(object));
  expect(static_cast<bool>(cache.value()->free(object.value())));
  expect(static_cast<bool>(slabs.destroy(*cache.value())));
  expect(static_cast<bool>(slabs.shut_down()));
  expect_equal(pages.in_use(), before);
}

}  // namespace
}  // namespace quarry::slab::testing

#include "shell/draw.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::shell {
namespace {
constexpr Style kPlain{.colour = false, .unicode = false, .width = 100};
}  // namespace

TEST(splits_are_drawn_to_scale) {
  test::Page page;
  auto out = page.sink();
  draw_split(out, Pfn{0x4000}, Order{10}, Order{8}, kPlain);
  expect(page.view() ==
         TextView{"  split 10 -> 9  |################|................|  0x4200-0x43ff becomes free\n"
                  "  split  9 -> 8  |########|........|  0x4100-0x41ff becomes free\n"});
}

TEST(a_batch_is_drawn_in_one_line) {
  test::Page page;
  auto out = page.sink();
  draw_split_line(out, Pfn{0x10}, Order{2}, Order{0}, kPlain);
  expect(page.view() == TextView{"  split  2 -> 0  |##|..|....|  0x10-0x13\n"});
}

TEST(a_merge_is_drawn_in_the_scale_of_what_it_becomes) {
  test::Page page;
  auto out = page.sink();
  draw_merge(out, Pfn{0x20}, Order{0}, Order{1}, kPlain);
  draw_merge(out, Pfn{0x20}, Order{0}, Order{5}, {.colour = true, .unicode = true, .width = 100});
  expect(page.view() == TextView{"  merge  0 -> 1  |++++++++++++++++|................|  0x20-0x21\n"
                                 "  merge  0 -> 1  |\033[94m▒\033[0m|\033[32m░\033[0m|  0x20-0x21\n"});
}

}  // namespace quarry::shell

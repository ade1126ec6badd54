#include "shell/words.hpp"

#include "tests/test.hpp"

namespace quarry::shell {

TEST(words_stand_between_blanks_and_before_a_remark) {
  const Words words{" \talloc_pages  4\vmovable # not 5"};
  expect_equal(words.size(), 3u);
  expect(words[0] == "alloc_pages" && words[1] == "4" && words[2] == "movable");
  expect_equal(words.without_last().size(), 2u);
  expect(Words{""}.empty() && Words{"# a remark"}.empty() && Words{" \t\r"}.empty());
  expect_equal(Words{"a#b c"}.size(), 1u);
}

TEST(numbers_are_whole_words) {
  expect_equal(read_number("4096").value_or(0), 4096u);
  expect_equal(read_number("0x1F").value_or(0), 0x1fu);
  expect_equal(read_number("4k").value_or(0), 4096u);
  for (const TextView bad : {"", "x", "12x", "-1", "1 2", "99999999999999999999"}) expect(!read_number(bad));
}

TEST(requests_are_words_of_any_case) {
  buddy::Request request;
  expect(apply_setting("MOVABLE", request) && apply_setting("zone=DMA32", request));
  expect_equal(request.type, page::MigrateType::movable);
  expect_equal(request.highest, zones::ZoneType::dma32);
  expect(!apply_setting("movabl", request) && !apply_setting("movable1", request) &&
         !apply_setting("", request));
  std::size_t words = 0;
  for (; !request_word(words).empty(); ++words)
    expect(apply_setting(request_word(words), request) == (request_word(words) != "node="));
  expect(words > 10);
  expect_equal(read_type("Cma").value_or(page::MigrateType::isolate), page::MigrateType::cma);
  expect(!read_type("isolate"));
  expect(begins_with_word("NODE=3", "node=") && !begins_with_word("nod", "node="));
}

}  // namespace quarry::shell

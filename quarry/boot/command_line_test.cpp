#include "quarry/boot/command_line.hpp"

#include "tests/test.hpp"

namespace quarry::boot {
namespace {

TEST(options_come_in_their_order_and_all_of_them) {
  const CommandLine line{"  mem=1G quiet mem=2G\tro "};
  std::size_t count = 0;
  for (const Option& option : line) {
    if (count == 0) expect(option.name == "mem" && option.value == "1G" && option.has_value);
    if (count == 1) expect(option.name == "quiet" && !option.has_value && option.value.empty());
    if (count == 3) expect(option.name == "ro");
    ++count;
  }
  expect_equal(count, std::size_t{4});
  expect(line.last("mem")->value == "2G");
  expect(!line.has("memmap"));
}

TEST(quotes_hold_blanks_together_and_go_away) {
  const CommandLine line{"\"a=b c\" d=\"e f\" g=\"h\"i \"j k\""};
  expect(line.last("a")->value == "b c");
  expect(line.last("d")->value == "e f");
  expect(line.last("g")->value == "h\"i");
  expect(line.has("j k"));
}

TEST(an_open_quote_runs_to_the_end) {
  const CommandLine line{"a=\"b c d"};
  expect(line.last("a")->value == "b c d");
}

TEST(what_follows_two_dashes_is_not_the_kernels) {
  const CommandLine line{"a -- b=1"};
  expect(line.has("a"));
  expect(!line.has("b") && !line.has("--"));
}

TEST(dashes_and_underscores_are_the_same_in_names) {
  expect(same_name("movable-node", "movable_node"));
  expect(!same_name("movable-node", "movable_nodes"));
  expect(CommandLine{"movable-node=x-y"}.last("movable_node")->value == "x-y");
}

TEST(an_empty_line_has_no_options) {
  std::size_t count = 0;
  for (const Option& option : CommandLine{" \t "}) count += 1 + option.name.size();
  for (const Option& option : CommandLine{""}) count += 1 + option.name.size();
  expect_equal(count, std::size_t{0});
  expect(CommandLine{"=x"}.begin()->name == "=x");
  expect(CommandLine{"x="}.last("x")->has_value);
}

TEST(a_reader_takes_numbers_and_signs) {
  ValueReader reader{"64M%0x10-1"};
  expect_equal(reader.size().value(), std::uint64_t{64} << 20);
  expect(!reader.take('@') && reader.take('%'));
  expect_equal(reader.size().value(), std::uint64_t{16});
  expect_equal(reader.size().error(), Error::bad_argument);
  expect(reader.rest() == "-1");
  ValueReader huge{"99999999999999999999"};
  expect_equal(huge.size().error(), Error::overflow);
  expect(!huge.at_end());
}

}  // namespace
}  // namespace quarry::boot

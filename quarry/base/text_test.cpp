#include "quarry/base/text.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry {

static_assert(TextView{"node 3"}.part(5) == TextView{"3"} && TextView{"node"}.part(9).empty());
static_assert(TextView{"a,b"}.find(',') == 1 && TextView{"ab"}.find(',') == 2);
static_assert(TextView{"mem=4G"}.starts_with("mem=") && !TextView{"me"}.starts_with("mem="));
static_assert(TextView{"x.dtb"}.ends_with(".dtb") && !TextView{"dtb"}.ends_with(".dtb"));
static_assert(Stops<[] { return TextView{"ab"}[2]; }>);

TEST(text_sink_writes_numbers_in_fields) {
  test::Page page;
  auto out = page.sink();
  out.dec(0).put(' ').dec(UINT64_MAX).put(' ').dec(42, 5).put('|').hex(0xbeef, 8).put(' ').hex(0);
  expect(page.view() == TextView{"0 18446744073709551615    42|0000beef 0"});
}

TEST(text_sink_writes_negative_numbers) {
  test::Page page;
  auto out = page.sink();
  out.dec_signed(-7, 4).put(' ').dec_signed(INT64_MIN).put(' ').dec_signed(7, 3);
  expect(page.view() == TextView{"  -7 -9223372036854775808   7"});
}

TEST(text_sink_aligns_text_and_never_cuts_it) {
  test::Page page;
  auto out = page.sink();
  out.left("DMA", 5).put('|').right("DMA", 5).put('|').left("Normal", 3).repeat('.', 2);
  expect(page.view() == TextView{"DMA  |  DMA|Normal.."});
}

TEST(parse_size_reads_what_a_kernel_command_line_writes) {
  expect_equal(parse_size("512M").value().value, std::uint64_t{512} << 20);
  expect_equal(parse_size("0x10k@4").value().value, std::uint64_t{16} << 10);
  expect_equal(parse_size("0x10k@4").value().length, 5u);
  expect_equal(parse_size("010").value().value, 8u);
  expect_equal(parse_size("1t,").value().value, std::uint64_t{1} << 40);
  expect_equal(parse_size("16E").error(), Error::overflow);
  expect_equal(parse_size("18446744073709551616").error(), Error::overflow);
  expect_equal(parse_size("18446744073709551615").value().value, UINT64_MAX);
  expect_equal(parse_size("nopentium").value().length, 0u);
  expect_equal(parse_size("").value().length, 0u);
  expect_equal(parse_size("0x").value().length, 1u);  // a zero, then an x
  expect_equal(parse_size("09").value().length, 1u);  // octal ends before the nine
}

}  // namespace quarry

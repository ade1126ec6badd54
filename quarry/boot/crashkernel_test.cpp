#include "quarry/boot/crashkernel.hpp"

#include "tests/test.hpp"

namespace quarry::boot {
namespace {

constexpr std::uint64_t kM = 1u << 20;
constexpr Bytes kRam{1023 * kM};  // counts as 1 GiB

Result<CrashkernelRequest> plain(TextView line) {
  return parse_crashkernel(CommandLine{line}, CrashkernelForm::plain, kRam);
}

TEST(a_size_and_a_place) {
  expect_equal(plain("crashkernel=128M").value().size, Bytes{128 * kM});
  expect_equal(plain("crashkernel=128M").value().at, PhysAddr{0});
  expect_equal(plain("crashkernel=128M@16M").value().at, PhysAddr{16 * kM});
}

TEST(the_last_of_each_form_counts) {
  const CommandLine line{
      "crashkernel=1G,high crashkernel=64M,low crashkernel=8M crashkernel=16M crashkernel=2G,high"};
  expect_equal(parse_crashkernel(line, CrashkernelForm::plain, kRam).value().size, Bytes{16 * kM});
  expect_equal(parse_crashkernel(line, CrashkernelForm::high, kRam).value().size, Bytes{2048 * kM});
  expect_equal(parse_crashkernel(line, CrashkernelForm::low, kRam).value().size, Bytes{64 * kM});
}

TEST(ranges_choose_by_ram_rounded_up) {
  expect_equal(plain("crashkernel=512M-1G:64M,1G-:128M@32M").value().size, Bytes{128 * kM});
  expect_equal(plain("crashkernel=512M-1G:64M,1G-:128M@32M").value().at, PhysAddr{32 * kM});
  expect_equal(plain("crashkernel=2G-:128M").value().size, Bytes{0});
}

TEST(nonsense_is_refused) {
  expect_equal(plain("quiet").error(), Error::not_found);
  expect_equal(plain("crashkernel=auto").error(), Error::bad_argument);
  expect_equal(plain("crashkernel=128Mx").error(), Error::bad_argument);
  expect_equal(plain("crashkernel=128M@").error(), Error::bad_argument);
  expect_equal(plain("crashkernel=2G-1G:64M").error(), Error::bad_argument);
  expect_equal(plain("crashkernel=0-:2G").error(), Error::bad_argument);  // all of RAM and more
  expect_equal(parse_crashkernel(CommandLine{"crashkernel=1G,highest"}, CrashkernelForm::high, kRam).error(),
               Error::not_found);
  expect_equal(parse_crashkernel(CommandLine{"crashkernel=x,high"}, CrashkernelForm::high, kRam).error(),
               Error::bad_argument);
}

}  // namespace
}  // namespace quarry::boot

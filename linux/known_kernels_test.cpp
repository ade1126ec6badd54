#include "linux/known_kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace quarry::lnx {
namespace {

using boot::Arch;

ReleaseName name_of(std::string_view text) { return read_release_name(text).value_or(ReleaseName{}); }

TEST(ReleaseNames, version_flavour_and_development_are_read) {
  EXPECT_EQ(name_of("6.1.0-56-cloud-amd64"), (ReleaseName{6, 1, "cloud-amd64", false}));
  EXPECT_EQ(name_of("6.12.117+deb12-amd64"), (ReleaseName{6, 12, "amd64", false}));
  EXPECT_EQ(name_of("5.8.0-0.bpo.2-arm64"), (ReleaseName{5, 8, "arm64", false}));
  EXPECT_EQ(name_of("6.1.0-50-armmp-lpae"), (ReleaseName{6, 1, "armmp-lpae", false}));
  EXPECT_EQ(name_of("6.1-cloud-amd64"), (ReleaseName{6, 1, "cloud-amd64", false}));
  EXPECT_EQ(name_of("6.1"), (ReleaseName{6, 1, "", false}));
  EXPECT_EQ(name_of("5.15.0-60-generic"), (ReleaseName{5, 15, "", false}));
  EXPECT_EQ(name_of("5.15.75-gentoo-x86_64"), (ReleaseName{5, 15, "", false}));
  for (const std::string_view developed :
       {"5.17.0-rc1-tip+", "6.16.0+", "6.11.0-rc5-next-20240829", "6.8.0-rc2-xps13-9343_2",
        "5.18.0-rc6-00005-g9a77f8660959-dirty", "6.19.0.ptch-g9114ebedb820"})
    EXPECT_TRUE(name_of(developed).is_development) << developed;
  for (const std::string_view none :
       {"", "6", "6.", ".1", "v6.1", "6.1/x", "x86_64", "6.1.toml.gz/", "99999999999.1", "6,1"})
    EXPECT_EQ(read_release_name(none).has_value(), none == "6.1.toml.gz/") << none;
}

TEST(KnownKernels, every_row_is_of_a_lawful_kernel_and_says_where_it_is_from) {
  std::set<std::string_view> releases;
  for (const KnownKernel& kernel : known_kernels()) {
    EXPECT_TRUE(read_release_name(kernel.release)) << kernel.release;
    EXPECT_TRUE(releases.insert(kernel.release).second) << kernel.release << " is there twice";
    EXPECT_FALSE(kernel.source.empty()) << kernel.release;
    EXPECT_GT(kernel.text, kernel.rwdata / 16) << kernel.release;
    EXPECT_LT(kernel.image(), 256U << 10) << kernel.release;
    EXPECT_LT(kernel.percpu_pages, 128U) << kernel.release;
    const bool was_booted = kernel.seen != Seen::image;
    EXPECT_TRUE(!was_booted || kernel.ram != 0) << kernel.release;
    EXPECT_TRUE(was_booted || kernel.rest == 0) << kernel.release;
  }
}

TEST(KnownKernels, the_flavour_teaches_more_than_the_version) {
  const auto flavour = expect_kernel(known_kernels(), Arch::x86_64, name_of("6.1.0-56-cloud-amd64"));
  const auto version = expect_kernel(known_kernels(), Arch::x86_64, name_of("6.1"));
  ASSERT_TRUE(flavour && version);
  EXPECT_EQ(flavour->likeness, Expectation::Likeness::flavour);
  EXPECT_EQ(flavour->kernels, 3U);
  EXPECT_EQ(version->likeness, Expectation::Likeness::version);
  EXPECT_LT(flavour->image.most - flavour->image.least, 1024);
  EXPECT_GT(version->image.most - version->image.least, 8 * 1024);
  EXPECT_LT(version->image.least, flavour->image.least);
  EXPECT_GT(version->image.most, flavour->image.most);
}

TEST(KnownKernels, nothing_is_learned_of_an_architecture_without_kernels) {
  EXPECT_FALSE(expect_kernel({}, Arch::x86_64, name_of("6.1")));
  std::vector<KnownKernel> others{known_kernels().begin(), known_kernels().end()};
  std::erase_if(others, [](const KnownKernel& kernel) { return kernel.arch == Arch::arm; });
  EXPECT_FALSE(expect_kernel(others, Arch::arm, std::nullopt));
}

// --- Two thirds ------------------------------------------------------------------------------------------

// Whether what that kernel printed lies where the expectation has it. Its bounds are those of linux/mem_total.cpp: what image
// and rest take together.
bool holds(const Expectation& expected, const KnownKernel& kernel) {
  const auto image = static_cast<std::int64_t>(kernel.image());
  const auto share = static_cast<std::int64_t>(expected.rest_of_ram * static_cast<double>(kernel.ram));
  std::int64_t least = expected.image.least + std::min(expected.rest.least, -share);
  std::int64_t most = expected.image.most + std::max(expected.rest.most, share);
  if (kernel.seen == Seen::image) return expected.image.least <= image && image <= expected.image.most;
  if (kernel.seen == Seen::at_most) return least <= image + kernel.rest && image <= most;
  if (kernel.seen == Seen::kasan) {
    const auto shadow = static_cast<std::int64_t>(kernel.ram / 8);
    least += shadow;
    most += shadow + expected.kasan_rest.most +
            std::max<std::int64_t>(expected.kasan_image.most - expected.image.most, 0);
  }
  return least <= image + kernel.rest && image + kernel.rest <= most;
}

struct Held {
  unsigned held = 0, all = 0;
};

// What random two thirds teach of each architecture, held against the last third.
Held hold_out(Arch arch, unsigned rounds) {
  std::mt19937 random{1};
  Held count;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<KnownKernel> kernels{known_kernels().begin(), known_kernels().end()};
    std::shuffle(kernels.begin(), kernels.end(), random);
    const std::size_t third = kernels.size() / 3;
    const std::span<const KnownKernel> rest{kernels.data(), third};
    const std::span<const KnownKernel> taught{kernels.data() + third, kernels.size() - third};
    for (const KnownKernel& kernel : rest) {
      if (kernel.arch != arch || kernel.seen == Seen::elsewhere) continue;
      const auto expected = expect_kernel(taught, arch, read_release_name(kernel.release));
      if (!expected || (kernel.seen == Seen::kasan && expected->kasan_rest == Extent{})) continue;
      ++count.all;
      count.held += holds(*expected, kernel) ? 1U : 0U;
    }
  }
  return count;
}

TEST(KnownKernels, two_thirds_of_them_teach_what_the_rest_is) {
  constexpr std::pair<Arch, double> promised[] = {{Arch::x86_64, 0.98}, {Arch::arm64, 0.8}, {Arch::arm, 0.9}};
  for (const auto& [arch, share] : promised) {
    const Held count = hold_out(arch, 300);
    const double held = static_cast<double>(count.held) / count.all;
    std::printf("two thirds: %.1f %% of %u kernels of architecture %d\n", 100 * held, count.all,
                static_cast<int>(arch));
    EXPECT_GE(held, share) << static_cast<int>(arch);
  }
}

}  // namespace
}  // namespace quarry::lnx

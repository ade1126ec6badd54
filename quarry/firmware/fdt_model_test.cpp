// Our reader against libfdt, over every tree of the corpus and over small changes to them.
#include <gtest/gtest.h>
#include <libfdt.h>

#include "quarry/firmware/fdt.hpp"
#include "quarry/firmware/fdt_memory.hpp"
#include "tests/corpus_files.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/fdt_lockstep.hpp"

namespace quarry::firmware {
namespace {

using lockstep::view_of;

std::vector<std::filesystem::path> trees() {
  std::vector<std::filesystem::path> found;
  for (const char* const name : {"machine.dtb", "given.dtb"})
    for (const auto& folder : corpus::cases_with(name)) found.push_back(folder / name);
  return found;
}

TEST(FdtModel, every_tree_of_the_corpus_reads_as_libfdt_reads_it) {
  lockstep::Count count;
  std::size_t read = 0;
  for (const auto& path : trees()) {
    EXPECT_EQ(lockstep::difference(corpus::bytes_of(path), count), "") << path;
    ++read;
  }
  EXPECT_GE(read, 97u);
  EXPECT_GE(count.nodes, 6'000u);
  EXPECT_GE(count.properties, 25'000u);
  EXPECT_GE(count.reservations, 4u);
}

// What we accept, libfdt accepts and reads alike; bytes are changed one at a time.
TEST(FdtModel, a_spoilt_tree_is_refused_or_read_as_libfdt_reads_it) {
  std::vector<std::byte> bytes = corpus::bytes_of(corpus::cases_with("machine.dtb").front() / "machine.dtb");
  std::uint64_t state = 88172645463325252u;
  unsigned accepted = 0, refused = 0;
  for (unsigned round = 0; round < 4000; ++round) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const std::size_t at = round < 160 ? round / 4 : state % bytes.size();
    const std::byte kept = bytes[at];
    bytes[at] ^= static_cast<std::byte>(1u << ((state >> 40) & 7));
    if (Fdt::from(bytes)) {
      ++accepted;
      EXPECT_EQ(fdt_check_full(bytes.data(), bytes.size()), 0) << at;
    } else {
      ++refused;
    }
    bytes[at] = kept;
  }
  EXPECT_GT(accepted, 1000u);
  EXPECT_GT(refused, 100u);
  lockstep::Count count;
  EXPECT_EQ(lockstep::difference(bytes, count), "");
}

// Each named leniency of libfdt is one, and Quarry's reason for not sharing it is the one that is named.
TEST(FdtModel, what_libfdt_alone_accepts_has_a_name) {
  std::size_t at = 0;
  const auto is_next = [&](std::span<const std::byte> bytes) {
    FdtFault fault{};
    const auto tree = Fdt::from(bytes, &fault);
    ASSERT_FALSE(tree);
    ASSERT_LT(at, lockstep::kStricter.size());
    EXPECT_EQ(view_of(fault.what), lockstep::kStricter[at].what);
    EXPECT_EQ(fdt_check_full(bytes.data(), bytes.size()), 0) << lockstep::kStricter[at].what;
    ++at;
  };
  FdtBuilder late;
  is_next(late.begin("child").end().flag("late").finish());
  FdtBuilder shifted;
  const auto bytes = shifted.finish();
  std::vector<std::byte> moved(bytes.begin(), bytes.end());
  moved.resize(moved.size() + 20);  // another reservation block behind the tree, at no multiple of 8
  for (const auto& [word, value] :
       {std::pair{std::size_t{4}, moved.size()}, {std::size_t{16}, bytes.size() + 4}})
    for (std::size_t i = 0; i < 4; ++i) moved[word + i] = static_cast<std::byte>(value >> (24 - 8 * i));
  is_next(moved);
  FdtBuilder rootless;
  const auto nothing = rootless.finish_as_is();
  nothing[40 + 16 + 3] = std::byte{9};  // the end where the root begins
  is_next(nothing);
  EXPECT_EQ(at, lockstep::kStricter.size());
}

TEST(FdtModel, every_prefix_of_a_tree_is_refused) {
  const auto bytes = corpus::bytes_of(corpus::cases_with("machine.dtb").front() / "machine.dtb");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto tree = Fdt::from(cut);
    ASSERT_FALSE(tree) << size;
    ASSERT_EQ(tree.error(), Error::truncated_table);
  }
}

// The typed view agrees with the log's own words about the machine.
TEST(FdtModel, the_model_of_every_tree_is_what_linux_calls_the_machine) {
  unsigned compared = 0;
  for (const auto& folder : corpus::cases_with("machine.dtb")) {
    SCOPED_TRACE(folder.filename());
    const auto bytes = corpus::bytes_of(folder / "machine.dtb");
    const Fdt tree = Fdt::from(bytes).value();
    // A machine that boots by UEFI and ACPI has a tree of little more than /chosen.
    EXPECT_EQ(count_cpus(tree) == 0, folder.filename().string().starts_with("arm64-uefi-"));
    for (const std::string& line : corpus::log_of(folder)) {
      for (const std::string prefix : {"Machine model: ", "OF: fdt: Machine model: "})
        if (line.starts_with(prefix)) {
          EXPECT_EQ(view_of(model(tree)), line.substr(prefix.size()));
          ++compared;
        }
    }
  }
  EXPECT_GE(compared, 20u);
}

}  // namespace
}  // namespace quarry::firmware

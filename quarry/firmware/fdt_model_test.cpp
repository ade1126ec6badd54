// Our reader against libfdt, over every tree of the corpus and over small changes to them.
#include <gtest/gtest.h>
#include <libfdt.h>

#include "quarry/firmware/fdt.hpp"
#include "quarry/firmware/fdt_memory.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::firmware {
namespace {

std::string_view view_of(TextView text) { return {text.data(), text.size()}; }

std::vector<std::filesystem::path> trees() {
  std::vector<std::filesystem::path> found;
  for (const char* const name : {"machine.dtb", "given.dtb"})
    for (const auto& folder : corpus::cases_with(name)) found.push_back(folder / name);
  return found;
}

// The same properties in the same order.
void compare_properties(const void* blob, int offset, const FdtNode& node, std::size_t& properties) {
  int at = fdt_first_property_offset(blob, offset);
  for (const FdtProperty ours : node.properties()) {
    ASSERT_GE(at, 0) << view_of(ours.name());
    const char* name = nullptr;
    int size = 0;
    const void* const value = fdt_getprop_by_offset(blob, at, &name, &size);
    ASSERT_EQ(view_of(ours.name()), name);
    ASSERT_EQ(ours.size(), static_cast<std::size_t>(size));
    ASSERT_EQ(ours.bytes().data(), value);
    ++properties;
    at = fdt_next_property_offset(blob, at);
  }
  ASSERT_EQ(at, -FDT_ERR_NOTFOUND);
}

struct Count {
  std::size_t nodes = 0, properties = 0, reservations = 0;
};

void compare(const std::vector<std::byte>& bytes, Count& count) {
  const auto parsed = Fdt::from(bytes);
  ASSERT_TRUE(parsed);
  const Fdt& tree = parsed.value();
  const void* const blob = bytes.data();
  int offset = 0, depth = 0;
  for (const auto& [node, our_depth] : tree.nodes()) {
    ASSERT_GE(offset, 0);
    ASSERT_EQ(our_depth, static_cast<std::size_t>(depth));
    ASSERT_EQ(view_of(node.name()), fdt_get_name(blob, offset, nullptr));
    compare_properties(blob, offset, node, count.properties);
    // By its path, and child by child, it is the same node.
    char path[512];
    ASSERT_EQ(fdt_get_path(blob, offset, path, sizeof path), 0);
    ASSERT_EQ(tree.find(path), node);
    ASSERT_EQ(node.available(), [&] {
      const char* const status = static_cast<const char*>(fdt_getprop(blob, offset, "status", nullptr));
      return status == nullptr || std::string_view{status} == "okay" || std::string_view{status} == "ok";
    }());
    int child = fdt_first_subnode(blob, offset);
    for (const FdtNode ours : node.children()) {
      ASSERT_EQ(view_of(ours.name()), fdt_get_name(blob, child, nullptr));
      child = fdt_next_subnode(blob, child);
    }
    ASSERT_EQ(child, -FDT_ERR_NOTFOUND);
    ++count.nodes;
    offset = fdt_next_node(blob, offset, &depth);
  }
  ASSERT_TRUE(offset == -FDT_ERR_NOTFOUND || depth < 0);
  ASSERT_EQ(tree.reservations().size(), static_cast<std::size_t>(fdt_num_mem_rsv(blob)));
  int at = 0;
  for (const FdtReservation ours : tree.reservations()) {
    std::uint64_t base = 0, size = 0;
    ASSERT_EQ(fdt_get_mem_rsv(blob, at++, &base, &size), 0);
    ASSERT_EQ(ours.base.raw, base);
    ASSERT_EQ(ours.size.raw, size);
    ++count.reservations;
  }
}

TEST(FdtModel, every_tree_of_the_corpus_reads_as_libfdt_reads_it) {
  Count count;
  std::size_t read = 0;
  for (const auto& path : trees()) {
    SCOPED_TRACE(path);
    compare(corpus::bytes_of(path), count);
    if (HasFatalFailure()) return;
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
  Count count;
  compare(bytes, count);
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

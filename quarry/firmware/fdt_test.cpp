#include "quarry/firmware/fdt.hpp"

#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

void put_be(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) noexcept {
  for (int shift = 24; shift >= 0; shift -= 8) bytes[at++] = static_cast<std::byte>(value >> shift);
}

// A tree with everything in it that the grammar knows.
std::span<std::byte> small_tree(FdtBuilder& tree) noexcept {
  tree.reserve(0x1000, 0x2000).reserve(0xffff'ffff'ffff'f000, 0x10000);
  tree.nop().cells("#address-cells", 2).text("compatible", "acme,board", "acme,soc").nop();
  tree.begin("memory@40000000").nop().text("device_type", "memory").numbers("reg", 0x4000'0000, 0x1000).end();
  tree.nop()
      .begin("soc")
      .flag("ranges")
      .begin("bus@0")
      .begin("uart@9000")
      .cells("reg", 0x9000)
      .end()
      .end()
      .end();
  tree.begin("soc@1").end();
  return tree.finish();
}

// Whether the tree is refused there, for that reason, with or without being told why.
bool refused(ByteView bytes, Error error, std::size_t offset, TextView what) noexcept {
  FdtFault fault{Error::no_memory, 0, ""};
  const auto tree = Fdt::from(bytes, &fault), again = Fdt::from(bytes);
  return !tree && !again && tree.error() == error && again.error() == error && fault.error == error &&
         fault.offset == offset && fault.what == what;
}

constexpr std::size_t kStructure = 40 + 16;  // of a tree without reservations
constexpr std::size_t kDepth = 300;

}  // namespace

TEST(a_tree_is_read_as_it_was_written) {
  FdtBuilder builder;
  const ByteView bytes = small_tree(builder);
  const auto parsed = Fdt::from(bytes);
  expect(static_cast<bool>(parsed));
  if (!parsed) return;
  const Fdt& tree = parsed.value();
  expect_equal(tree.version(), 17u);
  expect_equal(tree.bytes().size(), bytes.size());
  expect(tree.root().name().empty() && tree.root().unit_address().empty());

  std::size_t count = 0;
  for (const FdtProperty property : tree.root().properties()) {
    expect(property.name() == (count == 0 ? TextView{"#address-cells"} : TextView{"compatible"}));
    ++count;
  }
  expect_equal(count, 2u);
  count = 0;
  for (const FdtNode child : tree.root().children()) {
    const TextView names[] = {"memory@40000000", "soc", "soc@1"};
    expect(count < 3 && child.name() == names[count]);
    ++count;
  }
  expect_equal(count, 3u);
}

TEST(every_node_is_visited_once_with_its_depth) {
  FdtBuilder builder;
  const Fdt tree = Fdt::from(small_tree(builder)).value();
  const TextView names[] = {"", "memory@40000000", "soc", "bus@0", "uart@9000", "soc@1"};
  const std::size_t depths[] = {0, 1, 1, 2, 3, 1};
  std::size_t count = 0;
  for (const auto& [node, depth] : tree.nodes()) {
    expect(count < 6 && node.name() == names[count]);
    if (count < 6) expect_equal(depth, depths[count]);
    ++count;
  }
  expect_equal(count, 6u);
}

TEST(paths_find_nodes_with_and_without_unit_addresses) {
  FdtBuilder builder;
  const Fdt tree = Fdt::from(small_tree(builder)).value();
  expect(tree.find("/") == tree.root());
  expect(tree.find("/memory@40000000").has_value() && tree.find("/memory") == tree.find("/memory@40000000"));
  expect(tree.find("/soc/bus/uart")->name() == "uart@9000");
  expect(tree.find("//soc//bus@0/").has_value());
  expect(tree.find("/soc@1") != tree.find("/soc") && tree.find("/soc")->name() == "soc");
  expect(!tree.find("/memory@4000000") && !tree.find("/mem") && !tree.find("soc") && !tree.find(""));
  expect(!tree.find("/soc/bus@1") && !tree.find("/bus@0"));
  expect(tree.find("/memory")->base_name() == "memory");
  expect(tree.find("/memory")->unit_address() == "40000000");
}

TEST(reservations_come_in_order_and_uncut) {
  FdtBuilder builder;
  const Fdt tree = Fdt::from(small_tree(builder)).value();
  expect_equal(tree.reservations().size(), 2u);
  std::size_t count = 0;
  for (const FdtReservation entry : tree.reservations()) {
    expect_equal(entry.base, PhysAddr{count == 0 ? 0x1000 : 0xffff'ffff'ffff'f000});
    expect_equal(entry.size, Bytes{count == 0 ? 0x2000u : 0x10000u});
    ++count;
  }
  expect_equal(count, 2u);
}

TEST(properties_are_numbers_and_texts_of_bounded_length) {
  FdtBuilder builder;
  builder.cells("c", 1, 2, 3).text("list", "one", "", "three").flag("empty").cells("wide", 0, 1, 0, 7);
  const std::byte raw[] = {std::byte{'n'}, std::byte{'o'}};
  builder.bytes("unterminated", raw);
  const Fdt tree = Fdt::from(builder.finish()).value();
  const auto property = [&](TextView name) { return *tree.root().property(name); };

  expect_equal(property("c").u32().value(), 1u);
  expect_equal(property("c").u64().value(), 0x1'0000'0002u);
  expect_equal(property("c").cells(1, 2).value(), 0x2'0000'0003u);
  expect_equal(property("c").cells(2, 2).error(), Error::truncated_table);
  expect_equal(property("c").cells(SIZE_MAX, 1).error(), Error::truncated_table);
  expect_equal(property("c").cells(0, 3).error(), Error::overflow);
  expect_equal(property("c").cells(0, 0).error(), Error::bad_argument);
  expect_equal(property("c").cells(0, 5).error(), Error::bad_argument);
  expect_equal(property("wide").cells(0, 4).error(), Error::overflow);
  expect_equal(property("wide").cells(2, 2).value(), 7u);
  expect_equal(property("empty").u32().error(), Error::truncated_table);
  expect_equal(property("unterminated").u64().error(), Error::truncated_table);

  expect(property("list").text() == "one" && property("list").text(0) == TextView{"one"});
  expect(property("list").text(1) == TextView{""} && property("list").text(2) == TextView{"three"});
  expect(!property("list").text(3) && !property("empty").text(0));
  expect(property("list").lists("three") && property("list").lists("") && !property("list").lists("thre"));
  expect(property("unterminated").text() == "no" && property("unterminated").lists("no"));
  expect(property("empty").text().empty() && !property("empty").lists(""));
  expect(!tree.root().property("lis") && !tree.root().property("listing") && !tree.root().has(""));
}

TEST(status_compatible_and_cells_follow_linux) {
  FdtBuilder builder;
  builder.text("compatible", "acme,Board", "acme,soc").cells("#size-cells", 2);
  builder.begin("a").text("status", "okay").end().begin("b").text("status", "ok").end();
  builder.begin("c")
      .text("status", "disabled")
      .cells("#address-cells", 9)
      .end()
      .begin("d")
      .flag("status")
      .end();
  builder.begin("e").end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  expect(tree.find("/a")->available() && tree.find("/b")->available() && tree.find("/e")->available());
  expect(!tree.find("/c")->available() && !tree.find("/d")->available());
  expect(tree.root().compatible_with("acme,board") && tree.root().compatible_with("ACME,SOC"));
  expect(!tree.root().compatible_with("acme") && !tree.find("/a")->compatible_with("acme,board"));
  expect(tree.root().cells() == FdtCells{1, 2} && tree.root().cells({7, 8}) == FdtCells{7, 2});
  expect(tree.find("/c")->cells() == FdtCells{9, 1});
  expect(!tree.find("/d")->number("status") && tree.root().number("#size-cells") == 2u);
}

TEST(lists_of_ranges_know_what_is_left_over) {
  std::byte bytes[44] = {};
  for (std::size_t i = 0; i < 11; ++i) put_be(bytes, 4 * i, static_cast<std::uint32_t>(i + 1));
  const FdtRegs regs{bytes, {2, 1}};
  expect_equal(regs.size(), 3u);
  expect(!regs.whole() && FdtRegs(ByteView{bytes}.first(36), {2, 1}).whole());
  expect_equal(regs[1].base, PhysAddr{0x4'0000'0005});
  expect_equal(regs[2].size, Bytes{9});
  expect(regs[0].fits);
  const FdtRegs wide{bytes, {3, 4}};
  expect_equal(wide.size(), 1u);
  expect_equal(wide[0].base, PhysAddr{0x2'0000'0003});
  expect(!wide[0].fits);
  const FdtRegs none{bytes, {0, 0}};
  expect(none.empty() && !none.whole() && FdtRegs({}, {0, 0}).whole() && FdtRegs{}.empty());
  expect(FdtRegs(bytes, {UINT32_MAX, UINT32_MAX}).empty());
  const FdtRegs sizeless{bytes, {1, 0}};
  expect_equal(sizeless.size(), 11u);
  expect_equal(sizeless[10].size, Bytes{0});
  std::size_t count = 0;
  for (const FdtReg reg : regs) count += reg.fits ? 1u : 0u;
  expect_equal(count, 3u);
}

TEST(a_tree_cut_at_any_byte_is_refused) {
  FdtBuilder builder;
  const ByteView bytes = small_tree(builder);
  std::size_t refusals = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto tree = Fdt::from(bytes.first(size));
    if (!tree && tree.error() == Error::truncated_table) ++refusals;
  }
  expect_equal(refusals, bytes.size());
}

// The same cuts, but the header agrees with them: now it is the blocks that are too short.
TEST(a_tree_that_claims_to_be_shorter_is_refused_too) {
  FdtBuilder builder;
  const std::span<std::byte> bytes = small_tree(builder);
  const auto total = static_cast<std::uint32_t>(bytes.size());
  for (std::uint32_t size = 0; size < total; ++size) {
    put_be(bytes, 4, size);
    const auto tree = Fdt::from(bytes);
    expect(!tree && tree.error() == Error::bad_table);
  }
  put_be(bytes, 4, total);
  expect(static_cast<bool>(Fdt::from(bytes)));
}

TEST(bytes_after_the_tree_are_not_its_own) {
  FdtBuilder builder;
  const ByteView bytes = small_tree(builder);
  std::array<std::byte, 4096> more{};
  for (std::size_t i = 0; i < bytes.size(); ++i) more[i] = bytes[i];
  expect_equal(Fdt::from(more).value().bytes().size(), bytes.size());
}

TEST(a_wrong_header_is_named_at_its_word) {
  struct Case {
    std::size_t at;
    std::uint32_t value;
    std::size_t told;
    TextView what;
  };
  const Case cases[] = {
      {0, 0xedfe0dd0, 0, "no magic number"},
      {4, 35, 4, "total size below a header's"},
      {4, 39, 4, "total size below a header's"},
      {20, 15, 20, "version below 16"},
      {24, 18, 24, "not compatible with version 17"},
      {8, 39, 8, "structure block outside the tree"},
      {8, 0xfffffffc, 8, "structure block outside the tree"},
      {8, 58, 8, "structure block at no multiple of 4"},
      {36, 0xffffffff, 36, "structure block outside the tree"},
      {12, 39, 12, "strings block outside the tree"},
      {12, 0xffffffff, 12, "strings block outside the tree"},
      {32, 0xffffffff, 12, "strings block outside the tree"},
      {16, 32, 16, "memory reservation block outside the tree"},
      {16, 0xfffffff8, 16, "memory reservation block outside the tree"},
      {16, 44, 16, "memory reservation block at no multiple of 8"},
  };
  for (const Case& wrong : cases) {
    FdtBuilder builder;
    const std::span<std::byte> bytes = small_tree(builder);
    put_be(bytes, wrong.at, wrong.value);
    expect(refused(bytes, Error::bad_table, wrong.told, wrong.what));
  }
  FdtBuilder builder;
  const std::span<std::byte> bytes = small_tree(builder);
  expect(refused(bytes.first(7), Error::truncated_table, 7, "no room for a header"));
  put_be(bytes, 4, 0xffffffff);
  expect(refused(bytes, Error::truncated_table, 4, "total size above the bytes that there are"));
}

TEST(a_later_version_that_is_compatible_is_read) {
  FdtBuilder builder;
  const std::span<std::byte> bytes = small_tree(builder);
  put_be(bytes, 20, 18);
  put_be(bytes, 24, 17);
  expect_equal(Fdt::from(bytes).value().version(), 18u);
  // Version 16 has no size of the structure block, which then ends where the strings begin.
  put_be(bytes, 20, 16);
  put_be(bytes, 36, 0xffffffff);
  expect(Fdt::from(bytes).value().find("/soc/bus/uart").has_value());
}

TEST(an_endless_reservation_block_is_refused) {
  FdtBuilder builder;
  builder.reserve(1, 1);
  const std::span<std::byte> bytes = builder.finish();
  // From here on no 16 bytes end in a zero size.
  const std::size_t first = bytes.size() & ~std::size_t{7};
  put_be(bytes, 16, static_cast<std::uint32_t>(first));
  expect(refused(bytes, Error::bad_table, first, "memory reservation block without an end"));
}

TEST(a_broken_structure_is_named_at_its_token) {
  const auto refuses = [](std::size_t at, TextView what, auto&& build) {
    FdtBuilder tree;
    build(tree);
    return refused(tree.finish_as_is(), Error::bad_table, kStructure + at, what);
  };
  // The root takes 8 bytes: its token, and its empty name.
  expect(refuses(8, "the tree ends inside a node", [](FdtBuilder&) {}));
  expect(refuses(12, "a second root", [](FdtBuilder& t) { t.end().begin("more").end(); }));
  expect(refuses(12, "a node ends that did not begin", [](FdtBuilder& t) { t.end().end(); }));
  expect(refuses(12, "a property outside the root", [](FdtBuilder& t) { t.end().flag("p"); }));
  expect(refuses(20, "a property after a child", [](FdtBuilder& t) { t.begin("c").end().flag("p").end(); }));
  expect(refuses(8, "unknown token", [](FdtBuilder& t) { t.word(5); }));
  expect(refuses(8, "unknown token", [](FdtBuilder& t) { t.word(0x01000000); }));
  expect(refuses(8, "a property without a header", [](FdtBuilder& t) { t.word(3); }));
  expect(refuses(12, "a property that ends outside the block",
                 [](FdtBuilder& t) { t.word(3).word(13).word(0); }));
  expect(refuses(12, "a property that ends outside the block",
                 [](FdtBuilder& t) { t.word(3).word(0xffffffff).word(0); }));
  expect(refuses(16, "a property's name outside the strings block",
                 [](FdtBuilder& t) { t.word(3).word(0).word(0xffffffff).end(); }));
}

TEST(a_tree_without_a_root_or_an_end_is_refused) {
  FdtBuilder builder;
  const std::span<std::byte> bytes = builder.finish();
  for (std::size_t at = kStructure; at < kStructure + 12; at += 4) put_be(bytes, at, 4);
  expect(refused(bytes, Error::bad_table, kStructure + 12, "no root"));
  put_be(bytes, kStructure + 12, 4);
  expect(refused(bytes, Error::bad_table, kStructure + 16, "structure block without an end"));
}

TEST(a_root_has_no_name_and_nothing_behind_it) {
  FdtBuilder named;
  const auto bytes = named.begin("x").finish();
  put_be(bytes, kStructure + 4, 0x6100'0000);  // "a"
  expect(refused(bytes, Error::bad_table, kStructure, "a root with a name"));
  FdtBuilder trailed;
  expect(refused(trailed.end().nop().finish_as_is(), Error::bad_table, kStructure + 12,
                 "a token between the root's end and the tree's"));
  FdtBuilder preceded;  // what stands before the root is nobody's business
  const auto shifted = preceded.nop().finish();
  put_be(shifted, kStructure, 4);
  put_be(shifted, kStructure + 4, 1);
  put_be(shifted, kStructure + 8, 0);
  expect(static_cast<bool>(Fdt::from(shifted)));
}

TEST(a_node_is_found_by_its_phandle) {
  FdtBuilder builder;
  builder.begin("a").cells("phandle", 7).end().begin("b").cells("linux,phandle", 0xffff'fffe).end();
  builder.begin("c").cells("phandle", 7).end().begin("d").cells("phandle", 0).end();
  builder.begin("e").numbers("phandle", 9).end().begin("f").cells("phandle", 0xffff'ffff).end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  expect(tree.by_phandle(7) == *tree.find("/a"));
  expect(tree.by_phandle(0xffff'fffe) == *tree.find("/b"));
  expect(!tree.by_phandle(0) && !tree.by_phandle(0xffff'ffff) && !tree.by_phandle(9) && !tree.by_phandle(8));
  expect(tree.find("/d")->phandle() == 0u && !tree.find("/e")->phandle() && !tree.root().phandle());
}

TEST(names_must_end_inside_their_blocks) {
  FdtBuilder builder;
  builder.flag("abc").begin("node").end();
  const std::span<std::byte> bytes = builder.finish();
  const std::size_t strings = bytes.size() - 4;
  bytes[strings + 3] = std::byte{'d'};
  expect(refused(bytes, Error::bad_table, kStructure + 16, "a property's name outside the strings block"));
  bytes[strings + 3] = std::byte{0};
  expect(static_cast<bool>(Fdt::from(bytes)));
  // Everything after the node's token becomes its name.
  for (std::size_t at = kStructure + 24; at < strings; ++at) bytes[at] = std::byte{'n'};
  expect(refused(bytes, Error::bad_table, kStructure + 20, "a node's name without an end"));
}

TEST(a_node_as_deep_as_the_block_allows_is_no_trouble) {
  FdtBuilder builder;
  for (std::size_t i = 0; i < kDepth; ++i) builder.begin("x");
  for (std::size_t i = 0; i < kDepth; ++i) builder.end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  std::size_t deepest = 0;
  for (const auto& [node, depth] : tree.nodes()) deepest = depth;
  expect_equal(deepest, kDepth);
}

}  // namespace quarry::firmware

#include "quarry/early/bootmem_audit.hpp"

#include <array>

#include "tests/test.hpp"

namespace quarry::early {
namespace {

// Two sound nodes, of which a test spoils one.
struct Records {
  std::array<BootmemMap::Word, 2> low{0, ~BootmemMap::Word{0}}, high{0, 0};
  std::array<BootmemData, 2> nodes{
      BootmemData{.node = NodeId{0}, .pages = {Pfn{8}, Pfn{40}}, .map = {low, PageCount{32}}},
      BootmemData{.node = NodeId{1}, .pages = {Pfn{40}, Pfn{104}}, .map = {high, PageCount{64}}}};

  std::optional<BootmemLaw> audited(LongBits width = LongBits::bits64) const noexcept {
    return audit(nodes, PageSize{12}, width);
  }
};

// At least one way to break each law.
struct Provocation {
  BootmemLaw law;
  void (*spoil)(Records& records) noexcept;
};
constexpr Provocation kProvocations[]{
    {BootmemLaw::sorted_by_address, [](Records& r) noexcept { r.nodes[1].pages = {Pfn{7}, Pfn{71}}; }},
    {BootmemLaw::one_record_a_node, [](Records& r) noexcept { r.nodes[1].node = NodeId{0}; }},
    {BootmemLaw::inside_addresses,
     [](Records& r) noexcept { r.nodes[1].pages = {Pfn{1ull << 52}, Pfn{(1ull << 52) + 64}}; }},
    {BootmemLaw::map_covers_node, [](Records& r) noexcept { r.nodes[1].map = {r.high, PageCount{63}}; }},
    {BootmemLaw::map_covers_node,
     [](Records& r) noexcept { r.nodes[0].map = {std::span{r.low}.first(1), PageCount{32}}; }},
    {BootmemLaw::no_map_handed_over, [](Records& r) noexcept { r.nodes[0].is_handed_over = true; }},
    {BootmemLaw::padding_is_set, [](Records& r) noexcept { r.low[1] = ~BootmemMap::Word{0} >> 1; }},
    {BootmemLaw::hint_inside_node, [](Records& r) noexcept { r.nodes[0].hint_idx = PageCount{33}; }},
    {BootmemLaw::offset_inside_node, [](Records& r) noexcept { r.nodes[0].last_end_off = Bytes{0x20001}; }},
};

TEST(sound_records_break_no_law) {
  Records records;
  expect(!records.audited());
  records.nodes[0].hint_idx = PageCount{32};
  records.nodes[0].last_end_off = Bytes{0x20000};
  records.nodes[1].map = {};
  records.nodes[1].is_handed_over = true;
  expect(!records.audited());
  expect(!audit({}, PageSize{12}, LongBits::bits64));
}

// What has a name is a law: one that no provocation breaks fails here.
TEST(each_law_of_bootmem_is_seen_when_it_is_broken) {
  std::uint8_t laws = 0;
  for (; name_of(BootmemLaw{laws})[0] != 0; ++laws) {
    unsigned provoked = 0;
    for (const auto& [law, spoil] : kProvocations) {
      if (law != BootmemLaw{laws}) continue;
      ++provoked;
      Records records;
      spoil(records);
      const auto found = records.audited();
      expect(found.has_value());
      if (found) expect_equal(*found, law);
    }
    expect(provoked != 0);
  }
  for (const Provocation& one : kProvocations) expect(static_cast<std::uint8_t>(one.law) < laws);
}

TEST(a_map_of_half_a_long_is_whole_for_a_32_bit_kernel) {
  Records records;
  records.nodes[0].map = {std::span{records.low}.first(1), PageCount{32}};
  expect(records.audited(LongBits::bits32) == std::nullopt);
}

TEST(laws_of_bootmem_have_names) {
  expect(TextView{name_of(BootmemLaw::sorted_by_address)} == TextView{"sorted_by_address"});
  expect(TextView{name_of(BootmemLaw::offset_inside_node)} == TextView{"offset_inside_node"});
}

}  // namespace
}  // namespace quarry::early

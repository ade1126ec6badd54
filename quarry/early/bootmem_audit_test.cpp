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

void expect_broken(const Records& records, BootmemLaw law, Site site = Site::here()) noexcept {
  const auto found = records.audited();
  expect(found.has_value(), site);
  if (found) expect_equal(*found, law, site);
}

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

TEST(each_law_of_bootmem_is_seen_when_it_is_broken) {
  Records unsorted;
  unsorted.nodes[1].pages = {Pfn{7}, Pfn{71}};
  expect_broken(unsorted, BootmemLaw::sorted_by_address);
  Records twice;
  twice.nodes[1].node = NodeId{0};
  expect_broken(twice, BootmemLaw::one_record_a_node);
  Records outside;
  outside.nodes[1].pages = {Pfn{1ull << 52}, Pfn{(1ull << 52) + 64}};
  expect_broken(outside, BootmemLaw::inside_addresses);
  Records short_map;
  short_map.nodes[1].map = {short_map.high, PageCount{63}};
  expect_broken(short_map, BootmemLaw::map_covers_node);
  Records half_a_long;
  half_a_long.nodes[0].map = {std::span{half_a_long.low}.first(1), PageCount{32}};
  expect_broken(half_a_long, BootmemLaw::map_covers_node);
  expect(half_a_long.audited(LongBits::bits32) == std::nullopt);
  Records still_there;
  still_there.nodes[0].is_handed_over = true;
  expect_broken(still_there, BootmemLaw::no_map_handed_over);
  Records padding;
  padding.low[1] = ~BootmemMap::Word{0} >> 1;
  expect_broken(padding, BootmemLaw::padding_is_set);
  Records hint;
  hint.nodes[0].hint_idx = PageCount{33};
  expect_broken(hint, BootmemLaw::hint_inside_node);
  Records offset;
  offset.nodes[0].last_end_off = Bytes{0x20001};
  expect_broken(offset, BootmemLaw::offset_inside_node);
}

TEST(laws_of_bootmem_have_names) {
  expect(TextView{name_of(BootmemLaw::sorted_by_address)} == TextView{"sorted_by_address"});
  expect(TextView{name_of(BootmemLaw::offset_inside_node)} == TextView{"offset_inside_node"});
}

}  // namespace
}  // namespace quarry::early

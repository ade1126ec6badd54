#include "quarry/buddy/compact_zone_test_machine.hpp"
#include "quarry/page/flat_map_impl.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

// Reaches where nobody else may, to break one law at a time.
class CompactSaboteur {
 public:
  template <class Z>
  static auto& pageblock(Z& zone, unsigned index) {
    return zone.pageblocks_[index];
  }
  template <class Z>
  static auto& bits(Z& zone, unsigned index) {
    return zone.bits_[index];
  }
  template <class B>
  static std::uint64_t& word(B& bits, unsigned index) {
    return bits.words_[index];
  }
  template <class B>
  static std::uint64_t& sums(B& bits, unsigned index) {
    return bits.sums_.words[index];
  }
  template <class Z>
  static PageblockSet& partial(Z& zone, unsigned order) {
    return zone.tables_->of_type[1].partial[order];
  }
  template <class Z>
  static PageblockSet& whole(Z& zone, unsigned log2) {
    return zone.tables_->of_type[1].whole[log2];
  }
  template <class Z>
  static std::uint64_t& whole_blocks(Z& zone, unsigned log2) {
    return zone.tables_->whole[1][log2];
  }
  template <class Z>
  static Shared<std::uint32_t>& mask(Z& zone) {
    return zone.masks_[1];
  }
  template <class Z>
  static void put_whole(Z& zone, unsigned first, unsigned log2) {
    zone.put_whole({first, log2}, MigrateType::movable);
  }
  static std::uint64_t& level(PageblockSet& set, unsigned level) { return *set.level_[level]; }
};

namespace {

using S = CompactSaboteur;
constexpr MigrateType kMovable = MigrateType::movable;

// Two blocks of two pageblocks; of pageblock 1 frames 512 to 519 are free, 2 and 3 wholly.
template <Geometry G = k4KSparse>
struct Healthy : ZoneMachine<G> {
  using M = ZoneMachine<G>;
  Healthy() {
    expect(static_cast<bool>(M::start({Pfn{0}, Pfn{2 * M::kBlock}})));
    M::release({Pfn{0}, Pfn{2 * M::kBlock}});
    for (std::uint64_t frame = 0; frame < M::kBlock; ++frame)
      expect_equal(M::take(0, kMovable).value(), Pfn{frame});
    M::give_frames(M::kBlock - M::kFrames, 8);
    expect_broken(Law::holds);
  }
  void expect_broken(Law law) { expect_equal(M::zone.audit().broken, law); }
  auto& pageblock(unsigned index) { return S::pageblock(M::zone, index); }
};

}  // namespace

TEST(compact_audit_names_a_free_page_whose_descriptor_speaks) {
  Healthy<> machine;
  machine.map.at(Pfn{515}).become_allocated(Order{0}, 0, kMovable);
  expect_equal(machine.zone.audit().page, Pfn{515});
  machine.expect_broken(Law::state_is_free);
  machine.map.at(Pfn{515}).become_nothing();
  machine.map.at(Pfn{2000}).become_allocated(Order{0}, 0, kMovable);
  machine.expect_broken(Law::state_is_free);
}

TEST(compact_audit_names_a_misaligned_block) {
  Healthy<> machine;
  machine.pageblock(2).free = 0;
  S::whole(machine.zone, 1).erase(1);
  S::put_whole(machine.zone, 3, 0);
  machine.pageblock(3).free = machine.pageblock(3).kWhole + 1;
  S::whole(machine.zone, 0).erase(3);
  machine.expect_broken(Law::block_is_aligned);
}

TEST(compact_audit_names_a_block_outside_its_zone) {
  ZoneMachine<k4KSparse> machine;
  expect(static_cast<bool>(machine.start({Pfn{8}, Pfn{1024}})));
  machine.release({Pfn{8}, Pfn{1024}});
  expect(!machine.zone.audit());
  machine.give(Pfn{4}, 2);
  expect_equal(machine.zone.audit().broken, Law::block_is_in_its_zone);
  machine.give(Pfn{0}, 2);  // all of the pageblock now
  expect_equal(machine.zone.audit().broken, Law::block_is_in_its_zone);
}

TEST(compact_audit_names_overlapping_blocks) {
  Healthy<> machine;
  S::put_whole(machine.zone, 3, 0);
  const Finding finding = machine.zone.audit();
  expect_equal(finding.broken, Law::blocks_are_disjoint);
  expect_equal(finding.page, Pfn{1536});
}

TEST(compact_audit_names_unmerged_pageblocks) {
  Healthy<> machine;
  machine.zone.pull({Pfn{1024}, Order{10}});
  S::put_whole(machine.zone, 2, 0);
  machine.expect_broken(Law::holds);
  S::put_whole(machine.zone, 3, 0);
  machine.expect_broken(Law::buddies_are_merged);
}

TEST(compact_audit_names_a_pageblock_that_is_free_frame_by_frame) {
  Healthy<> machine;
  S::bits(machine.zone, 1).fill();
  machine.pageblock(1).free = 512;
  machine.expect_broken(Law::buddies_are_merged);
}

TEST(compact_audit_names_a_wrong_count_of_blocks) {
  Healthy<> machine;
  ++S::whole_blocks(machine.zone, 0);
  machine.expect_broken(Law::count_equals_list);
}

TEST(compact_audit_names_a_wrong_mask) {
  Healthy<> machine;
  S::mask(machine.zone) |= 1u << 9;
  machine.expect_broken(Law::mask_equals_lists);
  S::mask(machine.zone) = 1u << 10;
  machine.expect_broken(Law::mask_equals_lists);
  S::mask(machine.zone) = 1u << 10 | 1u << 3 | 1;
  machine.expect_broken(Law::mask_equals_lists);  // without the notes of smaller blocks that were there
  S::mask(machine.zone) |= 0xf;
  machine.expect_broken(Law::holds);
  S::mask(machine.zone) |= 1u << 5;
  machine.expect_broken(Law::holds);  // a note too many: it goes when somebody looks
  expect(!machine.zone.has_block(Order{11}, kMovable));
  expect(machine.zone.has_block(Order{4}, kMovable));
}

// More than 64 pageblocks have a second level: 66.
TEST(compact_audit_names_a_set_whose_levels_disagree) {
  ZoneMachine<k4KSparse> machine;
  expect(static_cast<bool>(machine.start({Pfn{0}, Pfn{33'792}})));
  machine.release({Pfn{0}, Pfn{33'792}});
  expect(!machine.zone.audit());
  PageblockSet& set = S::whole(machine.zone, 1);
  expect(S::level(set, 0) == (std::uint64_t{1} << 33) - 1);
  PageblockSet& partial = S::partial(machine.zone, 4);
  S::level(partial, 1) = 2;
  expect_equal(machine.zone.audit().broken, Law::mask_equals_lists);
  S::level(partial, 1) = 0;
  expect_equal(machine.zone.audit().broken, Law::holds);
}

TEST(compact_audit_names_a_wrong_count_of_free_frames) {
  Healthy<> machine;
  ++machine.pageblock(1).free;
  machine.expect_broken(Law::count_equals_bits);
}

TEST(compact_audit_names_bits_of_a_whole_pageblock) {
  Healthy<> machine;
  S::word(S::bits(machine.zone, 3), 7) = 1;
  const Finding finding = machine.zone.audit();
  expect_equal(finding.broken, Law::count_equals_bits);
  expect_equal(finding.page, Pfn{1536});
}

TEST(compact_audit_names_sums_that_forget_a_word) {
  Healthy<k4KFlat> machine;
  S::sums(S::bits(machine.zone, 0), 0) = 2;
  machine.expect_broken(Law::count_equals_bits);
}

TEST(compact_audit_names_orders_that_are_not_those_of_the_bits) {
  Healthy<> machine;
  machine.pageblock(1).orders &= 7;  // not that of the frames 512 to 519
  S::partial(machine.zone, 3).erase(1);
  machine.expect_broken(Law::orders_equal_bits);
  machine.pageblock(1).orders |= 8;
  S::partial(machine.zone, 3).insert(1);
  machine.expect_broken(Law::holds);
  machine.pageblock(2).orders = 1;  // a whole one has none
  machine.expect_broken(Law::orders_equal_bits);
}

// A note outlives its block, until somebody looks for that. Of the frames before 512 there were blocks of all orders.
TEST(compact_notes_of_blocks_that_are_gone_mislead_nobody) {
  Healthy<> machine;
  machine.zone.pull({Pfn{1024}, Order{10}});
  expect_equal(machine.zone.orders(kMovable), 0x1ffu);
  expect_equal(machine.orders(kMovable), 1u << 3);
  expect(!machine.zone.has_block(Order{4}, kMovable));
  expect(machine.zone.has_block(Order{3}, kMovable));
  expect_equal(machine.zone.orders(kMovable), 0xfu);
  expect_equal(machine.take(1, kMovable).value(), Pfn{512});
  expect_equal(machine.orders(kMovable), 1u << 1 | 1u << 2);
  expect(!machine.zone.has_block(Order{3}, kMovable));
  expect(!machine.zone.take(Order{3}, kMovable, kMovable, machine.watcher, machine.tally));
  expect_equal(machine.zone.orders(kMovable), 0x7u);
  machine.expect_broken(Law::holds);
}

// Notes of pairs in 300 pageblocks, all of them gone. One look takes 256 of them away, and lets others at the zone.
TEST(compact_looks_in_vain_are_bounded) {
  constexpr Geometry kSmall{{.page_shift = 12, .max_order = 6, .pageblock_order = 5}};
  constexpr std::uint64_t pageblocks = 300, frames = 32;
  constexpr Pfn other{pageblocks * frames};  // one more, of another type
  ZoneMachine<kSmall> machine;
  expect(static_cast<bool>(machine.start({Pfn{0}, other + PageCount{frames}})));
  machine.release({Pfn{0}, other + PageCount{frames}});
  machine.take_all(kMovable);
  for (std::uint64_t first = 0; first < pageblocks * frames; first += frames) {
    machine.give_frames(first, 2);
    machine.give(Pfn{first + 3}, 0);
    machine.zone.pull({Pfn{first}, Order{0}});
  }
  machine.map.set_pageblock_type(other, MigrateType::unmovable);
  machine.give_frames(other.raw, 4);
  const auto take_pair = [&]() noexcept {
    return machine.zone.take(Order{1}, kMovable, kMovable, machine.watcher, machine.tally);
  };
  const auto take_other = [&]() noexcept {
    return machine.zone.take_other(Wanted{Order{1}, kMovable}, machine.watcher, machine.tally);
  };
  expect(!take_pair() && machine.zone.gave_up());
  expect(!take_other());  // there may be a pair yet
  machine.zone.look_again();
  expect(!machine.zone.has_block(Order{1}, kMovable) && !machine.zone.gave_up());
  expect_equal(machine.zone.orders(kMovable), 0x1u);
  expect_equal(take_other().value(), other);
  expect(!machine.zone.audit());

  BlockCounts counts = {};
  const std::uint32_t next = machine.zone.count_blocks(0, counts);
  expect(next != 0 && counts[0][page::index_of(kMovable)] < 2 * pageblocks);
  expect_equal(machine.zone.count_blocks(next, counts), 0u);
  expect_equal(counts[0][page::index_of(kMovable)], 2 * pageblocks);
}

TEST(compact_audit_names_a_pageblock_in_no_set_and_one_in_a_wrong_one) {
  Healthy<> machine;
  S::partial(machine.zone, 3).erase(1);
  machine.expect_broken(Law::free_is_listed);
  S::partial(machine.zone, 3).insert(1);
  S::partial(machine.zone, 0).erase(1);
  machine.expect_broken(Law::free_is_listed);
  S::partial(machine.zone, 0).insert(1);
  machine.expect_broken(Law::holds);
  S::partial(machine.zone, 2).insert(0);
  machine.expect_broken(Law::free_is_listed);
  S::partial(machine.zone, 2).erase(0);
  S::whole(machine.zone, 1).erase(1);
  machine.expect_broken(Law::free_is_listed);
  S::whole(machine.zone, 1).insert(1);
  S::whole(machine.zone, 0).insert(0);
  machine.expect_broken(Law::free_is_listed);
}

}  // namespace quarry::buddy

// A contiguous area in lockstep with a list of flags, while movable pages borrow from it and are moved away.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "quarry/buddy/cma_area.hpp"
#include "quarry/buddy/compact_zone_impl.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_owners.hpp"

namespace quarry::buddy {

namespace {

constexpr Request kMovable{.type = MigrateType::movable};

// Page by page: does a user of the area have it?
class Flags {
 public:
  Flags(std::uint64_t begin, std::uint64_t pages, unsigned per_bit)
      : begin_{begin}, per_bit_{std::uint64_t{1} << per_bit}, taken_(pages >> per_bit, false) {}
  // The first aligned place where that many bits are free; the end when there is none.
  std::uint64_t place(std::uint64_t count, unsigned order) const {
    const std::uint64_t bits = (count + per_bit_ - 1) / per_bit_;
    const std::uint64_t step = std::uint64_t{1} << order;
    for (std::uint64_t at = 0; at + bits <= taken_.size(); ++at) {
      const std::uint64_t page = begin_ + at * per_bit_;
      // Alignments below a bit's size are those of the area.
      if (step > per_bit_ && page % step != begin_ % per_bit_) continue;
      bool is_free = true;
      for (std::uint64_t bit = at; bit < at + bits; ++bit) is_free = is_free && !taken_[bit];
      if (is_free) return page;
    }
    return UINT64_MAX;
  }
  void set(std::uint64_t page, std::uint64_t count, bool taken) {
    for (std::uint64_t at = page - begin_; at < page - begin_ + count; ++at) taken_[at / per_bit_] = taken;
  }
  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const bool bit : taken_) sum += bit ? per_bit_ : 0;
    return sum;
  }

 private:
  std::uint64_t begin_, per_bit_;
  std::vector<bool> taken_;
};

// Goal: the same places as the model's, whoever borrows; nothing borrowed is lost; every law holds.
template <Geometry G, class Policy>
void runs_in_lockstep() {
  using M = TestMachine<G, NoObserver, Policy>;
  constexpr std::uint64_t block = M::kBlock;
  const auto per_bit = static_cast<unsigned>(*rc::gen::inRange(0, 4));
  M machine;
  machine.add_zone(0, zones::ZoneType::normal, 0, 8);
  RC_ASSERT(static_cast<bool>(machine.start()));
  RC_ASSERT(static_cast<bool>(machine.allocator.release(2, M::blocks(0, 3))));
  CmaArea<decltype(machine.allocator)> area;
  RC_ASSERT(static_cast<bool>(area.init("model", M::blocks(5, 7), Order{per_bit})));
  RC_ASSERT(static_cast<bool>(area.activate(machine.allocator, machine.source())));
  TestOwners owners{machine.allocator};
  Flags model{5 * block, 2 * block, per_bit};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  std::vector<std::uint32_t> borrowers;
  const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  for (const std::uint32_t step : steps) {
    const std::uint64_t number = step >> 8;
    switch (step % 6) {
      case 0:
      case 1: {  // fewer than a third of the memory, so that there is always somewhere to move to
        const std::uint64_t count = 1 + number % (block / 4);
        const unsigned order = (step >> 4) % 8;
        const std::uint64_t want = model.place(count, order);
        const auto run = area.alloc(PageCount{count}, Order{order});
        RC_ASSERT(static_cast<bool>(run) == (want != UINT64_MAX));
        if (!run) break;
        RC_ASSERT(run.value().raw == want);
        model.set(want, count, true);
        runs.emplace_back(want, count);
        break;
      }
      case 2: {
        if (runs.empty()) break;
        const auto [first, count] = runs[number % runs.size()];
        RC_ASSERT(static_cast<bool>(area.release({Pfn{first}, Pfn{first + count}})));
        RC_ASSERT(!area.release({Pfn{first}, Pfn{first + count}}));
        model.set(first, count, false);
        runs[number % runs.size()] = runs.back();
        runs.pop_back();
        break;
      }
      case 3:
      case 4: {
        if (borrowers.size() > 40) break;
        const std::uint32_t owner = owners.hold(Order{static_cast<unsigned>(number % 5)}, kMovable);
        if (owner != owners.kNobody) borrowers.push_back(owner);
        break;
      }
      default: {
        if (borrowers.empty()) break;
        RC_ASSERT(owners.drop(borrowers[number % borrowers.size()]));
        borrowers[number % borrowers.size()] = borrowers.back();
        borrowers.pop_back();
      }
    }
    RC_ASSERT(area.stats().used.raw == model.used());
    RC_ASSERT(owners.all_is_there());
    RC_ASSERT(machine.allocator.audit().broken == Law::holds);
  }
}

}  // namespace

RC_GTEST_PROP(CmaAreaModel, SparseRunsInLockstep, ()) { runs_in_lockstep<k4KSparse, LinuxPolicy>(); }
RC_GTEST_PROP(CmaAreaModel, FlatRunsInLockstep, ()) { runs_in_lockstep<k4KFlatHuge, LinuxPolicy>(); }
RC_GTEST_PROP(CmaAreaModel, CompactRunsInLockstep, ()) { runs_in_lockstep<k4KSparse, CompactPolicy>(); }

}  // namespace quarry::buddy

// Replays what Linux 4.19's bootmem did, call by call, and compares everything that was recorded.
//
// Goal    each call of each trace: result, node, last_end_off, hint_idx and free pages of all nodes, what went
//         to the page allocator in which order, the totals, and each bitmap, bit by bit.
// Method  physical memory is anonymous mappings. An allocation must be zero, and is dirtied afterwards. Where
//         Linux stops at an assertion, here is an error that leaves everything as it was before the call;
//         where Linux warns, an error; where it panics, no_memory.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quarry/early/bootmem.hpp"

namespace quarry::early {
namespace {

using nlohmann::json;

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kMostNodes = 8;

struct Counts {
  std::uint64_t traces = 0, calls = 0, bitmaps = 0, allocations = 0, refused = 0, busy = 0, warned = 0;
  std::uint64_t asserted = 0, releases = 0;
};

// Anonymous memory behind some physical ranges, each in one piece.
class Ram {
 public:
  explicit Ram(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges) {
    std::sort(ranges.begin(), ranges.end());
    for (const auto& [begin, end] : ranges) {
      if (begin == end) continue;
      if (pieces_.empty() || pieces_.back().end < begin)
        pieces_.push_back({begin, end, nullptr});
      else
        pieces_.back().end = std::max(pieces_.back().end, end);
    }
    for (Piece& piece : pieces_) {
      void* const memory = mmap(nullptr, piece.end - piece.begin, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc{};
      piece.memory = static_cast<std::byte*>(memory);
    }
  }
  Ram(const Ram&) = delete;
  Ram& operator=(const Ram&) = delete;
  ~Ram() {
    for (const Piece& piece : pieces_) munmap(piece.memory, piece.end - piece.begin);
  }
  static std::byte* map(void* self, PhysRange range) noexcept {
    for (const Piece& piece : static_cast<const Ram*>(self)->pieces_)
      if (piece.begin <= range.begin().raw && range.end().raw <= piece.end)
        return piece.memory + (range.begin().raw - piece.begin);
    return nullptr;
  }

 private:
  struct Piece {
    std::uint64_t begin, end;
    std::byte* memory;
  };
  std::vector<Piece> pieces_;
};

// One recorded sequence and the allocator that follows it.
class Trace {
 public:
  Trace(const std::vector<json>& lines, Counts& counts)
      : lines_{lines},
        counts_{counts},
        ram_{ranges_of(lines)},
        bootmem_{
            {.low_limit = PhysAddr{lines[0].at("low_limit")}, .max_dma32_pfn = Pfn{lines[0].at("dma32_pfn")}},
            nodes_,
            {&ram_, &Ram::map}} {}

  void run() {
    for (std::size_t i = 1; i < lines_.size(); ++i) {
      SCOPED_TRACE(lines_[0].at("name").get<std::string>() + ": " + lines_[i].dump());
      step(lines_[i]);
      ASSERT_EQ(bootmem_.audit(), std::nullopt);
      if (::testing::Test::HasFailure()) return;
    }
    ++counts_.traces;
  }

 private:
  struct Release {
    std::uint64_t pfn, order, said;
  };
  using State = std::vector<std::array<std::uint64_t, 4>>;

  static std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_of(const std::vector<json>& lines) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    const auto add = [&](std::uint64_t map, std::uint64_t begin, std::uint64_t end) {
      ranges.emplace_back(begin * kPage, end * kPage);
      const std::uint64_t bytes = BootmemMap::bytes_for(PageCount{end - begin}, LongBits::bits64).raw;
      ranges.emplace_back(map * kPage, map * kPage + bytes);
    };
    for (const json& line : lines) {
      const json& a = line.value("a", json::array());
      if (line.value("op", "") == "init_node") add(a[1], a[2], a[3]);
      if (line.value("op", "") == "init") add(a[0], 0, a[1]);
    }
    return ranges;
  }

  static NodeId node(const json& id) { return NodeId{id.get<std::uint16_t>()}; }
  static PhysAddr address(const json& at) { return PhysAddr{at.get<std::uint64_t>()}; }
  static Bytes size(const json& bytes) { return Bytes{bytes.get<std::uint64_t>()}; }
  static BootmemReserve how(const json& flags) {
    return (flags.get<std::uint64_t>() & 1) != 0 ? BootmemReserve::exclusive : BootmemReserve::shared;
  }
  static BootmemRequest request(const json& a, std::size_t from) {
    return {size(a[from]), size(a[from + 1]), address(a[from + 2])};
  }
  static void hear(void* self, const ReleasedBlock& block) noexcept {
    static_cast<Trace*>(self)->take(block);
  }
  // Linux passes page numbers along that begin at the node's for the bitmap's pages.
  void take(const ReleasedBlock& block) {
    std::uint64_t said = block.first.raw;
    if (block.kind == ReleasedBlock::Kind::bitmap) {
      const BootmemData& data = *bootmem_.find(block.node);
      said = data.node_min_pfn().raw + (block.first - *data.map_at).raw;
    }
    released_.push_back({block.first.raw, block.order.raw(), said});
  }

  void step(const json& line) {
    const std::string op = line.at("op");
    if (op == "bitmap") return compare_bitmap(line);
    const State before = state();
    const auto bits_before = bits();
    released_.clear();
    call(op, line);
    ++counts_.calls;
    if (line.at("r") == "bug") {
      ++counts_.asserted;
      asserted_ = true;
      EXPECT_EQ(state(), before);
      EXPECT_EQ(bits(), bits_before);
      return;
    }
    EXPECT_EQ(state(), line.at("s").get<State>());
    compare_releases(line.value("rel", json::array()));
    if (line.contains("totalram")) {
      EXPECT_EQ(bootmem_.totalram_pages().raw, line.at("totalram"));
    }
  }

  void call(const std::string& op, const json& line) {
    const json &a = line.at("a"), &r = line.at("r");
    if (op == "bootmap_pages") {
      EXPECT_EQ(bootmem_.bootmap_pages(PageCount{a[0]}).raw, r);
    } else if (op == "init_node") {
      compare_init(bootmem_.init_node(node(a[0]), Pfn{a[1]}, {Pfn{a[2]}, Pfn{a[3]}}), line);
    } else if (op == "init") {
      compare_init(bootmem_.init(Pfn{a[0]}, PageCount{a[1]}), line);
      EXPECT_EQ(bootmem_.min_low_pfn().raw, line.at("min_low_pfn"));
      EXPECT_EQ(bootmem_.max_low_pfn().raw, line.at("max_low_pfn"));
    } else if (op == "free_node") {
      compare_done(bootmem_.free_node(node(a[0]), address(a[1]), size(a[2]), "trace"), line);
    } else if (op == "free") {
      compare_done(bootmem_.free(address(a[0]), size(a[1]), "trace"), line);
    } else if (op == "reserve_node") {
      compare_done(bootmem_.reserve_node(node(a[0]), address(a[1]), size(a[2]), how(a[3]), "trace"), line);
    } else if (op == "reserve") {
      compare_done(bootmem_.reserve(address(a[0]), size(a[1]), how(a[2]), "trace"), line);
    } else if (op == "free_late") {
      static_cast<void>(bootmem_.free_late(address(a[0]), size(a[1]), {this, &Trace::hear}, "trace"));
    } else if (op == "free_all_node") {
      compare_count(bootmem_.free_all_node(node(a[0]), {this, &Trace::hear}), line);
    } else if (op == "free_all") {
      compare_count(bootmem_.free_all({this, &Trace::hear}), line);
    } else {
      compare_allocation(allocate(op, a), line);
    }
  }

  Result<PhysAddr> allocate(const std::string& op, const json& a) {
    if (op == "alloc" || op == "alloc_nopanic") return bootmem_.alloc(request(a, 0), "trace");
    if (op == "alloc_low" || op == "alloc_low_nopanic") return bootmem_.alloc_low(request(a, 0), "trace");
    const NodeId where = node(a[0]);
    if (op == "alloc_node_high") return bootmem_.alloc_node_high(where, request(a, 1), "trace");
    if (op == "alloc_low_node") return bootmem_.alloc_low_node(where, request(a, 1), "trace");
    if (op == "alloc_node_nopanic_limit")
      return bootmem_.alloc_node_limit(where, request(a, 1), address(a[4]), "trace");
    EXPECT_TRUE(op == "alloc_node" || op == "alloc_node_nopanic") << op;
    return bootmem_.alloc_node(where, request(a, 1), "trace");
  }

  void compare_init(const Result<Bytes>& got, const json& line) {
    ASSERT_TRUE(got);
    EXPECT_EQ(got.value().raw, line.at("r"));
  }
  void compare_count(const Result<Handover>& got, const json& line) {
    ASSERT_TRUE(got);
    EXPECT_EQ(got.value().pages.raw, line.at("r"));
  }
  void compare_done(const Result<Done>& got, const json& line) {
    const json& r = line.at("r");
    if (r == "bug") {
      ASSERT_FALSE(got);
      EXPECT_TRUE(got.error() == Error::out_of_range || got.error() == Error::wrong_owner);
    } else if (r == -16) {
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error(), Error::busy);
      ++counts_.busy;
    } else if (line.contains("w")) {
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error(), Error::not_found);
      ++counts_.warned;
    } else {
      EXPECT_TRUE(got);
    }
  }
  void compare_allocation(const Result<PhysAddr>& got, const json& line) {
    const json& r = line.at("r");
    if (!r.is_number()) {
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error(), r == "bug" ? Error::bad_argument : Error::no_memory);
      if (r != "bug") ++counts_.refused;
      return;
    }
    ASSERT_TRUE(got);
    EXPECT_EQ(got.value().raw, r);
    const json& a = line.at("a");
    const bool by_node = line.at("op").get<std::string>().find("node") != std::string::npos;
    const std::size_t bytes = a[by_node ? 1 : 0];
    const BootmemData& data = *bootmem_.find(node(line.at("n")));
    EXPECT_TRUE(data.pages.contains(PageSize{12}.pfn_down(got.value())));
    std::byte* const memory = Ram::map(&ram_, PhysRange::sized(got.value(), Bytes{bytes}));
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](std::byte at) { return at == std::byte{0}; }));
    std::memset(memory, 0xa5, bytes);
    ++counts_.allocations;
  }

  State state() const {
    State all;
    for (const BootmemData& data : bootmem_.nodes()) {
      const std::uint64_t free = data.is_handed_over ? 0 : data.map.count_clear(0, data.pages.size().raw).raw;
      all.push_back({static_cast<std::uint64_t>(data.node), data.last_end_off.raw, data.hint_idx.raw, free});
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  std::vector<std::vector<BootmemMap::Word>> bits() const {
    std::vector<std::vector<BootmemMap::Word>> all;
    for (const BootmemData& data : bootmem_.nodes())
      all.emplace_back(data.map.words().begin(), data.map.words().end());
    return all;
  }

  void compare_releases(const json& runs) {
    std::size_t at = 0;
    for (const json& run : runs) {
      const std::uint64_t first = run[0], order = run[1], count = run[2];
      const std::uint64_t said = run.size() > 3 ? run[3].get<std::uint64_t>() : first;
      for (std::uint64_t i = 0; i < count; ++i, ++at) {
        ASSERT_LT(at, released_.size());
        ASSERT_EQ(released_[at].pfn, first + (i << order));
        ASSERT_EQ(released_[at].order, order);
        ASSERT_EQ(released_[at].said, said + (i << order));
      }
    }
    EXPECT_EQ(at, released_.size());
    counts_.releases += at;
  }

  // After an assertion Linux's map is half changed, and ours is as before the call, which step() has compared.
  void compare_bitmap(const json& line) {
    const BootmemData& data = *bootmem_.find(node(line.at("n")));
    ++counts_.bitmaps;
    ASSERT_EQ(data.is_handed_over, line.at("set").is_null());
    if (data.is_handed_over || asserted_) return;
    std::vector<bool> want(data.pages.size().raw);
    for (const json& run : line.at("set"))
      for (std::uint64_t i = 0; i < run[1]; ++i) want.at(run[0].get<std::uint64_t>() + i) = true;
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_EQ(data.map.is_set(i), want[i]) << "bit " << i;
  }

  const std::vector<json>& lines_;
  Counts& counts_;
  Ram ram_;
  std::array<BootmemData, kMostNodes> nodes_{};
  Bootmem bootmem_;
  std::vector<Release> released_;
  bool asserted_ = false;
};

TEST(BootmemTraces, EachStepOfEachTraceIsLinuxs) {
  std::ifstream file{QUARRY_BOOTMEM_TRACES};
  ASSERT_TRUE(file) << QUARRY_BOOTMEM_TRACES;
  Counts counts;
  std::vector<json> lines;
  for (std::string text; std::getline(file, text);) {
    json line = json::parse(text);
    if (!line.contains("end")) {
      lines.push_back(std::move(line));
      continue;
    }
    Trace{lines, counts}.run();
    if (HasFailure()) return;
    lines.clear();
  }
  EXPECT_TRUE(lines.empty());
  std::printf(
      "%llu traces, %llu calls, %llu bitmaps: %llu allocations, %llu refused, %llu busy, %llu warned, "
      "%llu asserted, %llu releases\n",
      static_cast<unsigned long long>(counts.traces), static_cast<unsigned long long>(counts.calls),
      static_cast<unsigned long long>(counts.bitmaps), static_cast<unsigned long long>(counts.allocations),
      static_cast<unsigned long long>(counts.refused), static_cast<unsigned long long>(counts.busy),
      static_cast<unsigned long long>(counts.warned), static_cast<unsigned long long>(counts.asserted),
      static_cast<unsigned long long>(counts.releases));
  EXPECT_EQ(counts.traces, 418u);
  EXPECT_EQ(counts.calls, 18'514u);
  EXPECT_EQ(counts.bitmaps, 998u);
}

}  // namespace
}  // namespace quarry::early

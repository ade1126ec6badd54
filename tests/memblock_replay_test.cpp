// Replays what the recorded Linux boots did with memblock, and compares each answer and each dump.
//
// Goal    memblock gives the kernel's address for every allocation whose inputs the log has.
// Method  the operations of memblock-ops.jsonl run on a Memblock. What the log is silent about (nodes and
//         flags that are set, reservations from before memblock=debug is read) is taken over from the
//         kernel's own dumps, nothing else is.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "linux/memblock_tables.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::uint64_t number(const json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>(), nullptr, 16) : value.get<std::uint64_t>();
}

PhysRange sized(const json& op) {
  return PhysRange::sized(PhysAddr{number(op.at("base"))}, Bytes{number(op.at("size"))});
}

NodeId node_of(const json& op) {
  const int node = op.value("nid", -1);
  return node < 0 ? kAnyNode : NodeId{static_cast<std::uint16_t>(node)};
}

// A table as a dump has it; without NUMA all regions are of node 0.
std::vector<Region> regions_of(const json& dumped, NodeId unsaid) {
  std::vector<Region> regions;
  for (const json& at : dumped) {
    const PhysAddr base{number(at.at("base"))};
    regions.push_back({.base = base,
                       .size = PhysAddr{number(at.at("end")) + 1} - base,
                       .flags = Flags{at.at("flags").get<std::uint32_t>()},
                       .node = at.contains("nid") ? node_of(at) : unsaid});
  }
  return regions;
}

// The bytes of a table, whatever its flags and nodes.
std::vector<std::pair<std::uint64_t, std::uint64_t>> bytes_of(Regions regions) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (const Region& at : regions) {
    if (!runs.empty() && runs.back().second == at.base.raw)
      runs.back().second = at.end().raw;
    else
      runs.emplace_back(at.base.raw, at.end().raw);
  }
  return runs;
}

// The blocks of the log that begin with "MEMBLOCK configuration:", without time stamps.
std::vector<std::string> dumps_in(const std::string& log) {
  std::vector<std::string> dumps;
  bool inside = false;
  std::istringstream lines{log};
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::size_t stamp = line.starts_with("[") ? line.find("] ") : std::string::npos;
    if (stamp != std::string::npos) line.erase(0, stamp + 2);
    if (line == "MEMBLOCK configuration:") {
      dumps.emplace_back();
      inside = true;
    } else if (!line.starts_with(" memory") && !line.starts_with(" reserved")) {
      inside = false;
    }
    if (inside) dumps.back() += line + "\n";
  }
  return dumps;
}

struct Counts {
  int cases = 0, allocations = 0, same_address = 0, failures = 0, same_failure = 0, dumps = 0;
  int same_reserved = 0, same_text = 0, doublings = 0, same_doubling = 0, finals = 0, same_final = 0;
};

class Replay {
 public:
  Replay(const fs::path& folder, Counts& counts) : folder_{folder}, counts_{counts} {
    const json machine = json::parse(read(folder / "case.json"));
    arch_ = machine.at("arch");
    command_line_ = machine.value("cmdline", "");
    log_ = read(folder / "dmesg.txt");
    Config config;
    const bool is_arm = arch_ == "armhf";
    if (is_arm) {
      const bool is_lpae = machine.value("kernel", "armmp").find("lpae") != std::string::npos;
      config.phys_addr_bits = is_lpae ? 64 : 32;
      config.region_bytes = Bytes{is_lpae ? 24u : 12u};
      config.numa = Numa::absent;
      config.current_limit = low_memory_end();
      unsaid_ = NodeId::first;
    }
    config.spare = {this, &Replay::spare};
    if (says("movable_node")) config.movable_node = MovableNode::on;
    if (says("movable_node") && arch_ == "x86_64") config.direction = Direction::bottom_up;
    if (says("kernelcore=mirror")) config.kernelcore_mirror = KernelcoreMirror::on;
    // arm64 counts with a map from UEFI and with a reservation per processor for interrupt tables.
    const bool is_arm64 = arch_ == "arm64";
    memory_.resize(is_arm64 ? 8 * 128 : 128);
    reserved_.resize(is_arm64 ? 128 + 256 + 1 : 128);
    memblock_ = std::make_unique<Memblock>(config, Storage{memory_, reserved_}, DirectMap{},
                                           Observer{this, &Replay::hear});
    memblock_->allow_resize();
  }

  void run() {
    std::vector<json> ops;
    std::ifstream file{folder_ / "memblock-ops.jsonl"};
    for (std::string line; std::getline(file, line);) ops.push_back(json::parse(line));
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (ops[i].value("text", "").find("NODE_DATA") != std::string::npos) learn_nodes(ops, i);
      step(ops[i]);
      ASSERT_EQ(memblock_->audit(), std::nullopt) << folder_ << " operation " << i;
    }
    compare_final();
    ++counts_.cases;
  }
  const std::vector<std::string>& differences() const { return differences_; }
  const std::string& arch() const { return arch_; }

 private:
  static std::byte* spare(void* self, std::size_t bytes) noexcept {
    auto& chunks = static_cast<Replay*>(self)->chunks_;
    return chunks.emplace_back(std::make_unique<std::byte[]>(bytes)).get();
  }
  static void hear(void* self, const Event& event) noexcept {
    if (event.action == Action::grow) static_cast<Replay*>(self)->grown_.push_back(event);
  }
  bool says(const char* option) const { return command_line_.find(option) != std::string::npos; }

  // arm allocates below high memory only.
  PhysAddr low_memory_end() const {
    const std::string zone = "  HighMem  [mem 0x";
    const std::size_t at = log_.find(zone);
    return at == std::string::npos ? kAnywhere
                                   : PhysAddr{std::stoull(log_.substr(at + zone.size(), 16), nullptr, 16)};
  }

  void must(const Result<Done>& done) { ASSERT_TRUE(static_cast<bool>(done)) << folder_; }

  // Nodes are set without a word between the first node's data and the next dump.
  void learn_nodes(const std::vector<json>& ops, std::size_t from) {
    for (std::size_t i = from; i < ops.size(); ++i)
      if (ops[i].at("op") == "dump") return take_over_memory(ops[i]);
  }

  void step(const json& op) {
    const std::string kind = op.at("op");
    if (op.value("late", false)) {
      if (kind == "phys_free") must(memblock_->free(sized(op), "late"));
      return;
    }
    const std::string caller = op.value("caller", "");
    if (caller == "memblock_double_array") return;  // ours doubles by itself
    if (kind == "dump") return dump(op);
    if (kind == "add") return must(memblock_->add(sized(op), "add"));
    if (kind == "add_node")
      return must(memblock_->add(sized(op), "add", Flags{op.value("flags", 0u)}, node_of(op)));
    if (kind == "remove") return must(memblock_->remove(sized(op), "remove"));
    if (kind == "reserve") return must(memblock_->reserve(sized(op), "reserve"));
    if (kind == "phys_free") return must(memblock_->free(sized(op), "free"));
    if (kind == "alloc_unprinted")
      return must(memblock_->reserve(
          PhysRange::sized(PhysAddr{number(op.at("addr"))}, Bytes{number(op.at("size"))}), "unprinted"));
    if (kind == "array_doubled") return doubled(op);
    if (op.contains("align")) allocate(op, kind);
  }

  Result<PhysAddr> answer(const json& op, const std::string& kind) {
    const Request request{.size = Bytes{number(op.at("size"))},
                          .alignment = Bytes{number(op.at("align"))},
                          .min = PhysAddr{number(op.at("min"))},
                          .max = PhysAddr{number(op.at("max"))},
                          .node = node_of(op)};
    if (kind == "phys_alloc_range") return memblock_->phys_alloc_range(request, kind.c_str());
    if (kind == "alloc_try_nid") return memblock_->alloc_try_nid(request, kind.c_str());
    if (kind == "alloc_try_nid_raw") return memblock_->alloc_try_nid_raw(request, kind.c_str());
    EXPECT_EQ(kind, "alloc_exact_nid_raw");
    return memblock_->alloc_exact_nid_raw(request, kind.c_str());
  }

  // Before the first dump not all reservations are known: those allocations are taken as they were.
  void allocate(const json& op, const std::string& kind) {
    const Bytes size{number(op.at("size"))};
    if (!seen_dump_) {
      if (!op.at("addr").is_null())
        must(memblock_->reserve(PhysRange::sized(PhysAddr{number(op.at("addr"))}, size), "before"));
      return;
    }
    const auto got = answer(op, kind);
    if (op.at("addr").is_null()) {
      ++counts_.failures;
      counts_.same_failure += !got;
      if (got) must(memblock_->free(PhysRange::sized(got.value(), size), "undo"));
      return;
    }
    const PhysAddr want{number(op.at("addr"))};
    ++counts_.allocations;
    if (got && got.value() == want) {
      ++counts_.same_address;
      return;
    }
    std::ostringstream text;
    text << std::hex << folder_.filename().string() << ' ' << kind << ' ' << op.value("caller", "")
         << ": Linux " << want.raw << ", here " << (got ? got.value().raw : 0);
    differences_.push_back(text.str());
    if (got) must(memblock_->free(PhysRange::sized(got.value(), size), "undo"));
    must(memblock_->reserve(PhysRange::sized(want, size), "as Linux"));
  }

  void doubled(const json& op) {
    ++counts_.doublings;
    if (grown_.empty()) return differences_.push_back(folder_.filename().string() + " did not double");
    const Event event = grown_.back();
    const Bytes size{number(op.at("end")) + 1 - number(op.at("base"))};
    counts_.same_doubling += event.range.begin().raw == number(op.at("base")) && event.size == size &&
                             event.pieces == op.at("entries") && event.owner == TextView{"reserved"};
  }

  void dump(const json& op) {
    ++counts_.dumps;
    if (!seen_dump_ && arch_ == "x86_64") must(memblock_->trim_memory(Bytes{4096}));
    const std::vector<Region> reserved = regions_of(op.at("reserved"), kAnyNode);
    counts_.same_reserved += bytes_of(memblock_->reserved().view()) == bytes_of(reserved);
    take_over_memory(op);
    must(lnx::take_over_reserved(*memblock_, reserved));
    const std::vector<std::string> printed = dumps_in(log_);
    ASSERT_LT(dump_index_, printed.size());
    std::string text;
    TextSink sink{&text, [](void* self, const char* data, std::size_t size) noexcept {
                    static_cast<std::string*>(self)->append(data, size);
                  }};
    memblock_->dump_all(sink);
    if (text == printed[dump_index_])
      ++counts_.same_text;
    else
      differences_.push_back(folder_.filename().string() + " dump " + std::to_string(dump_index_) + "\n" +
                             printed[dump_index_] + "but here\n" + text);
    ++dump_index_;
    if (seen_dump_) memblock_->set_direction(Direction::top_down);  // NUMA is known
    seen_dump_ = true;
  }

  void take_over_memory(const json& op) {
    must(lnx::take_over_memory(*memblock_, regions_of(op.at("memory"), unsaid_)));
  }

  // What debugfs shows of the reserved table once the machine is up (arm and arm64 keep it).
  void compare_final() {
    std::ifstream file{folder_ / "memblock-reserved.txt"};
    if (!file) return;
    std::vector<Region> want;
    for (std::string line; std::getline(file, line);) {
      std::uint64_t base = 0, last = 0;
      if (std::sscanf(line.c_str(), " %*u: %lx..%lx", &base, &last) == 2)
        want.push_back({.base = PhysAddr{base}, .size = Bytes{last + 1 - base}});
    }
    ++counts_.finals;
    counts_.same_final += bytes_of(memblock_->reserved().view()) == bytes_of(want);
  }

  fs::path folder_;
  Counts& counts_;
  std::string arch_, command_line_, log_;
  std::vector<Region> memory_, reserved_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::unique_ptr<Memblock> memblock_;
  std::vector<Event> grown_;
  std::vector<std::string> differences_;
  NodeId unsaid_ = kAnyNode;
  bool seen_dump_ = false;
  std::size_t dump_index_ = 0;
};

// Allocations whose inputs the log does not have, by case: while arm's low memory is not mapped yet, the
// limit is lower than the end of low memory if a bank or an unmapped region is not aligned to a section.
const std::set<std::string> kUndetermined{"armhf-banks-odd-end"};

TEST(MemblockReplay, GivesTheAddressesOfTheRecordedLinuxBoots) {
  std::map<std::string, Counts> by_arch;
  std::vector<std::string> differences;
  for (const fs::directory_entry& entry : fs::directory_iterator{QUARRY_CORPUS}) {
    if (!fs::exists(entry.path() / "result.json")) continue;
    if (json::parse(read(entry.path() / "result.json")).at("outcome") != "captured") continue;
    Counts counts;
    Replay replay{entry.path(), counts};
    replay.run();
    Counts& sum = by_arch[replay.arch()];
    for (auto field : {&Counts::cases, &Counts::allocations, &Counts::same_address, &Counts::failures,
                       &Counts::same_failure, &Counts::dumps, &Counts::same_reserved, &Counts::same_text,
                       &Counts::doublings, &Counts::same_doubling, &Counts::finals, &Counts::same_final})
      sum.*field += counts.*field;
    for (const std::string& text : replay.differences()) {
      differences.push_back(text);
      if (!kUndetermined.contains(entry.path().filename().string())) ADD_FAILURE() << text;
    }
  }
  ASSERT_EQ(by_arch.size(), 3u) << "no corpus of three architectures in " << QUARRY_CORPUS;
  for (const auto& [arch, n] : by_arch) {
    std::printf(
        "%s: %d cases, %d of %d addresses, %d of %d failures, %d of %d dumps by text, %d by reserved bytes, "
        "%d of %d doublings, %d of %d final states\n",
        arch.c_str(), n.cases, n.same_address, n.allocations, n.same_failure, n.failures, n.same_text,
        n.dumps, n.same_reserved, n.same_doubling, n.doublings, n.same_final, n.finals);
    EXPECT_GE(n.same_address * 100, n.allocations * 99) << arch;
    EXPECT_EQ(n.same_failure, n.failures) << arch;
    EXPECT_EQ(n.same_text, n.dumps) << arch;
    EXPECT_EQ(n.same_doubling, n.doublings) << arch;
    // x86 alone has dumps between which the log tells every reservation: all but the first of each boot.
    if (arch == "x86_64") {
      EXPECT_EQ(n.same_reserved, n.dumps - n.cases);
    }
    EXPECT_EQ(n.same_final, n.finals) << arch;
    EXPECT_GT(n.allocations, 1000) << arch;
  }
  for (const std::string& text : differences) std::printf("  differs: %s\n", text.c_str());
}

}  // namespace
}  // namespace quarry::early

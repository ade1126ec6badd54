// benchmarks/measure_pages.cpp: the page workloads on Quarry.
//
//   measure_pages [--rounds N] WORKLOAD...
//
// A line a value: "pair-o0 ns 2.91", the median of the rounds, and of each workload how fast the core ran: "clock GHz 2.25". Workloads: pairs, bulk, bulk64, mixed, threads, init, frag.
#include <algorithm>
#include <cstring>
#include <map>

#include "benchmarks/measured.hpp"
#include "benchmarks/page_workloads.hpp"

namespace {

using namespace quarry::bench;

void run(const std::string& workload, const Report& report) {
  if (workload == "pairs") {
    for (const unsigned order : {0u, 3u, 9u}) pairs(order, false, report);
    pairs(0, true, report);
  } else if (workload == "bulk") {
    bulk(report);
  } else if (workload == "bulk64") {
    bulk_of_64(report);
  } else if (workload == "mixed") {
    for (const unsigned percent : {50u, 90u}) mixed(percent, report);
  } else if (workload == "threads") {
    two_threads(report);
  } else if (workload == "init") {
    bring_up(report);
  } else if (workload == "frag") {
    fragmentation(report);
  } else {
    std::fprintf(stderr, "quarry: no workload is called %s\n", workload.c_str());
    std::exit(2);
  }
}

}  // namespace

int main(int count, char** words) {
  unsigned rounds = 5;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--rounds") == 0 && i + 1 < count) {
      rounds = static_cast<unsigned>(std::atoi(words[++i]));
      continue;
    }
    std::vector<std::pair<std::string, std::string>> order;
    std::map<std::string, std::vector<double>> values;
    const Report report = [&](const std::string& key, const std::string& unit, double value) {
      auto& all = values[key + " " + unit];
      if (all.empty()) order.emplace_back(key, unit);
      all.push_back(value);
    };
    for (unsigned round = 0; round < rounds; ++round) {
      if (!is_counting()) report("clock", "GHz", clock_ghz());
      run(words[i], report);
    }
    for (const auto& [key, unit] : order) {
      auto& all = values[key + " " + unit];
      std::ranges::sort(all);
      std::printf("%s %s %.2f\n", key.c_str(), unit.c_str(), all[all.size() / 2]);
    }
  }
}

// cli/life.hpp: the life of one physical address: what each stage of a boot made of it, and which line of the input decided.
//
//   [address space] firmware, map, early, node, section, zone, descriptor, pageblock, hand-over, ledger, now, resources, addresses
//
// Each stage is told by what it decided (a few words), by its reasons, and by facts for scripts.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "quarry/base/units.hpp"

namespace quarry::cli {

struct Reason {
  std::string text;
  std::string where = {};  // the input's line, node or option that says so; empty: no input decides it
};

struct LifeStage {
  std::string name;
  std::string says;
  std::vector<Reason> reasons = {};
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();

  void because(std::string text, std::string where = {});
};

struct Life {
  std::string source, arch;
  std::uint64_t page_size = 4096;
  std::optional<std::uint64_t> virtual_address;  // if one was asked for
  std::optional<PhysAddr> address;               // none: of a virtual one that no frame of RAM is fixed to
  std::string summary;
  std::vector<LifeStage> stages;
};

}  // namespace quarry::cli

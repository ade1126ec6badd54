#include "linux/origins.hpp"

#include <algorithm>

namespace quarry::lnx {

void name_origins(std::vector<Origin>& origins, std::string_view file) {
  for (Origin& origin : origins) origin.where = std::string{file} + ":" + origin.where;
}

const Origin* find_origin(const std::vector<Origin>& origins, Origin::Kind kind, PhysRange range) {
  const auto found = std::find_if(origins.begin(), origins.end(), [&](const Origin& origin) {
    return origin.kind == kind && origin.range == range;
  });
  return found == origins.end() ? nullptr : &*found;
}

const Origin* find_origin(const std::vector<Origin>& origins, Origin::Kind kind) {
  const auto found =
      std::find_if(origins.begin(), origins.end(), [&](const Origin& origin) { return origin.kind == kind; });
  return found == origins.end() ? nullptr : &*found;
}

}  // namespace quarry::lnx

#include "quarry/memory/bring_up.hpp"

namespace quarry::memory {

TextView name_of(Stage stage) noexcept {
  constexpr const char* names[] = {"early", "zones", "descriptors", "hand-over", "slab", "finish", "done"};
  return names[static_cast<unsigned>(stage)];
}

}  // namespace quarry::memory

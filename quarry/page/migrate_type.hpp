// quarry/page/migrate_type.hpp: what may be done with the pages of a pageblock later.
#pragma once

#include <cstdint>

namespace quarry::page {

// In the order of Linux 6.1's enum migratetype (include/linux/mmzone.h), which is the order of its reports.
enum class MigrateType : std::uint8_t {
  unmovable,    // stays where it is: kernel data
  movable,      // its content can be moved: user pages
  reclaimable,  // cannot be moved, but given up: caches
  highatomic,   // kept back for urgent requests of higher orders
  cma,          // a contiguous area: only movable pages may borrow from it
  isolate,      // nothing is handed out from here
};
inline constexpr unsigned kMigrateTypes = 6;

// The types that requests name, that fall back on each other and whose blocks merge with each other.
inline constexpr unsigned kOrdinaryTypes = 3;
constexpr unsigned index_of(MigrateType type) noexcept { return static_cast<unsigned>(type); }
constexpr bool is_ordinary(MigrateType type) noexcept { return index_of(type) < kOrdinaryTypes; }

}  // namespace quarry::page

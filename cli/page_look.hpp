// cli/page_look.hpp: single pages of a machine, looked at while it is brought up and when that is done.
#pragma once

#include <functional>
#include <string>

#include "quarry/base/range.hpp"
#include "quarry/memory/timeline.hpp"
#include "quarry/page/descriptor.hpp"

namespace quarry::cli {

struct PageLook {
  bool is_described = false;  // it has a descriptor
  bool is_deferred =
      false;  // of a section that is free as a whole: its descriptors wait until somebody needs them
  page::State state = page::State::nothing;                  // of the block that it lies in
  PfnRange block{};                                          // empty: it lies in none
  page::MigrateType pageblock = page::MigrateType::movable;  // of the pageblock, where there is a descriptor
  std::string cache;                                         // of a slab
  std::uint64_t object_bytes = 0;                            // the same
};
using PageLooker = std::function<PageLook(Pfn)>;

// Somebody who looks; the looker is good during the call.
class PageWatcher {
 public:
  PageWatcher() = default;
  PageWatcher(const PageWatcher&) = delete;
  PageWatcher& operator=(const PageWatcher&) = delete;
  virtual ~PageWatcher() = default;

  virtual void after(memory::HandOverStep step, const PageLooker& look) = 0;
  virtual void at_end(const PageLooker& look) = 0;  // what `quarry boot` shows
};

}  // namespace quarry::cli

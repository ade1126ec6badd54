// cli/page_look.hpp: single pages of a machine, looked at while it is brought up and when that is done.
#pragma once

#include <functional>
#include <string>

#include "quarry/base/range.hpp"
#include "quarry/memory/page_place.hpp"
#include "quarry/memory/timeline.hpp"

namespace quarry::cli {

struct PageLook : memory::PagePlace {
  bool is_described = false;       // it has a descriptor; without one nothing else is said
  bool is_deferred = false;        // all of its section is free: descriptors wait until somebody needs them
  std::string cache;               // of a slab
  std::uint64_t object_bytes = 0;  // the same
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

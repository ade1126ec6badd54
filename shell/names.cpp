#include "shell/names.hpp"

#include "quarry/view/buddyinfo.hpp"

namespace quarry::shell {

TextView word_of(page::MigrateType type) noexcept {
  switch (type) {
    case page::MigrateType::unmovable: return "unmovable";
    case page::MigrateType::movable: return "movable";
    case page::MigrateType::reclaimable: return "reclaimable";
    case page::MigrateType::highatomic: return "highAtomic";
    case page::MigrateType::isolate: return "isolate";
    case page::MigrateType::cma: break;
  }
  return view::name_of(type);
}

TextView word_of(page::State state) noexcept {
  switch (state) {
    case page::State::nothing: return "inside a block";
    case page::State::free: return "free";
    case page::State::allocated: return "in use";
    case page::State::slab: return "a slab's";
    case page::State::per_cpu: return "on a core's list";
    case page::State::isolated: return "isolated";
    case page::State::reserved: return "reserved";
  }
  return "unknown";
}

TextView word_of(Error error) noexcept {
  switch (error) {
    case Error::no_memory: return "no memory";
    case Error::bad_argument: return "it makes no sense here";
    case Error::wrong_owner: return "it is not what was handed out, or freed already";
    case Error::damaged: return "it has been written over, and is not used again";
    case Error::busy: return "something there is in use and cannot be moved away";
    case Error::not_found: return "nothing was handed out there";
    case Error::out_of_range: return "it lies outside of memory";
    default: return "it is not possible";
  }
}

void put_size(TextSink& out, Bytes size) noexcept {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  while (size.raw >= 1000 && unit + 1 < std::size_t{7}) size.raw >>= 10, ++unit;
  out.dec(size.raw).put(' ').put(units[unit]);
}

}  // namespace quarry::shell

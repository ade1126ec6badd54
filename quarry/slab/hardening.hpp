// quarry/slab/hardening.hpp: what a cache does against those who use it wrongly, chosen when it is compiled.
//
// With none of it alloc() and free() do nothing for it, and what is freed is looked at when it goes back to its slab: a pointer
// that is no object of the cache is found then, at the latest. With all of it every misuse is told at once, with the object
// and who had it last; nothing of what is wrong is taken, and nothing that was damaged is handed out again.
//
// A slot with everything, from low to high addresses; each part only where its option is on:
//
//   |red zone|  object  |red zone|state|link|allocated by|freed by|
//            ^ what alloc() returns
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/slab/geometry.hpp"

namespace quarry::slab {

// Each option costs what its comment says, in every object of the allocator that is made with it.
struct Hardening {
  bool hidden_links = false;   // links of free objects are not to be read or forged: an exclusive or each
  bool random_order = false;   // objects of a fresh slab come in random order
  bool checked_frees = false;  // double, foreign and misaligned frees, and damage: a word an object
  bool red_zones =
      false;  // bytes before and behind an object must stay as they are: two words an object or more
  bool poison = false;  // free objects are filled, and must stay so; fresh ones are filled differently
  bool owners = false;  // who allocated and who freed: 64 bytes an object

  constexpr bool any_per_object() const noexcept { return checked_frees || red_zones || poison || owners; }
  // How Linux's options of the same purpose lay out slots.
  constexpr Debug layout() const noexcept {
    return (red_zones ? Debug::red_zone : Debug::none) | (poison ? Debug::poison : Debug::none) |
           (owners ? Debug::store_user : Debug::none) | (checked_frees ? Debug::state : Debug::none);
  }
  friend constexpr bool operator==(const Hardening&, const Hardening&) noexcept = default;
};
inline constexpr Hardening kPlain{};
inline constexpr Hardening kHardened{.hidden_links = true,
                                     .random_order = true,
                                     .checked_frees = true,
                                     .red_zones = true,
                                     .poison = true,
                                     .owners = true};

// What somebody did to an object.
enum class Fault : std::uint8_t {
  none,
  double_free,         // given back twice
  foreign_free,        // given back to a cache that it is not from, or from no cache at all
  misaligned_free,     // given back by another address than its own
  underrun,            // written before its first byte
  overrun,             // written behind its last byte
  written_while_free,  // written after it was given back
};
// "double_free", and so on: the enumerator's own words.
constexpr TextView name_of(Fault fault) noexcept {
  constexpr const char* names[] = {"none",     "double_free", "foreign_free",      "misaligned_free",
                                   "underrun", "overrun",     "written_while_free"};
  return names[static_cast<unsigned>(fault)];
}

// Who had an object, and when: `event` counts allocations and frees of the whole allocator; 0: nobody yet.
struct Track {
  const void* caller = nullptr;  // an address in the function that asked
  std::uint64_t event = 0;
  std::uint32_t core = 0;
};
static_assert(sizeof(Track) <= 32);

// One misuse, told when it is found. Without Hardening::owners the tracks are empty.
struct FaultReport {
  Fault fault = Fault::none;
  TextView cache;                // whose object it is; empty: nobody's
  const void* object = nullptr;  // where it starts, or the pointer given back if that is no object
  std::int64_t offset = 0;       // of the first wrong byte, or of the pointer, from the object's begin
  Track allocated{}, freed{};
};

// Is told of each misuse; a core calls it under no lock of the allocator's.
struct FaultHook {
  void* self = nullptr;
  void (*tell)(void* self, const FaultReport& report) noexcept = nullptr;
};

}  // namespace quarry::slab

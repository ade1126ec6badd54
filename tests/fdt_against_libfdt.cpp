// Reads device trees with Quarry and with libfdt, node by node, and then the same trees cut off and with wrong
// bits. A line for each tree on which the two differ; the last line counts.
//
// usage: fdt_against_libfdt [--damage N] FILE...      N spoilt copies of each tree, 200 unless told
//
// The law of spoilt trees: what Quarry accepts, libfdt's fdt_check_full accepts, and both read the same in it. The
// other way round, Quarry refuses more, and each such refusal has a name in kStricter.
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "tests/fdt_lockstep.hpp"

namespace quarry::firmware::lockstep {
namespace {

struct Damage {
  std::size_t made = 0, both_read = 0, both_refused = 0;
  std::map<std::string, std::size_t, std::less<>> stricter;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed * 2 + 1} {}
  std::size_t below(std::size_t limit) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return static_cast<std::size_t>(state_ % limit);
  }

 private:
  std::uint64_t state_;
};

using Bytes = std::vector<std::byte>;

std::size_t word_at(const Bytes& bytes, std::size_t at) { return load_be<std::uint32_t>(bytes, at); }

void put_word(Bytes& bytes, std::size_t at, std::size_t value) {
  for (unsigned i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

// One way in which a tree arrives broken: cut off, cut off and told so, a bit of the header, of the structure block
// or of anything, a word that became another token.
void spoil(Bytes& bytes, Random& random) {
  constexpr std::size_t header = 40;
  const std::size_t structure = word_at(bytes, 8), words = word_at(bytes, 36) / 4;
  const auto flip = [&](std::size_t at) { bytes[at] ^= static_cast<std::byte>(1u << random.below(8)); };
  switch (random.below(6)) {
    case 0: bytes.resize(random.below(bytes.size())); break;
    case 1:
      bytes.resize(header + random.below(bytes.size() - header));
      put_word(bytes, 4, bytes.size());
      break;
    case 2: flip(random.below(header)); break;
    case 3: flip(structure + random.below(4 * words)); break;
    case 4:
      put_word(bytes, structure + 4 * random.below(words),
               std::array<std::size_t, 6>{1, 2, 3, 4, 9, 0}[random.below(6)]);
      break;
    default: flip(random.below(bytes.size()));
  }
}

// Returns   what is wrong with the two readings of a spoilt tree; empty when nothing is.
std::string judge(const Bytes& bytes, Damage& damage) {
  FdtFault fault{};
  const auto tree = Fdt::from(bytes, &fault);
  const int theirs = fdt_check_full(bytes.data(), bytes.size());
  ++damage.made;
  if (tree && theirs != 0) return std::string{"libfdt alone refuses it: "} + fdt_strerror(theirs);
  if (tree) {
    ++damage.both_read;
    return Comparison{bytes, tree.value(), Depth::walk}.run();
  }
  if (theirs != 0) {
    ++damage.both_refused;
    return {};
  }
  for (const Reason& reason : kStricter)
    if (reason.what == view_of(fault.what)) {
      ++damage.stricter[std::string{reason.what}];
      return {};
    }
  return "Quarry alone refuses it, at byte " + std::to_string(fault.offset) + ": " +
         std::string{view_of(fault.what)};
}

Bytes read_bytes(const char* name) {
  std::ifstream in{name, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto all = std::as_bytes(std::span{text});
  return {all.begin(), all.end()};
}

// Returns   the first difference over a tree and its spoilt copies.
std::string check_file(const char* name, std::size_t copies, Count& count, Damage& damage) {
  const Bytes bytes = read_bytes(name);
  if (std::string found = difference(bytes, count); !found.empty()) return found;
  Random random{bytes.size() + copies};
  for (std::size_t copy = 0; copy < copies; ++copy) {
    Bytes spoilt = bytes;
    spoil(spoilt, random);
    if (const std::string found = judge(spoilt, damage); !found.empty())
      return "spoilt copy " + std::to_string(copy) + ": " + found;
  }
  return {};
}

int run(std::span<char*> files, std::size_t copies) {
  Count count;
  Damage damage;
  std::size_t differ = 0;
  for (const char* const name : files) {
    const std::string found = check_file(name, copies, count, damage);
    if (found.empty()) continue;
    ++differ;
    std::printf("DIFFERS %s: %s\n", name, found.c_str());
  }
  std::printf("spoilt: %zu copies, %zu read alike, %zu refused by both\n", damage.made, damage.both_read,
              damage.both_refused);
  for (const Reason& reason : kStricter)
    if (const std::size_t times = damage.stricter[std::string{reason.what}]; times != 0)
      std::printf("spoilt: %zu refused by Quarry alone: %s (%s)\n", times, reason.what.data(),
                  reason.why.data());
  std::printf(
      "%zu trees, %zu differ: %zu nodes, %zu properties, %zu strings, %zu reservations, %zu lookups\n",
      files.size(), differ, count.nodes, count.properties, count.strings, count.reservations, count.lookups);
  return differ == 0 ? 0 : 1;
}

}  // namespace
}  // namespace quarry::firmware::lockstep

int main(int argc, char** argv) {
  std::span<char*> words{argv, static_cast<std::size_t>(argc)};
  words = words.subspan(words.empty() ? 0 : 1);
  std::size_t copies = 200;
  if (words.size() >= 2 && std::string_view{words[0]} == "--damage") {
    const char* const end = words[1] + std::strlen(words[1]);
    if (std::from_chars(words[1], end, copies).ptr != end) words = {};
    words = words.subspan(words.empty() ? 0 : 2);
  }
  if (!words.empty()) return quarry::firmware::lockstep::run(words, copies);
  std::fputs("usage: fdt_against_libfdt [--damage N] FILE...\n", stderr);
  return 2;
}

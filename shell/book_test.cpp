#include "shell/book.hpp"

#include "tests/granted.hpp"
#include "tests/test.hpp"

namespace quarry::shell {
namespace {
constinit Granted<64u << 10> granted;

// Whether book and model say the same of every key.
bool agree(const Book& book, const std::uint64_t (&model)[256]) noexcept {
  std::uint64_t last = 0, seen = 0;
  bool holds = true;
  book.for_each([&](const Book::Entry& entry) {
    holds = holds && (seen == 0 || last < entry.key) && model[entry.key & 0xff] == entry.value;
    last = entry.key;
    ++seen;
  });
  std::uint64_t known = 0;
  for (std::uint64_t key = 0; key < 256; ++key) {
    if (model[key] != 0) ++known;
    holds = holds && book.find(key << 40 | key).value_or(0) == model[key];
  }
  return holds && seen == known && book.size() == known;
}
}  // namespace

// Goal: the book is a map in order. Method: beside an array, 4,000 steps, the same each time.
TEST(a_book_says_what_an_array_says) {
  const Memory memory = granted.memory();
  {
    Book book{memory};
    expect(static_cast<bool>(book.make_room(256)));
    std::uint64_t model[256] = {}, seed = 1;
    bool good = true;
    for (unsigned step = 1; step <= 4000; ++step) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      const std::uint64_t key = seed >> 56;
      if ((seed >> 40 & 3) == 0) {
        good = good && book.erase(key << 40 | key) == (model[key] != 0);
        model[key] = 0;
      } else {
        book.put(key << 40 | key, step);
        model[key] = step;
      }
      if (step % 16 == 0) good = good && agree(book, model) && book.audit();
    }
    expect(good);
    expect(book.size() > 100);
  }
  expect_equal(granted.out(), 0u);
}

TEST(a_book_finds_what_comes_next) {
  const Memory memory = granted.memory();
  Book book{memory};
  expect(!book.at_or_after(0) && !book.erase(5) && book.empty());
  expect(static_cast<bool>(book.make_room(3)));
  book.put(10, 1), book.put(UINT64_MAX, 2), book.put(0, 3);
  expect_equal(book.at_or_after(0)->key, 0u);
  expect_equal(book.at_or_after(1)->key, 10u);
  expect_equal(book.at_or_after(11)->key, UINT64_MAX);
  std::uint64_t count = 0;
  book.for_each([&](const Book::Entry&) { ++count; });
  expect_equal(count, 3u);
  expect(book.erase(10) && !book.erase(10) && book.size() == 2 && book.audit());
}

// Goal: room is asked for beforehand, so that nothing is lost when there is none.
TEST(a_book_without_memory_says_so_and_keeps_what_it_has) {
  granted.kept_back = 56u << 10;
  const Memory memory = granted.memory();
  {
    Book book{memory};
    expect(static_cast<bool>(book.make_room(1)));
    book.put(1, 1);
    expect_equal(book.make_room(100'000).error(), Error::no_memory);
    expect(book.find(1).value_or(0) == 1 && book.size() == 1);
    expect(static_cast<bool>(book.make_room(100)));
    std::uint64_t key = 2;
    while (book.make_room(1)) book.put(key, key), ++key;
    expect(key > 200 && book.size() == key - 1 && book.audit());
  }
  expect_equal(granted.out(), 0u);
  granted.kept_back = 0;
}

}  // namespace quarry::shell

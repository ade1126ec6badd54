#include "shell/memory.hpp"

#include "tests/granted.hpp"
#include "tests/test.hpp"

namespace quarry::shell {
namespace {
constinit Granted<16u << 10> granted;

// How many characters are printed, and the last of them.
struct Counted {
  std::size_t size = 0;
  char last = 0;
  TextSink sink() noexcept {
    return {this, [](void* self, const char* text, std::size_t count) noexcept {
              static_cast<Counted*>(self)->size += count;
              static_cast<Counted*>(self)->last = text[count - 1];
            }};
  }
};
std::size_t size_of(const Note& note) noexcept {
  Counted counted;
  auto sink = counted.sink();
  note.print(sink);
  return counted.size;
}
}  // namespace

TEST(a_note_may_be_long_and_says_where_memory_ended) {
  const Memory memory = granted.memory();
  {
    Note note{memory};
    expect(note.empty() && size_of(note) == 0);
    note.start().repeat('x', 10'000);
    expect_equal(size_of(note), 10'000u);
    const std::size_t taken = granted.out();
    note.start().put("short");
    expect(size_of(note) == 5 && granted.out() == taken);
    note.start().repeat('y', 20'000);
    expect(size_of(note) > 16'000 && size_of(note) < 16'500);
    Counted counted;
    auto sink = counted.sink();
    note.print(sink);
    expect(counted.last == '\n');
    note.start();
    expect(note.empty());
  }
  expect_equal(granted.out(), 0u);
}

TEST(a_room_is_fresh_each_time_and_empty_when_there_is_no_memory) {
  const Memory memory = granted.memory();
  {
    Room<std::uint64_t> room{memory};
    room.fresh(10).value()[3] = 7;
    const auto again = room.fresh(8);
    expect(again.value().size() == 8 && again.value()[3] == 0);
    expect_equal(room.fresh(10'000).error(), Error::no_memory);
    expect_equal(granted.out(), 0u);
    expect_equal(room.fresh(100).value().size(), 100u);
  }
  expect_equal(granted.out(), 0u);
}

}  // namespace quarry::shell

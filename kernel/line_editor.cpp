#include "kernel/line_editor.hpp"

#include "kernel/arch.hpp"
#include "shell/shell.hpp"

namespace kernel {

using quarry::TextView;

void SerialConsole::write(TextView text) noexcept { arch::write(text); }

int SerialConsole::wait_for_byte() noexcept {
  int byte = arch::read();
  while (byte < 0) {
    quarry::relax_core();
    byte = arch::read();
  }
  return byte;
}

// No clock is set up here: a look at the serial port takes some microseconds, each time.
bool SerialConsole::wait(unsigned milliseconds) noexcept {
  constexpr std::uint64_t looks = 300;  // a millisecond
  for (std::uint64_t left = milliseconds * looks; left > 0; --left) {
    if (arch::read() >= 0) return false;
    quarry::relax_core();
  }
  return true;
}

void SerialConsole::take_back(std::size_t count) noexcept {
  for (; count > 0 && size_ > 0; --count, --size_) write("\b \b");
}

void SerialConsole::insert(char c) noexcept {
  if (size_ == kLongest) return write("\a");
  line_[size_++] = c;
  write({&c, 1});
}

// What all words that may follow have in common.
struct Common {
  char text[64] = {};
  std::size_t size = 0;
  unsigned words = 0;

  void offer(TextView word) noexcept {
    if (words++ == 0) {
      size = word.size() < sizeof text ? word.size() : sizeof text;
      __builtin_memcpy(text, word.data(), size);
    }
    std::size_t same = 0;
    while (same < size && same < word.size() && text[same] == word[same]) ++same;
    size = same;
  }
};

void SerialConsole::complete() noexcept {
  const TextView line{line_, size_};
  std::size_t begin = size_;
  while (begin > 0 && line[begin - 1] != ' ') --begin;
  Common common;
  quarry::shell::Shell::complete(
      quarry::shell::Words{line.part(0, begin)}, line.part(begin),
      {&common, [](void* self, TextView word) noexcept { static_cast<Common*>(self)->offer(word); }});
  for (std::size_t i = size_ - begin; i < common.size; ++i) insert(common.text[i]);
  if (common.words == 1) insert(' ');
}

// Keys that send more than one byte: of these only "up", ESC [ A, means something here.
void SerialConsole::escape() noexcept {
  if (wait_for_byte() != '[') return;
  if (const int key = wait_for_byte(); key != 'A') return;
  take_back(size_);
  for (std::size_t i = 0; i < last_size_; ++i) insert(last_[i]);
}

TextView SerialConsole::finish() noexcept {
  write("\n");
  if (size_ != 0) {
    __builtin_memcpy(last_, line_, size_);
    last_size_ = size_;
  }
  return {line_, size_};
}

std::optional<TextView> SerialConsole::next() noexcept {
  write("quarry> ");
  for (size_ = 0;;) {
    const int byte = wait_for_byte();
    switch (static_cast<Key>(byte)) {
      case Key::enter:
      case Key::newline: return finish();
      case Key::interrupt:
        write("^C\nquarry> ");
        size_ = 0;
        break;
      case Key::end:
        if (size_ == 0) return std::nullopt;
        break;
      case Key::tab: complete(); break;
      case Key::backspace:
      case Key::rubout: take_back(1); break;
      case Key::kill: take_back(size_); break;
      case Key::escape: escape(); break;
      default:
        if (byte >= ' ' && byte < static_cast<int>(Key::rubout)) insert(static_cast<char>(byte));
        break;
    }
  }
}

}  // namespace kernel

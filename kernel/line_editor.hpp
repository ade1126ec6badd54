// kernel/line_editor.hpp: lines that a person types on the serial console.
#pragma once

#include "shell/console.hpp"

namespace kernel {

// Backspace and Ctrl-U take back, Ctrl-C drops the line, Ctrl-D on an empty line ends, Tab completes what is the only
// way to go on, the up key brings the last line again. What is longer than the longest line is not taken.
class SerialConsole final : public quarry::shell::Console {
 public:
  std::optional<quarry::TextView> next() noexcept override;
  void write(quarry::TextView text) noexcept override;
  bool is_terminal() const noexcept override { return true; }
  bool wait(unsigned milliseconds) noexcept override;
  quarry::shell::Style style() const noexcept override {
    return {.colour = false, .unicode = false, .width = 80};
  }

 private:
  static constexpr std::size_t kLongest = 1024;
  enum class Key : int {
    interrupt = 3,
    end = 4,
    backspace = 8,
    tab = 9,
    newline = 10,
    enter = 13,
    kill = 21,
    escape = 27,
    rubout = 127
  };

  static int wait_for_byte() noexcept;
  void take_back(std::size_t count) noexcept;
  void insert(char c) noexcept;
  void complete() noexcept;
  void escape() noexcept;
  quarry::TextView finish() noexcept;

  char line_[kLongest] = {};
  std::size_t size_ = 0;
  char last_[kLongest] = {};  // the line before, for the up key
  std::size_t last_size_ = 0;
};

}  // namespace kernel

// shell/console.hpp: where the shell's lines come from and its words go: a terminal, a pipe, a serial line.
#pragma once

#include <optional>

#include "quarry/base/text.hpp"

namespace quarry::shell {

// Named by what they say, not by how they look.
enum class Ink : std::uint8_t { heading, kept, free, returning, notable, warning };

// What the reader's end can show.
struct Style {
  bool colour = false;
  bool unicode = true;
  std::size_t width = 100;  // columns
  std::size_t height = 24;  // rows

  // What is put between the two is in that ink; nothing is put without colours.
  void begin(TextSink& out, Ink ink) const noexcept;
  void end(TextSink& out) const noexcept;
  void put(TextSink& out, Ink ink, TextView text) const noexcept;
};

// A console that is none: whoever has one overrides this. Text comes in pieces; a line ends with its '\n'.
class Console {
 public:
  // The next line without its end, good until the next call; none: there is no more.
  virtual std::optional<TextView> next() noexcept { return std::nullopt; }
  virtual void write(TextView) noexcept {}
  // The same for what went wrong, where the two are kept apart.
  virtual void complain(TextView text) noexcept { write(text); }
  // Whether a person types.
  virtual bool is_terminal() const noexcept { return false; }
  // Waits about as long, for a picture that changes.
  //
  // Returns   false: a key was pressed meanwhile, which is nobody's now, or nobody can press any.
  virtual bool wait([[maybe_unused]] unsigned milliseconds) noexcept { return false; }
  virtual Style style() const noexcept { return {}; }

  TextSink out() noexcept {
    return {this, [](void* self, const char* text, std::size_t size) noexcept {
              static_cast<Console*>(self)->write({text, size});
            }};
  }
  TextSink complaints() noexcept {
    return {this, [](void* self, const char* text, std::size_t size) noexcept {
              static_cast<Console*>(self)->complain({text, size});
            }};
  }

 protected:
  ~Console() = default;
};

}  // namespace quarry::shell

// quarry/boot/command_line.hpp: a kernel's command line, cut into options.
//
//   mem=512M "name=with blanks" dyndbg="a b" quiet -- init's own words
//   |------| |----------------| |----------| |---|    not the kernel's
//
// Options are walked in their order and every occurrence counts; an option for which the last one wins is
// found by last(). In names '-' and '_' are the same.
//
// Source    Linux 6.1, kernel/params.c, "next_arg" and "parseq" (behaviour).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::boot {

struct Option {
  TextView name;
  TextView value;          // without the quotes around it
  bool has_value = false;  // "name=" has an empty one, "name" has none
};

// Whether two option names are the same to the kernel.
bool same_name(TextView a, TextView b) noexcept;

class CommandLine {
 public:
  constexpr explicit CommandLine(TextView text) noexcept : text_{text} {}

  // for (const Option& option : CommandLine{text})
  class Cursor {
   public:
    Cursor(TextView text, std::size_t at) noexcept : text_{text}, next_{at} { advance(); }
    const Option& operator*() const noexcept { return option_; }
    const Option* operator->() const noexcept { return &option_; }
    Cursor& operator++() noexcept {
      advance();
      return *this;
    }
    friend bool operator==(const Cursor& a, const Cursor& b) noexcept { return a.at_ == b.at_; }

   private:
    void advance() noexcept;
    TextView text_;
    std::size_t at_ = 0;    // of the option; text_.size() behind the last
    std::size_t next_ = 0;  // where to go on
    Option option_{};
  };
  Cursor begin() const noexcept { return {text_, 0}; }
  Cursor end() const noexcept { return {text_, text_.size()}; }

  // The last occurrence.
  std::optional<Option> last(TextView name) const noexcept;
  bool has(TextView name) const noexcept { return last(name).has_value(); }
  TextView text() const noexcept { return text_; }

 private:
  TextView text_;
};

// A walk through the number, suffix and punctuation that make up a value.
class ValueReader {
 public:
  constexpr explicit ValueReader(TextView text) noexcept : rest_{text} {}
  constexpr bool at_end() const noexcept { return rest_.empty(); }
  constexpr TextView rest() const noexcept { return rest_; }
  // The next character, not taken; '\0' at the end.
  constexpr char peek() const noexcept { return rest_.empty() ? '\0' : rest_[0]; }
  // Takes `expected` if it is next.
  constexpr bool take(char expected) noexcept {
    if (peek() != expected || rest_.empty()) return false;
    rest_ = rest_.part(1);
    return true;
  }
  constexpr bool take(TextView expected) noexcept {
    if (!rest_.starts_with(expected)) return false;
    rest_ = rest_.part(expected.size());
    return true;
  }
  // Takes a number with an optional K M G T P E suffix.
  //
  // Errors    bad_argument: no digit stands there. overflow: it does not fit. Nothing is taken.
  Result<std::uint64_t> size() noexcept;

 private:
  TextView rest_;
};

}  // namespace quarry::boot

// linux/problem.hpp: what a person is told when an input cannot be used, and the exit status that says so.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace quarry::lnx {

// The tool's exit statuses for failure; 0 and 1 are answers.
enum class ExitStatus : int { bad_arguments = 2, malformed_input = 3, cannot_boot = 4 };

// One line: what is wrong, where, and what was expected.
struct Problem {
  ExitStatus exit_status = ExitStatus::malformed_input;
  std::string text;
};

// A value, or why there is none. Like quarry::Result, with words instead of a number.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : value_{std::move(value)} {}
  Expected(Problem problem) : problem_{std::move(problem)} {}

  explicit operator bool() const noexcept { return value_.has_value(); }
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  const Problem& problem() const noexcept { return problem_; }

 private:
  std::optional<T> value_;
  Problem problem_;
};

}  // namespace quarry::lnx

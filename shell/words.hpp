// shell/words.hpp: a line of the shell, from words to what they ask for.
#pragma once

#include <optional>

#include "quarry/base/text.hpp"
#include "quarry/buddy/request.hpp"

namespace quarry::shell {

// The words of a line between blanks; nothing behind a '#'. The line is somebody else's.
class Words {
 public:
  constexpr Words() noexcept = default;
  explicit Words(TextView line) noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  // Cost      O(characters before it).
  TextView operator[](std::size_t at) const noexcept;
  Words without_last() const noexcept;

 private:
  TextView line_;
  std::size_t size_ = 0;
};

// Decimal or 0x-hexadecimal, with a suffix K, M, G or T; nothing but that.
std::optional<std::uint64_t> read_number(TextView word) noexcept;
std::optional<page::MigrateType> read_type(TextView word) noexcept;

// Changes a request as "movable", "zone=dma32", "atomic" say; any case will do.
//
// Returns   whether it is such a word; those with a number behind them are not among them.
bool apply_setting(TextView word, buddy::Request& request) noexcept;
// The words that a request may have, by number; an empty one behind the last.
TextView request_word(std::size_t number) noexcept;

// As lower-case letters.
void put_lower(TextSink& out, TextView word) noexcept;
// Whether `word` is `wanted`, which is in lower case, or begins with it.
bool is_word(TextView word, TextView wanted) noexcept;
bool begins_with_word(TextView word, TextView wanted) noexcept;

}  // namespace quarry::shell

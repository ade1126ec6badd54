// cli/shell_words.hpp: a line of the shell, from words to what they ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "quarry/buddy/request.hpp"

namespace quarry::cli {

// A line that makes no sense; what() is the one line that says why. The shell goes on.
struct BadLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// A command that was understood and refused.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Words between blanks; nothing behind a '#'.
std::vector<std::string> words_of_line(std::string_view line);

// Decimal or 0x-hexadecimal, with a suffix K, M, G or T.
//
// Errors    BadLine with `what`: "PFN 12x: expected a number".
std::uint64_t number_of(std::string_view word, std::string_view what);
Order order_of(std::string_view word, Order max_order);
std::optional<page::MigrateType> type_of(std::string_view word);

// "movable node=1 zone=dma32 atomic", from word `first` on.
//
// Errors    BadLine: a word that is none of these.
buddy::Request request_of(const std::vector<std::string>& words, std::size_t first);

// The words that request_of() knows, for completion.
const std::vector<std::string>& request_words();

}  // namespace quarry::cli

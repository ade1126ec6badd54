// cli/choice.hpp: an option whose value is one of a few words.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quarry::cli {

// "--format xml: expected text or json" is what anything else gets.
template <class T>
CLI::Option* add_choice(CLI::App& app, const std::string& name, T& into,
                        std::vector<std::pair<std::string_view, T>> choices, const std::string& about) {
  std::string expected;
  for (std::size_t i = 0; i < choices.size(); ++i)
    expected += fmt::format("{}{}", i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ", choices[i].first);
  const auto take = [name, &into, choices, expected](const std::string& word) {
    for (const auto& [known, value] : choices) {
      if (word != known) continue;
      into = value;
      return;
    }
    throw CLI::ValidationError(fmt::format("{} {}", name, word), "expected " + expected);
  };
  return app.add_option_function<std::string>(name, take, about.empty() ? expected : about)
      ->option_text("WORD");
}

}  // namespace quarry::cli

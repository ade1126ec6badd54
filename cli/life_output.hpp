// cli/life_output.hpp: a life as people and as scripts read it.
#pragma once

#include <string>

#include "cli/life.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// A stage a paragraph: its name and what it decided, below it the reasons, and below each the input's line that it is by.
std::string life_text(const Life& life, const TextStyle& style);

// Schema "quarry.where/1".
std::string life_json(const Life& life);

}  // namespace quarry::cli

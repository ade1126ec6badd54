// cli/sizes.hpp: numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace quarry::cli {

// "512 B", "28 KiB", "1.94 GiB": three digits that mean something, a binary unit.
std::string human_size(std::uint64_t bytes);

// "2,146,951,168".
std::string grouped(std::uint64_t number);

}  // namespace quarry::cli

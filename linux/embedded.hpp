// linux/embedded.hpp: files that are part of the program.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace quarry::lnx {

struct EmbeddedFile {
  std::string_view name;  // "pc-2g/kernel.txt"
  const unsigned char* data;
  std::size_t size;
};

// All of linux/builtin. The build writes the body: cmake/embed.cmake.
std::span<const EmbeddedFile> embedded_files() noexcept;

}  // namespace quarry::lnx

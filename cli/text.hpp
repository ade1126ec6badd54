// cli/text.hpp: between the library's text and the standard library's.
#pragma once

#include <string>
#include <string_view>

#include "quarry/base/text.hpp"

namespace quarry::cli {

inline std::string to_string(TextView text) { return {text.data(), text.size()}; }
inline TextView view_of(std::string_view text) { return {text.data(), text.size()}; }

// What print(TextSink&) writes, as a string.
template <class Print>
std::string printed(Print print) {
  std::string text;
  TextSink sink{&text, [](void* self, const char* from, std::size_t size) noexcept {
                  static_cast<std::string*>(self)->append(from, size);
                }};
  print(sink);
  return text;
}

}  // namespace quarry::cli

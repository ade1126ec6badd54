// tests/page_sink.hpp: a sink that keeps what it is given, so that a test can read it back.
#pragma once

#include "quarry/base/text.hpp"

namespace quarry::test {

template <std::size_t Size = 1024>
struct Page {
  char text[Size] = {};
  std::size_t size = 0;
  bool cut = false;

  TextView view() const noexcept { return {text, size}; }
  TextSink sink() noexcept {
    return {this, [](void* self, const char* from, std::size_t count) noexcept {
              auto& page = *static_cast<Page*>(self);
              for (std::size_t i = 0; i < count; ++i) {
                if (page.size == Size)
                  page.cut = true;
                else
                  page.text[page.size++] = from[i];
              }
            }};
  }
};

}  // namespace quarry::test

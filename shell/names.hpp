// shell/names.hpp: what the shell calls things.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/page/descriptor.hpp"

namespace quarry::shell {

// "movable", as it is typed; "CMA".
TextView word_of(page::MigrateType type) noexcept;
TextView word_of(page::State state) noexcept;
TextView word_of(Error error) noexcept;

// "64 KiB": of a power of two.
void put_size(TextSink& out, Bytes size) noexcept;

}  // namespace quarry::shell

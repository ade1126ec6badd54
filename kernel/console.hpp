// kernel/console.hpp: the serial console as a sink of text.
#pragma once

#include "quarry/base/text.hpp"

namespace kernel {

// Not locked: core 0 prints, and the core that panics.
quarry::TextSink console() noexcept;

}  // namespace kernel

// kernel/panic.hpp: last words.
#pragma once

#include "quarry/base/text.hpp"

namespace kernel {

// The first core that calls it stops the others and goes on, to print what it knows and call stop(); a core that
// comes later ends here.
quarry::TextSink begin_panic() noexcept;

}  // namespace kernel

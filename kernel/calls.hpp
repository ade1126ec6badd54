// kernel/calls.hpp: whether cores that interrupt each other lose nothing.
#pragma once

#include "quarry/memory/exercise.hpp"

namespace kernel {

// Every running core calls the others in turn, all at once: each call runs on the core that it is for, and none is lost
// or run twice.
quarry::memory::Exercise exercise_calls() noexcept;

}  // namespace kernel

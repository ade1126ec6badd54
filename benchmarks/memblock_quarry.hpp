// benchmarks/memblock_quarry.hpp: Quarry's memblock as a subject.
#pragma once

#include "benchmarks/memblock_subject.h"

namespace quarry::bench {

extern const memblock_subject quarry_memblock;

}  // namespace quarry::bench

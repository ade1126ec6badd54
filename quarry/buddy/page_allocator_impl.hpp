// quarry/buddy/page_allocator_impl.hpp: all bodies, for who instantiates PageAllocator with an observer.
#pragma once

#include "quarry/buddy/alloc_impl.hpp"
#include "quarry/buddy/audit_impl.hpp"
#include "quarry/buddy/fallback_impl.hpp"
#include "quarry/buddy/free_impl.hpp"
#include "quarry/buddy/hand_over_impl.hpp"
#include "quarry/buddy/init_impl.hpp"
#include "quarry/buddy/stats_impl.hpp"

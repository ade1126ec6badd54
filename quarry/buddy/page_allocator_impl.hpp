// quarry/buddy/page_allocator_impl.hpp: all bodies, for who instantiates PageAllocator with an observer.
#pragma once

#include "quarry/buddy/alloc_impl.hpp"
#include "quarry/buddy/audit_impl.hpp"
#include "quarry/buddy/bulk_impl.hpp"
#include "quarry/buddy/compact_zone_impl.hpp"
#include "quarry/buddy/cpu_impl.hpp"
#include "quarry/buddy/free_impl.hpp"
#include "quarry/buddy/hand_over_impl.hpp"
#include "quarry/buddy/hotplug_impl.hpp"
#include "quarry/buddy/init_impl.hpp"
#include "quarry/buddy/isolate_impl.hpp"
#include "quarry/buddy/linux_audit_impl.hpp"
#include "quarry/buddy/linux_fallback_impl.hpp"
#include "quarry/buddy/linux_zone_impl.hpp"
#include "quarry/buddy/pressure_impl.hpp"
#include "quarry/buddy/stats_impl.hpp"

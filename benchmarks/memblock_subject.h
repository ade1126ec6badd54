/* benchmarks/memblock_subject.h: a boot-time allocator, as the workload driver sees it.
 *
 * Plain C, because the peer is: Linux's memblock, in a shared object of its own. Both subjects are called
 * through the same pointers, so that the calls cost both the same.
 */
#ifndef QUARRY_BENCH_MEMBLOCK_SUBJECT_H
#define QUARRY_BENCH_MEMBLOCK_SUBJECT_H

#include <stdint.h>

struct memblock_walk {
  uint64_t ranges;
  uint64_t bytes;
};

/* Addresses and sizes are bytes; what can fail answers 0 when it did not, but alloc, which answers 0 when it did. */
struct memblock_subject {
  /* Forgets everything: 128 regions of each kind, which may grow into the memory that is added. */
  void (*reset)(void);
  int (*add)(uint64_t base, uint64_t size);
  int (*reserve)(uint64_t base, uint64_t size);
  /* Top-down, anywhere, not zeroed. */
  uint64_t (*alloc)(uint64_t size, uint64_t alignment);
  int (*free)(uint64_t base, uint64_t size);
  /* All free ranges, upwards. */
  struct memblock_walk (*walk)(void);
  uint64_t (*reserved_regions)(void);
};

#endif

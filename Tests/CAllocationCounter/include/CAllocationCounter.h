// SPDX-License-Identifier: Apache-2.0
//
// Counts the allocations of a process: whatever links this target has its malloc and the like replaced by ones
// that count and hand on to glibc's own. For tests and benchmarks only.

#ifndef HTTPRING_CALLOCATIONCOUNTER_H
#define HTTPRING_CALLOCATIONCOUNTER_H

#include <stdbool.h>
#include <stdint.h>

// Whether allocations can be counted. Not under Address, Memory or Thread Sanitizer, which replace malloc
// themselves, nor on a C library other than glibc.
bool allocation_counter_is_available(void);

// Starts to count the allocations of all threads, from zero. One count at a time.
//
// traces: whether to note where they come from too, which makes each of them slow.
void allocation_counter_start(bool traces);

// Ends the count. Returns how many calls of malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign,
// valloc and pvalloc there were; calls of free are not counted.
uint64_t allocation_counter_stop(void);

// The count so far.
uint64_t allocation_counter_value(void);

// Writes the call stacks that were noted, and how often each came, to a descriptor, as
// "N x" lines followed by "file(symbol+offset) [address]" lines, which `addr2line -fe FILE OFFSET` tells more of.
void allocation_counter_write_traces(int descriptor);

#endif

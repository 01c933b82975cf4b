// SPDX-License-Identifier: Apache-2.0

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "CAllocationCounter.h"

#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#ifdef __GLIBC__
#define COUNTS 1
#else
#define COUNTS 0
#endif
#endif

enum { FRAMES_MAX = 24, TRACES_MAX = 128 };

struct trace {
    uint64_t count;
    int frame_count;
    void *frames[FRAMES_MAX];
};

static atomic_bool is_counting;
static atomic_bool is_tracing;
static atomic_uint_fast64_t count;
static struct trace traces[TRACES_MAX];

bool allocation_counter_is_available(void) { return COUNTS; }

void allocation_counter_start(bool with_traces) {
    if (with_traces) {
        // The first call loads the unwinder, which allocates.
        void *frame;
        backtrace(&frame, 1);
        memset(traces, 0, sizeof(traces));
    }
    atomic_store(&count, 0);
    atomic_store(&is_tracing, with_traces);
    atomic_store(&is_counting, true);
}

uint64_t allocation_counter_stop(void) {
    atomic_store(&is_counting, false);
    return atomic_load(&count);
}

uint64_t allocation_counter_value(void) { return atomic_load(&count); }

void allocation_counter_write_traces(int descriptor) {
    for (int index = 0; index < TRACES_MAX && traces[index].count > 0; index++) {
        dprintf(descriptor, "%llu x\n", (unsigned long long)traces[index].count);
        backtrace_symbols_fd(traces[index].frames, traces[index].frame_count, descriptor);
    }
}

#if COUNTS

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t item_count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);

static atomic_flag traces_lock = ATOMIC_FLAG_INIT;

static void note_trace(void) {
    static _Thread_local bool is_noting;
    if (is_noting) return;
    is_noting = true;
    void *frames[FRAMES_MAX];
    int frame_count = backtrace(frames, FRAMES_MAX);
    while (atomic_flag_test_and_set(&traces_lock)) { }
    for (int index = 0; index < TRACES_MAX; index++) {
        struct trace *trace = &traces[index];
        if (trace->count == 0) {
            trace->frame_count = frame_count;
            memcpy(trace->frames, frames, sizeof(frames));
        } else if (trace->frame_count != frame_count ||
                   memcmp(trace->frames, frames, (size_t)frame_count * sizeof(frames[0])) != 0) {
            continue;
        }
        trace->count++;
        break;
    }
    atomic_flag_clear(&traces_lock);
    is_noting = false;
}

static inline void note(void) {
    if (!atomic_load_explicit(&is_counting, memory_order_relaxed)) return;
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (atomic_load_explicit(&is_tracing, memory_order_relaxed)) note_trace();
}

static bool is_power_of_two(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t item_count, size_t size) {
    note();
    return __libc_calloc(item_count, size);
}

void *realloc(void *block, size_t size) {
    note();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || !is_power_of_two(alignment)) return EINVAL;
    note();
    void *made = __libc_memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *block = made;
    return 0;
}

void *valloc(size_t size) {
    note();
    return __libc_valloc(size);
}

void *pvalloc(size_t size) {
    note();
    return __libc_pvalloc(size);
}

#endif

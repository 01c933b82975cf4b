// SPDX-License-Identifier: Apache-2.0
//
// What the queue between processes needs from C: atomic words in memory that another process writes too, the
// layout of the records, which is the same for every compiler, and a few system calls. No logic lives here.

#ifndef HTTPRING_CQUEUETRANSPORT_H
#define HTTPRING_CQUEUETRANSPORT_H

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

// ---------------------------------------------------------------------------------------------
// Words in shared memory.

static inline uint64_t qt_load_acquire(const uint64_t *_Nonnull word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t qt_load_relaxed(const uint64_t *_Nonnull word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void qt_store_release(uint64_t *_Nonnull word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void qt_store_relaxed(uint64_t *_Nonnull word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// Orders every access before it against every access after it, loads after stores included.
static inline void qt_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Tells the processor that this is a wait.
static inline void qt_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

// ---------------------------------------------------------------------------------------------
// The first page. Each word that is written while the queue runs has one writer, and two cache lines of its
// own, because the prefetcher fetches pairs.

#define QT_MAGIC 0x0051676e69525448ULL  // "HTRingQ", little-endian
#define QT_VERSION 1U
#define QT_CONTROL_BYTES 4096U

struct qt_word {
    uint64_t value;
    uint64_t padding[15];
};

// Written by one side only.
struct qt_side {
    struct qt_word tail;        // where this side's next record goes, as bytes since the ring began
    struct qt_word head;        // how far this side has read the other's ring
    struct qt_word sleeping;    // 0: awake; else the number of its sleep
    struct qt_word wants_room;  // 1: a record found no room in this side's ring
};

struct qt_geometry {
    uint64_t magic;
    uint64_t total_bytes;
    uint32_t version;
    uint32_t request_ring_bytes;
    uint32_t response_ring_bytes;
    uint32_t block_bytes;
    uint32_t request_blocks;
    uint32_t response_blocks;
    uint32_t outstanding_max;
    uint32_t record_bytes_max;
    uint64_t reserved[10];
};

struct qt_control {
    struct qt_geometry geometry;
    struct qt_side service;
    struct qt_side worker;
};

_Static_assert(sizeof(struct qt_geometry) == 128, "the geometry fills its lines");
_Static_assert(sizeof(struct qt_control) <= QT_CONTROL_BYTES, "the control page is one page");

// Where the words are; a Swift key path would be looked up at run time.
static inline struct qt_side *_Nonnull qt_service_words(struct qt_control *_Nonnull control) {
    return &control->service;
}

static inline struct qt_side *_Nonnull qt_worker_words(struct qt_control *_Nonnull control) {
    return &control->worker;
}

static inline uint64_t *_Nonnull qt_tail(struct qt_side *_Nonnull side) { return &side->tail.value; }

static inline uint64_t *_Nonnull qt_head(struct qt_side *_Nonnull side) { return &side->head.value; }

static inline uint64_t *_Nonnull qt_sleeping(struct qt_side *_Nonnull side) { return &side->sleeping.value; }

static inline uint64_t *_Nonnull qt_wants_room(struct qt_side *_Nonnull side) { return &side->wants_room.value; }

// ---------------------------------------------------------------------------------------------
// Records. Each begins with the prefix, at a multiple of eight; the bytes it speaks of follow its structure.

struct qt_prefix {
    uint32_t byte_count;  // of the record with this prefix, without what aligns the next
    uint8_t kind;
    uint8_t flags;
    uint16_t reserved;  // 0
    uint64_t id;        // of the request, 0 for none
};

struct qt_hello {
    uint32_t version;
    uint32_t features;
    uint64_t window;  // bytes of content the other side may send for each request without being asked
};

struct qt_address {
    uint64_t high;
    uint64_t low;
    uint16_t port;
    uint8_t family;
    uint8_t reserved[5];
};

struct qt_request {
    uint64_t registration;
    uint64_t url_group;
    uint64_t connection;
    int64_t connection_started;
    int64_t head_started;
    int64_t head_ended;
    int64_t queued;
    int64_t content_length;
    struct qt_address remote;
    struct qt_address local;
    uint32_t flags;
    uint32_t request_number;
    uint32_t prefix_path_bytes;
    uint32_t head_bytes;
    uint32_t extra_bytes;
    uint32_t content_bytes;
};

struct qt_response_head {
    int64_t content_length;
    uint32_t flags;
    uint32_t cache_seconds;
    uint16_t status;
    uint8_t cache_policy;
    uint8_t reserved;
    uint32_t reason_bytes;
    uint32_t field_bytes;
    uint32_t content_bytes;
};

struct qt_reference {
    uint64_t offset;
    uint64_t byte_count;
};

struct qt_file {
    uint64_t ticket;
    int64_t offset;
    int64_t byte_count;
};

// A record whose only content is a number.
struct qt_number {
    uint64_t value;
};

_Static_assert(sizeof(struct qt_prefix) == 16, "no padding");
_Static_assert(sizeof(struct qt_request) == 136, "no padding");
_Static_assert(sizeof(struct qt_response_head) == 32, "no padding");

// ---------------------------------------------------------------------------------------------
// System calls. Those that fail return a negative errno.

// An empty file in memory whose size can be sealed.
int qt_memfd(const char *_Nonnull name);

// Fixes the size for good: nobody can shrink or grow it, nor change the seals.
int qt_seal_size(int fd);

// Whether the size is fixed for good: 1 or 0.
int qt_is_size_sealed(int fd);

// A doorbell's two ends in one.
int qt_eventfd(void);

// A descriptor that has something to read when `eventfd` was written to; reading from it takes nothing out of
// the eventfd.
int qt_watch(int eventfd);

// Forgets the rings so far. Does not block.
void qt_watch_drain(int watch);

void qt_eventfd_ring(int fd);

// Forgets the rings so far. Never blocks, even where another process has made the shared description blocking.
void qt_eventfd_drain(int fd);

// Waits until `fd` is readable, at most `milliseconds` where that is not negative. 1 when it is.
int qt_wait_readable(int fd, int milliseconds);

#define QT_DESCRIPTORS_MAX 4

// Sends bytes with descriptors (SCM_RIGHTS). Returns the number of bytes sent. Does not block.
ssize_t qt_send_descriptors(int socket, const void *_Nonnull bytes, size_t count, const int *_Nonnull descriptors,
                            int descriptor_count);

// Receives what qt_send_descriptors sent; closes what is more than expected. Returns the number of bytes.
ssize_t qt_receive_descriptors(int socket, void *_Nonnull bytes, size_t count, int *_Nonnull descriptors,
                               int descriptors_max, int *_Nonnull descriptor_count);

// Two connected sockets for messages with one descriptor each (SOCK_SEQPACKET), whose calls don't wait.
int qt_file_sockets(int ends[_Nonnull 2]);

// Receives a ticket and its descriptor. 1 with both; 0 where there is nothing now; -EMFILE with the ticket where
// this process may have no more descriptors; -EPROTO for anything else, with a descriptor to close where `*file`
// is not -1.
int qt_receive_file(int socket, uint64_t *_Nonnull ticket, int *_Nonnull file);

// Whether a descriptor is a regular file, open for reading, on a file system that reads from memory alone where it
// is asked to: 1 or 0. Never waits for the file's storage.
int qt_is_readable_file(int fd);

#endif

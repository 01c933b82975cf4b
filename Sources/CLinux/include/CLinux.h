// SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot reach through the Clang importer: liburing's structures with inline helpers that
// fill submissions, system calls hidden behind macros or variadic functions, and the io_uring
// constants that are newer than liburing 2.3. No logic lives here.

#ifndef HTTPRING_CLINUX_H
#define HTTPRING_CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// Constants newer than liburing 2.3 (kernel version in brackets).
#define HTTPRING_ENTER_NO_IOWAIT (1U << 7)   // [6.15]
#define HTTPRING_FEAT_NO_IOWAIT (1U << 17)   // [6.15]
#define HTTPRING_SEND_VECTORIZED (1U << 5)   // [6.17]
#define HTTPRING_RWF_NOWAIT 8UL              // [4.14] hidden by uio.h without _GNU_SOURCE
#define HTTPRING_SQ_CQ_OVERFLOW (1U << 1)    // [5.8]
//
// This header is read without _GNU_SOURCE, as Swift's own C library module is: with it some C structures would
// differ between the two. What needs it is in shim.c.

// ---------------------------------------------------------------------------------------------
// Memory shared with the kernel.

static inline uint32_t hr_load_acquire(const unsigned *_Nonnull word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint32_t hr_load_relaxed(const unsigned *_Nonnull word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void hr_store_release(unsigned *_Nonnull word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

// ---------------------------------------------------------------------------------------------
// The ring.

// The extended argument of io_uring_enter: struct io_uring_getevents_arg, whose `pad` newer kernels
// call `min_wait_usec`.
struct hr_wait_argument {
    uint64_t signal_mask;
    uint32_t signal_mask_size;
    uint32_t minimum_wait_microseconds;
    uint64_t timeout;
};

// Submits, then waits for `wait` completions; at most `nanoseconds` when that is not negative.
// Returns the number submitted, or a negative errno.
static inline int hr_enter(int fd, unsigned submit, unsigned wait, unsigned flags, int64_t nanoseconds) {
    struct __kernel_timespec timeout;
    struct hr_wait_argument argument;
    if (nanoseconds < 0) {
        return io_uring_enter2((unsigned)fd, submit, wait, flags, NULL, _NSIG / 8);
    }
    timeout.tv_sec = nanoseconds / 1000000000;
    timeout.tv_nsec = nanoseconds % 1000000000;
    argument.signal_mask = 0;
    argument.signal_mask_size = _NSIG / 8;
    argument.minimum_wait_microseconds = 0;
    argument.timeout = (uint64_t)(uintptr_t)&timeout;
    return io_uring_enter2((unsigned)fd, submit, wait, flags | IORING_ENTER_EXT_ARG,
                           (sigset_t *)(void *)&argument, sizeof argument);
}

// Creates a ring of the calling thread. Returns 0 or a negative errno.
static inline int hr_ring_create(struct io_uring *_Nonnull ring, unsigned submissions, unsigned completions,
                                 unsigned flags) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.flags = flags | IORING_SETUP_CQSIZE;
    parameters.cq_entries = completions;
    return io_uring_queue_init_params(submissions, ring, &parameters);
}

static inline int hr_ring_register_descriptor(struct io_uring *_Nonnull ring) {
    return io_uring_register_ring_fd(ring);
}

static inline int hr_ring_limit_workers(struct io_uring *_Nonnull ring, unsigned bounded, unsigned unbounded) {
    unsigned values[2] = {bounded, unbounded};
    return io_uring_register_iowq_max_workers(ring, values);
}

static inline int hr_buffer_ring_register(struct io_uring *_Nonnull ring, void *_Nonnull memory,
                                          unsigned entries, uint16_t group) {
    struct io_uring_buf_reg registration;
    memset(&registration, 0, sizeof registration);
    registration.ring_addr = (uint64_t)(uintptr_t)memory;
    registration.ring_entries = entries;
    registration.bgid = group;
    return io_uring_register_buf_ring(ring, &registration, 0);
}

// Writes one entry; the kernel sees it only after hr_buffer_ring_publish.
static inline void hr_buffer_ring_write(struct io_uring_buf_ring *_Nonnull ring, uint16_t index,
                                        void *_Nonnull buffer, uint32_t count, uint16_t identifier) {
    struct io_uring_buf *entry = &ring->bufs[index];
    entry->addr = (uint64_t)(uintptr_t)buffer;
    entry->len = count;
    entry->bid = identifier;  // `resv` of entry 0 is the tail: leave it alone
}

static inline void hr_buffer_ring_publish(struct io_uring_buf_ring *_Nonnull ring, uint16_t tail) {
    __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
}

// ---------------------------------------------------------------------------------------------
// Submissions. Each writes all 64 bytes of the entry.

typedef struct io_uring_sqe hr_submission;

static inline void hr_prepare_accept(hr_submission *_Nonnull entry, int listener, int multishot,
                                     uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_ACCEPT,
                             .fd = listener,
                             .ioprio = multishot ? IORING_ACCEPT_MULTISHOT : 0,
                             .accept_flags = SOCK_CLOEXEC,
                             .user_data = user_data};
}

static inline void hr_prepare_receive_multishot(hr_submission *_Nonnull entry, int socket, uint16_t group,
                                                uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_RECV,
                             .flags = IOSQE_BUFFER_SELECT,
                             .ioprio = IORING_RECV_MULTISHOT,
                             .fd = socket,
                             .buf_group = group,
                             .user_data = user_data};
}

static inline void hr_prepare_receive_once(hr_submission *_Nonnull entry, int socket, uint16_t group,
                                           uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_RECV,
                             .flags = IOSQE_BUFFER_SELECT,
                             .fd = socket,
                             .buf_group = group,
                             .user_data = user_data};
}

static inline void hr_prepare_send(hr_submission *_Nonnull entry, int socket, const void *_Nonnull bytes,
                                   uint32_t count, uint32_t flags, uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_SEND,
                             .fd = socket,
                             .addr = (uint64_t)(uintptr_t)bytes,
                             .len = count,
                             .msg_flags = flags,
                             .user_data = user_data};
}

// `vectors` is a list of `struct iovec`.
static inline void hr_prepare_send_vector(hr_submission *_Nonnull entry, int socket, const void *_Nonnull vectors,
                                          uint32_t count, uint32_t flags, uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_SEND,
                             .ioprio = HTTPRING_SEND_VECTORIZED,
                             .fd = socket,
                             .addr = (uint64_t)(uintptr_t)vectors,
                             .len = count,
                             .msg_flags = flags,
                             .user_data = user_data};
}

// Writes the message's header too. `vectors` is a list of `struct iovec`.
static inline void hr_prepare_send_message(hr_submission *_Nonnull entry, int socket,
                                           struct msghdr *_Nonnull message, const void *_Nonnull vectors,
                                           uint32_t count, uint32_t flags, uint64_t user_data) {
    *message = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)vectors, .msg_iovlen = count};
    *entry = (hr_submission){.opcode = IORING_OP_SENDMSG,
                             .fd = socket,
                             .addr = (uint64_t)(uintptr_t)message,
                             .len = 1,
                             .msg_flags = flags,
                             .user_data = user_data};
}

static inline void hr_prepare_read(hr_submission *_Nonnull entry, int file, void *_Nonnull bytes, uint32_t count,
                                   uint64_t offset, uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_READ,
                             .fd = file,
                             .off = offset,
                             .addr = (uint64_t)(uintptr_t)bytes,
                             .len = count,
                             .user_data = user_data};
}

static inline uint32_t hr_poll_in(void) { return POLLIN; }

static inline uint16_t hr_poll_first(void) { return IORING_RECVSEND_POLL_FIRST; }

static inline void hr_prepare_poll(hr_submission *_Nonnull entry, int fd, uint32_t events, int multishot,
                                   uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_POLL_ADD,
                             .fd = fd,
                             .len = multishot ? IORING_POLL_ADD_MULTI : 0,
                             .poll32_events = events,
                             .user_data = user_data};
}

// Cancels by user_data, or everything when `all` is set. A successful cancel posts nothing when `quiet`.
static inline void hr_prepare_cancel(hr_submission *_Nonnull entry, uint64_t target, int all, int quiet,
                                     uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_ASYNC_CANCEL,
                             .flags = quiet ? IOSQE_CQE_SKIP_SUCCESS : 0,
                             .fd = -1,
                             .addr = target,
                             .cancel_flags = all ? IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL : 0,
                             .user_data = user_data};
}

// Cancels all that is in flight on a descriptor.
static inline void hr_prepare_cancel_descriptor(hr_submission *_Nonnull entry, int fd, int quiet,
                                                uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_ASYNC_CANCEL,
                             .flags = quiet ? IOSQE_CQE_SKIP_SUCCESS : 0,
                             .fd = fd,
                             .cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL,
                             .user_data = user_data};
}

static inline void hr_prepare_close(hr_submission *_Nonnull entry, int fd, int quiet, uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_CLOSE,
                             .flags = quiet ? IOSQE_CQE_SKIP_SUCCESS : 0,
                             .fd = fd,
                             .user_data = user_data};
}

static inline void hr_prepare_nothing(hr_submission *_Nonnull entry, uint64_t user_data) {
    *entry = (hr_submission){.opcode = IORING_OP_NOP, .fd = -1, .user_data = user_data};
}

// ---------------------------------------------------------------------------------------------
// Descriptors, sockets, threads.

static inline int hr_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// Adds one to an eventfd. The only possible failure, a full counter, already means "ring".
static inline void hr_eventfd_ring(int fd) {
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

static inline void hr_eventfd_drain(int fd) {
    uint64_t value;
    ssize_t count = read(fd, &value, sizeof value);
    (void)count;
}

int hr_memfd_create(const char *_Nonnull name, unsigned flags);

int hr_add_seals(int fd, int seals);

static inline int hr_set_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

static inline int hr_set_nonblocking(int fd, int enabled) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        return -1;
    }
    return fcntl(fd, F_SETFL, enabled ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static inline int hr_socket_stream(void) { return SOCK_STREAM | SOCK_CLOEXEC; }

static inline int hr_socket_stream_type(void) { return SOCK_STREAM; }

static inline int hr_socket(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0); }

static inline int hr_set_option(int socket, int level, int name, int value) {
    return setsockopt(socket, level, name, &value, sizeof value);
}

static inline int hr_get_option(int socket, int level, int name, int *_Nonnull value) {
    socklen_t size = sizeof *value;
    return getsockopt(socket, level, name, value, &size);
}

// Makes close(2) send a reset and drop what is unsent.
static inline int hr_set_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

// Bytes in the send queue that the peer has not acknowledged, or -1 with errno.
int hr_unacknowledged_bytes(int socket);

struct hr_tcp_state {
    uint64_t acknowledged;  // bytes the peer has acknowledged since the connection was made
    uint32_t round_trip_microseconds;
    uint8_t state;  // TCP_ESTABLISHED is 1, TCP_CLOSE 7
};

// Returns 0, or -1 with errno.
int hr_get_tcp_state(int socket, struct hr_tcp_state *_Nonnull state);

// Sends one byte with a descriptor (SCM_RIGHTS). Returns 1, or -1 with errno.
static inline ssize_t hr_send_descriptor(int socket, int fd) {
    char byte = 0;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Receives what hr_send_descriptor sent. Returns the descriptor, or -1 with errno (0 at end of file).
static inline int hr_receive_descriptor(int socket) {
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message;
    int fd = -1;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    errno = 0;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) {
        return -1;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    }
    return fd;
}

// Pins the calling thread. Returns 0 or an errno.
int hr_pin_thread(int cpu);

// Names the calling thread; the kernel keeps 15 bytes.
void hr_name_thread(const char *_Nonnull name);

// Blocks every signal but those a fault raises, and returns the mask that was in force.
static inline sigset_t hr_block_signals(void) {
    sigset_t blocked, previous;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGABRT);
    sigdelset(&blocked, SIGTRAP);
    sigdelset(&blocked, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &blocked, &previous);
    return previous;
}

static inline void hr_restore_signals(sigset_t previous) { pthread_sigmask(SIG_SETMASK, &previous, NULL); }

// Reads from the page cache alone: -1 with EAGAIN for what is not in it (preadv2(2), RWF_NOWAIT, Linux 4.14).
static inline ssize_t hr_read_cached(int fd, void *_Nonnull bytes, size_t count, int64_t offset) {
    struct iovec vector = {.iov_base = bytes, .iov_len = count};
    return syscall(SYS_preadv2, fd, &vector, 1UL, (unsigned long)offset, 0UL, HTTPRING_RWF_NOWAIT);
}

// Which processors the calling thread may run on, a bit each; returns bytes written or a negative errno.
static inline int hr_usable_processors(unsigned char *_Nonnull bits, size_t count) {
    long result = syscall(SYS_sched_getaffinity, 0, count, bits);
    return result < 0 ? -errno : (int)result;
}

// Sends part of a file from the page cache (sendfile(2)); does not move the file's own offset.
static inline ssize_t hr_send_file(int socket, int fd, int64_t offset, size_t count) {
    off_t position = (off_t)offset;
    return sendfile(socket, fd, &position, count);
}

#endif

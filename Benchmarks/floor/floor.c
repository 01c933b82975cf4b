// SPDX-License-Identifier: Apache-2.0
//
// The floor: what the kernel alone charges for a request on one ring. It finds where heads end
// (CRLF CRLF, RFC 9112 §2.1), counts them, and answers each with the same bytes. It does not look at
// method, target, fields or time; it has no limits, no time-outs and no routes. A server that does its
// work can approach its cost and not go below it.
//
//   floor --port N [--response FILE | --body-bytes N | --file PATH [--head FILE]] [--close]
//
//   --response FILE   answer with exactly these bytes (a captured response of the server to compare with)
//   --body-bytes N    answer 200 with N bytes (default 13: "Hello, World!")
//   --file PATH       answer 200 with the bytes of PATH, read with pread(2) for each request
//   --head FILE       the head to send before the bytes of --file
//   --close           end each connection after its first answer
//
// Why --file reads each time: a file server may not send yesterday's bytes, so its floor is one copy out of
// the page cache and one into the socket, not a send of memory that was filled at the start. Opening the file
// and asking for its size happens once: servers cache that.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SQ_ENTRIES = 1024,
    CQ_ENTRIES = 8192,
    RECEIVE_BUFFERS = 1024, // a power of two
    RECEIVE_BUFFER_BYTES = 2048,
    RECEIVE_GROUP = 1,
    CONNECTIONS_MAX = 65536, // indexed by descriptor
    BACKLOG = 4096,
    REPEATS = 64, // copies of the answer that lie end to end, so that a batch leaves as one send
    // Few, so that the bytes read for one answer are still in the CPU's cache when they are sent: with 256
    // slots and 512 connections a 100 KiB file cost twice as much as with 16 (AMD EPYC, 2026-11-22).
    FILE_SLOTS_MAX = 16,
};

enum kind { KIND_ACCEPT = 1, KIND_RECEIVE, KIND_SEND, KIND_IGNORED };

#define NONE UINT32_MAX

// One connection. Its index is its descriptor; it owns no buffer while it is idle.
struct connection {
    uint32_t generation; // part of every user_data, so that completions of an earlier connection are known
    uint32_t pending;    // requests received and not yet answered
    uint32_t sending;    // bytes of the send in flight, 0 when there is none
    uint32_t next;       // link of the list the connection is on
    uint32_t slot;       // file slot that the send in flight reads from, or NONE
    uint8_t matched;     // bytes of CRLF CRLF seen at the end of what has arrived
    bool receiving;      // a multishot receive is armed
    bool queued;         // on the list of connections that have something to send
    bool ended;          // the peer has gone, or the last answer is on its way
};

// A first-in first-out list through connection.next.
struct list {
    uint32_t head, tail;
};

static struct io_uring ring;
static struct io_uring_buf_ring *receive_ring;
static unsigned char *receive_memory;
static unsigned returned_buffers;
static struct connection connections[CONNECTIONS_MAX];
static struct list ready = {NONE, NONE}; // connections with requests to answer and no send in flight

static int listener;
static bool closes;
static unsigned char *answer; // REPEATS copies of the whole answer; unused when a file is served
static uint32_t answer_bytes; // of one copy, or of the head when a file is served

static int file_descriptor = -1;
static uint32_t file_bytes;
static unsigned char *slot_memory; // slots of head and file bytes, a page multiple each
static size_t slot_stride;
static uint32_t slots[FILE_SLOTS_MAX], slots_free;

static void fail(const char *what, int error) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(error));
    exit(1);
}

static void *allocate(size_t bytes) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE; // no page fault while serving
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) fail("mmap", errno);
    return memory;
}

// ---- lists ----

static void append(struct list *list, uint32_t index) {
    connections[index].next = NONE;
    if (list->head == NONE) list->head = index;
    else connections[list->tail].next = index;
    list->tail = index;
}

static uint32_t take_first(struct list *list) {
    uint32_t index = list->head;
    if (index != NONE) list->head = connections[index].next;
    return index;
}

// ---- submissions ----

static struct io_uring_sqe *next_submission(void) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
        if (!sqe) fail("the submission queue stays full", EBUSY);
    }
    return sqe;
}

static uint64_t tag(enum kind kind, uint32_t index) {
    return (uint64_t)kind << 56 | (uint64_t)(connections[index].generation & 0xffffff) << 32 | index;
}

static void arm_accept(void) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = tag(KIND_ACCEPT, 0);
}

static void arm_receive(uint32_t index) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RECEIVE_GROUP;
    sqe->user_data = tag(KIND_RECEIVE, index);
    connections[index].receiving = true;
}

static void send_bytes(uint32_t index, const unsigned char *bytes, uint32_t count) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_send(sqe, (int)index, bytes, count, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->user_data = tag(KIND_SEND, index);
    connections[index].sending = count;
}

static void queue_answer(uint32_t index) {
    struct connection *c = &connections[index];
    if (c->queued || c->sending || !c->pending) return;
    c->queued = true;
    append(&ready, index);
}

// ---- life of a connection ----

static void accepted(int fd) {
    if (fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    uint32_t generation = connections[fd].generation + 1;
    connections[fd] = (struct connection){.generation = generation, .next = NONE, .slot = NONE};
    arm_receive((uint32_t)fd);
}

// Closes once nothing in flight refers to the connection. A receive that is still armed would keep the
// socket open and the FIN unsent, so it is cancelled in the same submission; its last completion carries
// the old generation and is dropped.
static void close_when_quiet(uint32_t index) {
    struct connection *c = &connections[index];
    if (!c->ended || c->sending || c->queued || c->pending) return;
    if (c->receiving) {
        struct io_uring_sqe *cancel = next_submission();
        io_uring_prep_cancel64(cancel, tag(KIND_RECEIVE, index), 0);
        cancel->flags |= IOSQE_CQE_SKIP_SUCCESS;
        cancel->user_data = tag(KIND_IGNORED, index);
    }
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_close(sqe, (int)index);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(KIND_IGNORED, index);
    c->generation += 1;
    c->receiving = false;
    c->ended = false;
}

// Counts the heads that end in these bytes. Looks at every fourth byte while nothing matches:
// whatever is neither CR nor LF cannot lie inside CRLF CRLF.
static uint32_t count_heads(struct connection *c, const unsigned char *p, size_t count) {
    static const unsigned char end[4] = {'\r', '\n', '\r', '\n'};
    uint32_t heads = 0;
    size_t base = 0, i;
    while (c->matched && base < count) { // an end that began in the bytes before these
        unsigned char byte = p[base++];
        if (byte == end[c->matched]) c->matched += 1;
        else c->matched = byte == '\r';
        if (c->matched == 4) {
            heads += 1;
            c->matched = 0;
        }
    }
    if (c->matched) return heads;
    for (i = base + 3; i < count;) {
        if (p[i] == '\n') {
            if (p[i - 1] == '\r' && p[i - 2] == '\n' && p[i - 3] == '\r') {
                heads += 1;
                base = i + 1;
                i += 4;
            } else {
                i += 2;
            }
        } else {
            i += p[i] == '\r' ? 1 : 4;
        }
    }
    for (size_t tail = count - base < 3 ? count - base : 3; tail; tail -= 1) {
        if (memcmp(p + count - tail, end, tail) == 0) {
            c->matched = (uint8_t)tail;
            break;
        }
    }
    return heads;
}

static void received(uint32_t index, const struct io_uring_cqe *cqe, bool is_current) {
    struct connection *c = &connections[index];
    bool more = cqe->flags & IORING_CQE_F_MORE;
    if (cqe->flags & IORING_CQE_F_BUFFER) { // given back even when the connection it came for is gone
        unsigned short id = (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        unsigned char *bytes = receive_memory + (size_t)id * RECEIVE_BUFFER_BYTES;
        if (is_current && cqe->res > 0 && !c->ended) {
            c->pending += count_heads(c, bytes, (size_t)cqe->res);
            if (closes && c->pending > 1) c->pending = 1;
            queue_answer(index);
        }
        io_uring_buf_ring_add(
            receive_ring, bytes, RECEIVE_BUFFER_BYTES, id, RECEIVE_BUFFERS - 1, (int)returned_buffers);
        returned_buffers += 1;
    }
    if (!is_current || more) return;
    c->receiving = false;
    if (cqe->res > 0 || cqe->res == -ENOBUFS) {
        // Ended silently, or out of buffers: those are back before the next enter.
        if (!c->ended) arm_receive(index);
        return;
    }
    c->ended = true; // end of stream, or an error: answers not yet sent are dropped
    if (!c->queued) c->pending = 0;
    close_when_quiet(index);
}

// Sends what one connection owes: as many answers as lie end to end, or one file.
static void answer_connection(uint32_t index) {
    struct connection *c = &connections[index];
    if (file_descriptor < 0) {
        uint32_t batch = c->pending < REPEATS ? c->pending : REPEATS;
        c->pending -= batch;
        send_bytes(index, answer, batch * answer_bytes);
    } else {
        uint32_t slot = slots[--slots_free];
        unsigned char *bytes = slot_memory + slot * slot_stride;
        ssize_t count = pread(file_descriptor, bytes + answer_bytes, file_bytes, 0);
        if (count != (ssize_t)file_bytes) fail("the file changed", count < 0 ? errno : EIO);
        c->slot = slot;
        c->pending -= 1;
        send_bytes(index, bytes, answer_bytes + file_bytes);
    }
}

static void sent(uint32_t index, int result) {
    struct connection *c = &connections[index];
    if (c->slot != NONE) {
        slots[slots_free++] = c->slot; // last in, first out: its bytes are the ones still in the CPU's cache
        c->slot = NONE;
    }
    if (result < 0 || (uint32_t)result < c->sending || closes) {
        c->ended = true;
        c->pending = 0;
    }
    c->sending = 0;
    queue_answer(index);
    close_when_quiet(index);
}

// ---- loop ----

static void dispatch(const struct io_uring_cqe *cqe) {
    uint32_t index = (uint32_t)cqe->user_data & (CONNECTIONS_MAX - 1);
    bool is_current = ((cqe->user_data >> 32) & 0xffffff) == (connections[index].generation & 0xffffff);
    switch ((enum kind)(cqe->user_data >> 56)) {
    case KIND_ACCEPT:
        if (cqe->res >= 0) accepted(cqe->res);
        else fprintf(stderr, "floor: accept: %s\n", strerror(-cqe->res));
        if (!(cqe->flags & IORING_CQE_F_MORE)) {
            if (cqe->res == -EMFILE || cqe->res == -ENFILE) fail("accept", -cqe->res);
            arm_accept();
        }
        break;
    case KIND_RECEIVE:
        received(index, cqe, is_current);
        break;
    case KIND_SEND:
        if (is_current) sent(index, cqe->res);
        break;
    case KIND_IGNORED:
        break;
    }
}

// Answers every connection that owes something; with files, in order of arrival as slots are free.
static void answer_ready(void) {
    uint32_t index;
    while ((file_descriptor < 0 || slots_free) && (index = take_first(&ready)) != NONE) {
        struct connection *c = &connections[index];
        c->queued = false;
        if (c->ended) c->pending = 0;
        if (c->pending) answer_connection(index);
        else close_when_quiet(index);
    }
}

static void run(void) {
    arm_accept();
    for (;;) {
        int result = io_uring_submit_and_wait(&ring, 1);
        if (result < 0 && result != -EINTR && result != -EBUSY) fail("io_uring_enter", -result);
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            dispatch(cqe);
            count += 1;
        }
        io_uring_cq_advance(&ring, count);
        if (returned_buffers) {
            io_uring_buf_ring_advance(receive_ring, (int)returned_buffers);
            returned_buffers = 0;
        }
        answer_ready();
    }
}

// ---- start ----

static unsigned char *read_whole(const char *path, uint32_t *count) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) fail(path, errno);
    if (status.st_size > 16 << 20) fail(path, EFBIG);
    unsigned char *bytes = malloc((size_t)status.st_size + 1);
    if (!bytes || read(fd, bytes, (size_t)status.st_size) != status.st_size) fail(path, EIO);
    close(fd);
    *count = (uint32_t)status.st_size;
    return bytes;
}

// A head with the fields that every server under test sends.
static unsigned char *make_head(uint32_t body_bytes, uint32_t extra, uint32_t *count) {
    char *head = malloc(512 + extra);
    if (!head) fail("malloc", ENOMEM);
    *count = (uint32_t)snprintf(
        head, 512,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n"
        "Date: Wed, 01 Jan 2025 00:00:00 GMT\r\nServer: floor\r\n%s\r\n",
        body_bytes, closes ? "Connection: close\r\n" : "");
    return (unsigned char *)head;
}

static void set_up_answer(const char *response, const char *head, uint32_t body_bytes) {
    unsigned char *once;
    if (file_descriptor >= 0) {
        once = head ? read_whole(head, &answer_bytes) : make_head(file_bytes, 0, &answer_bytes);
        slot_stride = ((size_t)answer_bytes + file_bytes + 4095) & ~(size_t)4095;
        slots_free = FILE_SLOTS_MAX;
        slot_memory = allocate(slots_free * slot_stride);
        for (uint32_t i = 0; i < slots_free; i += 1) {
            slots[i] = slots_free - 1 - i;
            memcpy(slot_memory + i * slot_stride, once, answer_bytes);
        }
        return;
    }
    if (response) {
        once = read_whole(response, &answer_bytes);
    } else {
        once = make_head(body_bytes, body_bytes, &answer_bytes);
        for (uint32_t i = 0; i < body_bytes; i += 1) once[answer_bytes + i] = "Hello, World!"[i % 13];
        answer_bytes += body_bytes;
    }
    if (answer_bytes == 0 || answer_bytes > 16 << 20) fail("the size of the answer", EINVAL);
    answer = allocate((size_t)answer_bytes * REPEATS);
    for (uint32_t i = 0; i < REPEATS; i += 1) memcpy(answer + (size_t)i * answer_bytes, once, answer_bytes);
    free(once);
}

static void set_up_listener(uint16_t port) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("socket", errno);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // inherited by what it accepts
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", errno);
    if (listen(listener, BACKLOG) < 0) fail("listen", errno);
}

static void set_up_ring(void) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL
            | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        .cq_entries = CQ_ENTRIES,
    };
    int result = io_uring_queue_init_params(SQ_ENTRIES, &ring, &params);
    if (result < 0) fail("io_uring_setup", -result);
    io_uring_register_ring_fd(&ring);

    receive_ring = allocate(RECEIVE_BUFFERS * sizeof(struct io_uring_buf));
    receive_memory = allocate((size_t)RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)receive_ring,
        .ring_entries = RECEIVE_BUFFERS,
        .bgid = RECEIVE_GROUP,
    };
    result = io_uring_register_buf_ring(&ring, &registration, 0);
    if (result < 0) fail("io_uring_register_buf_ring", -result);
    io_uring_buf_ring_init(receive_ring);
    for (int i = 0; i < RECEIVE_BUFFERS; i += 1) {
        io_uring_buf_ring_add(
            receive_ring, receive_memory + (size_t)i * RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_BYTES,
            (unsigned short)i, RECEIVE_BUFFERS - 1, i);
    }
    io_uring_buf_ring_advance(receive_ring, RECEIVE_BUFFERS);
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) fail("getrlimit", errno);
    limit.rlim_cur = limit.rlim_max < CONNECTIONS_MAX ? limit.rlim_max : CONNECTIONS_MAX;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) fail("setrlimit", errno);
}

static long number(const char *text, long maximum) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < 0 || value > maximum) fail(text, EINVAL);
    return value;
}

int main(int count, char **arguments) {
    const char *response = NULL, *head = NULL, *file = NULL;
    long port = 0, body_bytes = 13;
    for (int i = 1; i < count; i += 1) {
        const char *name = arguments[i];
        if (strcmp(name, "--close") == 0) {
            closes = true;
            continue;
        }
        const char *value = ++i < count ? arguments[i] : "";
        if (strcmp(name, "--port") == 0) port = number(value, 65535);
        else if (strcmp(name, "--response") == 0) response = value;
        else if (strcmp(name, "--body-bytes") == 0) body_bytes = number(value, 1 << 20);
        else if (strcmp(name, "--file") == 0) file = value;
        else if (strcmp(name, "--head") == 0) head = value;
        else fail(name, EINVAL);
    }
    if (port == 0) fail("--port", EINVAL);
    if (file) {
        struct stat status;
        file_descriptor = open(file, O_RDONLY | O_CLOEXEC);
        if (file_descriptor < 0 || fstat(file_descriptor, &status) < 0) fail(file, errno);
        if (status.st_size > 16 << 20) fail(file, EFBIG);
        file_bytes = (uint32_t)status.st_size;
    }
    raise_descriptor_limit();
    set_up_answer(response, head, (uint32_t)body_bytes);
    set_up_listener((uint16_t)port);
    set_up_ring();
    printf("ready pid=%d http=127.0.0.1:%ld\n", getpid(), port);
    fflush(stdout);
    run();
}

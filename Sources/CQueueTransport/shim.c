// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE 1

#include "CQueueTransport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U  // [6.3]
#endif

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int qt_memfd(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd < 0 ? -errno : fd;
}

int qt_seal_size(int fd) { return fcntl(fd, F_ADD_SEALS, SIZE_SEALS) < 0 ? -errno : 0; }

int qt_is_size_sealed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS;
}

int qt_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int qt_watch(int eventfd) {
    int watch = epoll_create1(EPOLL_CLOEXEC);
    if (watch < 0) {
        return -errno;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (epoll_ctl(watch, EPOLL_CTL_ADD, eventfd, &event) < 0) {
        int code = errno;
        close(watch);
        return -code;
    }
    return watch;
}

void qt_watch_drain(int watch) {
    struct epoll_event event;
    int count = epoll_wait(watch, &event, 1, 0);
    (void)count;
}

void qt_eventfd_ring(int fd) {
    uint64_t one = 1;
    ssize_t count = write(fd, &one, sizeof one);
    (void)count;
}

void qt_eventfd_drain(int fd) {
    uint64_t value;
    struct iovec vector = {.iov_base = &value, .iov_len = sizeof value};
    ssize_t count = preadv2(fd, &vector, 1, -1, RWF_NOWAIT);
    (void)count;
}

int qt_wait_readable(int fd, int milliseconds) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, milliseconds) > 0;
}

ssize_t qt_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors,
                            int descriptor_count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * QT_DESCRIPTORS_MAX)];
    } control;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (descriptor_count < 0 || descriptor_count > QT_DESCRIPTORS_MAX) {
        return -EINVAL;
    }
    if (descriptor_count > 0) {
        size_t size = sizeof(int) * (size_t)descriptor_count;
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), descriptors, size);
    }
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}

ssize_t qt_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, int descriptors_max,
                               int *descriptor_count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 253)];  // SCM_MAX_FD: all that can come, so that none is lost
    } control;
    struct iovec vector = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    *descriptor_count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) {
        return -errno;
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < found; index++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + index * sizeof fd, sizeof fd);
            if (*descriptor_count < descriptors_max) {
                descriptors[(*descriptor_count)++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return received;
}

int qt_file_sockets(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

int qt_receive_file(int socket, uint64_t *ticket, int *file) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = ticket, .iov_len = sizeof *ticket};
    // Room for one descriptor, not for what aligns it: the kernel lets go of others without giving them out.
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_LEN(sizeof(int))};
    *file = -1;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) {
        return errno == EAGAIN ? 0 : -EPROTO;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof(int))) {
        memcpy(file, CMSG_DATA(header), sizeof *file);
    }
    if (received != sizeof *ticket || (message.msg_flags & MSG_TRUNC)) {
        return -EPROTO;
    }
    if (message.msg_flags & MSG_CTRUNC) {
        return *file < 0 ? -EMFILE : -EPROTO;
    }
    return *file < 0 ? -EPROTO : 1;
}

int qt_is_readable_file(int fd) {
    struct statx status;
    // A file system of another process would be asked for the status, unless told not to synchronize.
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0 || !S_ISREG(status.stx_mode)) {
        return 0;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & (O_PATH | O_DIRECT)) || (flags & O_ACCMODE) == O_WRONLY) {
        return 0;
    }
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    return preadv2(fd, &vector, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN;
}

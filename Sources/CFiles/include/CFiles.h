// SPDX-License-Identifier: Apache-2.0
//
// Calls on files that Swift cannot make itself: openat2(2), which glibc 2.36 has no function for while syscall(2)
// is variadic, and preadv2(2) with flags that need a macro.

#ifndef HTTPRING_CFILES_H
#define HTTPRING_CFILES_H

// No _GNU_SOURCE: with it fd_set has other member names than in Swift's own Glibc module, and does not compile.
#include <errno.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// O_PATH, which Glibc's Swift module leaves out (open(2); the same on every architecture Swift has for Linux).
#define HTTPRING_O_PATH 010000000

// Opens a path below a directory and refuses to leave it: no `..` above it, no absolute symbolic link, no
// link of /proc (Linux 5.6). Returns a descriptor, or a negative errno.
static inline int hr_open_beneath(int directory, const char *_Nonnull path, uint64_t flags) {
    struct open_how how = {.flags = flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long result = syscall(SYS_openat2, directory, path, &how, sizeof(how));
    return result < 0 ? -errno : (int)result;
}

// Reads what lies in the page cache and waits for nothing: -1 with EAGAIN where that is nothing (Linux 4.14).
static inline ssize_t hr_file_read_cached(int file, void *_Nonnull bytes, size_t count) {
    struct iovec vector = {.iov_base = bytes, .iov_len = count};
    return syscall(SYS_preadv2, file, &vector, 1UL, 0UL, 0UL, 8 /* RWF_NOWAIT */);
}

#endif

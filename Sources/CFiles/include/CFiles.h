// SPDX-License-Identifier: Apache-2.0
//
// openat2(2), which glibc 2.36 has no function for and which Swift cannot call through variadic syscall(2).

#ifndef HTTPRING_CFILES_H
#define HTTPRING_CFILES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
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

#endif

// SPDX-License-Identifier: Apache-2.0
//
// The few calls that need _GNU_SOURCE or headers that clash with Swift's C library module. None is on a
// path that is taken for each request.

#define _GNU_SOURCE 1

#include "CLinux.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sched.h>

int hr_memfd_create(const char *name, unsigned flags) { return memfd_create(name, flags); }

int hr_add_seals(int fd, int seals) { return fcntl(fd, F_ADD_SEALS, seals); }

int hr_unacknowledged_bytes(int socket) {
    int count = 0;
    return ioctl(socket, SIOCOUTQ, &count) < 0 ? -1 : count;
}

int hr_get_tcp_state(int socket, struct hr_tcp_state *state) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) {
        return -1;
    }
    state->acknowledged = info.tcpi_bytes_acked;
    state->round_trip_microseconds = info.tcpi_rtt;
    state->state = info.tcpi_state;
    return 0;
}

int hr_pin_thread(int cpu) {
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
        return EINVAL;
    }
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

void hr_name_thread(const char *name) {
    char short_name[16];
    strncpy(short_name, name, sizeof short_name - 1);
    short_name[sizeof short_name - 1] = 0;
    pthread_setname_np(pthread_self(), short_name);
}

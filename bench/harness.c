/*
 * harness.c -- arguments, clocks, and the sockets that all peers start from.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *peer_name;
static int64_t wall_begin, cpu_begin;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

int bench_main(int argc, char **argv, const struct bench_workload *workloads)
{
    const long rounds = argc == 4 ? atol(argv[3]) : 0;

    if (rounds < 1) {
        fprintf(stderr, "usage: %s PEER WORKLOAD ROUNDS\n", argv[0]);
        return 2;
    }
    peer_name = argv[1];
    for (; workloads->name != NULL; workloads++) {
        if (strcmp(workloads->name, argv[2]) == 0) {
            workloads->run(rounds);
            return 0;
        }
    }
    fprintf(stderr, "%s: no workload %s\n", peer_name, argv[2]);
    return 2;
}

const char *bench_peer(void)
{
    return peer_name;
}

bool bench_peer_is(const char *peer)
{
    return strcmp(peer_name, peer) == 0;
}

void bench_begin(void)
{
    cpu_begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    wall_begin = clock_ns(CLOCK_MONOTONIC);
}

void bench_end(long operations)
{
    const int64_t wall = clock_ns(CLOCK_MONOTONIC) - wall_begin;
    const int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;

    printf("ns %.3f\ncpu_ns %.3f\n", (double) wall / (double) operations,
           (double) cpu / (double) operations);
    fflush(stdout);
}

void bench_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s failed (errno: %s)\n", what, strerror(errno));
    exit(1);
}

void bench_tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    int i;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_require(bind(listener, (struct sockaddr *) &address, length) == 0, "bind");
    bench_require(listen(listener, 1) == 0, "listen");
    bench_require(getsockname(listener, (struct sockaddr *) &address, &length) == 0, "getsockname");
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_require(connect(fds[0], (struct sockaddr *) &address, length) == 0, "connect");
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    bench_require(fds[1] >= 0, "accept");
    close(listener);
    for (i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
}

void bench_send(int fd, const void *bytes, size_t size)
{
    bench_require(write(fd, bytes, size) == (ssize_t) size, "write");
}

/*
 * uring.c -- w4 on the bare io_uring: what a completion-based queue could reach.
 *
 *   uring       one recv for each message, sends that complete silently
 *   uring-poll  readiness: multishot polls, then read(2) and write(2)
 */
#include "../harness.h"

#include <liburing.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

/* From Linux 6.0 and 6.1; older headers lack the names. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

enum { SENT = 2 }; /* user_data of a send; a recv's or a poll's is the number of its end */

static struct io_uring ring;
static char buffers[2][4096];

static void end_send(int fd, const void *bytes)
{
    struct io_uring_sqe *const sqe = io_uring_get_sqe(&ring);

    io_uring_prep_send(sqe, fd, bytes, BENCH_MESSAGE, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = SENT;
}

static void end_receive(int fd, unsigned end)
{
    struct io_uring_sqe *const sqe = io_uring_get_sqe(&ring);

    io_uring_prep_recv(sqe, fd, buffers[end], sizeof buffers[end], 0);
    sqe->user_data = end;
}

static void end_poll(int fd, unsigned end)
{
    struct io_uring_sqe *const sqe = io_uring_get_sqe(&ring);

    io_uring_prep_poll_multishot(sqe, fd, POLLIN);
    sqe->user_data = end;
}

/* Takes what has arrived, and answers it as long as the first end has a round to go. */
static void end_answer(const int fds[2], const struct io_uring_cqe *cqe, bool polled, long *rounds)
{
    const unsigned end = (unsigned) cqe->user_data;

    bench_require(cqe->user_data != SENT, "send");
    if (polled) {
        if ((cqe->flags & IORING_CQE_F_MORE) == 0)
            end_poll(fds[end], end);
        if (read(fds[end], buffers[end], sizeof buffers[end]) != BENCH_MESSAGE)
            return;
    } else {
        bench_require(cqe->res == BENCH_MESSAGE, "recv");
    }
    if (end == 0 && --*rounds == 0)
        return;
    if (polled) {
        bench_send(fds[end], buffers[end], BENCH_MESSAGE);
    } else {
        end_send(fds[end], buffers[end]);
        end_receive(fds[end], end);
    }
}

static void w4(long rounds)
{
    const bool polled = bench_peer_is("uring-poll");
    const long operations = rounds;
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    struct io_uring_cqe *cqe;
    unsigned end, head, count;
    int fds[2];

    bench_require(io_uring_queue_init_params(64, &ring, &params) == 0, "io_uring_setup");
    bench_tcp_pair(fds);
    bench_begin();
    for (end = 0; end < 2; end++) {
        if (polled)
            end_poll(fds[end], end);
        else
            end_receive(fds[end], end);
    }
    if (polled) {
        io_uring_submit(&ring);
        bench_send(fds[0], buffers[0], BENCH_MESSAGE);
    } else {
        end_send(fds[0], buffers[0]);
    }
    while (rounds > 0) {
        bench_require(io_uring_submit_and_wait(&ring, 1) >= 0, "io_uring_enter");
        count = 0;
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            end_answer(fds, cqe, polled, &rounds);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
    bench_end(operations);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {{"w4", w4}, {NULL, NULL}};

    return bench_main(argc, argv, workloads);
}

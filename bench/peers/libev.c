/*
 * libev.c -- the workloads on libev, with its default flags (epoll). A task is a
 * watcher: idle ones for w1, which run in every iteration and are woken by nobody;
 * ev_feed_event() for w2 and w3.
 */
#include "../harness.h"

#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

static struct ev_loop *main_loop; /* ev.h's macros use the name `loop` */

/* w1 */

struct yielder {
    ev_idle idle;
    long left;
};

static void yielder_turn(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void) events;
    if (--((struct yielder *) idle)->left == 0)
        ev_idle_stop(loop, idle);
}

static void w1(long rounds)
{
    static struct yielder yielders[BENCH_TASKS];
    int i;

    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        yielders[i].left = rounds;
        ev_idle_init(&yielders[i].idle, yielder_turn);
        ev_idle_start(main_loop, &yielders[i].idle);
    }
    ev_run(main_loop, 0);
    bench_end(rounds * BENCH_TASKS);
}

/* w2 */

static long live;

static void single_turn(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void) loop, (void) events;
    free(idle);
    live--;
}

static void w2(long rounds)
{
    long round;
    int i;

    bench_begin();
    for (round = 0; round < rounds; round++) {
        live += BENCH_TASKS;
        for (i = 0; i < BENCH_TASKS; i++) {
            ev_idle *const idle = malloc(sizeof *idle);

            bench_require(idle != NULL, "malloc");
            ev_init(idle, single_turn);
            ev_feed_event(main_loop, idle, EV_CUSTOM);
        }
        ev_invoke_pending(main_loop);
    }
    bench_end(rounds * BENCH_TASKS);
    bench_require(live == 0, "completing every task");
}

/* w3 */

static ev_idle ring[BENCH_TASKS];
static long hops;

static void hopper_turn(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void) events;
    if (hops-- > 0)
        ev_feed_event(loop, &ring[(idle - ring + 1) % BENCH_TASKS], EV_CUSTOM);
}

static void w3(long rounds)
{
    int i;

    hops = rounds * BENCH_TASKS;
    for (i = 0; i < BENCH_TASKS; i++)
        ev_init(&ring[i], hopper_turn);
    bench_begin();
    ev_feed_event(main_loop, &ring[0], EV_CUSTOM);
    ev_run(main_loop, 0);
    bench_end(rounds * BENCH_TASKS);
}

/* w4 */

static int client; /* the end that counts the rounds */
static long left;

static void end_readable(struct ev_loop *loop, ev_io *io, int events)
{
    char buffer[4096];

    (void) events;
    bench_require(read(io->fd, buffer, sizeof buffer) == BENCH_MESSAGE, "reading a message");
    if (io->fd == client && --left == 0)
        ev_break(loop, EVBREAK_ALL);
    else
        bench_send(io->fd, buffer, BENCH_MESSAGE);
}

static void w4(long rounds)
{
    static const char message[BENCH_MESSAGE];
    ev_io ios[2];
    int fds[2];
    int i;

    bench_tcp_pair(fds);
    client = fds[0];
    left = rounds;
    bench_begin();
    for (i = 0; i < 2; i++) {
        ev_io_init(&ios[i], end_readable, fds[i], EV_READ);
        ev_io_start(main_loop, &ios[i]);
    }
    bench_send(client, message, BENCH_MESSAGE);
    ev_run(main_loop, 0);
    bench_end(rounds);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {
        {"w1", w1}, {"w2", w2}, {"w3", w3}, {"w4", w4}, {NULL, NULL}};

    main_loop = ev_loop_new(0);
    bench_require(main_loop != NULL, "ev_loop_new");
    return bench_main(argc, argv, workloads);
}

/*
 * libevent.c -- the workloads on libevent: plain events, epoll, level-triggered, without
 * locks (all its defaults). A task is an event that is activated.
 */
#include "../harness.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <unistd.h>

static struct event_base *base;

static void base_run(void)
{
    bench_require(event_base_loop(base, 0) >= 0, "event_base_loop");
}

/* w1 */

struct task {
    struct event event;
    long left;
};

static struct task tasks[BENCH_TASKS];

static void yielder_turn(evutil_socket_t fd, short what, void *data)
{
    struct task *const task = data;

    (void) fd, (void) what;
    if (task->left-- > 0)
        event_active(&task->event, 0, 0);
}

static void w1(long rounds)
{
    int i;

    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        tasks[i].left = rounds;
        event_assign(&tasks[i].event, base, -1, 0, yielder_turn, &tasks[i]);
        event_active(&tasks[i].event, 0, 0);
    }
    base_run();
    bench_end(rounds * BENCH_TASKS);
}

/* w2 */

static long live;

static void single_turn(evutil_socket_t fd, short what, void *event)
{
    (void) fd, (void) what;
    event_free(event);
    live--;
}

static void w2(long rounds)
{
    long round;
    int i;

    bench_begin();
    for (round = 0; round < rounds; round++) {
        live += BENCH_TASKS;
        for (i = 0; i < BENCH_TASKS; i++)
            event_active(event_new(base, -1, 0, single_turn, event_self_cbarg()), 0, 0);
        base_run();
    }
    bench_end(rounds * BENCH_TASKS);
    bench_require(live == 0, "completing every task");
}

/* w3 */

static long hops;

static void hopper_turn(evutil_socket_t fd, short what, void *data)
{
    const struct task *const task = data;

    (void) fd, (void) what;
    if (hops-- > 0)
        event_active(&tasks[(task - tasks + 1) % BENCH_TASKS].event, 0, 0);
}

static void w3(long rounds)
{
    int i;

    hops = rounds * BENCH_TASKS;
    for (i = 0; i < BENCH_TASKS; i++)
        event_assign(&tasks[i].event, base, -1, 0, hopper_turn, &tasks[i]);
    bench_begin();
    event_active(&tasks[0].event, 0, 0);
    base_run();
    bench_end(rounds * BENCH_TASKS);
}

/* w4 */

static int client; /* the end that counts the rounds */
static long left;

static void end_readable(evutil_socket_t fd, short what, void *data)
{
    char buffer[4096];

    (void) what, (void) data;
    bench_require(read(fd, buffer, sizeof buffer) == BENCH_MESSAGE, "reading a message");
    if (fd == client && --left == 0)
        event_base_loopbreak(base);
    else
        bench_send(fd, buffer, BENCH_MESSAGE);
}

static void w4(long rounds)
{
    static const char message[BENCH_MESSAGE];
    struct event events[2];
    int fds[2];
    int i;

    bench_tcp_pair(fds);
    client = fds[0];
    left = rounds;
    bench_begin();
    for (i = 0; i < 2; i++) {
        event_assign(&events[i], base, fds[i], EV_READ | EV_PERSIST, end_readable, NULL);
        event_add(&events[i], NULL);
    }
    bench_send(client, message, BENCH_MESSAGE);
    base_run();
    bench_end(rounds);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {
        {"w1", w1}, {"w2", w2}, {"w3", w3}, {"w4", w4}, {NULL, NULL}};

    base = event_base_new();
    bench_require(base != NULL, "event_base_new");
    return bench_main(argc, argv, workloads);
}

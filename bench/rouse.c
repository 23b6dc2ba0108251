/*
 * rouse.c -- the workloads on rouse itself, on any backend: PEER is "rouse-" and the
 * backend's name. With the one argument "backend" it prints the default's name.
 *
 * w1 and w3 are poll functions written by hand, w1-async and w3-async the same as async
 * bodies; w2 is by hand and w4 are async bodies. All storage is static: what a workload
 * allocates, the library allocates.
 */
#include "harness.h"

#include <rouse/rouse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rouse rt;

static void require(intptr_t result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", bench_peer(), what, rouse_strerror(result));
    exit(1);
}

static void runtime_open(void)
{
    struct rouse_options options = {.size = sizeof options};

    options.backend = bench_peer() + strlen("rouse-");
    require(rouse_open(&rt, &options), "open");
}

/* Tasks that are not back yet. rouse_spawn() takes crowd_release() for them all. */

static struct rouse_task tasks[BENCH_TASKS];
static long live;
static struct rouse_waker live_none; /* whoever waits until all are back */

static void crowd_release(struct rouse_task *task)
{
    (void) task;
    if (--live == 0)
        rouse_wake(&live_none);
}

static enum rouse_poll crowd_poll(struct rouse_future *future, struct rouse_context *cx)
{
    if (live == 0)
        return rouse_ready(future, 0);
    rouse_waker_keep(&live_none, cx->waker);
    return ROUSE_PENDING;
}

static void crowd_drop(struct rouse_future *future)
{
    (void) future;
    rouse_waker_drop(&live_none);
}

static const struct rouse_future_ops crowd_ops = {crowd_poll, crowd_drop, "crowd"};

/* READY when all tasks are back. */
struct crowd {
    struct rouse_future future;
};

static struct crowd crowd(void)
{
    return (struct crowd){{&crowd_ops, 0}};
}

static void crowd_spawn(int i, struct rouse_future *future)
{
    live++;
    rouse_spawn(&rt.executor, &tasks[i], future, crowd_release);
}

static void crowd_run(void)
{
    struct crowd all = crowd();

    require(rouse_run(&rt, &all.future), "run");
}

/* w1 */

struct yielder {
    struct rouse_future future;
    long left;
};

static enum rouse_poll yielder_poll(struct rouse_future *future, struct rouse_context *cx)
{
    struct yielder *const self = (struct yielder *) future;

    if (self->left-- == 0)
        return rouse_ready(future, 0);
    cx->yield = true;
    return ROUSE_PENDING;
}

static const struct rouse_future_ops yielder_ops = {yielder_poll, NULL, "yielder"};

static void w1(long rounds)
{
    static struct yielder yielders[BENCH_TASKS];
    int i;

    runtime_open();
    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        yielders[i] = (struct yielder){{&yielder_ops, 0}, rounds};
        crowd_spawn(i, &yielders[i].future);
    }
    crowd_run();
    bench_end(rounds * BENCH_TASKS);
    rouse_close(&rt);
}

struct async_yielder {
    struct rouse_async async;
    long left;
};

ROUSE_ASYNC(async_yielder, struct async_yielder)
{
    ROUSE_BEGIN
    while (self->left-- > 0)
        ROUSE_YIELD;
    ROUSE_FINALLY
    ROUSE_END
}

static void w1_async(long rounds)
{
    static struct async_yielder yielders[BENCH_TASKS];
    int i;

    runtime_open();
    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        yielders[i].left = rounds;
        crowd_spawn(i, async_yielder_start(&yielders[i]));
    }
    crowd_run();
    bench_end(rounds * BENCH_TASKS);
    rouse_close(&rt);
}

/* w2 */

static enum rouse_poll single_poll(struct rouse_future *future, struct rouse_context *cx)
{
    (void) cx;
    return rouse_ready(future, 0);
}

static const struct rouse_future_ops single_ops = {single_poll, NULL, "single"};
static struct rouse_future singles[BENCH_TASKS];

struct spawner {
    struct rouse_async async;
    struct crowd crowd;
    long left;
};

ROUSE_ASYNC(spawner, struct spawner)
{
    int i;

    ROUSE_BEGIN
    while (self->left-- > 0) {
        for (i = 0; i < BENCH_TASKS; i++) {
            singles[i] = (struct rouse_future){&single_ops, 0};
            crowd_spawn(i, &singles[i]);
        }
        ROUSE_AWAIT(self->crowd, crowd());
    }
    ROUSE_FINALLY
    ROUSE_END
}

static void w2(long rounds)
{
    static struct spawner spawner;

    runtime_open();
    spawner.left = rounds;
    bench_begin();
    require(rouse_run(&rt, spawner_start(&spawner)), "run");
    bench_end(rounds * BENCH_TASKS);
    rouse_close(&rt);
}

/* w3 */

/* The cheapest event: a flag and one waker. */
struct event {
    bool set;
    struct rouse_waker waker;
};

static void event_set(struct event *event)
{
    event->set = true;
    rouse_wake(&event->waker);
}

static struct event events[BENCH_TASKS];

struct hopper {
    struct rouse_future future;
    struct event *own, *next;
    long left;
};

static enum rouse_poll hopper_poll(struct rouse_future *future, struct rouse_context *cx)
{
    struct hopper *const self = (struct hopper *) future;

    while (self->own->set) {
        self->own->set = false;
        self->left--;
        event_set(self->next);
        if (self->left == 0)
            return rouse_ready(future, 0);
    }
    rouse_waker_keep(&self->own->waker, cx->waker);
    return ROUSE_PENDING;
}

static void hopper_drop(struct rouse_future *future)
{
    rouse_waker_drop(&((struct hopper *) future)->own->waker);
}

static const struct rouse_future_ops hopper_ops = {hopper_poll, hopper_drop, "hopper"};

/* Measures from when every task waits for its event. */
static void ring_run(long rounds)
{
    rouse_executor_run(&rt.executor, 2 * BENCH_TASKS);
    bench_begin();
    event_set(&events[0]);
    crowd_run();
    bench_end(rounds * BENCH_TASKS);
    rouse_close(&rt);
}

static void w3(long rounds)
{
    static struct hopper hoppers[BENCH_TASKS];
    int i;

    runtime_open();
    for (i = 0; i < BENCH_TASKS; i++) {
        hoppers[i] =
            (struct hopper){{&hopper_ops, 0}, &events[i], &events[(i + 1) % BENCH_TASKS], rounds};
        crowd_spawn(i, &hoppers[i].future);
    }
    ring_run(rounds);
}

/* READY once the event was set. */
struct event_wait {
    struct rouse_future future;
    struct event *event;
};

static enum rouse_poll event_wait_poll(struct rouse_future *future, struct rouse_context *cx)
{
    struct event *const event = ((struct event_wait *) future)->event;

    if (event->set) {
        event->set = false;
        return rouse_ready(future, 0);
    }
    rouse_waker_keep(&event->waker, cx->waker);
    return ROUSE_PENDING;
}

static void event_wait_drop(struct rouse_future *future)
{
    rouse_waker_drop(&((struct event_wait *) future)->event->waker);
}

static const struct rouse_future_ops event_wait_ops = {event_wait_poll, event_wait_drop,
                                                       "event_wait"};

static struct event_wait event_wait(struct event *event)
{
    return (struct event_wait){{&event_wait_ops, 0}, event};
}

struct async_hopper {
    struct rouse_async async;
    struct event_wait wait;
    struct event *own, *next;
    long left;
};

ROUSE_ASYNC(async_hopper, struct async_hopper)
{
    ROUSE_BEGIN
    while (self->left-- > 0) {
        ROUSE_AWAIT(self->wait, event_wait(self->own));
        event_set(self->next);
    }
    ROUSE_FINALLY
    ROUSE_END
}

static void w3_async(long rounds)
{
    static struct async_hopper hoppers[BENCH_TASKS];
    int i;

    runtime_open();
    for (i = 0; i < BENCH_TASKS; i++) {
        hoppers[i].own = &events[i];
        hoppers[i].next = &events[(i + 1) % BENCH_TASKS];
        hoppers[i].left = rounds;
        crowd_spawn(i, async_hopper_start(&hoppers[i]));
    }
    ring_run(rounds);
}

/* w4 */

struct end {
    struct rouse_async async;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    long left; /* rounds, the client's */
    char buffer[256];
};

ROUSE_ASYNC(client, struct end)
{
    ROUSE_BEGIN
    while (self->left-- > 0) {
        ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, self->buffer, BENCH_MESSAGE));
        require(self->write.future.result, "write");
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        require(self->read.future.result, "read");
        bench_require(self->read.future.result == BENCH_MESSAGE, "reading a message");
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

ROUSE_ASYNC(server, struct end)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        require(self->read.future.result, "read");
        if (self->read.future.result == 0)
            ROUSE_RETURN(0);
        ROUSE_AWAIT(self->write,
                    rouse_write_all(&self->tcp, self->buffer, (size_t) self->read.future.result));
        require(self->write.future.result, "write");
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

/* Connects two ends. */
struct meeting {
    struct rouse_async async;
    struct rouse_listener listener;
    struct rouse_connect connect;
    struct rouse_accept accept;
    struct rouse_address address;
    struct end *ends;
};

ROUSE_ASYNC(meeting, struct meeting)
{
    ROUSE_BEGIN
    require(rouse_listen(&self->listener, &rt.reactor, "127.0.0.1:0"), "listen");
    require(rouse_listener_address(&self->listener, &self->address), "listener_address");
    ROUSE_AWAIT(self->connect, rouse_connect_to(&rt.reactor, &self->address));
    require(self->connect.future.result, "connect");
    rouse_tcp_open(&self->ends[0].tcp, &rt.reactor, self->connect.fd);
    ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
    require(self->accept.future.result, "accept");
    rouse_tcp_open(&self->ends[1].tcp, &rt.reactor, self->accept.fd);
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

static void w4(long rounds)
{
    static struct end ends[2];
    static struct meeting meeting = {.ends = ends};

    runtime_open();
    require(rouse_run(&rt, meeting_start(&meeting)), "run");
    ends[0].left = rounds;
    bench_begin();
    crowd_spawn(0, client_start(&ends[0]));
    crowd_spawn(1, server_start(&ends[1]));
    crowd_run();
    bench_end(rounds);
    rouse_close(&rt);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {
        {"w1", w1},  {"w1-async", w1_async}, {"w2", w2},
        {"w3", w3},  {"w3-async", w3_async}, {"w4", w4},
        {NULL, NULL}};
    const struct rouse_evq_ops *backend;

    if (argc == 2 && strcmp(argv[1], "backend") == 0) {
        backend = rouse_backend(NULL);
        bench_require(backend != NULL, "finding the default backend");
        puts(backend->name);
        return 0;
    }
    if (argc > 1 && strncmp(argv[1], "rouse-", strlen("rouse-")) != 0) {
        fprintf(stderr, "%s: the peer is rouse-BACKEND\n", argv[1]);
        return 2;
    }
    return bench_main(argc, argv, workloads);
}

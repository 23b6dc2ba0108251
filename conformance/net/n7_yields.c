/*
 * n7_yields.c -- N7: what could go on for ever yields, and keeps its place while it does.
 */
#include <errno.h>

#include "../world.h"

enum { PATIENCE = 100000 };

/* Connects to what is no address until it is told to stop, or for far too long. */
struct spinner {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_connect connect;
    bool *stop;
    int times;
};

ROUSE_ASYNC(spinner, struct spinner)
{
    ROUSE_BEGIN
    while (!*self->stop && self->times < PATIENCE) {
        ROUSE_AWAIT(self->connect, rouse_connect(self->reactor, "nowhere"));
        self->times++;
    }
    ROUSE_FINALLY
    ROUSE_END
}

struct stopper {
    struct rouse_async async;
    bool stop;
};

ROUSE_ASYNC(stopper, struct stopper)
{
    ROUSE_BEGIN
    ROUSE_YIELD;
    self->stop = true;
    ROUSE_FINALLY
    ROUSE_END
}

CASE(n7_connects_that_fail_at_once_let_others_run, "N7", NEEDS_NOTHING,
     "a task connects to what is no address, again and again; another waits for its turn",
     "the other has its turn")
{
    struct rouse rt;
    struct stopper stopper = {.stop = false};
    struct spinner spinner = {.stop = &stopper.stop};

    world_runtime(world, &rt);
    spinner.reactor = &rt.reactor;
    rouse_spawn(&rt.executor, &spinner.task, spinner_start(&spinner), NULL);
    CHECK(N7, world_run(world, &rt, stopper_start(&stopper), WORLD_SOON, NULL),
          "the other did not end");
    CHECK(N7, spinner.times < PATIENCE, "it connected %d times before it yielded", spinner.times);
    rouse_close(&rt);
}

/* A socket table that takes a byte at a time, and is never full. */
static intptr_t write_one(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                          size_t size)
{
    (void) self;
    (void) fd;
    (void) buffer;
    return size > 0;
}

CASE(n7_a_writer_that_yields_keeps_its_place, "N7 N3", NEEDS_NOTHING,
     "a writer of 8 bytes, which go out one by one, has a budget of 0 or 2; then others come",
     "the first pends and wants its turn, the others are told -EBUSY, and the first goes on")
{
    for (unsigned units = 0; units <= 2; units += 2) {
        struct rouse_sockets table = *world->sockets;
        const struct rouse_sockets *sockets;
        struct rouse rt;
        struct rouse_tcp tcp;
        struct rouse_write_all first, third;
        struct rouse_write second;
        unsigned budget = units;
        struct rouse_context cx = {&rouse_waker_none, &budget, false};
        rouse_fd ends[2];

        world_pair(world, ends);
        world_runtime(world, &rt);
        rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
        table.write = write_one;
        sockets = rt.reactor.sockets;
        rt.reactor.sockets = &table;
        first = rouse_write_all(&tcp, "12345678", 8);
        second = rouse_write(&tcp, "x", 1);
        third = rouse_write_all(&tcp, "x", 1);
        CHECK(N7, rouse_future_poll(&first.future, &cx) == ROUSE_PENDING && cx.yield,
              "it does not yield");
        CHECK_EQUAL(N7, first.done, units, "bytes that were written");
        CHECK(N3, world_poll(&second.future, NULL) == ROUSE_READY, "a second writer waits");
        CHECK_EQUAL(N3, second.future.result, -EBUSY, "what a second writer is told");
        CHECK(N3, world_poll(&third.future, NULL) == ROUSE_READY, "a third writer waits");
        CHECK_EQUAL(N3, third.future.result, -EBUSY, "what a third writer is told");
        budget = 100;
        CHECK(N7, rouse_future_poll(&first.future, &cx) == ROUSE_READY, "the first does not end");
        CHECK_EQUAL(N7, first.future.result, 8, "what the first wrote");
        rt.reactor.sockets = sockets;
        rouse_future_drop(&second.future);
        rouse_future_drop(&third.future);
        rouse_tcp_close(&tcp);
        rouse_close(&rt);
    }
}

CASES(net_n7_yields) = {
    &n7_connects_that_fail_at_once_let_others_run,
    &n7_a_writer_that_yields_keeps_its_place,
};

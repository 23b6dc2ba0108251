/*
 * l4_dropped_tasks.c -- L4 for what has to do with tasks: joins, signals, and bodies that
 * await bodies.
 */
#include <signal.h>

#include "bench.h"

CASE(l4_a_dropped_join_or_signal_leaves_no_waker, "L4", NEEDS_NOTHING,
     "a join and a signal are dropped before their poll, after it, and when they were woken",
     "no waker is left; the task is released, and the signal remembered")
{
    struct bench bench;
    void (*const before)(int) = signal(SIGTERM, SIG_IGN);

    bench_open(&bench, world);
    for (enum stage stage = UNPOLLED; stage < STAGES; stage++) {
        struct rouse_sleep sleep = rouse_sleep(&bench.rt.reactor, ROUSE_US(10));
        struct rouse_signal waits = rouse_signal(&bench.rt.reactor, SIGTERM);
        struct rouse_task task;
        struct rouse_join join = rouse_join(&task);

        rouse_spawn_held(&bench.rt.executor, &task, &sleep.future, NULL);
        if (stage != UNPOLLED) {
            poll_it(&bench, &join.future);
            poll_it(&bench, &waits.future);
        }
        if (stage == WOKEN) {
            raise(SIGTERM);
            while (!rouse_task_ended(&task))
                rouse_turn(&bench.rt, world_after(world, 1));
        }
        rouse_future_drop(&join.future);
        rouse_future_drop(&waits.future);
        bench_remember(&bench, &waits, sizeof waits);
        CHECK(L4, bench.wakes->references == 0, "%d wakers are kept by what was dropped %s",
              (int) bench.wakes->references, stage_name(stage));
        while (!rouse_task_ended(&task))
            rouse_turn(&bench.rt, world_after(world, 1));
        if (stage == POLLED)
            raise(SIGTERM);
        check_silent(&bench, "a join or a signal");
        rouse_task_unhold(&task);
    }
    rouse_close(&bench.rt);
    signal(SIGTERM, before);
}

/* Awaits itself, one smaller, and at the bottom a read with a deadline. */
struct nest {
    struct rouse_async async;
    struct rouse_reactor *reactor;
    struct rouse_tcp *tcp;
    struct nest *inner;
    struct rouse_read read;
    struct rouse_deadline limit;
    char byte;
    int ends;
};

ROUSE_ASYNC(nest, struct nest)
{
    ROUSE_BEGIN
    if (self->inner != NULL) {
        ROUSE_AWAIT_ON(nest_start(self->inner));
    } else {
        self->read = rouse_read(self->tcp, &self->byte, 1);
        ROUSE_AWAIT(self->limit, rouse_deadline(self->reactor, &self->read.future,
                                                rouse_after(self->reactor, ROUSE_SECONDS(9))));
    }
    ROUSE_FINALLY
    self->ends++;
    ROUSE_END
}

CASE(l4_canceling_a_thousand_nests_leaves_nothing, "L4", NEEDS_NOTHING,
     "1,000 times a task awaits a body that awaits a body, five deep, and a read with a "
     "deadline; it is canceled",
     "each time every FINALLY has run, and no timer, memory or descriptor is left")
{
    enum { DEPTH = 5 };
    struct bench bench;
    struct rouse_tcp tcp;
    rouse_fd ends[2];
    size_t live;

    world_pair(world, ends);
    bench_open(&bench, world);
    rouse_stream_open(&tcp, &bench.rt.reactor, world_give(world, ends[0]));
    live = 0;
    for (int i = 0; i < 1000; i++) {
        struct nest nests[DEPTH] = {0};
        struct rouse_task task;

        for (int n = 0; n < DEPTH; n++) {
            nests[n].reactor = &bench.rt.reactor;
            nests[n].tcp = &tcp;
            nests[n].inner = n + 1 < DEPTH ? &nests[n + 1] : NULL;
        }
        rouse_spawn_held(&bench.rt.executor, &task, nest_start(&nests[0]), NULL);
        rouse_turn(&bench.rt, 0);
        rouse_cancel(&task);
        rouse_turn(&bench.rt, 0);
        if (i == 0)
            live = world->memory.live; /* what a queue keeps for the source */
        for (int n = 0; n < DEPTH; n++)
            CHECK_EQUAL(L4, nests[n].ends, 1, "how often a FINALLY has run");
        rouse_task_unhold(&task);
        if (!CHECK(L4,
                   rouse_reactor_deadline(&bench.rt.reactor) == ROUSE_NEVER
                       && world->memory.live == live
                       && world_open_descriptors(world) == bench.descriptors,
                   "after %d of them something is left", i + 1))
            break;
    }
    rouse_tcp_close(&tcp);
    rouse_close(&bench.rt);
}

CASES(life_l4_tasks) = {&l4_a_dropped_join_or_signal_leaves_no_waker,
                        &l4_canceling_a_thousand_nests_leaves_nothing};

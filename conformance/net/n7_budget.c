/*
 * n7_budget.c -- a future that could go on for ever yields when the budget is spent.
 */
#include "meter.h"
#include "stream.h"

#include <stdlib.h>

/* Polls by hand with what is left of a budget. */
static intptr_t poll_with(struct rouse_future *future, unsigned *budget, bool *yield)
{
    struct rouse_context cx = {&rouse_waker_none, budget, false};
    const enum rouse_poll poll = rouse_future_poll(future, &cx);

    *yield = cx.yield;
    return poll == ROUSE_READY ? future->result : NOT_READY;
}

CASE(n7_a_read_without_budget_yields_and_takes_nothing, "N7", NEEDS_NOTHING,
     "10 bytes are there; reads of one byte share a budget of 0, 1, 3 or 9, then get another",
     "one unit each; without one PENDING, the wish to run again, and no call; later all the rest")
{
    static const unsigned budgets[] = {0, 1, 3, 9};
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int i = 0; i < 2 * 4; i++) {
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, i % 2 ? ROUSE_IPV4 : ROUSE_NO_FAMILY, &tcp);
        unsigned budget = budgets[i / 2];
        struct rouse_read read;
        size_t at = 0;
        bool yield;
        char byte;

        pattern_send(world, peer, 0, 10);
        world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        for (; at < budgets[i / 2]; at++) {
            read = rouse_read(&tcp, &byte, 1);
            CHECK_EQUAL(N7, poll_with(&read.future, &budget, &yield), 1, "a read within budget");
            CHECK(N7, (uint8_t) byte == pattern_at(at), "another byte");
        }
        CHECK_EQUAL(N7, budget, 0, "what is left of the budget");
        read = rouse_read(&tcp, &byte, 1);
        for (int again = 0; again < 3; again++) {
            const int calls = meter_calls(&meter);

            CHECK_EQUAL(N7, poll_with(&read.future, &budget, &yield), NOT_READY, "one without");
            CHECK(N7, yield, "it does not ask for another turn");
            CHECK_EQUAL(N7, meter_calls(&meter), calls, "calls without budget");
        }
        budget = 100;
        CHECK_EQUAL(N7, poll_with(&read.future, &budget, &yield), 1, "the same, with budget again");
        CHECK(N7, (uint8_t) byte == pattern_at(at), "a byte was lost");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n7_writes_and_accepts_spend_it_too, "N7", NEEDS_NOTHING,
     "writes to a peer with room, and accepts of five connections, share a budget of 3",
     "three succeed, the fourth yields without a call, and goes on with another budget")
{
    struct meter meter;
    struct rouse rt;
    struct rouse_tcp tcp;
    struct rouse_listener listener;
    struct rouse_address address;
    rouse_fd fd;

    meter_runtime(world, &meter, &rt);
    stream_end(world, &rt, ROUSE_IPV4, &tcp);
    fd = world_listen(world, ROUSE_IPV4, 16, &address);
    rouse_listener_open(&listener, &rt.reactor, world_give(world, fd));
    for (int i = 0; i < 5; i++)
        world_await_ready(world, world_connect(world, &address), ROUSE_WRITABLE);
    world_await_ready(world, fd, ROUSE_READABLE);
    for (int accepts = 0; accepts < 2; accepts++) {
        struct rouse_write write;
        struct rouse_accept accept;
        unsigned budget = 3;
        int calls = 0;
        bool yield;

        for (int i = 0; i < 5; i++) {
            struct rouse_future *future = accepts ? &accept.future : &write.future;
            intptr_t result;

            write = rouse_write(&tcp, "x", 1);
            accept = rouse_accept(&listener);
            if (i == 3) {
                calls = meter_calls(&meter);
                CHECK_EQUAL(N7, budget, 0, "what is left of the budget");
                CHECK_EQUAL(N7, poll_with(future, &budget, &yield), NOT_READY, "one without");
                CHECK(N7, yield, "it does not ask for another turn");
                CHECK_EQUAL(N7, meter_calls(&meter), calls, "calls without budget");
                budget = 3;
            }
            result = poll_with(future, &budget, &yield);
            CHECK_EQUAL(N7, result, accepts ? 0 : 1, "one within budget");
            if (accepts && result == 0)
                world_take(world, accept.fd);
        }
    }
    rouse_listener_close(&listener);
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

CASE(n7_without_a_budget_nothing_runs_out, "N7", NEEDS_NOTHING,
     "1000 reads of a byte and as many writes, in a context that has no budget",
     "none has to yield")
{
    struct rouse rt;
    struct rouse_tcp tcp;
    rouse_fd peer;

    world_runtime(world, &rt);
    peer = stream_end(world, &rt, ROUSE_NO_FAMILY, &tcp);
    pattern_send(world, peer, 0, 1000);
    for (int i = 0; i < 1000; i++) {
        char byte = 0;
        struct rouse_read read = rouse_read(&tcp, &byte, 1);
        struct rouse_write write = rouse_write(&tcp, &byte, 1);
        bool yield;

        CHECK_EQUAL(N7, poll_with(&read.future, NULL, &yield), 1, "a read");
        if (i % 10 == 0) /* small writes take much of a kernel's memory */
            CHECK_EQUAL(N7, poll_with(&write.future, NULL, &yield), 1, "a write");
    }
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

/* Goes on as long as it can: what it reads is always there. */
struct glutton {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    const char *bytes;
    size_t size;
    int steps, most;
    bool *stop;
};

ROUSE_ASYNC(glutton, struct glutton)
{
    static char byte;

    ROUSE_BEGIN
    while (self->steps < self->most && !*self->stop) {
        ROUSE_AWAIT(self->read, rouse_read(self->tcp, &byte, 1));
        self->steps++;
    }
    ROUSE_FINALLY
    ROUSE_END
}

/* Runs once. */
struct modest {
    struct rouse_async async;
    struct rouse_task task;
    bool *stop;
};

ROUSE_ASYNC(modest, struct modest)
{
    ROUSE_BEGIN
    *self->stop = true;
    ROUSE_FINALLY
    ROUSE_END
}

CASE(n7_a_socket_that_is_always_readable_leaves_others_their_turn, "N7", NEEDS_NOTHING,
     "30,000 bytes are there for a task that reads one at a time, and another task comes after it",
     "the other one runs long before the bytes are read")
{
    enum { SIZE = 30000 };
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        bool stop = false;
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, i ? ROUSE_IPV4 : ROUSE_NO_FAMILY, &tcp);
        struct glutton glutton = {.tcp = &tcp, .most = SIZE, .stop = &stop};
        struct modest modest = {.stop = &stop};

        pattern_send(world, peer, 0, SIZE);
        world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        rouse_spawn(&rt.executor, &glutton.task, glutton_start(&glutton), NULL);
        rouse_spawn(&rt.executor, &modest.task, modest_start(&modest), NULL);
        rouse_turn(&rt, 0);
        few_turns(&rt);
        CHECK(N7, stop, "it never ran");
        CHECK(N7, glutton.steps < SIZE / 4, "it ran after %d reads", glutton.steps);
        rouse_tcp_close(&tcp);
        few_turns(&rt);
    }
    rouse_close(&rt);
}

CASE(n7_a_write_of_all_spends_a_unit_for_each_of_its_calls, "N7", NEEDS_NOTHING,
     "30,000 bytes are written to a pair with room for them, of which each call takes 1000, with a "
     "budget of 0, 1, 2 and 7 for each poll",
     "no poll makes more calls than it has units, and all bytes go out")
{
    enum { SIZE = 30000 };
    static const unsigned budgets[] = {0, 1, 2, 7};
    char *bytes = pattern_make(SIZE);
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    meter.write_limit = 1000;
    for (int i = 0; i < 4; i++) {
        struct rouse_tcp tcp;
        struct rouse_write_all write;
        intptr_t result = NOT_READY;

        stream_end(world, &rt, ROUSE_NO_FAMILY, &tcp);
        write = rouse_write_all(&tcp, bytes, SIZE);
        for (int polls = 0; result == NOT_READY && polls < 100; polls++) {
            const int calls = meter.writes;
            unsigned budget = budgets[i];
            bool yield;

            result = poll_with(&write.future, &budget, &yield);
            CHECK(N7, meter.writes - calls <= (int) budgets[i], "%d calls for %u units",
                  meter.writes - calls, budgets[i]);
            CHECK(N7, result != NOT_READY || yield, "it does not ask for another turn");
        }
        CHECK_EQUAL(N7, result, i == 0 ? NOT_READY : SIZE, "what it is told");
        rouse_future_drop(&write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
    free(bytes);
}

CASES(net_n7) = {&n7_a_read_without_budget_yields_and_takes_nothing,
                 &n7_writes_and_accepts_spend_it_too, &n7_without_a_budget_nothing_runs_out,
                 &n7_a_socket_that_is_always_readable_leaves_others_their_turn,
                 &n7_a_write_of_all_spends_a_unit_for_each_of_its_calls};

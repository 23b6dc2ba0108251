/*
 * mistakes.c -- a report by mistake, as net futures see it.
 *
 * A queue may report what is not ready, once per arm. Whoever was woken finds nothing, which
 * is no error and no end: he waits again. The queue in between makes such a report.
 */
#include "meter.h"
#include "stream.h"

#include <errno.h>

/* One of each that can wait: what it is, its source, and how to end it well. */
enum kind { READ, WRITE, WRITE_ALL, ACCEPT, CONNECT, KINDS };

struct waiter {
    struct rouse_tcp tcp;
    struct rouse_listener listener;
    struct rouse_address address;
    rouse_fd peer;
    struct rouse_read read;
    struct rouse_write write;
    struct rouse_write_all all;
    struct rouse_accept accept;
    struct rouse_connect connect;
    struct rouse_future *future;
    struct rouse_source *source;
    char bytes[64];
};

static void waiter_open(struct world *world, struct rouse *rt, struct waiter *waiter,
                        enum kind kind)
{
    rouse_fd fd = ROUSE_NO_FD;

    waiter->source = &waiter->tcp.io.source;
    if (kind != ACCEPT && kind != CONNECT)
        waiter->peer = stream_end(world, rt, ROUSE_IPV4, &waiter->tcp);
    else
        fd = world_listen(world, ROUSE_IPV4, 0, &waiter->address);
    if (kind == WRITE || kind == WRITE_ALL)
        world_fill_for_good(world, waiter->source->fd);
    switch (kind) {
    case READ:
        waiter->read = rouse_read(&waiter->tcp, waiter->bytes, sizeof waiter->bytes);
        waiter->future = &waiter->read.future;
        break;
    case WRITE:
        waiter->write = rouse_write(&waiter->tcp, waiter->bytes, 5);
        waiter->future = &waiter->write.future;
        break;
    case WRITE_ALL:
        waiter->all = rouse_write_all(&waiter->tcp, waiter->bytes, 5);
        waiter->future = &waiter->all.future;
        break;
    case ACCEPT:
        rouse_listener_open(&waiter->listener, &rt->reactor, world_give(world, fd));
        waiter->accept = rouse_accept(&waiter->listener);
        waiter->future = &waiter->accept.future;
        waiter->source = &waiter->listener.io.source;
        break;
    case CONNECT: /* which waits while the backlog is full */
        waiter->peer = fd;
        world_await_ready(world, world_connect(world, &waiter->address), ROUSE_WRITABLE);
        waiter->connect = rouse_connect_to(&rt->reactor, &waiter->address);
        waiter->future = &waiter->connect.future;
        waiter->source = &waiter->connect.io.source;
        break;
    case KINDS: break;
    }
}

/* Makes it end; for as long as that takes. */
static void waiter_help(struct world *world, struct waiter *waiter, enum kind kind)
{
    if (kind == READ)
        world_send(world, waiter->peer, 5);
    else if (kind == WRITE || kind == WRITE_ALL)
        world_drain(world, waiter->peer);
    else
        world_connect(world, &waiter->address);
}

static void waiter_close(struct rouse *rt, struct waiter *waiter, enum kind kind, intptr_t result)
{
    rouse_future_drop(waiter->future);
    if (kind == ACCEPT && result == 0)
        rouse_fd_close(&rt->reactor, waiter->accept.fd);
    if (kind == CONNECT && result == 0)
        rouse_fd_close(&rt->reactor, waiter->connect.fd);
    if (kind == ACCEPT)
        rouse_listener_close(&waiter->listener);
    rouse_tcp_close(&waiter->tcp);
}

CASE(e6_a_report_by_mistake_ends_nothing, "E6 N2", NEEDS_NOTHING,
     "a read, a write, a write of all, an accept and a connect wait, and are reported by mistake, "
     "three times",
     "each finds nothing and waits again; then all but the connect are helped, and end well")
{
    static const intptr_t results[KINDS] = {5, 5, 5, 0, NOT_READY};
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int kind = READ; kind < KINDS; kind++) {
        struct waiter waiter = {.peer = ROUSE_NO_FD};
        struct wakes *wakes = world_wakes(world);
        const rouse_time limit = world_after(world, 2 * WORLD_SOON);
        intptr_t result;

        waiter_open(world, &rt, &waiter, (enum kind) kind);
        result = poll_once(waiter.future, wakes);
        CHECK_EQUAL(N2, result, NOT_READY, "what is told before anything came");
        for (int i = 0; i < 3 && result == NOT_READY; i++) {
            meter.mistake = waiter.source;
            rouse_turn(&rt, world_after(world, 1));
            CHECK(E6, wakes_taken(wakes) != 0, "a report wakes nobody");
            result = poll_once(waiter.future, wakes);
            CHECK_EQUAL(E6, result, NOT_READY, "what is told of a mistake");
        }
        if (kind != CONNECT) /* the system tries again when it likes, perhaps in a second */
            for (int i = 0; result == NOT_READY && world_now(world) < limit; i++) {
                if (i == 0 || kind == WRITE || kind == WRITE_ALL)
                    waiter_help(world, &waiter, (enum kind) kind);
                rouse_turn(&rt, world_after(world, 1));
                if (wakes_taken(wakes) != 0)
                    result = poll_once(waiter.future, wakes);
            }
        CHECK_EQUAL(E6, result, results[kind], "what is told at last");
        waiter_close(&rt, &waiter, (enum kind) kind, result);
    }
    rouse_close(&rt);
}

CASES(net_mistakes) = {&e6_a_report_by_mistake_ends_nothing};

/*
 * n4_out_of_descriptors.c -- accept tells -EMFILE once; that listener's next accept then pends
 * until this runtime closes a descriptor, or 100 ms passed.
 *
 * The connection that could not be accepted stays where it is, and the listener stays
 * ready: so what is counted is how often accept is called. Some cases use up the
 * descriptors there are, the others have the error answered by the sockets below.
 *
 * A busy machine may take a process away for more than 100 ms. So where they must not have
 * passed, the runtime's clock stands still.
 */
#include "meter.h"
#include "stream.h"

#include <errno.h>
#include <string.h>

/* A listener, and a connection that waits to be accepted. */
struct inn {
    struct rouse rt;
    struct meter meter;
    struct rouse_listener listener;
    rouse_fd guest;
};

static void inn_open(struct world *world, struct inn *inn)
{
    meter_runtime(world, &inn->meter, &inn->rt);
    inn->guest = world_listener(world, &inn->rt, &inn->listener);
}

static void inn_close(struct inn *inn)
{
    rouse_listener_close(&inn->listener);
    rouse_close(&inn->rt);
}

/* Accepts once, without anything having changed, and is told why not. */
static intptr_t accept_now(struct inn *inn, struct wakes *wakes)
{
    struct rouse_accept accept = rouse_accept(&inn->listener);
    const intptr_t result = poll_once(&accept.future, wakes);

    rouse_future_drop(&accept.future);
    return result;
}

CASE(n4_accept_tells_each_shortage_once_and_then_waits, "N4", NEEDS_NOTHING,
     "accept fails with -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM, and for as long as 70 ms",
     "the first is told; those after it wait, accept is not called again meanwhile, and is when "
     "100 ms have passed")
{
    static const int errors[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};

    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world);
        struct inn inn;
        struct rouse_accept accept;
        rouse_time end;
        int waits;

        inn_open(world, &inn);
        for (int n = 0; n < i; n++) { /* descriptors closed before mean nothing */
            rouse_fd bare[2];

            world_pair(world, bare);
            rouse_fd_close(&inn.rt.reactor, world_give(world, bare[0]));
        }
        inn.meter.accept_error = errors[i];
        meter_stop_clock(&inn.meter);
        end = world_after(world, 70);
        CHECK_EQUAL(N4, accept_now(&inn, wakes), errors[i], "what the first accept is told");
        waits = inn.meter.waits;
        accept = rouse_accept(&inn.listener);
        do {
            CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "the one after it");
            rouse_turn(&inn.rt, end);
        } while (world_now(world) < end && inn.meter.waits - waits < 100);
        CHECK_EQUAL(N4, inn.meter.accepts, 1, "calls of accept");
        CHECK_EQUAL(N4, wakes_taken(wakes), 0, "wakes with nothing changed");
        CHECK(N4, inn.meter.waits - waits < 10, "%d waits in 70 ms", inn.meter.waits - waits);
        inn.meter.stopped_at += ROUSE_MS(100) - 1;
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "polled a moment too early");
        CHECK_EQUAL(N4, inn.meter.accepts, 1, "calls of accept, a moment too early");
        inn.meter.stopped_at++;
        inn.meter.accept_error = 0;
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes), 0, "polled in time");
        if (accept.future.result == 0)
            world_take(world, accept.fd);
        rouse_future_drop(&accept.future);
        CHECK_EQUAL(N4, wakes->references, 0, "references to its waker");
        CHECK(N4, rouse_reactor_deadline(&inn.rt.reactor) == ROUSE_NEVER, "a timer is left over");
        inn_close(&inn);
    }
}

CASE(n4_when_this_runtime_closes_a_descriptor_accept_goes_on, "N4", NEEDS_NOTHING,
     "descriptors have run out; then a stream, a listener or a bare descriptor is closed, before "
     "the next accept or while it waits",
     "it gets the connection at once, long before 100 ms passed")
{
    for (int i = 0; i < 6; i++) {
        struct wakes *wakes = world_wakes(world);
        struct inn inn;
        struct rouse_tcp tcp;
        struct rouse_listener other;
        struct rouse_accept accept;
        rouse_fd peer, bare[2];

        inn_open(world, &inn);
        peer = stream_end(world, &inn.rt, ROUSE_IPV4, &tcp);
        world_pair(world, bare);
        world_give(world, bare[0]);
        CHECK_EQUAL(N4, rouse_listen(&other, &inn.rt.reactor, "127.0.0.1:0"), 0, "listening");
        world_starve(world);
        meter_stop_clock(&inn.meter);
        CHECK_EQUAL(N4, accept_now(&inn, wakes), -EMFILE, "what the first accept is told");
        accept = rouse_accept(&inn.listener);
        if (i >= 3)
            CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "the one after it");
        if (i % 3 == 0)
            rouse_tcp_close(&tcp);
        else if (i % 3 == 1)
            rouse_listener_close(&other);
        else
            rouse_fd_close(&inn.rt.reactor, bare[0]);
        CHECK_EQUAL(N4, wakes_taken(wakes), i >= 3, "wakes by the closing");
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes), 0, "the accept after it");
        CHECK_EQUAL(N4, inn.meter.accepts, 2, "calls of accept");
        if (accept.future.result == 0)
            rouse_fd_close(&inn.rt.reactor, accept.fd);
        CHECK_EQUAL(N4, wakes->references, 0, "references to its waker");
        if (i % 3 != 0)
            rouse_tcp_close(&tcp);
        if (i % 3 != 1)
            rouse_listener_close(&other);
        if (i % 3 != 2)
            rouse_fd_close(&inn.rt.reactor, bare[0]);
        world_feed(world, 1000000);
        world_close(world, peer);
        world_close(world, bare[1]);
        inn_close(&inn);
        world_close(world, inn.guest);
    }
}

CASE(n4_after_100_ms_accept_tries_again, "N4", NEEDS_NOTHING,
     "descriptors have run out; somebody else gives one back, which nobody tells this runtime",
     "the next accept gets the connection when 100 ms have passed, and not before")
{
    struct wakes *wakes = world_wakes(world);
    struct inn inn;
    struct rouse_accept accept;
    rouse_time start;
    intptr_t result = NOT_READY;

    inn_open(world, &inn);
    world_starve(world);
    start = world_now(world);
    CHECK_EQUAL(N4, accept_now(&inn, wakes), -EMFILE, "what the first accept is told");
    world_feed(world, 1);
    accept = rouse_accept(&inn.listener);
    CHECK(N4, world_run(world, &inn.rt, &accept.future, WORLD_SOON, &result), "it waits for ever");
    CHECK_EQUAL(N4, result, 0, "what it is told");
    CHECK(N4, world_now(world) - start >= ROUSE_MS(100), "after %lld ns",
          (long long) (world_now(world) - start));
    CHECK_EQUAL(N4, inn.meter.accepts, 2, "calls of accept");
    if (result == 0)
        rouse_fd_close(&inn.rt.reactor, accept.fd);
    inn_close(&inn);
}

CASE(n4_a_lasting_shortage_costs_ten_calls_a_second, "N4 X7", NEEDS_NOTHING,
     "descriptors have run out for 350 ms, and whoever accepts begins again after each error",
     "-EMFILE every 100 ms, with one call each, and hardly more turns")
{
    struct inn inn;
    rouse_time start, end;
    int told = 0, waits;

    inn_open(world, &inn);
    world_starve(world);
    start = world_now(world);
    end = world_after(world, 350);
    waits = inn.meter.waits;
    while (world_now(world) < end && told < 1000) {
        struct rouse_accept accept = rouse_accept(&inn.listener);
        intptr_t result = 0;

        if (world_run(world, &inn.rt, &accept.future,
                      (int) ((end - world_now(world)) / ROUSE_MS(1)) + 1, &result)) {
            CHECK_EQUAL(N4, result, -EMFILE, "what an accept is told");
            told++;
        }
    }
    CHECK(N4, told >= 2, "told %d times", told);
    CHECK(N4, told <= 1 + (world_now(world) - start) / ROUSE_MS(100), "told %d times", told);
    CHECK_EQUAL(N4, inn.meter.accepts, told, "calls of accept");
    CHECK(X7, inn.meter.waits - waits <= 10 + 4 * told, "%d waits", inn.meter.waits - waits);
    inn_close(&inn);
}

CASE(
    n4_each_listener_starves_for_itself, "N4", NEEDS_NOTHING,
    "two listeners have connections when descriptors run out; then one is given back",
    "each is told once and waits; both are woken; one gets the connection, the other is told again")
{
    struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
    struct inn inn;
    struct rouse_listener other;
    struct rouse_accept accepts[2];
    rouse_fd bare[2];
    intptr_t results[2];

    inn_open(world, &inn);
    world_listener(world, &inn.rt, &other);
    world_pair(world, bare);
    world_give(world, bare[0]);
    world_starve(world);
    meter_stop_clock(&inn.meter);
    for (int i = 0; i < 2; i++) {
        struct rouse_listener *listener = i == 0 ? &inn.listener : &other;

        accepts[i] = rouse_accept(listener);
        CHECK_EQUAL(N4, poll_once(&accepts[i].future, wakes[i]), -EMFILE, "the first accept");
    }
    for (int i = 0; i < 2; i++) {
        accepts[i] = rouse_accept(i == 0 ? &inn.listener : &other);
        CHECK_EQUAL(N4, poll_once(&accepts[i].future, wakes[i]), NOT_READY, "the second");
    }
    rouse_fd_close(&inn.rt.reactor, bare[0]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(N4, wakes_taken(wakes[i]), 1, "wakes by the closing");
        results[i] = poll_once(&accepts[i].future, wakes[i]);
    }
    CHECK(N4, results[0] == 0 && results[1] == -EMFILE, "told %lld and %lld",
          (long long) results[0], (long long) results[1]);
    if (results[0] == 0)
        rouse_fd_close(&inn.rt.reactor, accepts[0].fd);
    CHECK_EQUAL(N4, wakes[0]->references + wakes[1]->references, 0, "references to wakers");
    rouse_listener_close(&other);
    inn_close(&inn);
}

CASE(n4_an_accept_that_is_dropped_takes_nobody_along, "N4", NEEDS_NOTHING,
     "three listeners starve; the accept that began to wait first, second or last is dropped, its "
     "memory is overwritten, and a descriptor is closed",
     "the other two are woken by that, once each, and he is not")
{
    for (int dropped = 0; dropped < 3; dropped++) {
        struct rouse_listener listeners[3];
        struct rouse_accept accepts[3];
        struct wakes *wakes[3];
        rouse_fd bare[2];
        struct inn inn;

        inn_open(world, &inn);
        world_pair(world, bare);
        inn.meter.accept_error = -EMFILE;
        meter_stop_clock(&inn.meter);
        for (int i = 0; i < 3; i++) {
            world_listener(world, &inn.rt, &listeners[i]);
            wakes[i] = world_wakes(world);
            accepts[i] = rouse_accept(&listeners[i]);
            CHECK_EQUAL(N4, poll_once(&accepts[i].future, wakes[i]), -EMFILE, "the first accept");
            accepts[i] = rouse_accept(&listeners[i]);
            CHECK_EQUAL(N4, poll_once(&accepts[i].future, wakes[i]), NOT_READY, "the second");
        }
        rouse_future_drop(&accepts[dropped].future);
        memset(&accepts[dropped], 0xa5, sizeof accepts[dropped]);
        rouse_fd_close(&inn.rt.reactor, world_give(world, bare[0]));
        for (int i = 0; i < 3; i++) {
            CHECK_EQUAL(N4, wakes_taken(wakes[i]), i != dropped, "wakes by the closing");
            if (i != dropped)
                rouse_future_drop(&accepts[i].future);
            CHECK_EQUAL(N4, wakes[i]->references, 0, "references to its waker");
            rouse_listener_close(&listeners[i]);
        }
        inn_close(&inn);
    }
}

CASE(n4_a_connect_that_had_no_descriptor_gives_none_back, "N4", NEEDS_NOTHING,
     "descriptors have run out, and an accept waits for one; meanwhile connects end that never got "
     "one: to text that is no address, for want of a descriptor, and dropped before they began",
     "the accept goes on waiting, and is not woken")
{
    struct wakes *wakes = world_wakes(world), *others = world_wakes(world);
    struct rouse_address address;
    struct rouse_connect connect;
    struct rouse_accept accept;
    struct inn inn;

    inn_open(world, &inn);
    CHECK_EQUAL(N4, rouse_listener_address(&inn.listener, &address), 0, "its address");
    world_starve(world);
    meter_stop_clock(&inn.meter);
    CHECK_EQUAL(N4, accept_now(&inn, wakes), -EMFILE, "what the first accept is told");
    accept = rouse_accept(&inn.listener);
    CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "the one after it");
    for (int i = 0; i < 3; i++) {
        connect = i == 0 ? rouse_connect(&inn.rt.reactor, "nowhere")
                         : rouse_connect_to(&inn.rt.reactor, &address);
        if (i < 2)
            CHECK_EQUAL(N4, poll_once(&connect.future, others), i == 0 ? -EINVAL : -EMFILE,
                        "what a connect is told");
        rouse_future_drop(&connect.future);
        CHECK_EQUAL(N4, wakes_taken(wakes), 0, "wakes by a connect that had no descriptor");
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "the accept after it");
    }
    CHECK_EQUAL(N4, inn.meter.accepts, 1, "calls of accept");
    rouse_future_drop(&accept.future);
    inn_close(&inn);
}

/* Polls an accept inside the wake that it gets. */
struct impatient {
    struct wakes *wakes;
    struct rouse_accept *accept;
    intptr_t result;
};

static void poll_inside(void *with)
{
    struct impatient *impatient = with;

    impatient->result = poll_once(&impatient->accept->future, impatient->wakes);
}

CASE(n4_closing_a_listener_that_starves_ends_its_accept, "N4 N3", NEEDS_NOTHING,
     "an accept waits for a descriptor, and another one comes; its listener is closed, and it is "
     "polled afterwards or inside its wake, or it is dropped; and its memory overwritten",
     "-EBUSY for the other; -ECANCELED, nothing is left over, and descriptors that are closed "
     "later wake nobody")
{
    for (int i = 0; i < 3; i++) {
        struct wakes *wakes = world_wakes(world);
        struct inn inn;
        struct rouse_accept accept, second = rouse_accept(&inn.listener);
        struct impatient impatient = {wakes, &accept, NOT_READY};
        rouse_fd bare[2];

        inn_open(world, &inn);
        world_pair(world, bare);
        world_give(world, bare[0]);
        inn.meter.accept_error = -EMFILE;
        meter_stop_clock(&inn.meter);
        CHECK_EQUAL(N4, accept_now(&inn, wakes), -EMFILE, "the first accept");
        accept = rouse_accept(&inn.listener);
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes), NOT_READY, "the second");
        CHECK_EQUAL(N3, poll_once(&second.future, wakes), -EBUSY, "a third, while it waits");
        if (i == 0) {
            rouse_listener_close(&inn.listener);
            CHECK(N3, wakes_taken(wakes) >= 1, "closing does not wake it");
            CHECK_EQUAL(N3, poll_once(&accept.future, wakes), -ECANCELED, "what it is told");
        } else if (i == 1) {
            wakes->then = poll_inside;
            wakes->with = &impatient;
            rouse_listener_close(&inn.listener);
            CHECK_EQUAL(N3, wakes_taken(wakes), 1, "wakes of one that is then READY");
            CHECK_EQUAL(N3, impatient.result, -ECANCELED, "what it is told inside its wake");
            wakes->then = NULL;
        }
        rouse_future_drop(&accept.future);
        accept = (struct rouse_accept){.fd = ROUSE_NO_FD};
        CHECK_EQUAL(N4, wakes->references, 0, "references to its waker");
        CHECK(N4, rouse_reactor_deadline(&inn.rt.reactor) == ROUSE_NEVER, "a timer is left over");
        rouse_fd_close(&inn.rt.reactor, bare[0]);
        rouse_turn(&inn.rt, world_after(world, 1));
        CHECK_EQUAL(N4, wakes_taken(wakes), 0, "wakes afterwards");
        inn_close(&inn);
    }
}

CASE(n4_an_accept_that_starves_may_be_polled_again, "N4", NEEDS_NOTHING,
     "an accept that waits for a descriptor is polled with another waker, and then one is closed",
     "the last waker is woken, once, and it accepts")
{
    struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
    struct rouse_accept accept;
    rouse_fd ends[2];
    struct inn inn;

    inn_open(world, &inn);
    world_pair(world, ends);
    inn.meter.accept_error = -EMFILE;
    meter_stop_clock(&inn.meter);
    CHECK_EQUAL(N4, accept_now(&inn, wakes[0]), -EMFILE, "what the first accept is told");
    accept = rouse_accept(&inn.listener);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(N4, poll_once(&accept.future, wakes[i]), NOT_READY, "the one after it");
    inn.meter.accept_error = 0;
    rouse_fd_close(&inn.rt.reactor, world_give(world, ends[0]));
    CHECK_EQUAL(N4, wakes_taken(wakes[0]), 0, "wakes of the first waker");
    CHECK_EQUAL(N4, wakes_taken(wakes[1]), 1, "wakes of the last waker");
    CHECK_EQUAL(N4, poll_once(&accept.future, wakes[1]), 0, "the accept, with a descriptor");
    world_take(world, accept.fd);
    inn_close(&inn);
}

CASES(net_n4) = {&n4_accept_tells_each_shortage_once_and_then_waits,
                 &n4_when_this_runtime_closes_a_descriptor_accept_goes_on,
                 &n4_after_100_ms_accept_tries_again,
                 &n4_a_lasting_shortage_costs_ten_calls_a_second,
                 &n4_each_listener_starves_for_itself,
                 &n4_an_accept_that_is_dropped_takes_nobody_along,
                 &n4_a_connect_that_had_no_descriptor_gives_none_back,
                 &n4_closing_a_listener_that_starves_ends_its_accept,
                 &n4_an_accept_that_starves_may_be_polled_again};

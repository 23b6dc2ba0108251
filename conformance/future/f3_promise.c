/*
 * f3_promise.c -- PENDING means that the waker will be woken, or has been.
 */
#include "../net/meter.h"
#include "subject.h"

#include <errno.h>

static bool is_woken(void *with)
{
    const struct wakes *wakes = with;

    return atomic_load_acquire(&wakes->count) != 0;
}

CASE(f3_whoever_is_pending_is_woken, "F3", NEEDS_NOTHING,
     "a future of each kind is PENDING, and then what it waits for comes; three times",
     "its waker is woken, and polls that follow wakes lead to READY with the right result")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            struct subject *subject = &subjects.all[i];
            const struct rouse_waker waker = wakes_waker(subject->wakes);

            subject_pend(subject, &waker);
            CHECK(F3, subject->wakes->references != 0 || subject->wakes->count != 0,
                  "%s is PENDING, and has kept no waker", subject->kind->name);
            subject_cause(subject);
            if (!CHECK(F3, subject_finish(subject, &waker, subject->wakes),
                       "%s was not woken, in round %d", subject->kind->name, round))
                rouse_future_drop(&subject->room.future);
        }
    }
    subjects_close(&subjects);
}

CASE(f3_all_kinds_are_woken_beside_each_other, "F3", NEEDS_NOTHING,
     "futures of all kinds are PENDING at once, are polled again for nothing, and then all is "
     "caused at once",
     "each one's waker is woken")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
    }
    for (int i = 0; i < SUBJECT_KINDS; i++)
        subject_cause(&subjects.all[i]);
    for (int i = SUBJECT_KINDS - 1; i >= 0; i--) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        if (!CHECK(F3, subject_finish(subject, &waker, subject->wakes), "%s was not woken",
                   subject->kind->name))
            rouse_future_drop(&subject->room.future);
    }
    subjects_close(&subjects);
}

CASE(f3_a_poll_that_was_not_needed_keeps_the_promise, "F3", NEEDS_NOTHING,
     "a PENDING future is polled 19, 20 and 21 times more, before its cause and after it, with "
     "turns in "
     "between",
     "it stays PENDING without its cause, and is READY in the end")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int which = 0; which < 3 * SUBJECT_KINDS; which++) {
        const int times = 19 + which / SUBJECT_KINDS; /* odd and even */
        struct subject *subject = &subjects.all[which % SUBJECT_KINDS];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        enum rouse_poll poll = ROUSE_PENDING;

        subject_pend(subject, &waker);
        for (int n = 0; n < times && poll == ROUSE_PENDING; n++) {
            poll = world_poll(&subject->room.future, &waker);
            if (n % 3 == 0)
                rouse_turn(&subjects.rt, 0);
            CHECK(F3, subject->kind->cause == NULL || poll == ROUSE_PENDING,
                  "%s is READY without a cause", subject->kind->name);
        }
        subject_cause(subject);
        if (poll == ROUSE_PENDING)
            CHECK(F3, subject_finish(subject, &waker, subject->wakes), "%s was not woken",
                  subject->kind->name);
        else
            subject_take(subject);
        wakes_taken(subject->wakes);
    }
    subjects_close(&subjects);
}

/* -- Reports too many ------------------------------------------------------------- */

enum { EARLY = 3 };

static int early; /* how often connected() is still to say that it takes more time */

static int early_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct meter *meter = rouse_container_of(self, struct meter, table);

    if (early > 0) {
        early--;
        return -EINPROGRESS;
    }
    return meter->sockets->connected(meter->sockets, fd);
}

CASE(f3_a_connect_that_was_told_too_early_is_told_again, "F3", NEEDS_NOTHING,
     "a connect is reported, and found to be still under way, up to three times running",
     "it is told again, and comes to its end")
{
    for (int times = 0; times <= EARLY; times++) {
        struct rouse_address address;
        const rouse_fd listener = world_listen(world, ROUSE_IPV4, 16, &address);
        struct rouse_connect connect;
        intptr_t result = -1;
        struct meter meter;
        struct rouse rt;

        meter_runtime(world, &meter, &rt);
        meter.table.connected = early_connected;
        early = times;
        connect = rouse_connect_to(&rt.reactor, &address);
        CHECK(F3, world_run(world, &rt, &connect.future, WORLD_SOON, &result),
              "it is not told again when it was told too early %d times", times);
        if (CHECK_EQUAL(F3, result, 0, "its result"))
            rouse_fd_close(&rt.reactor, connect.fd);
        rouse_close(&rt);
        world_close(world, listener);
    }
}

CASE(f3_a_transfer_that_was_told_too_early_is_told_again, "F3", NEEDS_NOTHING,
     "a read, a write, an accept wait, and are reported by mistake three times, before what they "
     "wait for comes",
     "they are told again, and come to their ends")
{
    for (int kind = 0; kind < 3; kind++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct rouse_address address;
        struct rouse_listener listener;
        union {
            struct rouse_future future;
            struct rouse_read read;
            struct rouse_write write;
            struct rouse_accept accept;
        } it;
        enum rouse_poll poll;
        struct rouse_tcp tcp;
        struct meter meter;
        struct rouse rt;
        rouse_fd ends[2];
        char byte = 0;

        meter_runtime(world, &meter, &rt);
        world_pair(world, ends);
        world_fill_for_good(world, ends[0]);
        rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
        rouse_listener_open(&listener, &rt.reactor,
                            world_give(world, world_listen(world, ROUSE_IPV4, 16, &address)));
        if (kind == 0)
            it.read = rouse_read(&tcp, &byte, 1);
        else if (kind == 1)
            it.write = rouse_write(&tcp, &byte, 1);
        else
            it.accept = rouse_accept(&listener);
        poll = world_poll(&it.future, &waker);
        for (int n = 0; n < EARLY && poll == ROUSE_PENDING; n++) {
            meter.mistake = kind < 2 ? &tcp.io.source : &listener.io.source;
            rouse_turn(&rt, 0);
            CHECK(F3, wakes_taken(wakes) > 0, "a report wakes nobody");
            poll = world_poll(&it.future, &waker);
        }
        REQUIRE(F3, poll == ROUSE_PENDING, "it does not wait");
        if (kind == 0)
            world_send(world, ends[1], 1);
        else if (kind == 1)
            world_drain(world, ends[1]);
        else
            world_connect(world, &address);
        for (int n = 0; n < 10 && poll == ROUSE_PENDING; n++) {
            if (!CHECK(F3, world_run_until(world, &rt, is_woken, wakes, WORLD_SOON),
                       "kind %d is not told again", kind))
                break;
            wakes_taken(wakes);
            poll = world_poll(&it.future, &waker);
        }
        if (poll == ROUSE_READY && kind == 2 && it.future.result == 0)
            rouse_fd_close(&rt.reactor, it.accept.fd);
        rouse_future_drop(&it.future);
        rouse_tcp_close(&tcp);
        rouse_listener_close(&listener);
        rouse_close(&rt);
    }
}

CASES(future_f3) = {&f3_whoever_is_pending_is_woken, &f3_all_kinds_are_woken_beside_each_other,
                    &f3_a_poll_that_was_not_needed_keeps_the_promise,
                    &f3_a_connect_that_was_told_too_early_is_told_again,
                    &f3_a_transfer_that_was_told_too_early_is_told_again};

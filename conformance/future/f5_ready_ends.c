/*
 * f5_ready_ends.c -- a future that is READY has let go of everything but its output.
 */
#include <errno.h>
#include <string.h>

#include "subject.h"

static bool wakes_any(void *with)
{
    const struct wakes *wakes = with;

    return atomic_load_acquire(&wakes->count) != 0;
}

CASE(f5_a_ready_future_has_let_go, "F5 F3", NEEDS_NOTHING,
     "a future of each kind becomes READY, its memory is overwritten, and what it waited for comes "
     "again",
     "it holds no waker, is not woken again, sets no timer, and nobody touches its memory")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        union subject_room spoilt;

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        CHECK(F5, subject->wakes->references == 0, "%s holds %d wakers when it is READY",
              subject->kind->name, (int) subject->wakes->references);
        CHECK(F5, rouse_next_deadline(&subjects.rt) == ROUSE_NEVER, "%s has left a timer",
              subject->kind->name);
        memset(&spoilt, 0xa5, sizeof spoilt);
        subject->room = spoilt;
        if (subject->target.task.future == NULL) /* a task can end only once */
            subject_cause(subject);
        world_settle(world, &subjects.rt);
        CHECK(F5, memcmp(&subject->room, &spoilt, sizeof spoilt) == 0,
              "%s was written to when it was READY", subject->kind->name);
    }
    subjects_turn(&subjects, WORLD_QUIET);
    for (int i = 0; i < SUBJECT_KINDS; i++)
        CHECK(F5, wakes_taken(subjects.all[i].wakes) == 0, "%s was woken when it was READY",
              subjects.all[i].kind->name);
    subjects_close(&subjects);
}

CASE(f5_the_result_stays, "F5 F3", NEEDS_NOTHING,
     "a future of each kind is READY; other futures come and go, and the runtime is turned",
     "its result is what it was, and dropping it changes nothing")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        union subject_room before;

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        before = subject->room;
        subjects_turn(&subjects, 1);
        CHECK(F5, subject->room.future.result == before.future.result, "%s has another result",
              subject->kind->name);
        rouse_future_drop(&subject->room.future);
        rouse_future_drop(&subject->room.future);
        CHECK(F5, memcmp(&subject->room, &before, sizeof before) == 0,
              "dropping %s, which was READY, changed it", subject->kind->name);
    }
    subjects_close(&subjects);
}

CASE(f5_what_ends_before_its_timer_rings_takes_it_along, "F5 F3", NEEDS_NOTHING,
     "each future that time ends is PENDING; its time comes, and it is polled before the reactor "
     "turns",
     "it is READY, holds no waker, and has left no timer that could still ring")
{
    struct subjects subjects;
    int looked_at = 0;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        if (subject->kind->cause != NULL)
            continue;
        subject_pend(subject, &waker);
        if (rouse_next_deadline(&subjects.rt) != ROUSE_NEVER) {
            looked_at++;
            world_turn(world, WORLD_QUIET);
            CHECK(F3, world_poll(&subject->room.future, &waker) == ROUSE_READY, "%s is not READY",
                  subject->kind->name);
            CHECK(F5, subject->wakes->references == 0, "%s holds %d wakers", subject->kind->name,
                  (int) subject->wakes->references);
            CHECK(F5, rouse_next_deadline(&subjects.rt) == ROUSE_NEVER, "%s has left a timer",
                  subject->kind->name);
            subjects_turn(&subjects, 1);
            CHECK(F5, wakes_taken(subject->wakes) == 0, "%s was woken", subject->kind->name);
        }
        rouse_future_drop(&subject->room.future);
    }
    CHECK(F3, looked_at == 3, "%d futures wait for time, not 3", looked_at);
    subjects_close(&subjects);
}

/* Polls by hand when there is no budget left. */
static enum rouse_poll poll_without_budget(struct rouse_future *future,
                                           const struct rouse_waker *waker, bool *yields)
{
    unsigned none = 0;
    struct rouse_context cx = {waker, &none, false};
    const enum rouse_poll poll = rouse_future_poll(future, &cx);

    *yields = cx.yield;
    return poll;
}

CASE(f5_what_was_out_of_budget_has_let_go_too, "F5 F3 F6", NEEDS_NOTHING,
     "a future of each kind is woken, and first polled without a budget; then it is polled to its "
     "end, or dropped",
     "without a budget it is READY, or asks for another turn; in the end it holds no waker")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        for (int dropped = 0; dropped < 2; dropped++) {
            struct subject *subject = &subjects.all[i];
            const struct rouse_waker waker = wakes_waker(subject->wakes);
            enum rouse_poll poll;
            bool yields;

            subject_pend(subject, &waker);
            subject_cause(subject);
            CHECK(F3, subject_woken(subject, subject->wakes), "%s was not woken",
                  subject->kind->name);
            poll = poll_without_budget(&subject->room.future, &waker, &yields);
            CHECK(F3, poll == ROUSE_READY || yields || rouse_next_deadline(&subjects.rt) > 0,
                  "%s asks for no other turn", subject->kind->name);
            for (int n = 0; n < 10 && !dropped && poll == ROUSE_PENDING; n++) {
                wakes_taken(subject->wakes);
                poll = world_poll(&subject->room.future, &waker);
                if (poll == ROUSE_PENDING && !subject_woken(subject, subject->wakes))
                    break;
            }
            if (poll == ROUSE_READY)
                subject_take(subject);
            else
                CHECK(F3, dropped, "%s does not end after it was out of budget",
                      subject->kind->name);
            rouse_future_drop(&subject->room.future);
            wakes_taken(subject->wakes);
            if (dropped)
                CHECK(F6, subject->wakes->references == 0, "%s keeps a waker when it is dropped",
                      subject->kind->name);
            else
                CHECK(F5, subject->wakes->references == 0, "%s keeps a waker when it is READY",
                      subject->kind->name);
        }
    }
    subjects_close(&subjects);
}

/* A transfer of each kind, on one stream. */
union transfer {
    struct rouse_future future;
    struct rouse_read read;
    struct rouse_write write;
    struct rouse_write_all write_all;
};

static void make_transfer(union transfer *transfer, struct rouse_tcp *tcp, char *byte, int kind)
{
    if (kind == 0)
        transfer->read = rouse_read(tcp, byte, 1);
    else if (kind == 1)
        transfer->write = rouse_write(tcp, byte, 1);
    else
        transfer->write_all = rouse_write_all(tcp, byte, 1);
}

CASE(f5_a_transfer_that_failed_has_let_go, "F5 F3", NEEDS_NOTHING,
     "a read, a write and a write_all wait, and their peer resets the connection; then another one "
     "is begun",
     "the first ends with an error and holds no waker, and the next may have its place")
{
    for (int kind = 0; kind < 3; kind++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        union transfer transfers[2];
        enum rouse_poll poll;
        struct rouse_tcp tcp;
        struct rouse rt;
        rouse_fd ends[2];
        char byte = 0;

        world_runtime(world, &rt);
        world_tcp_pair(world, ends);
        if (kind > 0)
            world_fill_for_good(world, ends[0]);
        rouse_tcp_open(&tcp, &rt.reactor, world_give(world, ends[0]));
        make_transfer(&transfers[0], &tcp, &byte, kind);
        poll = world_poll(&transfers[0].future, &waker);
        REQUIRE(F3, poll == ROUSE_PENDING, "it does not wait");
        world_reset(world, ends[1]);
        for (int n = 0; n < 10 && poll == ROUSE_PENDING; n++) {
            REQUIRE(F3, world_run_until(world, &rt, wakes_any, wakes, WORLD_SOON),
                    "nobody is woken");
            wakes_taken(wakes);
            poll = world_poll(&transfers[0].future, &waker);
        }
        CHECK(F3, poll == ROUSE_READY && transfers[0].future.result < 0, "it does not fail");
        CHECK_EQUAL(F5, wakes->references, 0, "references to its waker");
        make_transfer(&transfers[1], &tcp, &byte, kind);
        poll = world_poll(&transfers[1].future, NULL);
        CHECK(F5, poll == ROUSE_PENDING || transfers[1].future.result != -EBUSY,
              "the next one finds its place taken");
        rouse_future_drop(&transfers[0].future);
        rouse_future_drop(&transfers[1].future);
        rouse_tcp_close(&tcp);
        rouse_close(&rt);
    }
}

CASE(f5_an_accept_that_starved_has_let_go, "F5 N4", NEEDS_NOTHING,
     "an accept waits for a descriptor until its time is over, and then gets one; its memory is "
     "overwritten, and another descriptor closed",
     "it holds no waker and no timer, and its memory is left alone")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse_listener listener;
    struct rouse_accept accept, spoilt;
    enum rouse_poll poll;
    struct rouse rt;
    rouse_fd spare[2];

    world_runtime(world, &rt);
    world_pair(world, spare);
    world_give(world, spare[0]);
    world_listener(world, &rt, &listener);
    world_starve(world);
    accept = rouse_accept(&listener);
    CHECK_EQUAL(N4, world_poll(&accept.future, NULL), ROUSE_READY, "accept with no descriptor");
    accept = rouse_accept(&listener);
    poll = world_poll(&accept.future, &waker);
    world_feed(world, 1000000); /* of which the runtime knows nothing */
    for (int n = 0; n < 10 && poll == ROUSE_PENDING; n++) {
        REQUIRE(N4, world_run_until(world, &rt, wakes_any, wakes, WORLD_SOON), "nobody is woken");
        wakes_taken(wakes);
        poll = world_poll(&accept.future, &waker);
    }
    CHECK(N4, poll == ROUSE_READY && accept.future.result == 0, "it gets no descriptor");
    if (accept.future.result == 0)
        world_take(world, accept.fd);
    CHECK_EQUAL(F5, wakes->references, 0, "references to its waker");
    CHECK(F5, rouse_next_deadline(&rt) == ROUSE_NEVER, "it has left a timer");
    REQUIRE(F5, rt.reactor.starving == NULL, "it is listed with those that starve");
    memset(&spoilt, 0xa5, sizeof spoilt);
    accept = spoilt;
    rouse_fd_close(&rt.reactor, spare[0]);
    CHECK(F5, memcmp(&accept, &spoilt, sizeof spoilt) == 0, "it was written to when it was READY");
    CHECK_EQUAL(F5, wakes_taken(wakes), 0, "wakes when it was READY");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

CASE(f5_a_connect_that_failed_has_let_go, "F5 N2", NEEDS_NOTHING,
     "connects to where nobody listens any more, and to what is no address",
     "they are READY with an error, and hold no waker and no descriptor")
{
    for (int kind = 0; kind < 2; kind++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct rouse_address address;
        struct rouse_connect connect;
        enum rouse_poll poll;
        struct rouse rt;
        int descriptors;

        world_runtime(world, &rt);
        world_nowhere(world, ROUSE_IPV4, &address);
        descriptors = world_open_descriptors(world);
        connect = kind == 0 ? rouse_connect_to(&rt.reactor, &address)
                            : rouse_connect(&rt.reactor, "nowhere");
        poll = world_poll(&connect.future, &waker);
        for (int n = 0; n < 10 && poll == ROUSE_PENDING; n++) {
            REQUIRE(N2, world_run_until(world, &rt, wakes_any, wakes, WORLD_SOON),
                    "nobody is woken");
            wakes_taken(wakes);
            poll = world_poll(&connect.future, &waker);
        }
        CHECK(N2, poll == ROUSE_READY, "it does not end");
        CHECK_EQUAL(N2, connect.future.result, kind == 0 ? -ECONNREFUSED : -EINVAL, "its result");
        CHECK_EQUAL(F5, wakes->references, 0, "references to its waker");
        CHECK_EQUAL(F5, world_open_descriptors(world), descriptors, "open descriptors");
        rouse_close(&rt);
    }
}

static void poll_once_more(void *argument)
{
    struct subject *subject = argument;

    world_poll(&subject->room.future, NULL);
}

CASE(f5_polling_after_ready_is_caught, "F5 F3", NEEDS_RULES,
     "a future of each kind is polled after it was READY, and after it was dropped",
     "the program stops and says that F5 was broken")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        CHECK_MISUSE(F5, poll_once_more, subject, "F5");
        subject_pend(subject, &waker);
        rouse_future_drop(&subject->room.future);
        CHECK_MISUSE(F5, poll_once_more, subject, "F5");
    }
    subjects_close(&subjects);
}

CASES(future_f5) = {&f5_a_ready_future_has_let_go,
                    &f5_the_result_stays,
                    &f5_what_ends_before_its_timer_rings_takes_it_along,
                    &f5_what_was_out_of_budget_has_let_go_too,
                    &f5_a_transfer_that_failed_has_let_go,
                    &f5_an_accept_that_starved_has_let_go,
                    &f5_polling_after_ready_is_caught,
                    &f5_a_connect_that_failed_has_let_go};

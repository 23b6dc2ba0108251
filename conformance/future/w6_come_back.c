/*
 * w6_come_back.c -- W6 of the library's own futures: wakers that poll or drop at once.
 */
#include "subject.h"

#include <errno.h>

enum deed { POLL, DROP, DROP_ALL, DEEDS };

/* What a subject's waker does, inside the wake. */
struct reflex {
    struct subjects *subjects;
    struct subject *subject;
    enum deed deed;
    int calls;
    bool over; /* it was READY inside its wake, or was dropped there */
};

static void drop(struct reflex *reflex)
{
    if (!reflex->over)
        rouse_future_drop(&reflex->subject->room.future);
    reflex->over = true;
}

static void react(void *with)
{
    struct reflex *reflex = with;
    const struct rouse_waker waker = wakes_waker(reflex->subject->wakes);

    reflex->calls++;
    if (reflex->deed == DROP) {
        drop(reflex);
    } else if (reflex->deed == POLL && !reflex->over) {
        reflex->over = world_poll(&reflex->subject->room.future, &waker) == ROUSE_READY;
        if (reflex->over)
            subject_take(reflex->subject);
    } else if (reflex->deed == DROP_ALL) {
        struct reflex *all = reflex - (reflex->subject - reflex->subjects->all);

        for (int i = 0; i < SUBJECT_KINDS; i++)
            drop(&all[i]);
    }
}

/* Those that wait for time are last: others turn the runtime when they are made. */
static void reflexes_set(struct reflex *reflexes, struct subjects *subjects, enum deed deed)
{
    enum { TIMED = 3 }; /* the first ones */

    for (int n = 0; n < SUBJECT_KINDS; n++) {
        const int i = (n + TIMED) % SUBJECT_KINDS;
        struct subject *subject = &subjects->all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        reflexes[i] = (struct reflex){.subjects = subjects, .subject = subject, .deed = deed};
        subject_pend(subject, &waker);
        subject->wakes->then = react;
        subject->wakes->with = &reflexes[i];
    }
}

static void reflexes_clear(struct subjects *subjects)
{
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        CHECK(W6, subjects->all[i].wakes->references == 0, "%s keeps a waker",
              subjects->all[i].kind->name);
        subjects->all[i].wakes->then = NULL;
        wakes_taken(subjects->all[i].wakes);
    }
}

static bool all_over(void *with)
{
    struct reflex *reflexes = with;

    for (int i = 0; i < SUBJECT_KINDS; i++)
        if (!reflexes[i].over)
            return false;
    return true;
}

CASE(w6_a_waker_may_poll_or_drop_its_future, "W6", NEEDS_NOTHING,
     "futures of all kinds are PENDING, and their wakers poll them, or drop them, inside the wake; "
     "twice",
     "each comes to its end there, and the runtime goes on")
{
    struct subjects subjects;
    struct reflex reflexes[SUBJECT_KINDS];

    subjects_open(&subjects, world);
    for (int round = 0; round < 4; round++) {
        reflexes_set(reflexes, &subjects, round % 2 == 0 ? POLL : DROP);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            subject_cause(&subjects.all[i]);
        world_run_until(world, &subjects.rt, all_over, reflexes, WORLD_SOON);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            CHECK(W6, reflexes[i].over, "%s was not over after %d wakes",
                  subjects.all[i].kind->name, reflexes[i].calls);
            drop(&reflexes[i]);
        }
        reflexes_clear(&subjects);
    }
    subjects_close(&subjects);
}

CASE(w6_a_waker_may_drop_every_other_future, "W6", NEEDS_NOTHING,
     "futures of all kinds are PENDING and caused at once; the first waker that is called drops "
     "them all",
     "no other is woken, and the next ones of each kind come to their ends")
{
    struct subjects subjects;
    struct reflex reflexes[SUBJECT_KINDS];

    subjects_open(&subjects, world);
    for (int round = 0; round < 3; round++) {
        int calls = 0;

        reflexes_set(reflexes, &subjects, DROP_ALL);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            subject_cause(&subjects.all[(i + 5 * round) % SUBJECT_KINDS]);
        CHECK(W6, world_run_until(world, &subjects.rt, all_over, reflexes, WORLD_SOON),
              "none was woken");
        subjects_turn(&subjects, WORLD_QUIET);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            calls += reflexes[i].calls;
            drop(&reflexes[i]);
        }
        CHECK_EQUAL(W6, calls, 1, "wakes, when the first has dropped all futures");
        reflexes_clear(&subjects);
    }
    subjects_close(&subjects);
}

/* -- Closing ------------------------------------------------------------------------ */

static bool waits_on(const struct rouse_io *io, const struct subject *subject)
{
    return io->reader.future == &subject->room.future || io->writer.future == &subject->room.future;
}

CASE(w6_the_waker_of_what_is_closed_may_come_straight_back, "W6", NEEDS_NOTHING,
     "what futures wait on, a stream, a listener, a bare descriptor, is closed, and their wakers "
     "poll them, or drop them, inside the wake",
     "polled there they are told -ECANCELED, and nothing is armed or kept")
{
    for (int round = 0; round < 2; round++) {
        struct subjects subjects;
        struct reflex reflexes[SUBJECT_KINDS];
        int closed = 0;

        subjects_open(&subjects, world);
        reflexes_set(reflexes, &subjects, round == 0 ? POLL : DROP);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            struct subject *subject = &subjects.all[i];

            if (waits_on(&subject->io, subject))
                rouse_io_close(&subject->io);
            else if (waits_on(&subject->tcp.io, subject))
                rouse_tcp_close(&subject->tcp);
            else if (waits_on(&subject->listener.io, subject))
                rouse_listener_close(&subject->listener);
            else
                continue;
            closed++;
            CHECK_EQUAL(W6, reflexes[i].calls, 1, "wakes by a closing");
            CHECK(W6, reflexes[i].over, "%s is not over when what it waited on is closed",
                  subject->kind->name);
            if (round == 0)
                CHECK_EQUAL(W6, subject->room.future.result, -ECANCELED, "its result");
            CHECK_EQUAL(W6, subject->io.source.armed + subject->tcp.io.source.armed, 0,
                        "directions that are armed where all is closed");
            CHECK(W6, subject->wakes->references == 0, "%s keeps a waker", subject->kind->name);
        }
        CHECK(W6, closed >= 6, "only %d futures waited on anything", closed);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            drop(&reflexes[i]);
        reflexes_clear(&subjects);
        subjects_close(&subjects);
    }
}

/* A waker whose release closes a stream. */
struct closer {
    struct rouse_tcp tcp;
    int references, wakes;
};

static void closer_retain(void *data)
{
    struct closer *closer = data;

    closer->references++;
}

static void closer_release(void *data)
{
    struct closer *closer = data;

    if (--closer->references == 0)
        rouse_tcp_close(&closer->tcp);
}

static void closer_wake_by_ref(void *data)
{
    struct closer *closer = data;

    closer->wakes++;
}

static void closer_wake(void *data)
{
    closer_wake_by_ref(data);
    closer_release(data);
}

static const struct rouse_waker_ops closer_ops = {closer_retain, closer_wake, closer_wake_by_ref,
                                                  closer_release};

CASE(w6_giving_back_a_waker_may_close_what_it_waited_on, "W6", NEEDS_NOTHING,
     "a read, and then a write, that wait are polled with another waker, and the last reference to "
     "the old one closes the stream",
     "the new one is woken once, the old one is given back once and not woken, and the result is "
     "-ECANCELED")
{
    for (int writes = 0; writes < 2; writes++) {
        struct closer closer = {.references = 0};
        const struct rouse_waker old = {&closer_ops, &closer};
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct rouse_read read;
        struct rouse_write write;
        struct rouse_future *future = writes ? &write.future : &read.future;
        struct rouse rt;
        rouse_fd ends[2];
        char byte = 0;

        world_runtime(world, &rt);
        world_pair(world, ends);
        world_fill_for_good(world, ends[0]);
        rouse_stream_open(&closer.tcp, &rt.reactor, world_give(world, ends[0]));
        read = rouse_read(&closer.tcp, &byte, 1);
        write = rouse_write(&closer.tcp, &byte, 1);
        REQUIRE(W6, world_poll(future, &old) == ROUSE_PENDING, "it does not wait");
        CHECK_EQUAL(W6, world_poll(future, &waker), ROUSE_PENDING, "polled with another waker");
        CHECK_EQUAL(W6, closer.references, 0, "references to the old waker");
        CHECK_EQUAL(W6, closer.wakes, 0, "wakes of the old waker");
        CHECK_EQUAL(W6, wakes_taken(wakes), 1, "wakes of the new one");
        CHECK_EQUAL(W6, world_poll(future, &waker), ROUSE_READY, "when the stream is closed");
        CHECK_EQUAL(W6, future->result, -ECANCELED, "its result");
        CHECK_EQUAL(W6, wakes->references, 0, "references to the new waker");
        rouse_tcp_close(&closer.tcp);
        rouse_close(&rt);
    }
}

/* -- Accepts that starve ---------------------------------------------------------- */

enum { STARVERS = 3 };

/* An accept that waits for a descriptor, and is polled inside its wake. */
struct starver {
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct wakes *wakes;
    bool over;
};

static void accept_again(void *with)
{
    struct starver *starver = with;
    const struct rouse_waker waker = wakes_waker(starver->wakes);

    if (!starver->over)
        starver->over = world_poll(&starver->accept.future, &waker) == ROUSE_READY;
}

static void starver_open(struct world *world, struct rouse *rt, struct starver *starver)
{
    starver->wakes = world_wakes(world);
    starver->over = false;
    world_listener(world, rt, &starver->listener);
}

CASE(w6_accepts_that_starve_may_come_straight_back, "W6 N4", NEEDS_NOTHING,
     "accepts on three listeners wait for a descriptor; one is closed, and their wakers poll them "
     "inside the wake",
     "each is woken once, and one gets the descriptor")
{
    struct starver starvers[STARVERS];
    int accepted = 0;
    struct rouse rt;
    rouse_fd spare[2];

    world_runtime(world, &rt);
    world_pair(world, spare);
    world_give(world, spare[0]);
    for (int i = 0; i < STARVERS; i++)
        starver_open(world, &rt, &starvers[i]);
    world_starve(world);
    for (int i = 0; i < STARVERS; i++) {
        struct starver *starver = &starvers[i];
        const struct rouse_waker waker = wakes_waker(starver->wakes);

        starver->accept = rouse_accept(&starver->listener);
        CHECK_EQUAL(N4, world_poll(&starver->accept.future, &waker), ROUSE_READY,
                    "accept with no descriptor");
        starver->accept = rouse_accept(&starver->listener);
        REQUIRE(N4, world_poll(&starver->accept.future, &waker) == ROUSE_PENDING,
                "the accept after it does not wait");
        starver->wakes->then = accept_again;
        starver->wakes->with = starver;
    }
    rouse_fd_close(&rt.reactor, spare[0]);
    for (int i = 0; i < STARVERS; i++) {
        struct starver *starver = &starvers[i];

        CHECK_EQUAL(W6, wakes_taken(starver->wakes), 1, "wakes by the closing");
        if (starver->over && starver->accept.future.result == 0) {
            world_take(world, starver->accept.fd);
            accepted++;
        }
        rouse_future_drop(&starver->accept.future);
        CHECK_EQUAL(W6, starver->wakes->references, 0, "references to its waker");
    }
    CHECK_EQUAL(N4, accepted, 1, "connections accepted with one descriptor");
    world_feed(world, 1000000);
    for (int i = 0; i < STARVERS; i++)
        rouse_listener_close(&starvers[i].listener);
    rouse_close(&rt);
}

/* -- Timers ----------------------------------------------------------------------- */

enum { TIMERS = 7 };

/* A timer whose waker arms it again, twice, and then cancels it and the one behind it. */
struct bell {
    struct rouse_timer timer;
    struct rouse_reactor *reactor;
    struct bell *next;
    struct wakes *wakes;
    int calls, armed; /* how often it was called, and how often armed at that time */
};

static void ring(void *with)
{
    struct bell *bell = with;
    const struct rouse_waker waker = wakes_waker(bell->wakes);

    bell->armed += rouse_timer_armed(&bell->timer);
    if (++bell->calls < 3) {
        rouse_timer_arm(bell->reactor, &bell->timer, rouse_now(bell->reactor), &waker);
    } else {
        rouse_timer_cancel(bell->reactor, &bell->timer);
        rouse_timer_cancel(bell->reactor, &bell->next->timer);
    }
}

CASE(
    w6_a_timer_may_be_armed_or_canceled_inside_its_wake, "W6 M4", NEEDS_NOTHING,
    "seven timers are due at once; the waker of each arms it again, twice, and then cancels it and "
    "its neighbour",
    "a timer that wakes is armed no more, and one that was canceled does not wake")
{
    struct bell bells[TIMERS];
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < TIMERS; i++) {
        bells[i] = (struct bell){
            .reactor = &rt.reactor, .next = &bells[(i + 1) % TIMERS], .wakes = world_wakes(world)};
        bells[i].wakes->then = ring;
        bells[i].wakes->with = &bells[i];
    }
    for (int i = 0; i < TIMERS; i++) {
        const struct rouse_waker waker = wakes_waker(bells[i].wakes);

        rouse_timer_arm(&rt.reactor, &bells[i].timer, world_now(world), &waker);
    }
    for (int n = 0; n < 10; n++)
        rouse_turn(&rt, 0);
    for (int i = 0; i < TIMERS; i++) {
        /* The first ends the second, so that the third has its last turn, and so on. */
        CHECK_EQUAL(M4, bells[i].calls, i % 2 == 0 ? 3 : 2, "wakes of a timer");
        CHECK_EQUAL(W6, bells[i].armed, 0, "wakes of a timer that was still armed");
        CHECK(W6, !rouse_timer_armed(&bells[i].timer), "a timer is left over");
        CHECK_EQUAL(W6, bells[i].wakes->references, 0, "references to its waker");
    }
    rouse_close(&rt);
}

CASES(future_w6) = {&w6_a_waker_may_poll_or_drop_its_future,
                    &w6_a_waker_may_drop_every_other_future,
                    &w6_the_waker_of_what_is_closed_may_come_straight_back,
                    &w6_giving_back_a_waker_may_close_what_it_waited_on,
                    &w6_accepts_that_starve_may_come_straight_back,
                    &w6_a_timer_may_be_armed_or_canceled_inside_its_wake};

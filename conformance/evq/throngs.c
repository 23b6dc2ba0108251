/*
 * throngs.c -- E5 and E7, when thousands were armed and forgotten and nobody has waited.
 *
 * A queue that asks its kernel by messages has room for some of them, and for some of the
 * answers. When that is used up nothing may get lost; and what comes late, for those that
 * were forgotten, must find nobody, though others have their numbers and places by then.
 */
#include "queue.h"

#include <stddef.h>

enum { ROUNDS = 40 };

/* Arms all, which are ready, for both directions, and forgets all, again and again. */
static void throng(struct world *world, struct queue_crowd *crowd)
{
    queue_crowd_open(world, crowd, QUEUE_CROWD);
    for (int i = 0; i < crowd->count; i++)
        world_send(world, crowd->fds[i], 1);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < crowd->count; i++)
            world_arm(world, crowd->sources[i], QUEUE_BOTH);
        for (int i = 0; i < crowd->count; i++)
            world_forget(world, crowd->sources[i]);
    }
}

CASE(e5_what_thousands_leave_behind_is_for_nobody, "E5 E2", NEEDS_NOTHING,
     "200 ready sources are armed in both directions and forgotten, 40 times, and nobody waits; "
     "then they are read empty, and armed for reading",
     "none is reported as writable, and each is as readable when a byte comes")
{
    static struct queue_crowd crowd;

    throng(world, &crowd);
    for (int i = 0; i < crowd.count; i++) {
        world_drain(world, crowd.fds[i]);
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    }
    for (int turns = 0; turns < 5; turns++)
        world_turn(world, 1);
    for (int i = 0; i < crowd.count; i++) {
        CHECK(E5, world_reports(world, crowd.sources[i], ROUSE_WRITABLE) == 0,
              "source %d, which was armed for that and forgotten", i);
        queue_mend(world, crowd.sources[i]);
    }
    for (int i = 0; i < crowd.count; i++) {
        queue_send(world, queue_crowd_peer(&crowd, i), crowd.fds[i]);
        REQUIRE(E2, queue_reports(world, crowd.sources[i], ROUSE_READABLE), "source %d: a byte", i);
    }
    queue_crowd_close(world, &crowd);
}

CASE(e5_thousands_armed_without_a_wait_are_all_reported, "E5 E2", NEEDS_NOTHING,
     "200 ready sources are armed in both directions and forgotten, 40 times, and armed once more",
     "a few looks without waiting find some, and each direction of each is reported once")
{
    static struct queue_crowd crowd;
    struct rouse_event events[64];
    int directions = 0, count = 0;

    throng(world, &crowd);
    for (int i = 0; i < crowd.count; i++)
        world_arm(world, crowd.sources[i], QUEUE_BOTH);
    for (int looks = 0; looks < 4 && count == 0; looks++)
        count = world_wait(world, events, 64, 0);
    CHECK(E2, count > 0, "nothing is found without waiting");
    do {
        for (int i = 0; i < count; i++)
            directions += events[i].ready == QUEUE_BOTH ? 2 : 1;
        count = directions < 2 * QUEUE_CROWD ? world_wait(world, events, 64, WORLD_SOON) : 0;
    } while (count > 0);
    for (int i = 0; i < crowd.count; i++)
        for (unsigned direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction++) {
            const int reports = world_reports(world, crowd.sources[i], direction);

            CHECK(E2, reports >= 1, "source %d, %s: lost", i, queue_name(direction));
            CHECK(E5, reports <= 1, "source %d, %s: reported %d times", i, queue_name(direction),
                  reports);
        }
    queue_crowd_close(world, &crowd);
}

CASE(e5_what_is_closed_is_gone_though_nobody_waits, "E5", NEEDS_NOTHING,
     "200 sources are ready and armed; others, armed long before, are forgotten and closed",
     "at once the port can be bound again, and the peer has the end of its stream")
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, QUEUE_CROWD);
    for (int round = 0; round < 10; round++) {
        struct rouse_address address;
        struct rouse_source *listener, *source;
        rouse_fd ends[2], fd;
        int error;

        listener = world_source(world, world_listen(world, ROUSE_IPV4, 4, &address));
        world_pair(world, ends);
        source = world_source(world, ends[0]);
        world_arm(world, listener, ROUSE_READABLE);
        queue_arm_idle(world, source, round % 2 == 0 ? ROUSE_READABLE : QUEUE_BOTH);
        for (int i = 0; i < crowd.count; i++)
            world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        world_connect(world, &address);
        world_await_ready(world, listener->fd, ROUSE_READABLE);
        queue_close(world, listener);
        error = world->sockets->open(world->sockets, ROUSE_IPV4, &fd);
        if (error != 0)
            suite_error("no socket: %s", rouse_strerror(error));
        world_take(world, fd);
        error = world->sockets->listen(world->sockets, fd, &address, 4);
        CHECK(E5, error == 0, "round %d: the port: %s", round, rouse_strerror(error));
        world_close(world, fd);
        queue_close(world, source);
        CHECK(E5, (world_ready(world, ends[1]) & ROUSE_READABLE) != 0,
              "round %d: the peer does not see the end", round);
        world_close(world, ends[1]);
    }
    queue_crowd_close(world, &crowd);
}

/* In a queue of their own, arms `count` ready sources for both directions, after another one for
 * one direction if `odd`, and forgets one that is idle and that the kernel knows, or not; which was
 * forgotten before `gone` times. Returns what is wrong, or NULL. */
static const char *row(struct world *world, struct rouse_evq *evq, struct queue_crowd *crowd,
                       int count, bool odd, bool known, int gone)
{
    const rouse_time deadline = world_after(world, WORLD_SOON);
    struct rouse_source *idle = crowd->sources[QUEUE_CROWD - 1];
    unsigned reported[QUEUE_CROWD] = {0};
    struct rouse_event events[64];
    const char *wrong = NULL;
    int left = 2 * count + odd, n = 1;

    if (known) {
        evq->ops->arm(evq, idle, ROUSE_READABLE);
        evq->ops->wait(evq, events, 64, 0); /* which may be mistaken */
    }
    if (odd)
        evq->ops->arm(evq, crowd->sources[count], ROUSE_WRITABLE);
    for (int i = 0; i < gone && !known; i++) {
        evq->ops->arm(evq, idle, ROUSE_READABLE);
        evq->ops->forget(evq, idle);
    }
    for (int i = 0; i < count; i++) {
        evq->ops->arm(evq, crowd->sources[i], QUEUE_BOTH);
        if (i == count / 2 && !known && gone == 0)
            evq->ops->arm(evq, idle, ROUSE_READABLE);
    }
    evq->ops->forget(evq, idle);
    while (left > 0 && n > 0) {
        n = evq->ops->wait(evq, events, 64, deadline);
        for (int i = 0; i < n; i++) {
            const int at = queue_crowd_find(crowd, events[i].source);

            if (at > count || (reported[at] & events[i].ready) != 0)
                wrong = "something is reported twice, or was forgotten";
            reported[at] |= events[i].ready;
            left -= events[i].ready == QUEUE_BOTH ? 2 : 1;
        }
    }
    return left > 0 ? "something is lost" : wrong;
}

CASE(
    e2_any_number_armed_in_a_row_is_reported, "E2 E5", NEEDS_KERNEL,
    "in a new queue 120 to 135 ready sources are armed in both directions in a row, after one that "
    "is armed in one, and with one that is idle and forgotten; only then it waits; and all again",
    "each direction of each is reported, once")
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, QUEUE_CROWD);
    for (int i = 0; i < QUEUE_CROWD - 1; i++)
        queue_send(world, queue_crowd_peer(&crowd, i), crowd.fds[i]);
    for (int count = 120; count <= 135; count++)
        for (int way = 0; way < 4; way++) {
            struct rouse_evq *evq;

            evq = queue_open(world);
            for (int round = 0; round < 2; round++) {
                const char *wrong =
                    row(world, evq, &crowd, count, way % 2 != 0, way / 2 != 0, count % 5);

                CHECK(E2, wrong == NULL, "%d sources, way %d, round %d: %s", count, way, round,
                      wrong);
            }
            for (int i = 0; i <= count; i++)
                evq->ops->forget(evq, crowd.sources[i]);
            evq->ops->close(evq);
        }
    queue_crowd_close(world, &crowd);
}

static void wake_once(void *argument)
{
    world_wake(argument);
}

CASE(e7_a_wake_is_heard_behind_thousands, "E7", NEEDS_NOTHING,
     "somebody listens; 200 ready sources are armed and forgotten 40 times; then a wake, and then "
     "twenty more, each by a thread, while the 200 are armed and idle",
     "each ends a wait() without limit")
{
    static struct queue_crowd crowd;
    struct rouse_event event;

    queue_pollable(world->evq); /* so that every wake is told to the kernel */
    throng(world, &crowd);
    world_wake(world);
    CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "the number of reports");
    for (int i = 0; i < crowd.count; i++) {
        world_fill(world, crowd.fds[i]);
        world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
    }
    for (int round = 0; round < 20; round++) {
        struct thread *thread = thread_start(wake_once, world);

        WAIT_UNLIMITED(E7, world, &event, 1); /* which may end by a mistaken report as well */
        thread_join(thread);
    }
    queue_crowd_close(world, &crowd);
}

CASE(e7_a_wake_is_heard_behind_a_thousand_reports, "E7", NEEDS_NOTHING,
     "somebody listens; nearly a thousand sources, or as many as there are descriptors for, are "
     "armed and ready in both directions; then a wake, and then twenty more, each by a thread",
     "when all have been reported, each of the twenty ends a wait() without limit")
{
    enum { PAIRS = 480, SPARE = 4 };
    static struct rouse_source *sources[2 * PAIRS];
    struct rouse_event events[64];
    rouse_time late;
    rouse_fd ends[2];
    int count = 0;

    queue_pollable(world->evq);
    while (count < 2 * PAIRS && world->sockets->pair(world->sockets, ends) == 0)
        for (int i = 0; i < 2; i++)
            sources[count++] = world_source(world, world_take(world, ends[i]));
    for (int i = 0; count < 2 * PAIRS && i < 2 * SPARE; i++)
        world_close(world, sources[--count]->fd);
    for (int i = 0; i < count; i++)
        world_send(world, sources[i]->fd, 1);
    for (int i = 0; i < count; i++)
        world_arm(world, sources[i], QUEUE_BOTH);
    world_wake(world);
    late = world_after(world, WORLD_SOON);
    for (int i = 0; i < count; i++)
        while (sources[i]->armed != 0 && world_now(world) < late)
            world_wait(world, events, 64, 5);
    world_turn(world, 0); /* for the first wake */
    for (int round = 0; round < 20; round++) {
        struct thread *thread = thread_start(wake_once, world);

        CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, events, 64), 0, "the number of reports");
        thread_join(thread);
    }
}

CASE(e2_all_that_stay_ready_are_reported_again, "E2", NEEDS_NOTHING,
     "seventy sources have a byte that nobody reads; all are armed in a row, without a wait "
     "between, "
     "three times",
     "each is reported each time")
{
    enum { MANY = 70 };
    struct rouse_source *sources[MANY];

    for (int i = 0; i < MANY; i++) {
        rouse_fd ends[2];

        world_pair(world, ends);
        world_send(world, ends[1], 1);
        sources[i] = world_source(world, ends[0]);
    }
    for (int round = 0; round < 3; round++) {
        int missed = 0;

        for (int i = 0; i < MANY; i++)
            world_arm(world, sources[i], ROUSE_READABLE);
        for (int i = 0; i < MANY && missed == 0; i++)
            missed += world_wait_for(world, sources[i], ROUSE_READABLE, WORLD_SOON) == 0;
        CHECK(E2, missed == 0, "in round %d not all are reported", round);
    }
}

CASES(evq_throngs) = {&e5_what_thousands_leave_behind_is_for_nobody,
                      &e5_thousands_armed_without_a_wait_are_all_reported,
                      &e5_what_is_closed_is_gone_though_nobody_waits,
                      &e2_any_number_armed_in_a_row_is_reported,
                      &e7_a_wake_is_heard_behind_thousands,
                      &e7_a_wake_is_heard_behind_a_thousand_reports,
                      &e2_all_that_stay_ready_are_reported_again};

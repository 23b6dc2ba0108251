/*
 * e10_capacity.c -- E10: more is ready than the caller's array holds.
 *
 * A backend fetches from its kernel as it sees fit and hands on what fits. What does not
 * fit must neither be lost, nor come twice, nor wait behind those who are always first.
 */
#include "queue.h"

static const int capacities[] = {1, 2, 3, 63, 64, 65, 256};
enum { CAPACITIES = sizeof capacities / sizeof capacities[0], ROOM = 256, CANARY = 0x5A5A };

/* One wait() with `capacity`; looks whether it kept to the array. */
static int wait_within(struct world *world, struct rouse_event events[ROOM + 1], int capacity)
{
    int count;

    events[capacity] = (struct rouse_event){NULL, CANARY};
    count = world_wait(world, events, capacity, WORLD_SOON);
    CHECK(E10, count <= capacity, "%d reports in an array for %d", count, capacity);
    CHECK(E10, events[capacity].source == NULL && events[capacity].ready == CANARY,
          "an array for %d was written to behind its end", capacity);
    return count;
}

/* Waits until `expected` directions were reported, or nothing more comes. */
static void collect(struct world *world, int capacity, int expected)
{
    struct rouse_event events[ROOM + 1];
    int directions = 0;

    for (int waits = 0; waits < 4 * expected + 4 && directions < expected; waits++) {
        const int count = wait_within(world, events, capacity);

        if (count == 0)
            return;
        for (int i = 0; i < count; i++)
            directions += events[i].ready == QUEUE_BOTH ? 2 : 1;
    }
}

/* Arms `count` ready sources and waits with room for `capacity` reports. */
static void all_ready(struct world *world, int count, int capacity, unsigned interest)
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, count);
    for (int i = 0; i < (count + 1) / 2 * 2; i++)
        world_send(world, crowd.fds[i], 1);
    for (int round = 0; round < 2; round++) {
        int right = 0;

        for (int i = 0; i < count; i++)
            world_arm(world, crowd.sources[i], interest);
        collect(world, capacity, interest == QUEUE_BOTH ? 2 * count : count);
        for (int i = 0; i < 2 * count; i++) {
            const unsigned direction = 1 + (unsigned) i % 2;

            if (world_reports(world, crowd.sources[i / 2], direction)
                == ((interest & direction) != 0))
                right++;
        }
        CHECK(E10, right == 2 * count,
              "%d sources armed for %s, room for %d, round %d: %d of %d directions did not come "
              "as often as they should",
              count, queue_name(interest), capacity, round, 2 * count - right, 2 * count);
    }
    queue_crowd_close(world, &crowd);
}

CASE(e10_all_are_reported_once_whatever_the_room, "E10", NEEDS_NOTHING,
     "1 to 200 sources, ready in one direction or both, and arrays for 1 to 256 reports",
     "each direction is reported once, and nothing is written behind the array")
{
    static const int counts[] = {1, 2, 3, 64, 65, 129, QUEUE_CROWD};

    for (int i = 0; i < CAPACITIES; i++)
        for (int capacity = 0; capacity < CAPACITIES; capacity++)
            all_ready(world, counts[i], capacities[capacity],
                      (i + capacity) % 3 == 0   ? ROUSE_READABLE
                      : (i + capacity) % 3 == 1 ? ROUSE_WRITABLE
                                                : QUEUE_BOTH);
}

CASE(e10_a_second_direction_that_did_not_fit_comes_next, "E10", NEEDS_NOTHING,
     "one source is ready in both directions, and the array has room for one report",
     "both directions are reported, in one report or in two waits, 100 times")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        for (int i = 0; i < 100; i++) {
            world_arm(world, source, QUEUE_BOTH);
            collect(world, 1, 2);
            CHECK_EQUAL(E10, world_reports(world, source, ROUSE_READABLE), 1,
                        "the reader's reports");
            CHECK_EQUAL(E10, world_reports(world, source, ROUSE_WRITABLE), 1,
                        "the writer's reports");
        }
    }
}

CASE(
    e10_nobody_starves, "E10", NEEDS_NOTHING,
    "2 to 9 and 150 sources are always ready and armed again after each report; arrays for 1 to 64",
    "each has a report before all have had twenty on average")
{
    static const int counts[] = {2, 3, 4, 5, 8, 9, 150};
    static const int rooms[] = {1, 2, 3, 7, 64};
    enum { COUNTS = sizeof counts / sizeof counts[0], ROOMS = sizeof rooms / sizeof rooms[0] };
    static struct queue_crowd crowd;

    for (int n = 0; n < COUNTS * ROOMS; n++) {
        const int which = n % ROOMS;
        int missing = counts[n / ROOMS], reports = 0;
        bool served[QUEUE_CROWD] = {false};
        struct rouse_event events[ROOM + 1];

        queue_crowd_open(world, &crowd, missing);
        for (int i = 0; i < crowd.count; i++)
            world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        while (missing > 0 && reports < 20 * crowd.count) {
            const int count = wait_within(world, events, rooms[which]);

            REQUIRE(E10, count > 0, "room for %d: nothing is reported", rooms[which]);
            for (int i = 0; i < count; i++) {
                const int found = queue_crowd_find(&crowd, events[i].source);

                missing -= !served[found];
                served[found] = true;
                world_arm(world, events[i].source, ROUSE_WRITABLE);
            }
            reports += count;
        }
        CHECK(E10, missing == 0, "room for %d: %d of %d had no report among %d", rooms[which],
              missing, crowd.count, reports);
        queue_crowd_close(world, &crowd);
    }
}

CASE(e10_a_latecomer_is_served_among_the_busy, "E10", NEEDS_NOTHING,
     "one source, first or last armed, becomes ready now and then, while 80 always are",
     "it is reported before the others had twenty reports each")
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, 80);
    for (int round = 0; round < 12; round++) {
        const int late = round % 3 == 0 ? 0 : round % 3 == 1 ? crowd.count - 1 : crowd.count / 2;
        const int room = round % 2 != 0 ? 5 : 1;
        bool served = false;
        struct rouse_event events[ROOM + 1];

        for (int i = 0; i < crowd.count; i++)
            world_forget(world, crowd.sources[i]);
        queue_arm_idle(world, crowd.sources[late], ROUSE_READABLE);
        for (int i = 0; i < crowd.count; i++)
            if (i != late)
                world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        for (int reports = 0; reports < 20 * crowd.count && !served;) {
            const int count = wait_within(world, events, room);

            REQUIRE(E10, count > 0, "nothing is reported");
            for (int i = 0; i < count; i++) {
                if (events[i].source != crowd.sources[late])
                    world_arm(world, events[i].source, ROUSE_WRITABLE);
                else if (reports > 50)
                    served = true;
                else /* by mistake */
                    world_arm(world, events[i].source, ROUSE_READABLE);
            }
            if (reports <= 50 && reports + count > 50)
                world_send(world, queue_crowd_peer(&crowd, late), 1);
            reports += count;
        }
        CHECK(E10, served, "round %d: source %d, room for %d", round, late, room);
        world_drain(world, crowd.fds[late]);
    }
}

CASE(e10_one_direction_does_not_starve_beside_the_other, "E10", NEEDS_NOTHING,
     "a source is always ready in both directions; one is armed again after each report, the other "
     "once; arrays for 1, 2 and 64",
     "the other is reported in one of the next twenty waits")
{
    static const int rooms[] = {1, 2, 64};

    for (int way = 0; way < 2 * QUEUE_KINDS * 3; way++) {
        const unsigned busy = way % 2 != 0 ? ROUSE_READABLE : ROUSE_WRITABLE;
        const int kind = way / 2 % QUEUE_KINDS, room = rooms[way / 2 / QUEUE_KINDS];
        struct rouse_event events[ROOM + 1];
        struct rouse_source *source;
        bool served = false;
        rouse_fd ends[2];

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        world_arm(world, source, QUEUE_BOTH);
        for (int waits = 0; waits < 20 && !served; waits++) {
            const int count = wait_within(world, events, room);

            REQUIRE(E10, count > 0, "%s, room for %d: nothing is reported", queue_kind(kind), room);
            for (int i = 0; i < count; i++)
                served |= (events[i].ready & ~busy) != 0;
            world_arm(world, source, busy);
        }
        CHECK(E10, served, "%s, room for %d: what waits beside %s", queue_kind(kind), room,
              queue_name(busy));
        queue_close(world, source);
        world_close(world, ends[1]);
    }
}

CASE(e10_what_did_not_fit_survives_the_next_wait, "E10", NEEDS_NOTHING,
     "40 ready sources, room for one; between waits some are armed again, some forgotten",
     "every source that is left is reported, though the list changes all the time")
{
    static struct queue_crowd crowd;

    for (int round = 0; round < 6; round++) {
        struct rouse_event events[ROOM + 1];
        bool forgotten[QUEUE_CROWD] = {false};
        int left;

        queue_crowd_open(world, &crowd, 40);
        for (int i = 0; i < crowd.count; i++)
            world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        for (int i = 0; i < 12; i++) {
            const int gone = (i * 7 + round) % crowd.count;
            const int count = wait_within(world, events, 1 + round % 2);

            for (int k = 0; k < count && i % 3 == 0; k++) {
                world_arm(world, events[k].source, ROUSE_WRITABLE);
                world_reports(world, events[k].source, ROUSE_WRITABLE);
            }
            if (i % 2 != 0) {
                world_forget(world, crowd.sources[gone]);
                forgotten[gone] = true;
            }
        }
        for (left = 0; left < crowd.count; left++) {
            unsigned reported = ROUSE_WRITABLE;

            if (!forgotten[left])
                reported = world_wait_for(world, crowd.sources[left], ROUSE_WRITABLE, WORLD_SOON);
            REQUIRE(E10, (reported & ROUSE_WRITABLE) != 0, "round %d: source %d", round, left);
        }
        queue_crowd_close(world, &crowd);
    }
}

CASE(e10_hundreds_of_sources_are_served, "E10 E2", NEEDS_NOTHING,
     "nearly a thousand sources, or as many as the machine has descriptors for, get a byte each",
     "all are reported, the first and the last alike, and again after they were read")
{
    /* No more than select(2) knows: a backend on that is one, too. */
    enum { PAIRS = 480, SPARE = 4 };
    static struct rouse_source *sources[2 * PAIRS];
    int pairs = 0;
    rouse_fd ends[2];

    while (pairs < PAIRS && world->sockets->pair(world->sockets, ends) == 0) {
        for (int i = 0; i < 2; i++)
            sources[2 * pairs + i] = world_source(world, world_take(world, ends[i]));
        pairs++;
    }
    for (int i = 0; pairs < PAIRS && i < SPARE; i++) { /* a backend may need some */
        pairs--;
        world_close(world, sources[2 * pairs]->fd);
        world_close(world, sources[2 * pairs + 1]->fd);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2 * pairs; i++)
            world_arm(world, sources[i], ROUSE_READABLE);
        world_turn(world, 0);
        for (int i = 0; i < 2 * pairs; i++) {
            queue_mend(world, sources[i]);
            world_send(world, sources[i ^ 1]->fd, 1);
        }
        for (int waits = 0; waits < 4 * pairs && world_turn(world, 5) > 0; waits++)
            continue;
        for (int i = 0; i < 2 * pairs; i++) {
            const int reports = world_reports(world, sources[i], ROUSE_READABLE);

            if (reports == 0)
                REQUIRE(E2, queue_reports(world, sources[i], ROUSE_READABLE), "round %d, %d of %d",
                        round, i, 2 * pairs);
            CHECK(E10, reports <= 1, "round %d, %d came %d times", round, i, reports);
            world_drain(world, sources[i]->fd);
        }
    }
}

CASE(e10_what_nobody_wants_takes_no_room, "E10 E2", NEEDS_NOTHING,
     "200 sources have been reported; then all of them get a byte, of which the first or the last "
     "one alone is armed; arrays for 1, 2 and 64, and waits whose deadline has passed",
     "it is reported by the first of them, or soon after")
{
    static const int rooms[] = {1, 2, 64};
    enum { LATE = 3 }; /* a queue may take a turn more */
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, QUEUE_CROWD);
    for (int r = 0; r < 6; r++) {
        struct rouse_source *armed = crowd.sources[r % 2 * (QUEUE_CROWD - 1)];
        struct rouse_event events[64];
        int count = 0, waits = 0;

        for (int i = 0; i < QUEUE_CROWD; i++) {
            world_arm(world, crowd.sources[i], ROUSE_READABLE);
            queue_send(world, queue_crowd_peer(&crowd, i), crowd.fds[i]);
            REQUIRE(E2, queue_reports(world, crowd.sources[i], ROUSE_READABLE), "source %d", i);
            world_drain(world, crowd.fds[i]);
        }
        queue_arm_idle(world, armed, ROUSE_READABLE);
        for (int i = 0; i < QUEUE_CROWD; i++)
            queue_send(world, queue_crowd_peer(&crowd, i), crowd.fds[i]);
        while (count == 0 && waits++ < LATE)
            count = world_wait(world, events, rooms[r / 2], 0);
        CHECK_EQUAL(E10, world_reports(world, armed, ROUSE_READABLE), 1, "reports of it");
        for (int i = 0; i < QUEUE_CROWD; i++)
            world_drain(world, crowd.fds[i]);
    }
    queue_crowd_close(world, &crowd);
}

CASES(evq_e10) = {
    &e10_all_are_reported_once_whatever_the_room,
    &e10_a_second_direction_that_did_not_fit_comes_next,
    &e10_nobody_starves,
    &e10_a_latecomer_is_served_among_the_busy,
    &e10_one_direction_does_not_starve_beside_the_other,
    &e10_what_did_not_fit_survives_the_next_wait,
    &e10_hundreds_of_sources_are_served,
    &e10_what_nobody_wants_takes_no_room,
};

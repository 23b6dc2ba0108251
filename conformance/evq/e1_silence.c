/*
 * e1_silence.c -- E1: a source that nobody armed costs nothing, whatever its socket says.
 *
 * Level-triggered kernels repeat a hang-up and an error to whoever asked for nothing, and
 * a backend that passes over them inside of wait() looks right and keeps the processor
 * busy. So the processor is looked at too.
 */
#include "queue.h"

struct trouble {
    const char *name;
    void (*open)(struct world *world, rouse_fd ends[2]);
    void (*make)(struct world *world, const rouse_fd ends[2]);
};

static void send_byte(struct world *world, const rouse_fd ends[2])
{
    queue_send(world, ends[1], ends[0]);
}

static void finish(struct world *world, const rouse_fd ends[2])
{
    world_shutdown(world, ends[1]);
}

static void finish_both(struct world *world, const rouse_fd ends[2])
{
    world_shutdown(world, ends[1]);
    world_shutdown(world, ends[0]);
}

static void close_peer(struct world *world, const rouse_fd ends[2])
{
    world_close(world, ends[1]);
}

static void reset_peer(struct world *world, const rouse_fd ends[2])
{
    world_reset(world, ends[1]);
}

static void send_urgent(struct world *world, const rouse_fd ends[2])
{
    world_urgent(world, ends[1], '!');
}

static const struct trouble troubles[] = {
    {"a byte over TCP", world_tcp_pair, send_byte},
    {"urgent data", world_tcp_pair, send_urgent},
    {"the end of the stream", world_tcp_pair, finish},
    {"both ends of the stream", world_tcp_pair, finish_both},
    {"the peer's close", world_tcp_pair, close_peer},
    {"a reset", world_tcp_pair, reset_peer},
    {"both ends of a pair", world_pair, finish_both},
    {"the close of a pair", world_pair, close_peer},
};
enum { TROUBLES = sizeof troubles / sizeof troubles[0] };

/* A source that has been reported for `was`, and is not armed. */
static struct rouse_source *idle_source(struct world *world, const struct trouble *trouble,
                                        unsigned was, rouse_fd ends[2])
{
    struct rouse_source *source;

    trouble->open(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    world_arm(world, source, was);
    REQUIRE(E1, queue_reports(world, source, was), "%s: the first report", trouble->name);
    return source;
}

CASE(e1_what_nobody_asked_for_costs_nothing, "E1", NEEDS_KERNEL,
     "a source has had its reports; then bytes, urgent data, ends, a hang-up, or a reset come",
     "wait() does not keep the processor busy, nor once that was reported and is left so")
{
    for (int i = 0; i < TROUBLES; i++) {
        for (int reported = 0; reported < 2; reported++) {
            struct rouse_source *source;
            rouse_fd ends[2];

            source = idle_source(world, &troubles[i], QUEUE_BOTH, ends);
            troubles[i].make(world, ends);
            if (reported) {
                world_arm(world, source, QUEUE_BOTH);
                world_wait_for(world, source, QUEUE_BOTH, WORLD_SOON);
            }
            CHECK(E1, queue_sleeps(world, 25), "%s%s: wait() spins", troubles[i].name,
                  reported ? ", reported" : "");
            CHECK(E1, world_quiet(world, source, 0) == 0, "%s%s: a report", troubles[i].name,
                  reported ? ", reported" : "");
            queue_close(world, source);
        }
    }
}

CASE(e1_each_direction_keeps_its_own_silence, "E1 E4", NEEDS_NOTHING,
     "a hang-up or an error is reported in one direction, which was armed; nobody armed the other",
     "the other is silent, the first too after its report, and both come once when armed")
{
    for (int i = 3; i < TROUBLES; i++) {
        if (troubles[i].make == close_peer && troubles[i].open == world_tcp_pair)
            continue; /* the end of the stream, and no more */
        for (unsigned armed = ROUSE_READABLE; armed <= ROUSE_WRITABLE; armed++) {
            struct rouse_source *source;
            unsigned reported;
            rouse_fd ends[2];

            source = idle_source(world, &troubles[i], QUEUE_BOTH, ends);
            troubles[i].make(world, ends);
            world_await_ready(world, ends[0], QUEUE_BOTH);
            world_arm(world, source, armed);
            reported = world_wait_for(world, source, armed, WORLD_SOON);
            REQUIRE(E4, (reported & armed) != 0, "%s, armed for %s: not reported", troubles[i].name,
                    queue_name(armed));
            CHECK(E1, reported == armed, "%s, armed for %s: more is reported", troubles[i].name,
                  queue_name(armed));
            CHECK(E1, world_quiet(world, source, 5) == 0, "%s, armed for %s: not silent",
                  troubles[i].name, queue_name(armed));
            world_arm(world, source, QUEUE_BOTH);
            REQUIRE(E4, world_wait_for(world, source, QUEUE_BOTH, WORLD_SOON) == QUEUE_BOTH,
                    "%s, armed for both: not reported", troubles[i].name);
            CHECK(E1, world_quiet(world, source, 5) == 0, "%s: not silent after both",
                  troubles[i].name);
            queue_close(world, source);
        }
    }
}

CASE(e1_a_stream_of_reports_does_not_disturb_the_other_direction, "E1 E2 E3", NEEDS_NOTHING,
     "one direction waits, armed once, while the other is armed and reported 200 times",
     "the one that waits is reported when its time comes, with or without the hint on the other")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int way = 0; way < 4; way++) {
            const unsigned waits = way % 2 != 0 ? ROUSE_WRITABLE : ROUSE_READABLE;
            struct rouse_source *source;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            if (waits == ROUSE_WRITABLE)
                world_fill(world, ends[0]);
            queue_arm_idle(world, source, waits);
            for (int i = 0; i < 200; i++) {
                const unsigned busy = QUEUE_BOTH & ~waits;
                bool reported;

                if (busy == ROUSE_READABLE) {
                    world_drain(world, ends[0]);
                    world_arm(world, source, way >= 2 ? busy | ROUSE_DRAINED : busy);
                    world_send(world, ends[1], 1);
                } else {
                    world_arm(world, source, busy);
                }
                reported = queue_reports(world, source, busy);
                if (way < 2)
                    REQUIRE(E2, reported, "%s, way %d: report %d", queue_kind(kind), way, i + 1);
                else
                    REQUIRE(E3, reported, "%s, way %d: report %d", queue_kind(kind), way, i + 1);
            }
            if (waits == ROUSE_WRITABLE)
                world_make_room(world, ends[0], ends[1]);
            else
                queue_send(world, ends[1], ends[0]);
            REQUIRE(E1, queue_reports(world, source, waits), "%s, way %d: the one that waited",
                    queue_kind(kind), way);
        }
    }
}

CASES(evq_e1_silence) = {
    &e1_what_nobody_asked_for_costs_nothing,
    &e1_each_direction_keeps_its_own_silence,
    &e1_a_stream_of_reports_does_not_disturb_the_other_direction,
};

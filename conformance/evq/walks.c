/*
 * walks.c -- E2, E3, E4, E5 and E10 by walks that nobody thought out.
 *
 * A few sockets are written, read, armed, forgotten, closed and broken in an order drawn
 * from a seed. Now and then the walk stops and asks the kernel, or the simulation: what is
 * armed and ready must be reported. The world looks after the rest: what was reported
 * must have been armed, once, and of a source that is known.
 *
 * Each case takes one more kind of step, so that what only goes wrong with it is red at
 * its own guarantee.
 */
#include "queue.h"

#include <errno.h>

enum {
    PAIRS = 5,
    ENDS = 2 * PAIRS,
    STEPS = 600,
    STEPS_TO_A_STOP = 23,
    WALKS = 8,

    /* What a walk may do beside writing, reading, arming and waiting. */
    GIVE_HINTS = 1 << 0,
    BREAK = 1 << 1,
    FORGET = 1 << 2,
    LITTLE_ROOM = 1 << 3,

    /* Bytes moved by one call. A socket may take megabytes before it refuses, and where a
     * system is emulated each call is dear. */
    CHUNK = 1 << 16
};

struct end {
    struct rouse_source *source;
    bool open;
    unsigned refused; /* directions whose last call was refused, with no wait() since */
    unsigned hinted;  /* directions last armed with the hint */
    bool broken;      /* its peer is closed, or has finished talking */
};

struct walk {
    struct world *world;
    enum guarantee id; /* that a lost event breaks, unless it is one of a hint or an end */
    unsigned allowed;
    uint64_t seed, drawn;
    int step;
    struct end ends[ENDS];
};

/* A linear congruential generator with Knuth's constants for MMIX; its high bits are good. */
static int draw(struct walk *walk, int below)
{
    walk->drawn = walk->drawn * 6364136223846793005u + 1442695040888963407u;
    return (int) ((walk->drawn >> 33) % (uint64_t) below);
}

static void open_pair(struct walk *walk, int pair)
{
    rouse_fd fds[2];

    queue_pair(walk->world, draw(walk, QUEUE_KINDS), fds);
    for (int i = 0; i < 2; i++)
        walk->ends[2 * pair + i] =
            (struct end){world_source(walk->world, fds[i]), true, 0, 0, false};
}

static struct end *peer_of(struct walk *walk, const struct end *end)
{
    return &walk->ends[(end - walk->ends) ^ 1];
}

static void close_end(struct walk *walk, struct end *end)
{
    if (end->open)
        queue_close(walk->world, end->source);
    end->open = false;
    peer_of(walk, end)->broken = true;
}

static void read_some(struct walk *walk, struct end *end, int most)
{
    static char bytes[CHUNK];
    intptr_t count;

    end->refused &= (unsigned) ROUSE_WRITABLE;
    do {
        const int size = most < CHUNK ? most : CHUNK;

        count = world_read(walk->world, end->source->fd, bytes, (size_t) size);
        most -= (int) count;
    } while (count > 0 && most > 0);
    if (count == -EAGAIN)
        end->refused |= ROUSE_READABLE;
}

static void write_some(struct walk *walk, struct end *end, int most)
{
    static const char bytes[CHUNK];
    intptr_t count;

    end->refused &= (unsigned) ROUSE_READABLE;
    do {
        const int size = most < CHUNK ? most : CHUNK;

        count = world_write(walk->world, end->source->fd, bytes, (size_t) size);
        most -= (int) count;
    } while (count > 0 && most > 0);
    if (count == -EAGAIN)
        end->refused |= ROUSE_WRITABLE;
}

static void arm_some(struct walk *walk, struct end *end)
{
    unsigned interest = 1 + (unsigned) draw(walk, 3);

    if ((walk->allowed & GIVE_HINTS) != 0 && (interest & end->refused) != 0)
        interest = (interest & end->refused) | ROUSE_DRAINED;
    end->hinted &= ~interest;
    if ((interest & ROUSE_DRAINED) != 0)
        end->hinted |= interest;
    world_arm(walk->world, end->source, interest);
}

static void wait_once(struct walk *walk)
{
    enum { ROOM = 2 * ENDS };
    struct rouse_event events[ROOM];

    world_wait(walk->world, events, (walk->allowed & LITTLE_ROOM) != 0 ? 1 : ROOM, 0);
    for (int i = 0; i < ENDS; i++)
        walk->ends[i].refused = 0;
}

static void break_one(struct walk *walk, struct end *end)
{
    const struct rouse_sockets *sockets = walk->world->sockets;

    switch (draw(walk, 3)) {
    case 0: close_end(walk, end); break;
    case 1: sockets->shutdown(sockets, end->source->fd); break; /* which may have failed already */
    default:
        world_forget(walk->world, end->source);
        world_reset(walk->world, end->source->fd);
        end->open = false;
        break;
    }
    peer_of(walk, end)->broken = true;
}

static void take_step(struct walk *walk)
{
    const int which = draw(walk, ENDS);
    struct end *end = &walk->ends[which];
    const int kind = draw(walk, 100);

    if (!end->open) {
        if (kind < 50) {
            close_end(walk, &walk->ends[which ^ 1]);
            open_pair(walk, which / 2);
        }
    } else if (kind < 20) {
        write_some(walk, end, 1 + draw(walk, 500));
    } else if (kind < 23) {
        write_some(walk, end, 1 << 22);
    } else if (kind < 33) {
        read_some(walk, end, 1 + draw(walk, 300));
    } else if (kind < 45) {
        read_some(walk, end, 1 << 22);
    } else if (kind < 70) {
        arm_some(walk, end);
    } else if (kind < 85) {
        wait_once(walk);
    } else if (kind < 88) {
        world_wake(walk->world);
    } else if (kind < 92 && (walk->allowed & FORGET) != 0) {
        world_forget(walk->world, end->source);
    } else if (kind < 95 && (walk->allowed & FORGET) != 0) {
        close_end(walk, end);
    } else if (kind >= 95 && (walk->allowed & BREAK) != 0) {
        break_one(walk, end);
    }
}

/* Which promise was not kept when `lost` is not reported, of all that is `ready`. */
static enum guarantee broken_by(const struct walk *walk, const struct end *end, unsigned ready,
                                unsigned lost)
{
    if (end->broken && ready == QUEUE_BOTH)
        return GUARANTEE_E4;
    return (lost & end->hinted) != 0 ? GUARANTEE_E3 : walk->id;
}

/* What is armed and ready comes. */
static void stop_and_look(struct walk *walk)
{
    for (int i = 0; i < ENDS; i++) {
        struct end *end = &walk->ends[i];
        unsigned ready, owed, reported;

        if (!end->open)
            continue;
        world_reports(walk->world, end->source, ROUSE_READABLE);
        world_reports(walk->world, end->source, ROUSE_WRITABLE);
        ready = world_ready(walk->world, end->source->fd);
        owed = end->source->armed & ready;
        reported = world_wait_for(walk->world, end->source, owed, WORLD_SOON);
        suite_require(broken_by(walk, end, ready, owed & ~reported), (reported & owed) == owed,
                      "what is armed and ready is reported", __FILE__, __LINE__,
                      "walk %d, step %d: %s of end %d was not reported", (int) walk->seed,
                      walk->step, queue_name(owed & ~reported), i);
    }
    for (int i = 0; i < ENDS; i++)
        walk->ends[i].refused = 0;
}

static void take_walks(struct world *world, enum guarantee id, unsigned allowed)
{
    for (uint64_t seed = 1; seed <= WALKS; seed++) {
        struct walk walk = {.world = world, .id = id, .allowed = allowed};

        walk.seed = walk.drawn = seed;
        for (int pair = 0; pair < PAIRS; pair++)
            open_pair(&walk, pair);
        for (walk.step = 0; walk.step < STEPS; walk.step++) {
            take_step(&walk);
            if (walk.step % STEPS_TO_A_STOP == 0)
                stop_and_look(&walk);
        }
        for (int i = 0; i < ENDS; i++)
            if (walk.ends[i].open)
                world_arm(world, walk.ends[i].source, QUEUE_BOTH);
        stop_and_look(&walk);
        for (int i = 0; i < ENDS; i++)
            close_end(&walk, &walk.ends[i]);
    }
}

CASE(e2_walks_of_reads_writes_and_arms_lose_nothing, "E2", NEEDS_NOTHING,
     "eight walks of 600 steps: ten sockets are written, read, armed and waited for",
     "whenever the walk stops, what is armed and ready is reported")
{
    take_walks(world, GUARANTEE_E2, 0);
}

CASE(e3_walks_with_the_hint_lose_nothing, "E3 E2", NEEDS_NOTHING,
     "eight walks of 600 steps, where whoever was refused since the last wait() gives the hint",
     "whenever the walk stops, what is armed and ready is reported")
{
    take_walks(world, GUARANTEE_E2, GIVE_HINTS);
}

CASE(e4_walks_among_ends_and_errors_lose_nothing, "E4 E3 E2", NEEDS_NOTHING,
     "eight walks of 600 steps, on which peers finish talking, close, or reset",
     "whenever the walk stops, what is armed and ready is reported")
{
    take_walks(world, GUARANTEE_E2, GIVE_HINTS | BREAK);
}

CASE(e5_walks_with_forgetting_lose_nothing, "E5 E3 E4", NEEDS_NOTHING,
     "eight walks of 600 steps, on which sources are forgotten and numbers used again",
     "nothing forgotten is heard of, and what is armed and ready is reported")
{
    take_walks(world, GUARANTEE_E5, GIVE_HINTS | FORGET);
}

CASE(e10_walks_with_little_room_lose_nothing, "E10 E3 E4", NEEDS_NOTHING,
     "eight walks of 600 steps, with everything that may happen, and room for one report",
     "whenever the walk stops, what is armed and ready is reported")
{
    take_walks(world, GUARANTEE_E10, GIVE_HINTS | BREAK | FORGET | LITTLE_ROOM);
}

CASES(evq_walks) = {
    &e2_walks_of_reads_writes_and_arms_lose_nothing, &e3_walks_with_the_hint_lose_nothing,
    &e4_walks_among_ends_and_errors_lose_nothing,    &e5_walks_with_forgetting_lose_nothing,
    &e10_walks_with_little_room_lose_nothing,
};

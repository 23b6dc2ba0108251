/*
 * programs.c -- scenarios that are programs: played by the player of conformance/ops, as
 * fuzzers do it, but in the world of a case, on its queue, in real time, over TCP, and
 * written down.
 *
 * How long a kernel may take is not in a program. At a point of rest a backend is given time
 * until its tasks have done as many statements as they did in sim.
 *
 * The model of conformance/model looks on. Where memory fails nobody asks it: it knows nothing
 * of that, and who was told -ENOMEM is found in the trace.
 */
#include "../ops/play.h"
#include "../world_host.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

/* -- The world of a play ------------------------------------------------------- */

struct theatre {
    struct stage_world base;
    struct trace *trace;
    struct actor *actors[TASKS];
    char label[128]; /* what the script has said since the last point */
};

static struct theatre *theatre_of(struct stage_world *base)
{
    return rouse_container_of(base, struct theatre, base);
}

static struct world *world_of(struct stage_world *base)
{
    return trace_world(theatre_of(base)->trace);
}

static void make_pair(struct stage_world *base, int pair, rouse_fd fds[2])
{
    static const char *const names[ENDS] = {"p0.a", "p0.b", "p1.a", "p1.b", "p2.a", "p2.b"};

    world_tcp_pair(world_of(base), fds);
    for (int i = 0; i < 2; i++)
        trace_name(theatre_of(base)->trace, names[2 * pair + i],
                   world_give(world_of(base), fds[i]));
}

static void name_listener(struct stage_world *base, int listener, rouse_fd fd)
{
    static const char *const names[LISTENERS] = {"l0", "l1"};

    world_keep_port(world_of(base), fd);
    trace_name(theatre_of(base)->trace, names[listener], fd);
}

static void await_sent(struct stage_world *base, rouse_fd fd)
{
    world_await_ready(world_of(base), fd, ROUSE_READABLE);
}

/* A little, the kernel does not even call it writable, is room enough for what a program
 * writes. It may come late, on a busy machine. */
static size_t fill(struct stage_world *base, rouse_fd fd)
{
    size_t total = 0, count;

    while ((count = world_fill(world_of(base), fd)) > 0) {
        total += count;
        if (!base->simulated)
            (void) host_ready(fd, ROUSE_WRITABLE, WORLD_QUIET);
    }
    return total;
}

/* What was under way while there was no room comes too. */
static size_t drain(struct stage_world *base, rouse_fd fd)
{
    size_t total = 0, count;

    while ((count = world_drain(world_of(base), fd)) > 0) {
        total += count;
        if (!base->simulated)
            (void) host_ready(fd, ROUSE_READABLE, WORLD_QUIET);
    }
    return total;
}

static void rest(struct stage_world *base)
{
    struct theatre *theatre = theatre_of(base);

    trace_rest(theatre->trace, theatre->label, AS_SIM);
    theatre->label[0] = '\0';
}

static void say(struct stage_world *base, const char *statement)
{
    struct theatre *theatre = theatre_of(base);
    const size_t length = strlen(theatre->label);

    trace_step(theatre->trace, statement);
    snprintf(theatre->label + length, sizeof theatre->label - length, "%s%s",
             length > 0 ? ", " : "", statement);
}

static void woken(struct stage_world *base, int task)
{
    static const char *const names[TASKS] = {"a", "b", "c", "d", "e", "f"};
    struct theatre *theatre = theatre_of(base);

    if (theatre->actors[task] == NULL)
        theatre->actors[task] = trace_actor(theatre->trace, names[task]);
    actor_woken(theatre->actors[task]);
}

static void polled(struct stage_world *base, int task, enum rouse_poll poll, int statements, int at,
                   const char *statement)
{
    struct actor *actor = theatre_of(base)->actors[task];

    actor_moved(actor, statements, at, statement);
    actor_polled(actor, poll);
}

/* A late machine misses ticks (M6). */
static void got(struct stage_world *base, int task, const char *of, intptr_t result)
{
    if (strcmp(of, "tick") == 0 && result > 1)
        result = 1;
    actor_says(theatre_of(base)->actors[task], of, result);
}

static void ended(struct stage_world *base, int task, intptr_t result)
{
    actor_ended(theatre_of(base)->actors[task], result);
}

void trace_program(struct trace *trace, const char *text)
{
    static struct program program;
    struct theatre theatre = {
        .base = {.rt = trace_runtime(trace),
                 .evq = trace_world(trace)->evq,
                 .simulated = trace_world(trace)->simulated,
                 .pair = make_pair,
                 .listens = name_listener,
                 .sent = await_sent,
                 .fill = fill,
                 .drain = drain,
                 .rest = rest,
                 .says = say,
                 .woken = woken,
                 .polled = polled,
                 .result = got,
                 .ended = ended},
        .trace = trace,
    };
    const struct stage_options options = {.world = &theatre.base};
    const int line = program_parse(&program, text, strlen(text));
    struct verdict verdict;

    if (line != 0)
        suite_error("line %d is no statement", line);
    verdict = program_play(&program, &options, NULL);
    if (verdict.guarantee[0] != '\0')
        trace_complain(trace, verdict.guarantee, verdict.complaint);
}

/* -- The programs ---------------------------------------------------------------- */

PROGRAM(bytes_then_end, 0, "a peer writes three times and ends its stream");
PROGRAM(bytes_before_the_reader, 0,
        "bytes and the end of the stream are there before anybody reads");
PROGRAM(both_directions, 2,
        "a reader waits while a writer fills the stream, until the peer drains it");
PROGRAM(half_closed_and_writing, 0, "the peer has ended its stream, and ours goes on writing");
PROGRAM(canceled_reader, 0,
        "a reader is canceled while it waits, and another reads what then comes");
PROGRAM(second_reader, 0, "two readers of one stream");
PROGRAM(same_number_again, 0,
        "a connection is closed with bytes in it, and the next one gets its number");
PROGRAM(foreign_reader, 0, "somebody else reads the descriptor, a byte at a time, and leaves some");
PROGRAM(sleeps_and_joins, 0, "sleepers are joined, one is canceled");
PROGRAM(ring, 0, "three tasks hand a turn round and round");
PROGRAM(woken_elsewhere, 0, "another thread wakes a task");
PROGRAM(deadline_then_bytes, 0, "a read runs into its deadline, and the next one gets the bytes");
PROGRAM(calls, 3, "three connect, are accepted, and the fourth is refused");

REFUSED(bytes_then_end)
REFUSED(bytes_before_the_reader)
REFUSED(canceled_reader)
REFUSED(second_reader)
REFUSED(same_number_again)
REFUSED(ring)
REFUSED(woken_elsewhere)
REFUSED(deadline_then_bytes)
REFUSED(calls)

CASES(trace_programs) = {
    SCENARIO_CASES(bytes_then_end),
    SCENARIO_CASES(bytes_before_the_reader),
    SCENARIO_CASES(both_directions),
    SCENARIO_CASES(half_closed_and_writing),
    SCENARIO_CASES(canceled_reader),
    SCENARIO_CASES(second_reader),
    SCENARIO_CASES(same_number_again),
    SCENARIO_CASES(foreign_reader),
    SCENARIO_CASES(sleeps_and_joins),
    SCENARIO_CASES(ring),
    SCENARIO_CASES(woken_elsewhere),
    SCENARIO_CASES(deadline_then_bytes),
    SCENARIO_CASES(calls),
    REFUSED_CASE(bytes_then_end),
    REFUSED_CASE(bytes_before_the_reader),
    REFUSED_CASE(canceled_reader),
    REFUSED_CASE(second_reader),
    REFUSED_CASE(same_number_again),
    REFUSED_CASE(ring),
    REFUSED_CASE(woken_elsewhere),
    REFUSED_CASE(deadline_then_bytes),
    REFUSED_CASE(calls),
};

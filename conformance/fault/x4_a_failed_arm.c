/*
 * x4_a_failed_arm.c -- X4: an arm() that fails leaves what was armed before, other sources,
 * and the descriptor as they were.
 */
#include <errno.h>
#include <stdlib.h>

#include "play.h"
#include "raw.h"
#include "toll.h"

enum { PAIRS = 40, SOURCES = 2 * PAIRS };

static bool is_untouched(const struct rouse_source *source)
{
    return source->armed == 0 && source->record == NULL && source->link == NULL;
}

CASE(x4_an_arm_without_memory_changes_nothing, "X4 X2", NEEDS_NOTHING,
     "80 sources are armed, and each first arm() finds no memory at first",
     "it is -ENOMEM or works; then it can be armed, and every source is reported when ready")
{
    struct rouse_source *sources = calloc(SOURCES, sizeof *sources);
    bool reported[SOURCES] = {false};
    struct raw raw;
    int refused = 0;

    if (sources == NULL)
        suite_error("no memory");
    raw_open(&raw, world);
    for (int i = 0; i < SOURCES; i++) {
        rouse_fd ends[2];
        int error;

        if (i % 2 == 0) {
            raw_pair(&raw, ends);
            sources[i].fd = ends[0];
            sources[i + 1].fd = ends[1];
        }
        memory_fail(&raw.memory, 1, true);
        error = raw_arm(&raw, &sources[i], ROUSE_READABLE);
        memory_fail(&raw.memory, 0, false);
        if (error != 0) {
            refused++;
            CHECK_EQUAL(X2, error, -ENOMEM, "the error of an arm() without memory");
            CHECK(X4, is_untouched(&sources[i]), "a first arm() that failed has left something");
            error = raw_arm(&raw, &sources[i], ROUSE_READABLE);
            REQUIRE(X4, error == 0, "source %d cannot be armed any more: %s", i,
                    rouse_strerror(error));
        }
        CHECK_EQUAL(X4, sources[i].armed, ROUSE_READABLE, "what is armed");
    }
    /* What is not ready may be reported once, and has to be armed again then. */
    for (struct rouse_event event; raw_wait(&raw, &event, 1, 0) == 1;)
        reported[event.source - sources] = true;
    for (int i = 0; i < SOURCES; i++)
        CHECK(X4, sources[i].armed == ROUSE_READABLE || reported[i],
              "source %d is armed no more, and was not reported", i);
    for (int i = 0; i < SOURCES; i++) {
        if (reported[i] && raw_arm(&raw, &sources[i], ROUSE_READABLE) != 0)
            suite_error("an arm() was refused");
        raw.sockets->write(raw.sockets, sources[i ^ 1].fd, "x", 1);
        if (!CHECK(X4, raw_reports(&raw, &sources[i]), "source %d is not reported", i))
            break;
    }
    for (int i = 0; i < SOURCES; i++)
        raw_forget_and_close(&raw, &sources[i]);
    CHECK(X2, refused == 0 || raw.memory.failed > 0, "-ENOMEM although none was refused");
    raw_close(&raw);
    CHECK_EQUAL(X2, raw.memory.live, 0, "blocks of memory left over");
    free(sources);
}

/* Arms what cannot be armed in each way, again and again, beside a source that is armed. */
static void arm_in_vain(struct world *world, rouse_fd fd, int expected, const char *what)
{
    struct rouse_source good = {0};
    struct raw raw;
    rouse_fd ends[2];
    size_t live;

    raw_open(&raw, world);
    raw_pair(&raw, ends);
    good.fd = ends[0];
    if (raw_arm(&raw, &good, ROUSE_READABLE) != 0)
        suite_error("an arm() was refused");
    live = raw.memory.live;
    for (int i = 0; i < 300; i++) {
        const unsigned interest = 1 + (unsigned) i % 3 + (i % 2 ? (unsigned) ROUSE_DRAINED : 0);
        struct rouse_source source = {.fd = fd};
        struct rouse_event event;
        const int error = raw_arm(&raw, &source, interest);

        CHECK(X4, error == expected, "%s is: %s", what, rouse_strerror(error));
        CHECK(X4, is_untouched(&source), "the failed arm() of %s has left something", what);
        CHECK(X4, raw.memory.live == live, "it has left %zu blocks of memory",
              raw.memory.live - live);
        if (i % 100 == 0)
            CHECK(X4, raw_wait(&raw, &event, 1, 1) == 0 || event.source == &good, "%s is reported",
                  what);
    }
    if (good.armed == 0) /* a report of what was not ready is allowed */
        (void) raw_arm(&raw, &good, ROUSE_READABLE);
    raw.sockets->write(raw.sockets, ends[1], "x", 1);
    CHECK(X4, raw_reports(&raw, &good), "the source beside it is not reported any more");
    raw_forget_and_close(&raw, &good);
    raw.sockets->close(raw.sockets, ends[1]);
    raw_close(&raw);
}

CASE(x4_a_closed_descriptor_changes_nothing, "X4", NEEDS_NOTHING,
     "a number that is no descriptor is armed 300 times, beside a source that is armed",
     "it is -EBADF each time, nothing is left, and the other source is reported")
{
    arm_in_vain(world, world_bad_fd(world), -EBADF, "a closed descriptor");
    arm_in_vain(world, ROUSE_NO_FD, -EBADF, "no descriptor");
}

CASE(x4_a_regular_file_changes_nothing, "X4", NEEDS_NON_SOCKETS,
     "a regular file is armed 300 times, beside a source that is armed",
     "it is -EPERM each time, nothing is left, and the other source is reported")
{
    arm_in_vain(world, world_file(world), -EPERM, "a regular file");
}

/* One of each kind of future on a descriptor that cannot be watched. */
static void wait_in_vain(struct world *world, rouse_fd fd, int expected)
{
    struct rouse rt;
    struct rouse_io io;

    world_runtime(world, &rt);
    rouse_io_open(&io, &rt.reactor, fd);
    for (int i = 0; i < 4; i++) {
        struct rouse_readiness wait =
            rouse_readiness(&io, i % 2 == 0 ? ROUSE_READABLE : ROUSE_WRITABLE);
        intptr_t result = 0;

        CHECK(X4, world_run(world, &rt, &wait.future, WORLD_SOON, &result),
              "a future on what cannot be watched pends");
        CHECK(X4, result == expected, "its result is: %s", rouse_strerror(result));
    }
    rouse_io_close(&io);
    rouse_close(&rt);
}

CASE(x4_futures_on_a_closed_descriptor_are_told, "X4", NEEDS_NOTHING,
     "readiness, reads and writes are awaited on a number that is no descriptor",
     "each is READY with -EBADF, and other tasks of the runtime are not disturbed")
{
    struct play play;
    struct rouse_tcp tcp;
    char byte = 'x';

    wait_in_vain(world, world_bad_fd(world), -EBADF);
    play_open_on(&play, world, world->evq);
    rouse_tcp_open(&tcp, &play.rt.reactor, world_bad_fd(world));
    for (int i = 0; i < 6; i++) {
        struct rouse_read read = rouse_read(&tcp, &byte, 1);
        struct rouse_write write = rouse_write(&tcp, &byte, 1);
        struct rouse_future *const future = i % 2 == 0 ? &read.future : &write.future;
        intptr_t result = 0;

        CHECK(X4, world_run(world, &play.rt, future, WORLD_SOON, &result), "a transfer pends");
        CHECK(X4, result == -EBADF, "its result is: %s", rouse_strerror(result));
        CHECK_EQUAL(X4, program_echo.run(&play), 0, "an echo beside it");
    }
    rouse_io_close(&tcp.io);
    play_close(&play);
}

CASE(x4_futures_on_a_regular_file_are_told, "X4", NEEDS_NON_SOCKETS,
     "readiness of a regular file is awaited, in both directions, twice",
     "each is READY with -EPERM")
{
    wait_in_vain(world, world_file(world), -EPERM);
}

/* A program, while the n-th arm() is refused. False when there was none, or something is
 * broken already. */
static bool run_refused(struct world *world, const struct program *program, int n, bool for_ever)
{
    const char *how = for_ever ? "and all that follow" : "alone";
    const int descriptors = world_open_descriptors(world);
    struct toll toll;
    struct play play;
    intptr_t result;
    bool holds;
    int refused;

    toll_init(&toll, world->evq);
    play_open_on(&play, world, &toll.evq);
    toll_refuse_arm(&toll, n, for_ever);
    result = program->run(&play);
    refused = toll.refused;
    holds = CHECK(X4, result == 0 || (result == -ENOMEM && refused > 0),
                  "%s, arm() %d %s is refused: %s", program->name, n, how, rouse_strerror(result));
    toll_refuse_arm(&toll, 0, false);
    result = holds ? program->run(&play) : 0;
    holds &= CHECK(X9, result == 0, "%s, after arm() %d %s was refused: %s", program->name, n, how,
                   rouse_strerror(result));
    play_close(&play);
    holds &= CHECK(X4, world_open_descriptors(world) == descriptors,
                   "%s, arm() %d %s is refused: %d descriptors are open, %d were before",
                   program->name, n, how, world_open_descriptors(world), descriptors);
    return holds && refused > 0;
}

CASE(x4_programs_survive_any_arm_that_fails, "X4 X9", NEEDS_NOTHING,
     "programs of every kind run while arm() 1, 2, 3, ... is refused, alone or with all after it",
     "each says -ENOMEM or succeeds, leaves nothing, and then runs as if nothing had been")
{
    enum { TO_GROW = 3 };
    struct play play;

    play_open_on(&play, world, world->evq);
    for (int i = 0; programs[i] != NULL; i++)
        for (int k = 0; k < TO_GROW; k++) /* a queue may keep what it needed for so many */
            CHECK_EQUAL(X9, programs[i]->run(&play), 0, programs[i]->name);
    play_close(&play);
    for (int i = 0; programs[i] != NULL; i++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            int n = 1;

            while (run_refused(world, programs[i], n, for_ever))
                n += n < 12 ? 1 : 13; /* those that arm forty sources are all alike */
        }
    }
}

CASES(fault_x4) = {
    &x4_an_arm_without_memory_changes_nothing, &x4_a_closed_descriptor_changes_nothing,
    &x4_a_regular_file_changes_nothing,        &x4_futures_on_a_closed_descriptor_are_told,
    &x4_futures_on_a_regular_file_are_told,    &x4_programs_survive_any_arm_that_fails};

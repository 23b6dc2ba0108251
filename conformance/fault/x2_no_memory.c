/*
 * x2_no_memory.c -- X2: when any allocation fails, once or for ever, whoever asked is told
 * or progress is made; nothing leaks, nothing hangs, and then everything goes on (X9).
 *
 * Each case sweeps over one program: the first allocation fails, then the second, and so
 * on until a run has none left that could. SQLite tests itself so.
 */
#include "play.h"

#include <errno.h>

/* One run, in which allocation `n` fails. False when the sweep is over: there was no such
 * allocation, or something is broken already. */
static bool run_without(struct world *world, const struct program *program, size_t n, bool for_ever)
{
    const int descriptors = world_open_descriptors(world);
    const char *how = for_ever ? "and all that follow" : "alone";
    struct memory memory;
    struct play play;
    intptr_t result;
    bool opened, holds;

    memory_init(&memory);
    memory_fail(&memory, n, for_ever);
    result = play_open(&play, world, &memory.alloc);
    opened = result == 0;
    if (opened)
        result = program->run(&play);
    holds = CHECK(X2, result == 0 || (result == -ENOMEM && memory.failed > 0),
                  "allocation %zu %s: %s", n, how, rouse_strerror(result));
    memory_fail(&memory, 0, false);
    if (!opened)
        opened = CHECK(X9, play_open(&play, world, &memory.alloc) == 0,
                       "allocation %zu %s: nothing opens any more", n, how);
    if (opened) {
        result = holds ? program->run(&play) : 0;
        holds &= CHECK(X9, result == 0, "allocation %zu %s, and a second run: %s", n, how,
                       rouse_strerror(result));
        play_close(&play);
    }
    holds &= CHECK(X2, memory.live == 0, "allocation %zu %s: %zu blocks are left over", n, how,
                   memory.live);
    holds &= CHECK(X2, world_open_descriptors(world) == descriptors,
                   "allocation %zu %s: %d descriptors are open, %d were before", n, how,
                   world_open_descriptors(world), descriptors);
    return opened && holds && memory.failed > 0;
}

static void sweep(struct world *world, const struct program *program)
{
    size_t once = 1, for_ever = 1;

    while (run_without(world, program, once, false))
        once++;
    while (run_without(world, program, for_ever, true))
        for_ever++;
    CHECK(X2, once > 1 && for_ever > 1, "%s never asks for memory", program->name);
    suite_note("%zu allocations", once - 1);
}

#define PROGRAM(name, program, about)                                                              \
    CASE(x2_no_memory_for_##name, "X2 X9", NEEDS_NOTHING,                                          \
         about ", and allocation 1, 2, 3, ... fails, alone or with all that follow",               \
         "it says -ENOMEM or succeeds, leaves nothing, and then runs as if nothing had been")      \
    {                                                                                              \
        sweep(world, &(program));                                                                  \
    }

#include "programs.def"
#undef PROGRAM

/* Counts its drops. */
struct witness {
    struct rouse_future future;
    int polls, drops;
};

static enum rouse_poll witness_poll(struct rouse_future *self, struct rouse_context *cx)
{
    (void) cx;
    rouse_container_of(self, struct witness, future)->polls++;
    return rouse_ready(self, 0);
}

static void witness_drop(struct rouse_future *self)
{
    rouse_container_of(self, struct witness, future)->drops++;
}

CASE(x2_a_run_without_memory_drops_its_future, "X2", NEEDS_NOTHING,
     "rouse_run() and rouse_wait() find no memory for what they need",
     "each is -ENOMEM, and its future was dropped, once, and not polled")
{
    static const struct rouse_future_ops ops = {witness_poll, witness_drop, "witness"};
    struct memory memory;
    struct play play;

    memory_init(&memory);
    if (play_open(&play, world, &memory.alloc) != 0)
        suite_error("nothing opens");
    for (int i = 0; i < 4; i++) {
        struct witness witness = {.future = {&ops, 0}};

        memory_fail(&memory, 1, true);
        CHECK_EQUAL(X2,
                    i % 2 == 0 ? rouse_run(&play.rt, &witness.future)
                               : rouse_wait(&witness.future, &memory.alloc),
                    -ENOMEM, "the result without memory");
        memory_fail(&memory, 0, false);
        CHECK_EQUAL(X2, witness.drops, 1, "the number of drops");
        CHECK_EQUAL(X2, witness.polls, 0, "the number of polls");
    }
    play_close(&play);
    CHECK_EQUAL(X2, memory.live, 0, "blocks of memory left over");
}

/* Memory that knows the size of each block, and gives none back in part. */
struct strict {
    struct rouse_alloc alloc;
    struct memory memory;
    size_t wrong; /* sizes that were not those of the block */
};

static void *strict_resize(void *self, void *block, size_t old_size, size_t new_size)
{
    struct strict *strict = self;
    union head {
        size_t size;
        long double real;
    } *head = block != NULL ? (union head *) block - 1 : NULL;

    strict->wrong += head != NULL && head->size != old_size;
    if (head != NULL && new_size > 0 && new_size < head->size)
        return NULL;
    head = strict->memory.alloc.resize(strict->memory.alloc.self, head,
                                       head != NULL ? head->size + sizeof *head : 0,
                                       new_size > 0 ? new_size + sizeof *head : 0);
    if (head == NULL)
        return NULL;
    head->size = new_size;
    return head + 1;
}

CASE(x2_blocks_are_grown_and_given_back_by_their_size, "X2 X4", NEEDS_NOTHING,
     "forty sources are armed while allocation 1, 2, 3, ... fails, and none is given back in part",
     "each block is grown and freed by the size that it has, and none is left")
{
    enum { SOURCES = 40 };
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct strict strict = {.wrong = 0};
        struct rouse_source sources[SOURCES] = {{0}};
        const struct rouse_sockets *sockets;
        struct rouse_evq *evq;
        rouse_fd ends[SOURCES][2];

        memory_init(&strict.memory);
        strict.alloc = (struct rouse_alloc){strict_resize, &strict};
        if (world_open_queue(world, &strict.alloc, &evq) != 0)
            suite_error("no queue");
        sockets = evq->sockets != NULL ? evq->sockets : world->sockets;
        for (int i = 0; i < SOURCES; i++)
            if (sockets->pair(sockets, ends[i]) != 0)
                suite_error("no pair");
        memory_fail(&strict.memory, n, false);
        for (int i = 0; i < SOURCES; i++) {
            int error;

            sources[i].fd = ends[i][0];
            error = evq->ops->arm(evq, &sources[i], ROUSE_READABLE);
            CHECK(X4, error == 0 || (error == -ENOMEM && strict.memory.failed > 0),
                  "arm() number %d says: %s", i, rouse_strerror(error));
        }
        failed = strict.memory.failed > 0;
        for (int i = 0; i < SOURCES; i++) {
            evq->ops->forget(evq, &sources[i]);
            sockets->close(sockets, ends[i][0]);
            sockets->close(sockets, ends[i][1]);
        }
        evq->ops->close(evq);
        CHECK_EQUAL(X2, strict.wrong, 0, "blocks that were given back by another size");
        CHECK_EQUAL(X2, strict.memory.live, 0, "blocks left over");
    }
}

#define PROGRAM(name, program, about) &x2_no_memory_for_##name,
CASES(fault_x2) = {
#include "programs.def"
#undef PROGRAM
    &x2_a_run_without_memory_drops_its_future,
    &x2_blocks_are_grown_and_given_back_by_their_size,
};

/*
 * play.c -- the runtime of programs: opened, limited, and closed whatever became of them.
 */
#include "play.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { LIMIT_S = 5 };

struct play_lent {
    struct play_lent *next;
};

struct play_member {
    struct rouse_task task;
    struct play_member *next;
};

/* Signals that programs raise. Nobody is ended by one that, for some error, is not watched. */
static const int raised[PLAY_SIGNALS] = {SIGTERM, SIGINT};

static void signals_begin(struct play *play)
{
    for (int i = 0; i < PLAY_SIGNALS; i++)
        play->before[i] = signal(raised[i], SIG_IGN);
}

static void signals_end(const struct play *play)
{
    for (int i = 0; i < PLAY_SIGNALS; i++)
        signal(raised[i], play->before[i]);
}

int play_open(struct play *play, struct world *world, const struct rouse_alloc *alloc)
{
    struct rouse_options options = {.size = sizeof options, .alloc = alloc};
    int error = 0;

    *play = (struct play){.world = world};
    /* By its name where it has one, as programs do it. */
    if (rouse_backend(world->backend->name) == world->backend)
        options.backend = world->backend->name;
    else
        error = world_open_queue(world, alloc, &play->evq);
    if (error != 0)
        return error;
    options.evq = play->evq;
    error = rouse_open(&play->rt, &options);
    if (error == 0)
        signals_begin(play);
    else if (play->evq != NULL)
        play->evq->ops->close(play->evq);
    return error;
}

void play_open_on(struct play *play, struct world *world, struct rouse_evq *evq)
{
    const struct rouse_options options = {
        .size = sizeof options, .evq = evq, .alloc = world->alloc};
    int error;

    *play = (struct play){.world = world};
    error = rouse_open(&play->rt, &options);
    if (error != 0)
        suite_error("no runtime: %s", rouse_strerror(error));
    signals_begin(play);
}

void play_close(struct play *play)
{
    struct play_lent *next;

    rouse_close(&play->rt);
    signals_end(play);
    for (; play->members != NULL; play->members = play->members->next)
        rouse_task_unhold(&play->members->task);
    for (; play->lent != NULL; play->lent = next) {
        next = play->lent->next;
        free(play->lent);
    }
    if (play->evq != NULL)
        play->evq->ops->close(play->evq);
}

void *play_lend(struct play *play, size_t size)
{
    /* Aligned for anything that programs have: what follows is as far from the start as a
     * union of these. */
    union head {
        struct play_lent lent;
        long long integer;
        long double real;
        void (*function)(void);
    } *head = calloc(1, sizeof *head + size);

    if (head == NULL)
        suite_error("no memory for a program");
    head->lent.next = play->lent;
    play->lent = &head->lent;
    return head + 1;
}

const struct rouse_sockets *play_sockets(const struct play *play)
{
    return play->rt.reactor.sockets != NULL ? play->rt.reactor.sockets : rouse_host_sockets();
}

intptr_t play_run(struct play *play, struct rouse_future *future)
{
    struct rouse_reactor *reactor = &play->rt.reactor;
    struct rouse_deadline limit =
        rouse_deadline(reactor, future, rouse_after(reactor, ROUSE_SECONDS(LIMIT_S)));

    if (play->drive != NULL)
        return play->drive(play, &limit.future);
    return rouse_run(&play->rt, &limit.future);
}

struct rouse_task *play_spawn(struct play *play, struct rouse_future *future)
{
    struct play_member *member = play_lend(play, sizeof *member);

    member->next = play->members;
    play->members = member;
    rouse_spawn_held(&play->rt.executor, &member->task, future, NULL);
    return &member->task;
}

struct gathering {
    struct rouse_async async;
    struct play *play;
    struct play_member *member; /* whom we are waiting for */
    struct rouse_join join;
};

ROUSE_ASYNC(gather, struct gathering)
{
    ROUSE_BEGIN
    while (self->play->members != NULL) {
        self->member = self->play->members;
        self->play->members = self->member->next;
        ROUSE_AWAIT(self->join, rouse_join(&self->member->task));
        rouse_task_unhold(&self->member->task);
        self->member = NULL;
    }
    ROUSE_FINALLY
    if (self->member != NULL) { /* the next gathering will wait for it */
        self->member->next = self->play->members;
        self->play->members = self->member;
    }
    ROUSE_END
}

intptr_t play_gather(struct play *play)
{
    struct gathering gathering = {.play = play};
    const intptr_t result = play_run(play, gather_start(&gathering));
    const intptr_t error = play->error;

    play->error = 0;
    return error != 0 ? error : result;
}

bool play_told(struct play *play, intptr_t result, intptr_t expected)
{
    if (result == expected)
        return true;
    if (play->error == 0)
        play->error = result < 0 ? result : -EPROTO;
    return false;
}

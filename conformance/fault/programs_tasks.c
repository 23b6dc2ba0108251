/*
 * programs_tasks.c -- programs of time, tasks, signals and closing, and the list of all.
 */
#include "play.h"

#include <errno.h>
#include <signal.h>

/* -- Time -------------------------------------------------------------------- */

static intptr_t run_sleep(struct play *play)
{
    struct rouse_sleep sleep = rouse_sleep(&play->rt.reactor, ROUSE_MS(1));

    return play_run(play, &sleep.future);
}

struct napper {
    struct rouse_async async;
    struct play *play;
    rouse_time duration;
    struct rouse_sleep sleep;
};

ROUSE_ASYNC(napper, struct napper)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->sleep, rouse_sleep(&self->play->rt.reactor, self->duration));
    play_told(self->play, self->sleep.future.result, 0);
    ROUSE_FINALLY
    ROUSE_END
}

struct ticker {
    struct rouse_async async;
    struct play *play;
    struct rouse_interval interval;
    struct rouse_tick tick;
    intptr_t ticks;
};

ROUSE_ASYNC(ticker, struct ticker)
{
    ROUSE_BEGIN
    self->interval = rouse_interval(&self->play->rt.reactor, ROUSE_US(300));
    while (self->ticks < 5) {
        ROUSE_AWAIT(self->tick, rouse_tick(&self->interval));
        if (self->tick.future.result < 1)
            ROUSE_RETURN(play_told(self->play, self->tick.future.result, 1));
        self->ticks += self->tick.future.result;
    }
    ROUSE_FINALLY
    ROUSE_END
}

static intptr_t run_timers(struct play *play)
{
    struct ticker *ticker = play_lend(play, sizeof *ticker);

    for (int i = 0; i < 20; i++) {
        struct napper *napper = play_lend(play, sizeof *napper);

        napper->play = play;
        napper->duration = ROUSE_US(i * 7 % 20 * 100);
        play_spawn(play, napper_start(napper));
    }
    ticker->play = play;
    play_spawn(play, ticker_start(ticker));
    return play_gather(play);
}

/* -- Reads that end otherwise ------------------------------------------------ */

/* A read of a stream on which nothing comes. */
struct waiting {
    struct rouse_async async;
    struct play *play;
    struct rouse_tcp tcp, peer;
    struct rouse_read read;
    struct rouse_deadline limit;
    rouse_time patience;
    intptr_t expected;
    char byte;
};

ROUSE_ASYNC(waiting, struct waiting)
{
    struct rouse_reactor *reactor = &self->play->rt.reactor;

    ROUSE_BEGIN
    self->read = rouse_read(&self->tcp, &self->byte, 1);
    ROUSE_AWAIT(self->limit,
                rouse_deadline(reactor, &self->read.future, rouse_after(reactor, self->patience)));
    play_told(self->play, self->limit.future.result, self->expected);
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    rouse_tcp_close(&self->peer);
    ROUSE_END
}

static struct waiting *waiting_make(struct play *play, rouse_time patience, intptr_t expected)
{
    const struct rouse_sockets *sockets = play_sockets(play);
    struct waiting *waiting = play_lend(play, sizeof *waiting);
    rouse_fd ends[2];
    const int error = sockets->pair(sockets, ends);

    if (error < 0) {
        play_told(play, error, 0);
        return NULL;
    }
    rouse_stream_open(&waiting->tcp, &play->rt.reactor, ends[0]);
    rouse_stream_open(&waiting->peer, &play->rt.reactor, ends[1]);
    waiting->play = play;
    waiting->patience = patience;
    waiting->expected = expected;
    play_spawn(play, waiting_start(waiting));
    return waiting;
}

static intptr_t run_deadline(struct play *play)
{
    waiting_make(play, ROUSE_MS(1), -ETIMEDOUT);
    return play_gather(play);
}

/* Closes what another task waits on. */
struct closer {
    struct rouse_async async;
    struct waiting *waiting;
};

ROUSE_ASYNC(closer, struct closer)
{
    ROUSE_BEGIN
    ROUSE_YIELD;
    rouse_tcp_close(&self->waiting->tcp);
    ROUSE_FINALLY
    ROUSE_END
}

static intptr_t run_close(struct play *play)
{
    struct closer *closer = play_lend(play, sizeof *closer);

    closer->waiting = waiting_make(play, ROUSE_NEVER, -ECANCELED);
    if (closer->waiting != NULL)
        play_spawn(play, closer_start(closer));
    return play_gather(play);
}

/* -- Tasks ------------------------------------------------------------------- */

/* Joins one task that ends, and one that it cancels. */
struct joiner {
    struct rouse_async async;
    struct play *play;
    struct napper naps[2];
    struct rouse_task tasks[2];
    struct rouse_join join;
};

ROUSE_ASYNC(joiner, struct joiner)
{
    struct rouse_executor *executor = &self->play->rt.executor;

    ROUSE_BEGIN
    for (int i = 0; i < 2; i++) {
        self->naps[i].play = self->play;
        self->naps[i].duration = i == 0 ? ROUSE_US(100) : ROUSE_NEVER;
        rouse_spawn_held(executor, &self->tasks[i], napper_start(&self->naps[i]), NULL);
    }
    ROUSE_AWAIT(self->join, rouse_join(&self->tasks[0]));
    play_told(self->play, self->join.future.result, 0);
    rouse_cancel(&self->tasks[1]);
    ROUSE_AWAIT(self->join, rouse_join(&self->tasks[1]));
    play_told(self->play, self->join.future.result, -ECANCELED);
    ROUSE_FINALLY
    for (int i = 0; i < 2 && self->tasks[i].future != NULL; i++) {
        rouse_cancel(&self->tasks[i]);
        rouse_task_unhold(&self->tasks[i]);
    }
    ROUSE_END
}

static intptr_t run_join(struct play *play)
{
    struct joiner *joiner = play_lend(play, sizeof *joiner);

    joiner->play = play;
    play_spawn(play, joiner_start(joiner));
    return play_gather(play);
}

/* Wakes itself twice, and is READY with 7. */
struct nagging {
    struct rouse_future future;
    int polls;
};

static enum rouse_poll nagging_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct nagging *nagging = (struct nagging *) (void *) self;

    if (++nagging->polls == 3)
        return rouse_ready(self, 7);
    rouse_wake_by_ref(cx->waker);
    return ROUSE_PENDING;
}

static intptr_t run_wait(struct play *play)
{
    static const struct rouse_future_ops ops = {nagging_poll, NULL, "nagging"};
    struct nagging nagging = {{&ops, 0}, 0};

    play_told(play, rouse_wait(&nagging.future, play->rt.reactor.alloc), 7);
    return play_gather(play);
}

/* -- Signals ----------------------------------------------------------------- */

struct listening {
    struct rouse_async async;
    struct play *play;
    struct rouse_signal signal;
};

ROUSE_ASYNC(listening, struct listening)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->signal, rouse_signal(&self->play->rt.reactor, SIGTERM));
    play_told(self->play, self->signal.future.result, 0);
    ROUSE_FINALLY
    ROUSE_END
}

/* Lets the others begin, raises a signal, and sleeps for as long as it was told. */
struct raiser {
    struct rouse_async async;
    struct play *play;
    int number;
    rouse_time nap;
    struct rouse_sleep sleep;
};

ROUSE_ASYNC(raiser, struct raiser)
{
    ROUSE_BEGIN
    ROUSE_YIELD;
    raise(self->number);
    ROUSE_AWAIT(self->sleep, rouse_sleep(&self->play->rt.reactor, self->nap));
    ROUSE_FINALLY
    ROUSE_END
}

static intptr_t run_signal(struct play *play)
{
    struct listening *listening = play_lend(play, sizeof *listening);
    struct raiser *raiser = play_lend(play, sizeof *raiser);

    listening->play = raiser->play = play;
    raiser->number = SIGTERM;
    play_spawn(play, listening_start(listening));
    play_spawn(play, raiser_start(raiser));
    return play_gather(play);
}

static intptr_t run_stop(struct play *play)
{
    struct raiser raiser = {.play = play, .number = SIGINT, .nap = ROUSE_NEVER};
    const int error = rouse_stop_on(&play->rt, SIGINT);
    intptr_t result;

    if (error < 0)
        return error;
    result = play_run(play, raiser_start(&raiser));
    return result == -ECANCELED ? 0 : result < 0 ? result : -EPROTO;
}

/* -- All of them ------------------------------------------------------------- */

const struct program program_sleep = {"a sleep", 0, run_sleep};
const struct program program_timers = {"sleeps and ticks", 0, run_timers};
const struct program program_deadline = {"a deadline", 2, run_deadline};
const struct program program_close = {"a close under a reader", 2, run_close};
const struct program program_join = {"joins", 0, run_join};
const struct program program_wait = {"rouse_wait()", 2, run_wait};
const struct program program_signal = {"a signal", 0, run_signal};
const struct program program_stop = {"a signal that stops", 0, run_stop};

#define PROGRAM(name, program, about) &program,
const struct program *const programs[] = {
#include "programs.def"
#undef PROGRAM
    NULL};

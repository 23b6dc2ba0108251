/*
 * w3_too_late.c -- wakes of tasks that have ended.
 */
#include <stdlib.h>
#include <string.h>

#include "puppet.h"

/* The ways in which a task can end. */
enum way { FINISHED, CANCELED, CANCELED_AT_ONCE, CLOSED, WAYS };

static enum rouse_poll finish_when_woken(struct puppet *self, struct rouse_context *cx)
{
    struct rouse_waker *kept = self->with;

    rouse_waker_keep(kept, cx->waker);
    return self->number++ == 0 ? puppet_wait(self, cx) : puppet_finish(self, cx);
}

static void bring_to_an_end(struct stage *stage, struct puppet *puppet, enum way way)
{
    if (way == CANCELED || way == CANCELED_AT_ONCE)
        rouse_cancel(&puppet->task);
    else if (way == FINISHED)
        rouse_wake_by_ref(&puppet->waker);
    if (way == CLOSED)
        stage_close(stage);
    else
        stage_run(stage);
}

static void wake_in_every_way(const struct rouse_waker *waker)
{
    struct rouse_waker clones[2] = {waker_clone(waker), waker_clone(waker)};

    rouse_wake_by_ref(waker);
    rouse_wake(&clones[0]);
    rouse_wake_by_ref(&clones[1]);
    rouse_waker_drop(&clones[1]);
}

static void wake_in_every_way_main(void *argument)
{
    wake_in_every_way(argument);
}

CASE(w3_a_wake_of_a_task_that_ended_does_nothing, "W3 T1 T3 T4 T5", NEEDS_NOTHING,
     "a waker outlives its task, which finishes, is canceled, or is closed; then it wakes, here "
     "and elsewhere",
     "nothing becomes ready, nobody is nudged, and the last waker to go releases the task")
{
    for (enum way way = FINISHED; way < WAYS; way++) {
        struct stage stage;
        struct puppet puppet;
        struct rouse_waker kept = {NULL, NULL};

        stage_open(&stage, world);
        puppet_make(&puppet, finish_when_woken);
        puppet.with = &kept;
        puppet_spawn(&stage.executor, &puppet);
        if (way == CANCELED_AT_ONCE)
            kept = (struct rouse_waker){NULL, NULL}; /* nobody ever saw a waker */
        else
            stage_run(&stage);
        bring_to_an_end(&stage, &puppet, way);
        CHECK(W3, puppet.over, "not ended in way %d", (int) way);
        wakes_taken(stage.nudge);
        for (int round = 0; round < 3; round++) {
            const uintptr_t polls = puppet.polls;

            wake_in_every_way(&kept);
            thread_join(thread_start(wake_in_every_way_main, &kept));
            CHECK_EQUAL(W3, wakes_taken(stage.nudge), 0, "nudges by late wakes");
            if (way != CLOSED)
                CHECK_EQUAL(W3, stage_run(&stage), 0, "turns after late wakes");
            CHECK_EQUAL(W3, puppet.polls, polls, "polls after late wakes");
        }
        CHECK_EQUAL(T5, puppet.releases, way == CANCELED_AT_ONCE, "releases before the last waker");
        rouse_waker_drop(&kept);
        if (way != CLOSED)
            stage_close(&stage);
        puppets_check(&puppet, 1);
    }
}

enum { SPOILT = 0xa5, ROUNDS = 2000, THREADS = 2 };

/* A task whose memory is spoilt once it has been given back, and threads that wake it at
 * the moment of its end. What it is spoilt with, `puppet.number`, has each bit clear in some
 * rounds and set in the others, so that it shows whichever is written. */
struct spoilt {
    struct puppet puppet;
    struct barrier *start, *stop;
    struct rouse_waker clones[THREADS];
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t woken;   /* atomic: wakes begun in this round */
};

static void spoil(struct puppet *self)
{
    memset(&self->task, self->number, sizeof self->task);
}

static bool is_spoilt(const struct puppet *puppet)
{
    const unsigned char *bytes = (const void *) &puppet->task;
    size_t i = 0;

    while (i < sizeof puppet->task && bytes[i] == puppet->number)
        i++;
    return i == sizeof puppet->task;
}

static enum rouse_poll finish_once_woken(struct puppet *self, struct rouse_context *cx)
{
    struct spoilt *spoilt = self->with;

    return atomic_load_acquire(&spoilt->woken) == 0 ? puppet_wait(self, cx)
                                                    : puppet_finish(self, cx);
}

/* In turns: by the waker itself, which is all that the thread has; and by reference. */
static void spoilt_main(void *argument)
{
    struct spoilt *spoilt = argument;
    struct rouse_waker *waker = &spoilt->clones[atomic_fetch_add(&spoilt->numbers, 1)];

    for (int round = 0; round < ROUNDS; round++) {
        barrier_wait(spoilt->start);
        atomic_fetch_add(&spoilt->woken, 1);
        if (round % 2 == 0) {
            rouse_wake(waker);
        } else {
            rouse_wake_by_ref(waker);
            rouse_waker_drop(waker);
        }
        barrier_wait(spoilt->stop);
    }
}

CASE(w3_a_wake_touches_no_memory_that_was_given_back, "W3 T1 T3 T4 T5", NEEDS_NOTHING,
     "two threads wake a task, which is finished by the first poll after that and released, two "
     "thousand times",
     "no byte of the task is written once it has been released")
{
    struct spoilt spoilt = {.start = barrier_make(THREADS + 1), .stop = barrier_make(THREADS + 1)};
    struct thread *threads[THREADS];
    struct stage stage;

    stage_open(&stage, world);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(spoilt_main, &spoilt);
    for (int round = 0; round < ROUNDS; round++) {
        spoilt.woken = 0;
        puppet_make(&spoilt.puppet, finish_once_woken);
        spoilt.puppet.with = &spoilt;
        spoilt.puppet.at_release = spoil;
        spoilt.puppet.number = round / 4 % 2 == 0 ? SPOILT : SPOILT ^ 0xff;
        puppet_spawn(&stage.executor, &spoilt.puppet);
        stage_run(&stage);
        for (int i = 0; i < THREADS; i++)
            spoilt.clones[i] = puppet_clone(&spoilt.puppet);
        if (round % 4 >= 2) /* the threads have all that there are */
            rouse_waker_drop(&spoilt.puppet.waker);
        barrier_wait(spoilt.start);
        REQUIRE(W3, stage_run_until(&stage, puppet_is_over, &spoilt.puppet),
                "in round %d a wake led to no poll", round);
        barrier_wait(spoilt.stop);
        stage_run(&stage);
        REQUIRE(W3, spoilt.puppet.releases == 1 && is_spoilt(&spoilt.puppet),
                "in round %d the task was released %d times, or written to after that", round,
                (int) spoilt.puppet.releases);
        puppets_check(&spoilt.puppet, 1);
    }
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    barrier_free(spoilt.start);
    barrier_free(spoilt.stop);
    stage_close(&stage);
}

CASE(w3_the_last_reference_to_a_task_without_release_does_nothing, "W3", NEEDS_NOTHING,
     "a task that has nothing to release has ended, and the last of its wakers wakes, and is gone",
     "nothing happens, and the executor closes")
{
    struct stage stage;
    struct puppet puppet;
    struct rouse_waker kept = {NULL, NULL};

    stage_open(&stage, world);
    puppet_make(&puppet, finish_when_woken);
    puppet.with = &kept;
    rouse_spawn(&stage.executor, &puppet.task, &puppet.future, NULL);
    stage_run(&stage);
    rouse_wake_by_ref(&kept);
    stage_run(&stage);
    CHECK(W3, puppet_is_over(&puppet), "the task has not ended");
    wakes_taken(stage.nudge);
    rouse_wake(&kept);
    CHECK_EQUAL(W3, stage_run(&stage), 0, "polls after a wake that came too late");
    CHECK_EQUAL(W3, wakes_taken(stage.nudge), 0, "nudges after a wake that came too late");
    stage_close(&stage);
}

CASES(task_w3) = {&w3_a_wake_of_a_task_that_ended_does_nothing,
                  &w3_a_wake_touches_no_memory_that_was_given_back,
                  &w3_the_last_reference_to_a_task_without_release_does_nothing};

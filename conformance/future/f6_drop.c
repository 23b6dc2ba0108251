/*
 * f6_drop.c -- drop() abandons a future wherever it stands.
 */
#include <string.h>

#include "subject.h"

/* Whether anybody still knows of a dropped subject. */
static void check_gone(struct subject *subject, const char *when)
{
    CHECK(F6, wakes_taken(subject->wakes) == 0, "%s, dropped %s, woke its own waker",
          subject->kind->name, when);
    CHECK(F6, subject->wakes->references == 0, "%s, dropped %s, keeps its waker",
          subject->kind->name, when);
}

CASE(f6_a_future_may_be_dropped_before_its_first_poll, "F6", NEEDS_NOTHING,
     "a future of each kind is made and dropped, once and twice; so is one full of zeroes",
     "nothing comes of it")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const int descriptors = world_open_descriptors(world);

        for (int times = 1; times <= 2; times++) {
            subject->kind->make(subject);
            for (int n = 0; n < times; n++)
                rouse_future_drop(&subject->room.future);
        }
        memset(&subject->room, 0, sizeof subject->room);
        rouse_future_drop(&subject->room.future);
        check_gone(subject, "before its first poll");
        CHECK(F6, world_open_descriptors(world) == descriptors, "%s left a descriptor",
              subject->kind->name);
        CHECK(F6, world_settle(world, &subjects.rt) == 0, "%s led to polls", subject->kind->name);
    }
    subjects_close(&subjects);
}

CASE(f6_a_dropped_future_is_forgotten, "F6", NEEDS_NOTHING,
     "futures of all kinds are PENDING, dropped, and overwritten; then what they waited for comes",
     "no drop woke its waker, none is woken later, and their memory is not touched")
{
    struct subjects subjects;
    union subject_room spoilt;

    memset(&spoilt, 0xa5, sizeof spoilt);
    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
        wakes_taken(subject->wakes);
    }
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i * 5 % SUBJECT_KINDS];

        rouse_future_drop(&subject->room.future);
        rouse_future_drop(&subject->room.future);
        check_gone(subject, "while it was PENDING");
        subject->room = spoilt;
    }
    CHECK_EQUAL(F6, rouse_next_deadline(&subjects.rt), ROUSE_NEVER, "the next deadline");
    for (int i = 0; i < SUBJECT_KINDS; i++)
        subject_cause(&subjects.all[i]);
    subjects_turn(&subjects, WORLD_QUIET);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        check_gone(&subjects.all[i], "before it was caused");
        CHECK(F6, memcmp(&subjects.all[i].room, &spoilt, sizeof spoilt) == 0,
              "%s was written to after its drop", subjects.all[i].kind->name);
    }
    subjects_close(&subjects);
}

CASE(f6_a_future_may_be_dropped_when_it_was_woken, "F6 F3", NEEDS_NOTHING,
     "a future of each kind is PENDING, woken, and dropped instead of polled; then another one is "
     "made",
     "its waker is let go of, and the next one comes to its end")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F6, subject_woken(subject, subject->wakes), "%s was not woken", subject->kind->name);
        wakes_taken(subject->wakes);
        rouse_future_drop(&subject->room.future);
        check_gone(subject, "after its wake");
        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F6, subject_finish(subject, &waker, subject->wakes),
              "%s does not end after another one was dropped", subject->kind->name);
    }
    subjects_close(&subjects);
}

CASE(f6_dropping_what_does_not_wait_disturbs_nobody, "F6 F3", NEEDS_NOTHING,
     "a future of each kind is PENDING, and a second one for the same thing is dropped, which was "
     "never polled, or was told that the place is taken",
     "the first is woken all the same, and comes to its end")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        for (int polled = 0; polled < 2; polled++) {
            struct subject *subject = &subjects.all[i];
            const struct rouse_waker waker = wakes_waker(subject->wakes);
            union subject_room second;

            if (strncmp(subject->kind->name, "deadline", 8) == 0)
                continue; /* two cannot own one child */
            subject->kind->make(subject);
            second = subject->room;
            if (world_poll(&subject->room.future, &waker) == ROUSE_READY) {
                subject_take(subject);
                continue;
            }
            if (polled && (subject->io.reactor != NULL || subject->tcp.io.reactor != NULL))
                CHECK(F6, world_poll(&second.future, NULL) == ROUSE_READY, "two wait as %s",
                      subject->kind->name);
            rouse_future_drop(&second.future);
            subject_cause(subject);
            if (!CHECK(F6, subject_finish(subject, &waker, subject->wakes),
                       "%s does not end when one that did not wait was dropped",
                       subject->kind->name))
                rouse_future_drop(&subject->room.future);
            wakes_taken(subject->wakes);
        }
    }
    subjects_close(&subjects);
}

/* A future that notes what is done to it, and never ends. */
struct sleeper {
    struct rouse_future future;
    struct rouse_waker waker;
    int polls, drops;
};

static enum rouse_poll sleeper_poll(struct rouse_future *future, struct rouse_context *cx)
{
    struct sleeper *sleeper = (struct sleeper *) (void *) future;

    sleeper->polls++;
    rouse_waker_keep(&sleeper->waker, cx->waker);
    return ROUSE_PENDING;
}

static void sleeper_drop(struct rouse_future *future)
{
    struct sleeper *sleeper = (struct sleeper *) (void *) future;

    sleeper->drops++;
    rouse_waker_drop(&sleeper->waker);
}

static const struct rouse_future_ops sleeper_ops = {sleeper_poll, sleeper_drop, "sleeper"};

/* Awaits a sleeper, under a limit or not. */
struct bed {
    struct rouse_async async;
    struct rouse *rt;
    struct sleeper sleeper;
    struct rouse_deadline limit;
    bool limited;
    int ends;
};

ROUSE_ASYNC(bed, struct bed)
{
    ROUSE_BEGIN
    if (self->limited)
        ROUSE_AWAIT(self->limit,
                    rouse_deadline(&self->rt->reactor, &self->sleeper.future, ROUSE_NEVER));
    ROUSE_AWAIT_ON(&self->sleeper.future);
    ROUSE_FINALLY
    self->ends++;
    ROUSE_END
}

CASE(f6_a_drop_polls_nothing, "F6", NEEDS_NOTHING,
     "a body awaits a future, by itself or under a limit, and is dropped: by hand, with its task "
     "when that is canceled, and when its runtime is closed",
     "what it awaits is dropped once and not polled, and nobody is woken")
{
    for (int round = 0; round < 6; round++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct bed bed = {.limited = round % 2 != 0, .sleeper = {.future = {&sleeper_ops, 0}}};
        struct rouse_task task;
        struct rouse rt;

        world_runtime(world, &rt);
        bed.rt = &rt;
        if (round / 2 == 0) {
            world_poll(bed_start(&bed), &waker);
            rouse_future_drop(&bed.async.future);
        } else {
            rouse_spawn_held(&rt.executor, &task, bed_start(&bed), NULL);
            world_settle(world, &rt);
            if (round / 2 == 1) {
                rouse_cancel(&task);
                world_settle(world, &rt);
            }
        }
        rouse_close(&rt);
        CHECK_EQUAL(F6, bed.sleeper.polls, 1, "polls of what was awaited");
        CHECK_EQUAL(F6, bed.sleeper.drops, 1, "drops of it");
        CHECK_EQUAL(F6, bed.ends, 1, "ends of the body");
        CHECK_EQUAL(F6, wakes_taken(wakes), 0, "wakes");
        if (round / 2 != 0)
            rouse_task_unhold(&task);
    }
}

/* A body drops what it awaits: whatever that is. */
struct holder {
    struct rouse_async async;
    struct subject *subject;
};

ROUSE_ASYNC(holder, struct holder)
{
    ROUSE_BEGIN
    ROUSE_AWAIT_ON(&self->subject->room.future);
    subject_take(self->subject);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(f6_what_a_task_awaits_is_dropped_with_it, "F6 L4", NEEDS_NOTHING,
     "tasks await a future of each kind, and are canceled, or their runtime is closed",
     "the futures are dropped: no waker, timer, descriptor or memory is left")
{
    for (int closed = 0; closed < 2; closed++) {
        struct subjects subjects;
        struct holder holders[SUBJECT_KINDS];
        struct rouse_task tasks[SUBJECT_KINDS];

        subjects_open(&subjects, world);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            subjects.all[i].kind->make(&subjects.all[i]);
            holders[i].subject = &subjects.all[i];
            rouse_spawn_held(&subjects.rt.executor, &tasks[i], holder_start(&holders[i]), NULL);
        }
        world_settle(world, &subjects.rt);
        for (int i = 0; i < SUBJECT_KINDS && !closed; i++)
            rouse_cancel(&tasks[i]);
        if (!closed) {
            world_settle(world, &subjects.rt);
            CHECK_EQUAL(L4, rouse_next_deadline(&subjects.rt), ROUSE_NEVER, "the next deadline");
        }
        for (int i = 0; i < SUBJECT_KINDS; i++)
            CHECK(F6, closed || rouse_task_ended(&tasks[i]), "%s was not dropped",
                  subjects.all[i].kind->name);
        subjects_close(&subjects);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            rouse_task_unhold(&tasks[i]);
    }
}

CASES(future_f6) = {
    &f6_a_future_may_be_dropped_before_its_first_poll, &f6_a_dropped_future_is_forgotten,
    &f6_a_future_may_be_dropped_when_it_was_woken,     &f6_what_a_task_awaits_is_dropped_with_it,
    &f6_dropping_what_does_not_wait_disturbs_nobody,   &f6_a_drop_polls_nothing};

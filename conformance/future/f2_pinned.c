/*
 * f2_pinned.c -- from its first poll on a future stays where it is.
 */
#include <string.h>

#include "subject.h"

/* What is done in a process of its own: the future is moved, and polled there. */
static void move_and_poll(void *argument)
{
    struct subject *subject = argument;
    union subject_room elsewhere = subject->room;

    world_poll(&elsewhere.future, NULL);
}

CASE(f2_a_future_that_moves_after_its_first_poll_is_caught, "F2", NEEDS_RULES,
     "a PENDING future of each kind is copied elsewhere and polled there",
     "the program stops and says that F2 was broken")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];

        subject_pend(subject, NULL);
        CHECK_MISUSE(F2, move_and_poll, subject, "F2");
        rouse_future_drop(&subject->room.future);
    }
    subjects_close(&subjects);
}

static bool all_over(void *with)
{
    struct puppet *puppets = with;

    for (int i = 0; i < SUBJECT_KINDS; i++)
        if (!puppets[i].over)
            return false;
    return true;
}

/* A task that polls a future which stays in place. */
static enum rouse_poll poll_in_place(struct puppet *self, struct rouse_context *cx)
{
    struct subject *subject = self->with;
    const enum rouse_poll poll = rouse_future_poll(&subject->room.future, cx);

    if (poll == ROUSE_PENDING)
        return ROUSE_PENDING;
    self->value = subject->room.future.result;
    subject_take(subject);
    return puppet_finish(self, cx);
}

CASE(f2_a_future_polled_where_it_stays_works, "F2", NEEDS_NOTHING,
     "three futures of each kind, one after the other, are polled to their end in the same place",
     "each is READY with its own result, all kinds beside each other")
{
    struct subjects subjects;
    struct puppet puppets[SUBJECT_KINDS];

    subjects_open(&subjects, world);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            subject_pend(&subjects.all[i], NULL);
            puppet_make(&puppets[i], poll_in_place);
            puppets[i].with = &subjects.all[i];
            puppet_spawn_held(&subjects.rt.executor, &puppets[i]);
        }
        for (int i = 0; i < SUBJECT_KINDS; i++)
            subject_cause(&subjects.all[i]);
        CHECK(F2, world_run_until(world, &subjects.rt, all_over, puppets, WORLD_SOON),
              "some do not end");
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            const struct subject_kind *kind = subjects.all[i].kind;

            CHECK(F2,
                  puppets[i].over && puppets[i].value >= kind->least
                      && puppets[i].value <= kind->most,
                  "%s: over %d, the result %lld", kind->name, puppets[i].over,
                  (long long) puppets[i].value);
            if (!puppets[i].over)
                rouse_future_drop(&subjects.all[i].room.future);
            rouse_cancel(&puppets[i].task);
            rouse_task_unhold(&puppets[i].task);
        }
        world_settle(world, &subjects.rt);
    }
    subjects_close(&subjects);
}

CASES(future_f2) = {&f2_a_future_that_moves_after_its_first_poll_is_caught,
                    &f2_a_future_polled_where_it_stays_works};

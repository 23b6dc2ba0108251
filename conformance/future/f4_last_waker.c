/*
 * f4_last_waker.c -- the waker of the most recent poll is the one that is owed a wake.
 */
#include "subject.h"

CASE(f4_the_waker_of_the_last_poll_is_woken, "F4 F3", NEEDS_NOTHING,
     "a PENDING future of each kind is polled with one waker and another in turns, one to five "
     "times",
     "the last one is woken, the other is not, and neither is kept when it is READY")
{
    struct subjects subjects;
    struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
    const struct rouse_waker wakers[2] = {wakes_waker(wakes[0]), wakes_waker(wakes[1])};

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        for (int polls = 1; polls <= 5; polls++) {
            struct subject *subject = &subjects.all[i];
            enum rouse_poll poll = ROUSE_PENDING;

            subject_pend(subject, &wakers[0]);
            for (int n = 1; n <= polls && poll == ROUSE_PENDING; n++)
                poll = world_poll(&subject->room.future, &wakers[n % 2]);
            subject_cause(subject);
            if (poll == ROUSE_READY) { /* its time had come already */
                subject_take(subject);
                continue;
            }
            CHECK(F4, subject_woken(subject, wakes[polls % 2]),
                  "%s was last polled with another waker, which was not woken",
                  subject->kind->name);
            CHECK(F4, wakes_taken(wakes[1 - polls % 2]) == 0, "%s woke a waker of an earlier poll",
                  subject->kind->name);
            if (!CHECK(F4, subject_finish(subject, &wakers[polls % 2], wakes[polls % 2]),
                       "%s does not end", subject->kind->name))
                rouse_future_drop(&subject->room.future);
            CHECK(F4, wakes[0]->references + wakes[1]->references == 0, "%s keeps a waker",
                  subject->kind->name);
            wakes_taken(wakes[0]);
            wakes_taken(wakes[1]);
        }
    }
    subjects_close(&subjects);
}

CASE(f4_a_future_may_move_from_task_to_task, "F4 F3", NEEDS_NOTHING,
     "futures of all kinds are polled by one task, and then each by another one; then all end",
     "each is woken by its own, and the first task by none")
{
    struct subjects subjects;
    struct wakes *first = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(first);

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++)
        subject_pend(&subjects.all[i], &waker);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker own = wakes_waker(subject->wakes);

        if (world_poll(&subject->room.future, &own) == ROUSE_READY)
            subject_pend(subject, &own); /* its time had come already */
        subject_cause(subject);
    }
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];

        CHECK(F4, subject_woken(subject, subject->wakes),
              "%s did not wake the task that polled it last", subject->kind->name);
        rouse_future_drop(&subject->room.future);
    }
    CHECK_EQUAL(F4, wakes_taken(first), 0, "wakes of the task that polled first");
    CHECK_EQUAL(F4, first->references, 0, "references to its waker");
    subjects_close(&subjects);
}

CASES(future_f4) = {&f4_the_waker_of_the_last_poll_is_woken,
                    &f4_a_future_may_move_from_task_to_task};

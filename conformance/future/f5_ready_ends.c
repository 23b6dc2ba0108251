/*
 * f5_ready_ends.c -- a future that is READY has let go of everything but its output.
 */
#include <string.h>

#include "subject.h"

CASE(f5_a_ready_future_has_let_go, "F5 F3", NEEDS_NOTHING,
     "a future of each kind becomes READY, its memory is overwritten, and what it waited for comes "
     "again",
     "it holds no waker, is not woken again, sets no timer, and nobody touches its memory")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        union subject_room spoilt;

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        CHECK(F5, subject->wakes->references == 0, "%s holds %d wakers when it is READY",
              subject->kind->name, (int) subject->wakes->references);
        CHECK(F5, rouse_next_deadline(&subjects.rt) == ROUSE_NEVER, "%s has left a timer",
              subject->kind->name);
        memset(&spoilt, 0xa5, sizeof spoilt);
        subject->room = spoilt;
        if (subject->target.task.future == NULL) /* a task can end only once */
            subject_cause(subject);
        world_settle(world, &subjects.rt);
        CHECK(F5, memcmp(&subject->room, &spoilt, sizeof spoilt) == 0,
              "%s was written to when it was READY", subject->kind->name);
    }
    subjects_turn(&subjects, WORLD_QUIET);
    for (int i = 0; i < SUBJECT_KINDS; i++)
        CHECK(F5, wakes_taken(subjects.all[i].wakes) == 0, "%s was woken when it was READY",
              subjects.all[i].kind->name);
    subjects_close(&subjects);
}

CASE(f5_the_result_stays, "F5 F3", NEEDS_NOTHING,
     "a future of each kind is READY; other futures come and go, and the runtime is turned",
     "its result is what it was, and dropping it changes nothing")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        union subject_room before;

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        before = subject->room;
        subjects_turn(&subjects, 1);
        CHECK(F5, subject->room.future.result == before.future.result, "%s has another result",
              subject->kind->name);
        rouse_future_drop(&subject->room.future);
        rouse_future_drop(&subject->room.future);
        CHECK(F5, memcmp(&subject->room, &before, sizeof before) == 0,
              "dropping %s, which was READY, changed it", subject->kind->name);
    }
    subjects_close(&subjects);
}

CASE(f5_what_ends_before_its_timer_rings_takes_it_along, "F5 F3", NEEDS_NOTHING,
     "each future that time ends is PENDING; its time comes, and it is polled before the reactor "
     "turns",
     "it is READY, holds no waker, and has left no timer that could still ring")
{
    struct subjects subjects;
    int looked_at = 0;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        if (subject->kind->cause != NULL)
            continue;
        subject_pend(subject, &waker);
        if (rouse_next_deadline(&subjects.rt) != ROUSE_NEVER) {
            looked_at++;
            world_turn(world, WORLD_QUIET);
            CHECK(F3, world_poll(&subject->room.future, &waker) == ROUSE_READY, "%s is not READY",
                  subject->kind->name);
            CHECK(F5, subject->wakes->references == 0, "%s holds %d wakers", subject->kind->name,
                  (int) subject->wakes->references);
            CHECK(F5, rouse_next_deadline(&subjects.rt) == ROUSE_NEVER, "%s has left a timer",
                  subject->kind->name);
            subjects_turn(&subjects, 1);
            CHECK(F5, wakes_taken(subject->wakes) == 0, "%s was woken", subject->kind->name);
        }
        rouse_future_drop(&subject->room.future);
    }
    CHECK(F3, looked_at == 3, "%d futures wait for time, not 3", looked_at);
    subjects_close(&subjects);
}

static void poll_once_more(void *argument)
{
    struct subject *subject = argument;

    world_poll(&subject->room.future, NULL);
}

CASE(f5_polling_after_ready_is_caught, "F5 F3", NEEDS_RULES,
     "a future of each kind is polled after it was READY, and after it was dropped",
     "the program stops and says that F5 was broken")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
        subject_cause(subject);
        CHECK(F5, subject_finish(subject, &waker, subject->wakes), "%s does not end",
              subject->kind->name);
        CHECK_MISUSE(F5, poll_once_more, subject, "F5");
        subject_pend(subject, &waker);
        rouse_future_drop(&subject->room.future);
        CHECK_MISUSE(F5, poll_once_more, subject, "F5");
    }
    subjects_close(&subjects);
}

CASES(future_f5) = {&f5_a_ready_future_has_let_go, &f5_the_result_stays,
                    &f5_what_ends_before_its_timer_rings_takes_it_along,
                    &f5_polling_after_ready_is_caught};

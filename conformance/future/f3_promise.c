/*
 * f3_promise.c -- PENDING means that the waker will be woken, or has been.
 */
#include "subject.h"

CASE(f3_whoever_is_pending_is_woken, "F3", NEEDS_NOTHING,
     "a future of each kind is PENDING, and then what it waits for comes; three times",
     "its waker is woken, and polls that follow wakes lead to READY with the right result")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            struct subject *subject = &subjects.all[i];
            const struct rouse_waker waker = wakes_waker(subject->wakes);

            subject_pend(subject, &waker);
            CHECK(F3, subject->wakes->references != 0 || subject->wakes->count != 0,
                  "%s is PENDING, and has kept no waker", subject->kind->name);
            subject_cause(subject);
            if (!CHECK(F3, subject_finish(subject, &waker, subject->wakes),
                       "%s was not woken, in round %d", subject->kind->name, round))
                rouse_future_drop(&subject->room.future);
        }
    }
    subjects_close(&subjects);
}

CASE(f3_all_kinds_are_woken_beside_each_other, "F3", NEEDS_NOTHING,
     "futures of all kinds are PENDING at once, are polled again for nothing, and then all is "
     "caused at once",
     "each one's waker is woken")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        subject_pend(subject, &waker);
    }
    for (int i = 0; i < SUBJECT_KINDS; i++)
        subject_cause(&subjects.all[i]);
    for (int i = SUBJECT_KINDS - 1; i >= 0; i--) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        if (!CHECK(F3, subject_finish(subject, &waker, subject->wakes), "%s was not woken",
                   subject->kind->name))
            rouse_future_drop(&subject->room.future);
    }
    subjects_close(&subjects);
}

CASE(f3_a_poll_that_was_not_needed_keeps_the_promise, "F3", NEEDS_NOTHING,
     "a PENDING future is polled twenty times more, before its cause and after it, with turns in "
     "between",
     "it stays PENDING without its cause, and is READY in the end")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        enum rouse_poll poll = ROUSE_PENDING;

        subject_pend(subject, &waker);
        for (int n = 0; n < 20 && poll == ROUSE_PENDING; n++) {
            poll = world_poll(&subject->room.future, &waker);
            if (n % 3 == 0)
                rouse_turn(&subjects.rt, 0);
            CHECK(F3, subject->kind->cause == NULL || poll == ROUSE_PENDING,
                  "%s is READY without a cause", subject->kind->name);
        }
        subject_cause(subject);
        if (poll == ROUSE_PENDING)
            CHECK(F3, subject_finish(subject, &waker, subject->wakes), "%s was not woken",
                  subject->kind->name);
        else
            subject_take(subject);
        wakes_taken(subject->wakes);
    }
    subjects_close(&subjects);
}

CASES(future_f3) = {&f3_whoever_is_pending_is_woken, &f3_all_kinds_are_woken_beside_each_other,
                    &f3_a_poll_that_was_not_needed_keeps_the_promise};

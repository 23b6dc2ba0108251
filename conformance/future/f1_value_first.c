/*
 * f1_value_first.c -- until it is handed over a future is a value, and nothing more.
 */
#include <string.h>

#include "subject.h"

enum { COPIES = 8 };

CASE(f1_making_a_future_acquires_nothing, "F1", NEEDS_NOTHING,
     "eight futures of each kind are made, copied, and lost",
     "no memory was asked for, no descriptor opened, no timer set, no task held, and nobody is "
     "polled")
{
    struct subjects subjects;
    union subject_room copy;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const size_t calls = world->memory.calls;
        const int descriptors = world_open_descriptors(world);

        for (int n = 0; n < COPIES; n++) {
            subject->kind->make(subject);
            copy = subject->room;
        }
        CHECK(F1, copy.future.ops->name != NULL, "%s has no name", subject->kind->name);
        CHECK(F1, world->memory.calls == calls, "%s allocates", subject->kind->name);
        CHECK(F1, world_open_descriptors(world) == descriptors, "%s opens", subject->kind->name);
        CHECK(F1, rouse_next_deadline(&subjects.rt) == ROUSE_NEVER, "%s sets a timer",
              subject->kind->name);
        CHECK(F1, world_settle(world, &subjects.rt) == 0, "%s leads to polls", subject->kind->name);
    }
    subjects_close(&subjects);
    for (int i = 0; i < SUBJECT_KINDS; i++)
        CHECK(F1, subjects.all[i].target.releases == (subjects.all[i].target.task.future != NULL),
              "%s, made and lost, holds its task", subjects.all[i].kind->name);
}

CASE(f1_a_future_may_be_copied_before_its_first_poll, "F1 F3", NEEDS_NOTHING,
     "futures of each kind are made, copied elsewhere twice, and their first place is overwritten",
     "the copy comes to its end like any other")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects.all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);
        union subject_room first, second;
        enum rouse_poll poll;

        subject->kind->make(subject);
        first = subject->room;
        memset(&subject->room, 0xa5, sizeof subject->room);
        second = first;
        memset(&first, 0x5a, sizeof first);
        subject->room = second;
        memset(&second, 0xff, sizeof second);
        poll = world_poll(&subject->room.future, &waker);
        subject_cause(subject);
        if (poll == ROUSE_PENDING)
            CHECK(F1, subject_finish(subject, &waker, subject->wakes), "a copy of %s does not end",
                  subject->kind->name);
        else
            subject_take(subject);
    }
    subjects_close(&subjects);
}

CASES(future_f1) = {&f1_making_a_future_acquires_nothing,
                    &f1_a_future_may_be_copied_before_its_first_poll};

/*
 * w6_come_back.c -- W6 of the library's own futures: wakers that poll or drop at once.
 */
#include "subject.h"

enum deed { POLL, DROP, DROP_ALL, DEEDS };

/* What a subject's waker does, inside the wake. */
struct reflex {
    struct subjects *subjects;
    struct subject *subject;
    enum deed deed;
    int calls;
    bool over; /* it was READY inside its wake, or was dropped there */
};

static void drop(struct reflex *reflex)
{
    if (!reflex->over)
        rouse_future_drop(&reflex->subject->room.future);
    reflex->over = true;
}

static void react(void *with)
{
    struct reflex *reflex = with;
    const struct rouse_waker waker = wakes_waker(reflex->subject->wakes);

    reflex->calls++;
    if (reflex->deed == DROP) {
        drop(reflex);
    } else if (reflex->deed == POLL && !reflex->over) {
        reflex->over = world_poll(&reflex->subject->room.future, &waker) == ROUSE_READY;
        if (reflex->over)
            subject_take(reflex->subject);
    } else if (reflex->deed == DROP_ALL) {
        struct reflex *all = reflex - (reflex->subject - reflex->subjects->all);

        for (int i = 0; i < SUBJECT_KINDS; i++)
            drop(&all[i]);
    }
}

/* Those that wait for time are last: others turn the runtime when they are made. */
static void reflexes_set(struct reflex *reflexes, struct subjects *subjects, enum deed deed)
{
    enum { TIMED = 3 }; /* the first ones */

    for (int n = 0; n < SUBJECT_KINDS; n++) {
        const int i = (n + TIMED) % SUBJECT_KINDS;
        struct subject *subject = &subjects->all[i];
        const struct rouse_waker waker = wakes_waker(subject->wakes);

        reflexes[i] = (struct reflex){.subjects = subjects, .subject = subject, .deed = deed};
        subject_pend(subject, &waker);
        subject->wakes->then = react;
        subject->wakes->with = &reflexes[i];
    }
}

static void reflexes_clear(struct subjects *subjects)
{
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        CHECK(W6, subjects->all[i].wakes->references == 0, "%s keeps a waker",
              subjects->all[i].kind->name);
        subjects->all[i].wakes->then = NULL;
        wakes_taken(subjects->all[i].wakes);
    }
}

static bool all_over(void *with)
{
    struct reflex *reflexes = with;

    for (int i = 0; i < SUBJECT_KINDS; i++)
        if (!reflexes[i].over)
            return false;
    return true;
}

CASE(w6_a_waker_may_poll_or_drop_its_future, "W6", NEEDS_NOTHING,
     "futures of all kinds are PENDING, and their wakers poll them, or drop them, inside the wake; "
     "twice",
     "each comes to its end there, and the runtime goes on")
{
    struct subjects subjects;
    struct reflex reflexes[SUBJECT_KINDS];

    subjects_open(&subjects, world);
    for (int round = 0; round < 4; round++) {
        reflexes_set(reflexes, &subjects, round % 2 == 0 ? POLL : DROP);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            subject_cause(&subjects.all[i]);
        world_run_until(world, &subjects.rt, all_over, reflexes, WORLD_SOON);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            CHECK(W6, reflexes[i].over, "%s was not over after %d wakes",
                  subjects.all[i].kind->name, reflexes[i].calls);
            drop(&reflexes[i]);
        }
        reflexes_clear(&subjects);
    }
    subjects_close(&subjects);
}

CASE(w6_a_waker_may_drop_every_other_future, "W6", NEEDS_NOTHING,
     "futures of all kinds are PENDING and caused at once; the first waker that is called drops "
     "them all",
     "no other is woken, and the next ones of each kind come to their ends")
{
    struct subjects subjects;
    struct reflex reflexes[SUBJECT_KINDS];

    subjects_open(&subjects, world);
    for (int round = 0; round < 3; round++) {
        int calls = 0;

        reflexes_set(reflexes, &subjects, DROP_ALL);
        for (int i = 0; i < SUBJECT_KINDS; i++)
            subject_cause(&subjects.all[(i + 5 * round) % SUBJECT_KINDS]);
        CHECK(W6, world_run_until(world, &subjects.rt, all_over, reflexes, WORLD_SOON),
              "none was woken");
        subjects_turn(&subjects, WORLD_QUIET);
        for (int i = 0; i < SUBJECT_KINDS; i++) {
            calls += reflexes[i].calls;
            drop(&reflexes[i]);
        }
        CHECK_EQUAL(W6, calls, 1, "wakes, when the first has dropped all futures");
        reflexes_clear(&subjects);
    }
    subjects_close(&subjects);
}

CASES(future_w6) = {&w6_a_waker_may_poll_or_drop_its_future,
                    &w6_a_waker_may_drop_every_other_future};

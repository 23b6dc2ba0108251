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

static bool is_woken(void *with)
{
    const struct wakes *wakes = with;

    return atomic_load_acquire(&wakes->count) != 0;
}

/* Two wakers that differ in what they do, and not in what they do it to. */
struct twins {
    int wakes[2];
    int references;
};

static void twins_retain(void *data)
{
    struct twins *twins = data;

    twins->references++;
}

static void twins_release(void *data)
{
    struct twins *twins = data;

    twins->references--;
}

static void twins_wake_first_by_ref(void *data)
{
    struct twins *twins = data;

    twins->wakes[0]++;
}

static void twins_wake_first(void *data)
{
    twins_wake_first_by_ref(data);
    twins_release(data);
}

static void twins_wake_second_by_ref(void *data)
{
    struct twins *twins = data;

    twins->wakes[1]++;
}

static void twins_wake_second(void *data)
{
    twins_wake_second_by_ref(data);
    twins_release(data);
}

static const struct rouse_waker_ops twins_ops[2] = {
    {twins_retain, twins_wake_first, twins_wake_first_by_ref, twins_release},
    {twins_retain, twins_wake_second, twins_wake_second_by_ref, twins_release}};

static bool twins_woken(void *with)
{
    const struct twins *twins = with;

    return twins->wakes[0] + twins->wakes[1] != 0;
}

CASE(f4_a_waker_is_both_of_its_words, "F4 F3", NEEDS_NOTHING,
     "a PENDING future of each kind is polled with two wakers in turns, which have the same data "
     "and different functions",
     "the last one is woken, the other is not, and neither is kept")
{
    struct subjects subjects;

    subjects_open(&subjects, world);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        for (int last = 0; last < 2; last++) {
            struct subject *subject = &subjects.all[i];
            struct twins twins = {.references = 0};
            const struct rouse_waker wakers[2] = {{&twins_ops[0], &twins}, {&twins_ops[1], &twins}};

            subject_pend(subject, &wakers[!last]);
            if (world_poll(&subject->room.future, &wakers[last]) == ROUSE_READY) {
                subject_take(subject); /* its time had come already */
                continue;
            }
            subject_cause(subject);
            CHECK(F4, world_run_until(world, &subjects.rt, twins_woken, &twins, WORLD_SOON),
                  "%s woke nobody", subject->kind->name);
            CHECK(F4, twins.wakes[last] > 0 && twins.wakes[!last] == 0,
                  "%s called the functions of an earlier poll's waker", subject->kind->name);
            rouse_future_drop(&subject->room.future);
            CHECK_EQUAL(F4, twins.references, 0, "references to a waker");
        }
    }
    subjects_close(&subjects);
}

CASE(f4_an_accept_that_starves_wakes_whoever_polled_last, "F4 N4", NEEDS_NOTHING,
     "an accept waits for a descriptor, and is polled with one waker and then with another; then a "
     "descriptor is closed, or its time is over",
     "the last one is woken, the other is not, and neither is kept")
{
    for (int closes = 0; closes < 2; closes++) {
        struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
        const struct rouse_waker wakers[2] = {wakes_waker(wakes[0]), wakes_waker(wakes[1])};
        struct rouse_listener listener;
        struct rouse_accept accept;
        struct rouse rt;
        rouse_fd spare[2];

        world_runtime(world, &rt);
        world_pair(world, spare);
        world_give(world, spare[0]);
        world_listener(world, &rt, &listener);
        world_starve(world);
        accept = rouse_accept(&listener);
        CHECK_EQUAL(N4, world_poll(&accept.future, NULL), ROUSE_READY, "accept with no descriptor");
        accept = rouse_accept(&listener);
        for (int n = 0; n < 2; n++)
            CHECK(N4, world_poll(&accept.future, &wakers[n]) == ROUSE_PENDING || n == 1,
                  "the accept after it does not wait");
        if (closes)
            rouse_fd_close(&rt.reactor, spare[0]);
        if (accept.future.ops != &rouse_future_finished)
            CHECK(F4, world_run_until(world, &rt, is_woken, wakes[1], WORLD_SOON),
                  "the waker of the last poll is not woken");
        CHECK_EQUAL(F4, wakes[0]->count, 0, "wakes of an earlier poll's waker");
        rouse_future_drop(&accept.future);
        CHECK_EQUAL(F4, wakes[0]->references + wakes[1]->references, 0, "references to wakers");
        if (!closes)
            rouse_fd_close(&rt.reactor, spare[0]);
        world_feed(world, 1000000);
        rouse_listener_close(&listener);
        rouse_close(&rt);
    }
}

CASE(f4_a_waker_of_zeroes_lets_go_of_the_last, "F4", NEEDS_NOTHING,
     "a slot that keeps a waker is given one full of zeroes, twice, and then the waker again",
     "it lets go of the first at once, keeps nothing, and then keeps the waker")
{
    static const struct rouse_waker zeroes = {NULL, NULL};
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse_waker slot = {NULL, NULL};

    rouse_waker_keep(&slot, &waker);
    CHECK_EQUAL(F4, wakes->references, 1, "references of a waker that is kept");
    for (int i = 0; i < 2; i++) {
        rouse_waker_keep(&slot, &zeroes);
        CHECK_EQUAL(F4, wakes->references, 0, "references of one that is not");
    }
    rouse_waker_keep(&slot, &waker);
    rouse_wake(&slot);
    CHECK_EQUAL(F4, wakes_taken(wakes), 1, "wakes");
    CHECK_EQUAL(F4, wakes->references, 0, "references after the wake");
}

CASES(future_f4) = {&f4_the_waker_of_the_last_poll_is_woken,
                    &f4_a_future_may_move_from_task_to_task, &f4_a_waker_is_both_of_its_words,
                    &f4_an_accept_that_starves_wakes_whoever_polled_last,
                    &f4_a_waker_of_zeroes_lets_go_of_the_last};

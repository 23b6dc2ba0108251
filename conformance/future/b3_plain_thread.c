/*
 * b3_plain_thread.c -- rouse_wait(): a future and a thread, without a runtime.
 */
#include <errno.h>

#include "../task/puppet.h"

CASE(b3_a_wait_returns_the_result, "B3", NEEDS_NOTHING,
     "a plain thread waits for futures that are READY at once, with all kinds of results",
     "each is polled once, and the wait returns its result and leaves nothing behind")
{
    static const intptr_t values[] = {0, 1, -1, -ECANCELED, INTPTR_MAX, INTPTR_MIN};
    struct memory memory;

    memory_init(&memory);
    for (int i = 0; i < 6; i++) {
        struct puppet puppet;

        puppet_make(&puppet, puppet_finish);
        puppet.value = values[i];
        CHECK_EQUAL(B3, rouse_wait(&puppet.future, i % 2 ? &memory.alloc : NULL), values[i],
                    "the result");
        CHECK_EQUAL(B3, puppet.polls, 1, "polls");
        CHECK_EQUAL(B3, puppet.drops, 0, "drops");
        CHECK_EQUAL(B3, memory.live, 0, "blocks that are left");
    }
}

static enum rouse_poll wake_or_yield(struct puppet *self, struct rouse_context *cx)
{
    struct rouse_waker clone = waker_clone(cx->waker);

    if (self->polls == 100)
        self->act = puppet_finish;
    cx->yield = self->number == 0;
    if (self->number == 1)
        rouse_wake_by_ref(&clone);
    if (self->number == 2)
        rouse_wake(&clone);
    rouse_waker_drop(&clone);
    return ROUSE_PENDING;
}

CASE(b3_a_wake_or_a_yield_inside_the_poll_counts, "B3", NEEDS_NOTHING,
     "a future yields a hundred times, or wakes itself by reference, or by a clone",
     "it is polled once for each, and once more")
{
    for (int number = 0; number < 3; number++) {
        struct limit *limit = LIMIT(B3, "rouse_wait() sleeps on a future that woke itself");
        struct puppet puppet;

        puppet_make(&puppet, wake_or_yield);
        puppet.number = number;
        rouse_wait(&puppet.future, NULL);
        limit_stop(limit);
        CHECK_EQUAL(B3, puppet.polls, 101, "polls");
    }
}

enum { YIELDS = 3 };

/* Yields at first; then a thread answers each poll with a wake. */
struct rally {
    struct puppet puppet;
    struct rouse_waker clone;
    uintptr_t ready, sent, polled, rounds; /* atomic but for the last */
    bool by_ref;
};

static enum rouse_poll rally_poll(struct puppet *self, struct rouse_context *cx)
{
    struct rally *rally = self->with;
    const uintptr_t sent = atomic_load_acquire(&rally->sent);

    if (self->polls <= YIELDS) {
        cx->yield = true;
        return ROUSE_PENDING;
    }
    if (atomic_load_acquire(&rally->ready) == 0) {
        rouse_waker_keep(&rally->clone, cx->waker);
        word_set(&rally->ready, 1);
    }
    word_set(&rally->polled, sent);
    return sent == rally->rounds ? puppet_finish(self, cx) : ROUSE_PENDING;
}

static void rally_main(void *argument)
{
    struct rally *rally = argument;

    await_word(&rally->ready, 1);
    for (uintptr_t i = 1; i <= rally->rounds && await_word(&rally->polled, i - 1); i++) {
        struct rouse_waker clone = waker_clone(&rally->clone);

        atomic_exchange(&rally->sent, i);
        if (rally->by_ref)
            rouse_wake_by_ref(&clone);
        else
            rouse_wake(&clone);
        rouse_waker_drop(&clone);
    }
    rouse_waker_drop(&rally->clone);
}

CASE(b3_a_wait_sleeps_until_it_is_woken, "B3", NEEDS_NOTHING,
     "a future yields, and then another thread wakes it as soon as it was polled, five hundred "
     "times, by reference and not",
     "each wake leads to a poll, and there are not many more polls than wakes")
{
    for (int by_ref = 0; by_ref < 2; by_ref++) {
        struct rally rally = {.rounds = 500, .by_ref = by_ref != 0};
        struct thread *thread;
        struct limit *limit;

        puppet_make(&rally.puppet, rally_poll);
        rally.puppet.with = &rally;
        thread = thread_start(rally_main, &rally);
        limit = LIMIT(B3, "rouse_wait() does not hear a wake");
        rouse_wait(&rally.puppet.future, NULL);
        limit_stop(limit);
        thread_join(thread);
        CHECK(B3, rally.puppet.polls <= 2 * rally.rounds + YIELDS + 2, "%d polls for %d wakes",
              (int) rally.puppet.polls, (int) rally.rounds);
    }
}

/* Threads that wake one future all the time. */
struct storm {
    struct puppet puppet;
    struct rouse_waker clones[2];
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t sent;    /* atomic: wakes begun */
    uintptr_t ready;   /* atomic: there are clones */
};

enum { STORM = 20000 };

static enum rouse_poll storm_poll(struct puppet *self, struct rouse_context *cx)
{
    struct storm *storm = self->with;

    if (atomic_load_acquire(&storm->sent) == 2 * STORM)
        return puppet_finish(self, cx);
    if (self->polls == 1) {
        rouse_waker_keep(&storm->clones[0], cx->waker);
        rouse_waker_keep(&storm->clones[1], cx->waker);
        word_set(&storm->ready, 1);
    }
    return ROUSE_PENDING;
}

static void storm_main(void *argument)
{
    struct storm *storm = argument;
    struct rouse_waker *waker = &storm->clones[atomic_fetch_add(&storm->numbers, 1)];

    await_word(&storm->ready, 1);
    for (int n = 0; n < STORM; n++) {
        atomic_fetch_add(&storm->sent, 1);
        rouse_wake_by_ref(waker);
    }
    rouse_waker_drop(waker);
}

CASE(
    b3_the_last_of_many_wakes_is_heard, "B3", NEEDS_NOTHING,
    "two threads wake a future without a pause, twenty thousand times each, while it is waited for",
    "it is polled once more after the last wake has begun")
{
    struct storm storm = {.sent = 0};
    struct thread *threads[2];
    struct limit *limit;

    puppet_make(&storm.puppet, storm_poll);
    storm.puppet.with = &storm;
    for (int i = 0; i < 2; i++)
        threads[i] = thread_start(storm_main, &storm);
    limit = LIMIT(B3, "rouse_wait() does not hear the last wake");
    CHECK_EQUAL(B3, rouse_wait(&storm.puppet.future, NULL), 0, "the result");
    limit_stop(limit);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
}

/* A future that waits for another one, on the same thread, inside its poll. */
struct nest {
    struct puppet outer, inner;
    struct rouse_waker outer_waker, inner_waker;
    uintptr_t inner_pending; /* atomic: the inner one is about to wait */
    uintptr_t outer_pending; /* atomic: the outer one is about to wait */
    uintptr_t go;            /* atomic: the inner one may finish */
};

static enum rouse_poll inner_poll(struct puppet *self, struct rouse_context *cx)
{
    struct nest *nest = self->with;

    if (atomic_load_acquire(&nest->go) != 0)
        return puppet_finish(self, cx);
    rouse_waker_keep(&nest->inner_waker, cx->waker);
    word_set(&nest->inner_pending, 1);
    return ROUSE_PENDING;
}

static enum rouse_poll outer_poll(struct puppet *self, struct rouse_context *cx)
{
    struct nest *nest = self->with;

    if (self->polls == 3)
        return puppet_finish(self, cx);
    rouse_waker_keep(&nest->outer_waker, cx->waker);
    if (self->polls == 1)
        rouse_wait(&nest->inner.future, NULL);
    else
        word_set(&nest->outer_pending, 1);
    return ROUSE_PENDING;
}

static void nest_main(void *argument)
{
    struct nest *nest = argument;

    await_word(&nest->inner_pending, 1);
    for (int n = 0; n < 3; n++)
        rouse_wake_by_ref(&nest->outer_waker); /* for the outer wait alone */
    atomic_exchange(&nest->go, 1);
    rouse_wake(&nest->inner_waker);
    await_word(&nest->outer_pending, 1);
    rouse_wake(&nest->outer_waker);
}

CASE(b3_a_wait_inside_a_wait_has_its_own_wakes, "B3 F4", NEEDS_NOTHING,
     "in the poll of a future that is waited for another one is waited for; another thread wakes "
     "the outer one, then the inner one, then the outer one again",
     "each wake is for its own future, and none is lost")
{
    for (int round = 0; round < 50; round++) {
        struct nest nest = {.go = 0};
        struct thread *thread;
        struct limit *limit;

        puppet_make(&nest.outer, outer_poll);
        puppet_make(&nest.inner, inner_poll);
        nest.outer.with = nest.inner.with = &nest;
        thread = thread_start(nest_main, &nest);
        limit = LIMIT(F4, "the wake of a wait was taken by another one");
        rouse_wait(&nest.outer.future, NULL);
        limit_stop(limit);
        thread_join(thread);
        CHECK_EQUAL(F4, nest.inner.polls, 2, "polls of the inner future");
        CHECK_EQUAL(F4, nest.outer.polls, 3, "polls of the outer future");
    }
}

/* A future whose wakes come from the waker of an earlier wait, and then from its own. */
struct stale {
    struct puppet puppet;
    struct rouse_waker *old;
    struct rouse_waker own;
    uintptr_t pending; /* atomic */
};

static enum rouse_poll leave_a_waker(struct puppet *self, struct rouse_context *cx)
{
    rouse_waker_keep(self->with, cx->waker);
    return puppet_finish(self, cx);
}

static enum rouse_poll stale_poll(struct puppet *self, struct rouse_context *cx)
{
    struct stale *stale = self->with;

    if (self->polls == 2)
        return puppet_finish(self, cx);
    rouse_waker_keep(&stale->own, cx->waker);
    rouse_wake_by_ref(stale->old);
    word_set(&stale->pending, 1);
    return ROUSE_PENDING;
}

static void stale_main(void *argument)
{
    struct stale *stale = argument;

    await_word(&stale->pending, 1);
    rouse_wake_by_ref(stale->old);
    rouse_wake(stale->old);
    rouse_wake(&stale->own);
}

CASE(b3_the_waker_of_an_earlier_wait_does_not_end_a_later_one, "B3 F4", NEEDS_NOTHING,
     "a waker outlives its wait, and is woken before, in and after the first poll of the next wait",
     "the next future is polled again only for its own wake; the memory goes with the last waker")
{
    for (int round = 0; round < 50; round++) {
        struct rouse_waker old = {NULL, NULL};
        struct stale stale = {.old = &old};
        struct puppet first;
        struct memory memory;
        struct thread *thread;
        struct limit *limit;

        memory_init(&memory);
        puppet_make(&first, leave_a_waker);
        first.with = &old;
        rouse_wait(&first.future, &memory.alloc);
        CHECK(B3, memory.live != 0, "a waker that points to nothing");
        rouse_wake_by_ref(&old);
        puppet_make(&stale.puppet, stale_poll);
        stale.puppet.with = &stale;
        thread = thread_start(stale_main, &stale);
        limit = LIMIT(F4, "rouse_wait() does not hear its own wake");
        rouse_wait(&stale.puppet.future, &memory.alloc);
        limit_stop(limit);
        thread_join(thread);
        CHECK_EQUAL(F4, stale.puppet.polls, 2, "polls");
        CHECK_EQUAL(B3, memory.live, 0, "blocks that are left");
    }
}

static enum rouse_poll refuse(struct puppet *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    return ROUSE_PENDING;
}

CASE(b3_a_wait_without_memory_says_so, "B3 F7", NEEDS_NOTHING,
     "there is no memory for a wait, and then there is",
     "it returns -ENOMEM, with the future dropped and never polled; the next one works")
{
    struct memory memory;
    struct puppet puppet;

    memory_init(&memory);
    memory_fail(&memory, 1, false);
    puppet_make(&puppet, refuse);
    CHECK_EQUAL(B3, rouse_wait(&puppet.future, &memory.alloc), -ENOMEM, "the result");
    CHECK_EQUAL(F7, puppet.drops, 1, "drops");
    CHECK_EQUAL(F7, puppet.polls, 0, "polls");
    puppet_make(&puppet, puppet_finish);
    puppet.value = 5;
    CHECK_EQUAL(B3, rouse_wait(&puppet.future, &memory.alloc), 5, "the result");
    CHECK_EQUAL(B3, memory.live, 0, "blocks that are left");
}

CASE(b3_a_wait_without_descriptors_says_so, "B3 F7 X5", NEEDS_KERNEL | NEEDS_LIMIT,
     "there is no descriptor for a wait, then one, and then two",
     "it returns -EMFILE, with the future dropped and never polled, and nothing left; the last one "
     "works")
{
    struct memory memory;
    struct puppet puppet;

    memory_init(&memory);
    world_starve(world);
    for (int left = 0; left < 2; left++) {
        world_feed(world, left);
        puppet_make(&puppet, refuse);
        CHECK_EQUAL(X5, rouse_wait(&puppet.future, &memory.alloc), -EMFILE, "the result");
        CHECK_EQUAL(F7, puppet.drops, 1, "drops");
        CHECK_EQUAL(F7, puppet.polls, 0, "polls");
        CHECK_EQUAL(B3, memory.live, 0, "blocks that are left");
    }
    world_feed(world, 1);
    puppet_make(&puppet, puppet_finish);
    puppet.value = 5;
    CHECK_EQUAL(B3, rouse_wait(&puppet.future, &memory.alloc), 5, "the result");
    CHECK_EQUAL(B3, memory.live, 0, "blocks that are left");
}

CASES(future_b3) = {&b3_a_wait_returns_the_result,
                    &b3_a_wake_or_a_yield_inside_the_poll_counts,
                    &b3_a_wait_sleeps_until_it_is_woken,
                    &b3_the_last_of_many_wakes_is_heard,
                    &b3_a_wait_inside_a_wait_has_its_own_wakes,
                    &b3_the_waker_of_an_earlier_wait_does_not_end_a_later_one,
                    &b3_a_wait_without_memory_says_so,
                    &b3_a_wait_without_descriptors_says_so};

/*
 * wait.c -- B3: a plain thread that sleeps in rouse_wait(), and wakers that outlive it.
 */
#include "stage.h"

/* A future on a plain thread. Its letterbox stays when the call is over. */
struct letterbox {
    struct rouse_future future;
    uintptr_t handed, said; /* atomic */
    struct rouse_waker wakers[2];
    unsigned polls;
};

static struct letterbox *box;

static enum rouse_poll box_poll(struct rouse_future *self, struct rouse_context *cx,
                                uintptr_t letters)
{
    if (box->polls++ == 0) {
        rouse_waker_keep(&box->wakers[0], cx->waker);
        rouse_waker_keep(&box->wakers[1], cx->waker);
        (void) atomic_exchange(&box->handed, 1);
    }
    if (atomic_load_relaxed(&box->said) < letters)
        return ROUSE_PENDING;
    return rouse_ready(self, 3);
}

static enum rouse_poll box_poll_one(struct rouse_future *self, struct rouse_context *cx)
{
    return box_poll(self, cx, 1);
}

static enum rouse_poll box_poll_two(struct rouse_future *self, struct rouse_context *cx)
{
    return box_poll(self, cx, 2);
}

static const struct rouse_future_ops one = {box_poll_one, NULL, "one letter"};
static const struct rouse_future_ops two = {box_poll_two, NULL, "two letters"};

static void begin(const struct rouse_future_ops *ops)
{
    box = (struct letterbox *) explore_memory(sizeof *box, "a letterbox");
    box->future.ops = ops;
}

static void begin_one(void)
{
    begin(&one);
}

static void begin_two(void)
{
    begin(&two);
}

static void sleep_until_ready(void)
{
    explore_check(rouse_wait(&box->future, &explore_alloc) == 3, "B3: another result");
}

static void say_and_wake(void)
{
    explore_await(&box->handed, "waits for a waker");
    (void) atomic_fetch_add(&box->said, 1);
    rouse_wake(&box->wakers[0]);
}

static void say_and_wake_by_ref(void)
{
    explore_await(&box->handed, "waits for a waker");
    (void) atomic_fetch_add(&box->said, 1);
    rouse_wake_by_ref(&box->wakers[1]);
    rouse_waker_drop(&box->wakers[1]);
}

static void clone_and_wake(void)
{
    struct rouse_waker clone = {NULL, NULL};

    explore_await(&box->handed, "waits for a waker");
    rouse_waker_keep(&clone, &box->wakers[1]);
    (void) atomic_fetch_add(&box->said, 1);
    rouse_wake(&clone);
    rouse_waker_drop(&box->wakers[1]);
}

static void end(void)
{
    explore_check(box->polls <= 3, "B3: more polls than wakes");
    explore_check_nothing_left();
}

const struct explore_program b3_wakes_may_come_after_a_wait_has_returned = {
    "b3_wakes_may_come_after_a_wait_has_returned",
    begin_one,
    {sleep_until_ready, say_and_wake, say_and_wake_by_ref},
    end,
};

const struct explore_program b3_the_last_of_two_wakes_is_not_lost = {
    "b3_the_last_of_two_wakes_is_not_lost",
    begin_two,
    {sleep_until_ready, say_and_wake, say_and_wake_by_ref},
    end,
};

const struct explore_program b3_wakers_of_a_wait_are_cloned_elsewhere = {
    "b3_wakers_of_a_wait_are_cloned_elsewhere",
    begin_two,
    {sleep_until_ready, say_and_wake, clone_and_wake},
    end,
};

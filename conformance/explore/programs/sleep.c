/*
 * sleep.c -- E7 and E9: wake() against wait(), on each queue's way of sleeping, and against
 * a host that sleeps in its stead.
 */
#include "stage.h"

struct bed {
    struct rouse_evq *evq;
    uintptr_t work; /* atomic: what wakers brought */
    unsigned waits; /* that have ended */
    int fd;         /* that a host sleeps on */
};

static struct bed *bed;

static void begin(const struct rouse_evq_ops *ops)
{
    const struct rouse_evq_options options = {sizeof options, &explore_alloc, NULL};

    bed = (struct bed *) explore_memory(sizeof *bed, "the queue's user");
    explore_check(ops->open(&bed->evq, &options) == 0, "no queue");
}

static void begin_poll(void)
{
    begin(&rouse__poll);
}

static void begin_epoll(void)
{
    begin(&rouse__epoll);
}

static void begin_sim(void)
{
    begin(&rouse__sim);
}

static void end(void)
{
    bed->evq->ops->close(bed->evq);
    explore_check_nothing_left();
}

static int wait_until(rouse_time deadline)
{
    struct rouse_event event;

    return bed->evq->ops->wait(bed->evq, &event, 1, deadline);
}

/* Sleeps until there is so much work, and looks only when woken. Each wake() comes after a
 * piece of work, so that no more waits may have ended than there is work by now. */
static void sleep_until_work(uintptr_t amount)
{
    while (atomic_load_relaxed(&bed->work) < amount) {
        explore_check(wait_until(ROUSE_NEVER) == 0, "E6: a report of nothing");
        bed->waits++;
        explore_check(bed->waits <= atomic_load_relaxed(&bed->work),
                      "E9: wait() ended without a wake()");
    }
}

static void bring_and_wake(void)
{
    (void) atomic_fetch_add(&bed->work, 1);
    bed->evq->ops->wake(bed->evq);
}

static void sleep_for_one(void)
{
    sleep_until_work(1);
}

static void sleep_for_two(void)
{
    sleep_until_work(2);
}

static void sleep_for_three(void)
{
    sleep_until_work(3);
}

static void bring_twice(void)
{
    bring_and_wake();
    bring_and_wake();
}

#define ON(queue)                                                                                  \
    const struct explore_program e7_a_wake_meets_a_wait_on_##queue = {                             \
        "e7_a_wake_meets_a_wait_on_" #queue,                                                       \
        begin_##queue,                                                                             \
        {sleep_for_one, bring_and_wake},                                                           \
        end,                                                                                       \
    };                                                                                             \
    const struct explore_program e7_two_wakes_merge_into_one_or_two_on_##queue = {                 \
        "e7_two_wakes_merge_into_one_or_two_on_" #queue,                                           \
        begin_##queue,                                                                             \
        {sleep_for_two, bring_and_wake, bring_and_wake},                                           \
        end,                                                                                       \
    };                                                                                             \
    const struct explore_program e9_no_more_waits_end_than_wakes_came_on_##queue = {               \
        "e9_no_more_waits_end_than_wakes_came_on_" #queue,                                         \
        begin_##queue,                                                                             \
        {sleep_for_three, bring_twice, bring_and_wake},                                            \
        end,                                                                                       \
    };

ON(poll)
ON(epoll)
ON(sim)

/* ---- a host sleeps on the queue's descriptor, and turns it when that is readable */

static void host_two(void)
{
    bed->fd = bed->evq->ops->pollable(bed->evq);
    while (atomic_load_relaxed(&bed->work) < 2) {
        explore_sleep_on(bed->fd);
        explore_check(wait_until(INT64_MIN) == 0, "E6: a report of nothing");
    }
}

const struct explore_program b2_wakes_reach_a_host_that_sleeps_in_our_stead = {
    "b2_wakes_reach_a_host_that_sleeps_in_our_stead",
    begin_epoll,
    {host_two, bring_and_wake, bring_and_wake},
    end,
};

/* Turns it once before it sleeps, so that a wake() may be taken while another is on its way. */
static void turn_then_host(void)
{
    explore_check(wait_until(INT64_MIN) == 0, "E6: a report of nothing");
    host_two();
}

const struct explore_program b2_a_wake_before_anybody_listened_is_told = {
    "b2_a_wake_before_anybody_listened_is_told",
    begin_epoll,
    {turn_then_host, bring_and_wake, bring_and_wake},
    end,
};

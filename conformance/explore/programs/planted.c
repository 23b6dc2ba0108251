/*
 * planted.c -- programs that are wrong, each in one way, to see that the explorer says so.
 * weaken.c knows what is to be found in each, and under which model of memory.
 */
#include "stage.h"

struct words {
    uintptr_t asleep, work, flag, data; /* atomic */
    int plain;
};

static struct words *words;
static int pipe_fd;
static struct rouse__selfpipe *sleeping;

static void begin(void)
{
    words = (struct words *) explore_memory(sizeof *words, "words");
    sleeping = (struct rouse__selfpipe *) explore_memory(sizeof *sleeping, "a pipe");
    (void) rouse__selfpipe_open(sleeping);
    pipe_fd = sleeping->read_end;
}

#define STORE(word, value, order)                                                                  \
    explore_store(EXPLORE_HERE("store", #word), (word), (value), (order))

/* ---- looks for work, and then lies down: a wake in between is not seen by either */

static void check_and_then_sleep(void)
{
    if (atomic_load_acquire(&words->work) == 0) {
        (void) atomic_exchange(&words->asleep, 1);
        explore_sleep_on(pipe_fd);
    }
}

static void bring_and_notify(void)
{
    (void) atomic_exchange(&words->work, 1);
    if (atomic_load_acquire(&words->asleep) == 1)
        rouse__selfpipe_notify(sleeping);
}

const struct explore_program planted_a_check_and_then_a_sleep = {
    "planted_a_check_and_then_a_sleep",
    begin,
    {check_and_then_sleep, bring_and_notify},
    NULL,
};

/* ---- lies down, and then looks, in the right order, but by stores that may wait */

static void announce_by_store(void)
{
    STORE(&words->asleep, 1, EXPLORE_RELEASE);
    if (atomic_load_acquire(&words->work) == 0)
        explore_sleep_on(pipe_fd);
}

static void bring_by_store(void)
{
    STORE(&words->work, 1, EXPLORE_RELEASE);
    if (atomic_load_acquire(&words->asleep) == 1)
        rouse__selfpipe_notify(sleeping);
}

const struct explore_program planted_a_store_and_then_a_load = {
    "planted_a_store_and_then_a_load",
    begin,
    {announce_by_store, bring_by_store},
    NULL,
};

/* ---- the same by read-modify-writes of two words. x86 keeps their order, C11 does not */

static void announce_by_exchange(void)
{
    (void) atomic_exchange(&words->asleep, 1);
    if (atomic_load_acquire(&words->work) == 0)
        explore_sleep_on(pipe_fd);
}

const struct explore_program planted_an_exchange_and_then_a_load = {
    "planted_an_exchange_and_then_a_load",
    begin,
    {announce_by_exchange, bring_and_notify},
    NULL,
};

/* ---- a message whose flag publishes nothing */

static void send_relaxed(void)
{
    STORE(&words->data, 1, EXPLORE_RELAXED);
    STORE(&words->flag, 1, EXPLORE_RELAXED);
}

static void receive(void)
{
    if (atomic_load_acquire(&words->flag) == 1)
        explore_check(atomic_load_relaxed(&words->data) == 1, "the message is not there");
}

const struct explore_program planted_a_flag_that_publishes_nothing = {
    "planted_a_flag_that_publishes_nothing",
    begin,
    {send_relaxed, receive},
    NULL,
};

static void send_plain(void)
{
    words->plain = 1;
    STORE(&words->flag, 1, EXPLORE_RELEASE);
}

static void receive_plain_relaxed(void)
{
    if (atomic_load_relaxed(&words->flag) == 1)
        explore_check(words->plain == 1, "the message is not there");
}

const struct explore_program planted_a_flag_that_takes_nothing = {
    "planted_a_flag_that_takes_nothing",
    begin,
    {send_plain, receive_plain_relaxed},
    NULL,
};

/* ---- memory */

static void give_back(void)
{
    (void) atomic_exchange(&words->flag, 1);
    explore_give_back(words, sizeof *words);
}

static void touch_late(void)
{
    if (atomic_load_acquire(&words->flag) == 0)
        (void) atomic_fetch_add(&words->data, 1);
}

const struct explore_program planted_a_word_that_is_gone = {
    "planted_a_word_that_is_gone",
    begin,
    {give_back, touch_late},
    NULL,
};

/* ---- threads that do not end */

static void turn_round(void)
{
    while (atomic_load_acquire(&words->flag) == 0) {
        rouse__thread_yield();
    }
}

static void never_say(void)
{
    (void) atomic_exchange(&words->data, 1);
}

const struct explore_program planted_a_thread_that_is_awake_for_ever = {
    "planted_a_thread_that_is_awake_for_ever",
    begin,
    {turn_round, never_say},
    NULL,
};

/* ---- a pointer that may not be there yet */

static void point_late(void)
{
    (void) atomic_exchange(&words->flag, 1);
    (void) atomic_exchange(&words->data, (uintptr_t) &words->plain);
}

static void follow_early(void)
{
    if (atomic_load_acquire(&words->flag) == 1)
        *(volatile int *) atomic_load_acquire(&words->data) = 1;
}

const struct explore_program planted_a_pointer_that_is_not_there_yet = {
    "planted_a_pointer_that_is_not_there_yet",
    begin,
    {point_late, follow_early},
    NULL,
};

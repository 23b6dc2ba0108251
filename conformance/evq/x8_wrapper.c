/*
 * x8_wrapper.c -- X8 for queues: rouse_evq_check() stops the program when a queue or its
 * caller breaks the contract, and says which clause; and it stands in nobody's way who keeps
 * it.
 *
 * The queue below is a puppet, which has no descriptors and does what it is told, right or
 * wrong. Each breach happens in a copy of this process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../world.h"

enum { R = ROUSE_READABLE, W = ROUSE_WRITABLE, RW = R | W };

/* -- The puppet ---------------------------------------------------------------------------- */

struct doll {
    struct rouse_evq evq;
    struct rouse_evq_ops ops;
    rouse_time now;
    int result;                                  /* of the next arm()s; below 0 it arms nothing */
    struct rouse_event events[4];                /* what the next wait() brings */
    int count;                                   /* of them, or what it returns */
    bool keeps;                                  /* what is reported stays armed */
    void (*spoils)(struct rouse_source *source); /* at the end of each call with a source */
    int arms, forgets, waits, wakes, closes;     /* how often each was called */
    struct rouse_source *source;                 /* what it was called with last */
    struct rouse_event *array;
    int capacity;
    unsigned interest;
    rouse_time deadline;
};

static void spoil(const struct doll *doll, struct rouse_source *source)
{
    if (doll->spoils != NULL)
        doll->spoils(source);
}

static int doll_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct doll *doll = rouse_container_of(evq, struct doll, evq);

    doll->arms++;
    doll->source = source;
    doll->interest = interest;
    if (doll->result >= 0) {
        source->armed |= interest & RW;
        source->record = doll;
    }
    spoil(doll, source);
    return doll->result;
}

static void doll_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct doll *doll = rouse_container_of(evq, struct doll, evq);

    doll->forgets++;
    doll->source = source;
    source->armed = 0;
    source->record = NULL;
    spoil(doll, source);
}

static int doll_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    struct doll *doll = rouse_container_of(evq, struct doll, evq);
    const int count = doll->count;

    doll->waits++;
    doll->array = events;
    doll->capacity = capacity;
    doll->deadline = deadline;
    doll->count = 0;
    for (int i = 0; i < count; i++) {
        events[i] = doll->events[i];
        if (!doll->keeps)
            events[i].source->armed &= (uint8_t) ~events[i].ready;
        spoil(doll, events[i].source);
    }
    return count;
}

static void doll_wake(struct rouse_evq *evq)
{
    rouse_container_of(evq, struct doll, evq)->wakes++;
}

static rouse_time doll_now(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct doll, evq)->now;
}

static rouse_fd doll_pollable(struct rouse_evq *evq)
{
    (void) evq;
    return 77;
}

static void doll_close(struct rouse_evq *evq)
{
    rouse_container_of(evq, struct doll, evq)->closes++;
}

static int doll_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    (void) evq;
    (void) options;
    return -ENOSYS;
}

static void doll_make(struct doll *doll)
{
    *doll = (struct doll){.now = 1000};
    doll->ops = (struct rouse_evq_ops){.size = sizeof doll->ops,
                                       .name = "doll",
                                       .version = "1",
                                       .open = doll_open,
                                       .close = doll_close,
                                       .arm = doll_arm,
                                       .forget = doll_forget,
                                       .wait = doll_wait,
                                       .wake = doll_wake,
                                       .now = doll_now,
                                       .pollable = doll_pollable};
    doll->evq.ops = &doll->ops;
}

/* The next wait() brings one more report. */
static void will_report(struct doll *doll, struct rouse_source *source, unsigned ready)
{
    doll->events[doll->count++] = (struct rouse_event){source, ready};
}

/* -- A wrapped one, and what is done with it ------------------------------------------------ */

struct stand {
    struct doll doll;
    struct rouse_evq *evq;
    struct rouse_source sources[3];
    void (*spoils)(struct rouse_source *source); /* for the breach to use */
};

static int arm(struct stand *stand, int which, unsigned interest)
{
    return stand->evq->ops->arm(stand->evq, &stand->sources[which], interest);
}

static void forget(struct stand *stand, int which)
{
    stand->evq->ops->forget(stand->evq, &stand->sources[which]);
}

static int wait_until(struct stand *stand, int capacity, rouse_time deadline)
{
    static struct rouse_event events[8];

    return stand->evq->ops->wait(stand->evq, events, capacity, deadline);
}

static int report(struct stand *stand, int which, unsigned ready)
{
    will_report(&stand->doll, &stand->sources[which], ready);
    return wait_until(stand, 4, ROUSE_NEVER);
}

static void stand_open(struct stand *stand, const struct rouse_alloc *alloc)
{
    doll_make(&stand->doll);
    for (int i = 0; i < 3; i++)
        stand->sources[i] = (struct rouse_source){.fd = (rouse_fd) (10 + i)};
    if (rouse_evq_check(&stand->evq, &stand->doll.evq, alloc) != 0)
        suite_error("no wrapper");
}

/* What may be wrong with a source. */
static void readable_too(struct rouse_source *source)
{
    source->armed |= R;
}

static void writable_too(struct rouse_source *source)
{
    source->armed |= W;
}

static void unreadable(struct rouse_source *source)
{
    source->armed &= W;
}

static void unarmed(struct rouse_source *source)
{
    source->armed = 0;
}

static void recorded(struct rouse_source *source)
{
    source->record = source;
}

static void renumbered(struct rouse_source *source)
{
    source->fd = 99;
}

static void wiped(struct rouse_source *source)
{
    memset(source, 0, sizeof *source);
}

struct breach {
    const char *says;
    void (*commit)(struct stand *stand);
    void (*spoils)(struct rouse_source *source); /* what is then wrong with it, or NULL */
};

static void commit(void *argument)
{
    const struct breach *breach = argument;
    struct stand stand;

    stand_open(&stand, NULL);
    stand.spoils = breach->spoils;
    breach->commit(&stand);
}

static void check_breaches(const struct breach *breaches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct breach breach = breaches[i];

        CHECK_MISUSE(X8, commit, &breach, breach.says);
    }
}

/* -- Breaches of arm() and forget() ---------------------------------------------------------- */

static void close_early(struct stand *stand)
{
    arm(stand, 0, R);
    arm(stand, 1, R);
    forget(stand, 0);
    stand->evq->ops->close(stand->evq);
}

static void arm_what_is_used(struct stand *stand)
{
    stand->spoils(&stand->sources[0]);
    arm(stand, 0, W);
}

static void arm_one_number_twice(struct stand *stand)
{
    stand->sources[1].fd = stand->sources[0].fd;
    arm(stand, 0, R);
    arm(stand, 1, W);
}

static void arm_nothing(struct stand *stand)
{
    arm(stand, 0, 0);
}

static void arm_a_hint(struct stand *stand)
{
    arm(stand, 0, R);
    arm(stand, 0, ROUSE_DRAINED);
}

static void arm_what_there_is_not(struct stand *stand)
{
    arm(stand, 0, R | 8);
}

static void arm_into_one(struct stand *stand)
{
    stand->doll.result = 1;
    arm(stand, 0, R);
}

static void arm_again_into_one(struct stand *stand)
{
    arm(stand, 0, R);
    stand->doll.result = 1;
    arm(stand, 0, R);
}

static void fail_badly(struct stand *stand)
{
    stand->doll.result = -EPERM;
    stand->doll.spoils = stand->spoils;
    arm(stand, 0, R);
}

static void fail_again_badly(struct stand *stand)
{
    arm(stand, 0, R);
    stand->doll.result = -ENOMEM;
    stand->doll.spoils = stand->spoils;
    arm(stand, 0, W);
}

static void arm_badly(struct stand *stand)
{
    stand->doll.spoils = stand->spoils;
    arm(stand, 0, R);
}

static void arm_again_badly(struct stand *stand)
{
    arm(stand, 0, R);
    report(stand, 0, R);
    stand->doll.spoils = stand->spoils;
    arm(stand, 0, W);
}

static void spoil_and_arm(struct stand *stand)
{
    arm(stand, 0, R);
    stand->spoils(&stand->sources[0]);
    arm(stand, 0, W);
}

static void spoil_and_forget(struct stand *stand)
{
    arm(stand, 0, R);
    stand->spoils(&stand->sources[0]);
    forget(stand, 0);
}

static void spoil_half_and_arm(struct stand *stand)
{
    arm(stand, 0, RW);
    stand->spoils(&stand->sources[0]);
    arm(stand, 0, R);
}

/* What was readable is writable. */
static void swap_and_forget(struct stand *stand)
{
    arm(stand, 0, R);
    stand->sources[0].armed = W;
    forget(stand, 0);
}

static void forget_what_is_used(struct stand *stand)
{
    stand->spoils(&stand->sources[0]);
    forget(stand, 0);
}

static void forget_badly(struct stand *stand)
{
    arm(stand, 0, R);
    stand->doll.spoils = stand->spoils;
    forget(stand, 0);
}

static void forget_nobody_badly(struct stand *stand)
{
    stand->doll.spoils = stand->spoils;
    forget(stand, 0);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

CASE(x8_the_wrapper_names_what_a_caller_breaks, "X8", NEEDS_NOTHING,
     "a caller closes with sources that are known, arms what is not new, or for nothing; it writes "
     "to a source that is armed, and arms or forgets that",
     "the program stops, and says E1, E2 or E5")
{
    static const struct breach breaches[] = {
        {"E5: close()", close_early, NULL},
        {"E5: the first arm()", arm_what_is_used, readable_too},
        {"E5: the first arm()", arm_what_is_used, recorded},
        {"E5: two sources for one descriptor", arm_one_number_twice, NULL},
        {"E1: arm() for no direction", arm_nothing, NULL},
        {"E1: arm() for no direction", arm_a_hint, NULL},
        {"E1: arm() for what is no interest", arm_what_there_is_not, NULL},
        {"E2: a direction is no longer armed", spoil_and_arm, unarmed},
        {"E2: a direction is no longer armed", spoil_and_forget, unarmed},
        {"E2: a direction is no longer armed", spoil_half_and_arm, unreadable},
        {"E5: the memory", spoil_and_arm, writable_too},
        {"E5: the memory", spoil_and_arm, renumbered},
        {"E5: the memory", spoil_and_arm, wiped},
        {"E5: the memory", spoil_and_forget, writable_too},
        {"E5: the memory", spoil_and_forget, renumbered},
        {"E5: the memory", spoil_and_forget, wiped},
        {"E5: the memory", swap_and_forget, NULL},
        {"E5: forget() of a source", forget_what_is_used, readable_too},
        {"E5: forget() of a source", forget_what_is_used, recorded},
    };

    check_breaches(breaches, COUNT(breaches));
}

CASE(x8_the_wrapper_names_what_an_arm_or_a_forget_breaks, "X8", NEEDS_NOTHING,
     "a queue's arm() returns 1, arms too much or too little, fails and leaves something behind; "
     "its forget() leaves something",
     "the program stops, and says E1, E5 or E11")
{
    static const struct breach breaches[] = {
        {"E11: arm() returned neither", arm_into_one, NULL},
        {"E11: arm() returned neither", arm_again_into_one, NULL},
        {"E11: a first arm() that failed", fail_badly, readable_too},
        {"E11: a first arm() that failed", fail_badly, recorded},
        {"E11: an arm() that failed", fail_again_badly, writable_too},
        {"E11: an arm() that failed", fail_again_badly, unarmed},
        {"E11: an arm() that failed", fail_again_badly, renumbered},
        {"E1: arm() did not arm", arm_badly, writable_too},
        {"E1: arm() did not arm", arm_badly, unarmed},
        {"E1: arm() did not add", arm_again_badly, readable_too},
        {"E1: arm() did not add", arm_again_badly, unarmed},
        {"E1: arm() did not add", arm_again_badly, renumbered},
        {"E5: forget() left", forget_badly, readable_too},
        {"E5: forget() left", forget_badly, recorded},
        {"E5: forget() left", forget_nobody_badly, readable_too},
        {"E5: forget() left", forget_nobody_badly, recorded},
    };

    check_breaches(breaches, COUNT(breaches));
}

/* -- Breaches of wait(), of time, and of threads ---------------------------------------------- */

static void wait_without_room(struct stand *stand)
{
    wait_until(stand, 0, stand->doll.now);
}

static void report_too_many(struct stand *stand)
{
    for (int i = 0; i < 2; i++) {
        arm(stand, i, R);
        will_report(&stand->doll, &stand->sources[i], R);
    }
    wait_until(stand, 1, ROUSE_NEVER);
}

static void report_a_stranger(struct stand *stand)
{
    arm(stand, 0, R);
    report(stand, 1, R);
}

static void report_the_forgotten(struct stand *stand)
{
    arm(stand, 0, R);
    arm(stand, 1, R);
    forget(stand, 1);
    report(stand, 1, R);
}

static void report_nothing(struct stand *stand)
{
    arm(stand, 0, R);
    report(stand, 0, 0);
}

static void report_too_much(struct stand *stand)
{
    arm(stand, 0, R);
    report(stand, 0, R | ROUSE_DRAINED);
}

static void report_twice_at_once(struct stand *stand)
{
    arm(stand, 0, RW);
    arm(stand, 1, R);
    will_report(&stand->doll, &stand->sources[0], R);
    will_report(&stand->doll, &stand->sources[1], R);
    report(stand, 0, RW);
}

/* The other direction comes in between. */
static void report_twice_in_parts(struct stand *stand)
{
    arm(stand, 0, RW);
    will_report(&stand->doll, &stand->sources[0], R);
    will_report(&stand->doll, &stand->sources[0], W);
    report(stand, 0, R);
}

static void report_twice_in_turn(struct stand *stand)
{
    arm(stand, 0, RW);
    report(stand, 0, R);
    report(stand, 0, W);
    report(stand, 0, R);
}

static void report_twice(struct stand *stand)
{
    arm(stand, 0, RW);
    report(stand, 0, R);
    report(stand, 0, RW);
}

/* The other direction is armed in between. */
static void report_twice_anyway(struct stand *stand)
{
    arm(stand, 0, RW);
    report(stand, 0, RW);
    arm(stand, 0, W);
    report(stand, 0, R);
}

static void report_the_unarmed(struct stand *stand)
{
    arm(stand, 0, R);
    report(stand, 0, RW);
}

static void report_and_keep(struct stand *stand)
{
    arm(stand, 0, R);
    stand->doll.keeps = true;
    report(stand, 0, R);
}

static void report_badly(struct stand *stand)
{
    arm(stand, 0, RW);
    stand->doll.spoils = stand->spoils;
    report(stand, 0, R);
}

static void go_back(struct stand *stand)
{
    stand->evq->ops->now(stand->evq);
    stand->doll.now++;
    stand->evq->ops->now(stand->evq);
    stand->doll.now--;
    stand->evq->ops->now(stand->evq);
}

static void go_back_in_a_wait(struct stand *stand)
{
    wait_until(stand, 1, stand->doll.now);
    stand->doll.now--;
    wait_until(stand, 1, stand->doll.now);
}

static void return_early(struct stand *stand)
{
    wait_until(stand, 1, stand->doll.now + 1);
}

/* More often than there were wakes. */
static void return_early_again(struct stand *stand)
{
    for (int i = 0; i < 2; i++)
        stand->evq->ops->wake(stand->evq);
    for (int i = 0; i < 3; i++)
        wait_until(stand, 1, ROUSE_NEVER);
}

CASE(
    x8_the_wrapper_names_what_a_wait_breaks, "X8", NEEDS_NOTHING,
    "a queue reports too many, strangers, nothing, what is not armed, one thing twice; it does not "
    "take what it reports from the source; its clock goes back, and it returns too early; and its "
    "caller has no room",
    "the program stops, and says E1, E5, E6, E9 or E10")
{
    static const struct breach breaches[] = {
        {"E10: wait() with an array of no capacity", wait_without_room, NULL},
        {"E10: wait() reported more", report_too_many, NULL},
        {"E5: wait() named a source", report_a_stranger, NULL},
        {"E5: wait() named a source", report_the_forgotten, NULL},
        {"E6: wait() reported no direction", report_nothing, NULL},
        {"E6: wait() reported no direction", report_too_much, NULL},
        {"E10: a direction twice", report_twice_at_once, NULL},
        {"E10: a direction twice", report_twice_in_parts, NULL},
        {"E1: two reports", report_twice, NULL},
        {"E1: two reports", report_twice_in_turn, NULL},
        {"E1: two reports", report_twice_anyway, NULL},
        {"E6: wait() reported what nobody armed", report_the_unarmed, NULL},
        {"E1: a report did not take", report_and_keep, NULL},
        {"E1: a report did not take", report_badly, unarmed},
        {"E1: a report did not take", report_badly, renumbered},
        {"E9: now() went back", go_back, NULL},
        {"E9: now() went back", go_back_in_a_wait, NULL},
        {"E9: wait() returned 0", return_early, NULL},
        {"E9: wait() returned 0", return_early_again, NULL},
    };

    check_breaches(breaches, COUNT(breaches));
}

enum verb { CLOSE, ARM, FORGET, WAIT, NOW, POLLABLE, VERBS };

struct elsewhere {
    struct stand stand;
    enum verb verb;
};

static void use(void *argument)
{
    struct elsewhere *it = argument;
    struct rouse_evq *evq = it->stand.evq;

    switch (it->verb) {
    case CLOSE: evq->ops->close(evq); break;
    case ARM: arm(&it->stand, 0, R); break;
    case FORGET: forget(&it->stand, 0); break;
    case WAIT: wait_until(&it->stand, 1, it->stand.doll.now); break;
    case NOW: evq->ops->now(evq); break;
    default: evq->ops->pollable(evq); break;
    }
}

static void use_elsewhere(void *argument)
{
    struct elsewhere *it = argument;

    stand_open(&it->stand, NULL);
    thread_join(thread_start(use, it));
}

CASE(x8_the_wrapper_names_another_thread, "X8", NEEDS_NOTHING,
     "each function but wake() is called on another thread", "the program stops, and says E8")
{
    for (enum verb verb = CLOSE; verb < VERBS; verb++) {
        struct elsewhere it = {.verb = verb};

        CHECK_MISUSE(X8, use_elsewhere, &it, "E8: something other than wake()");
    }
}

/* -- Who keeps the contract ------------------------------------------------------------------- */

static void wake(void *argument)
{
    struct rouse_evq *evq = argument;

    evq->ops->wake(evq);
}

CASE(x8_the_wrapper_passes_on_what_is_right, "X8", NEEDS_NOTHING,
     "a queue and its caller do all that the contract allows: arms that fail, two reports of a "
     "source in one batch, an early end for each wake, a clock that stands still, an error of "
     "wait()",
     "both are told what the other one said, and all memory is given back")
{
    static const struct rouse_sockets sockets = {.size = sizeof sockets};
    struct stand stand;
    struct doll *doll = &stand.doll;
    struct rouse_event events[3];
    struct rouse_evq *evq, *plain;
    struct memory memory;

    memory_init(&memory);
    doll_make(doll);
    memory_fail(&memory, 1, false);
    CHECK_EQUAL(X8, rouse_evq_check(&evq, &doll->evq, &memory.alloc), -ENOMEM, "without memory");
    CHECK_EQUAL(X8, doll->closes, 0, "whether it is closed then");
    stand_open(&stand, &memory.alloc);
    evq = stand.evq;
    CHECK(X8,
          strcmp(evq->ops->name, "doll") == 0 && strcmp(evq->ops->version, "1") == 0
              && evq->ops->open == doll_open && evq->ops->size == sizeof *evq->ops
              && evq->sockets == NULL,
          "it is called \"%s\"", evq->ops->name);

    /* What there is no memory for does not reach the queue. */
    for (size_t n = 1; n <= 3; n++) {
        memory_fail(&memory, n, false);
        CHECK_EQUAL(X8, arm(&stand, 0, R), -ENOMEM, "arming without memory");
        CHECK_EQUAL(X8, doll->arms, 0, "how often that reached the queue");
    }
    memory_fail(&memory, 0, false);
    doll->result = -EPERM;
    CHECK_EQUAL(X8, arm(&stand, 0, R), -EPERM, "what cannot be armed");
    doll->result = 0;
    CHECK_EQUAL(X8, arm(&stand, 0, R | ROUSE_DRAINED), 0, "arming");
    CHECK(X8, doll->source == &stand.sources[0] && doll->interest == (R | ROUSE_DRAINED),
          "another source was armed, or for something else");
    doll->result = -ENOMEM;
    CHECK_EQUAL(X8, arm(&stand, 0, W), -ENOMEM, "a second direction that cannot be armed");
    doll->result = 0;
    CHECK_EQUAL(X8, arm(&stand, 0, W), 0, "a second direction");
    CHECK_EQUAL(X8, arm(&stand, 1, R), 0, "another source");

    will_report(doll, &stand.sources[0], W);
    will_report(doll, &stand.sources[1], R);
    will_report(doll, &stand.sources[0], R);
    CHECK_EQUAL(X8, evq->ops->wait(evq, events, 3, 4321), 3, "reports");
    CHECK(X8, doll->array == events && doll->capacity == 3 && doll->deadline == 4321,
          "it waited for something else");
    CHECK(X8, events[0].ready == W && events[1].source == &stand.sources[1] && events[2].ready == R,
          "the reports are others");
    for (int i = 0; i < 3; i++) { /* each arm buys another */
        CHECK_EQUAL(X8, arm(&stand, 0, R), 0, "arming again");
        CHECK_EQUAL(X8, report(&stand, 0, R), 1, "reports");
    }
    CHECK_EQUAL(X8, arm(&stand, 0, RW), 0, "arming both");
    CHECK_EQUAL(X8, report(&stand, 0, RW), 1, "reports of both");
    doll->count = -EBADF;
    CHECK_EQUAL(X8, wait_until(&stand, 1, ROUSE_NEVER), -EBADF, "an error of wait()");

    CHECK_EQUAL(X8, wait_until(&stand, 1, 0), 0, "a deadline long ago");
    CHECK_EQUAL(X8, wait_until(&stand, 1, doll->now), 0, "a deadline that has come");
    for (int i = 0; i < 3; i++) {
        wake(evq);
        thread_join(thread_start(wake, evq));
        CHECK_EQUAL(X8, wait_until(&stand, 1, ROUSE_NEVER), 0, "an early end, after a wake");
    }
    CHECK_EQUAL(X8, doll->wakes, 6, "wakes");
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(X8, evq->ops->now(evq), 1000, "the time");
    CHECK_EQUAL(X8, evq->ops->pollable(evq), 77, "what can be polled");

    for (int i = 2; i >= 0; i--) {
        forget(&stand, i);
        CHECK(X8, doll->source == &stand.sources[i], "another one was forgotten");
    }
    CHECK_EQUAL(X8, doll->forgets, 3, "how often something was forgotten");
    stand.sources[2].fd = stand.sources[0].fd; /* its number may be used again */
    CHECK_EQUAL(X8, arm(&stand, 2, R), 0, "arming a number again");
    forget(&stand, 2);
    evq->ops->close(evq);
    CHECK_EQUAL(X8, doll->closes, 1, "how often it was closed");
    CHECK(X8, memory.live == 0 && memory.bytes == 0, "%zu blocks, %zu bytes are left over",
          memory.live, memory.bytes);

    /* A table without the last function, or from before there was one. */
    for (int i = 0; i < 2; i++) {
        doll_make(doll);
        doll->evq.sockets = &sockets;
        if (i == 0)
            doll->ops.pollable = NULL;
        else
            doll->ops.size = offsetof(struct rouse_evq_ops, pollable);
        if (rouse_evq_check(&plain, &doll->evq, NULL) != 0)
            suite_error("no wrapper");
        CHECK(X8, plain->ops->pollable == NULL && plain->sockets == &sockets,
              "it has what the queue has not");
        plain->ops->close(plain);
    }
}

enum { MANY = 600, STEPS = 20000 };

CASE(x8_the_wrapper_knows_each_of_many_sources, "X8", NEEDS_NOTHING,
     "600 sources are armed, reported and forgotten in an order drawn by a seed, 20,000 times, and "
     "numbers change hands",
     "each is known as long as it is armed, and no longer; and all memory is given back")
{
    struct rouse_source *sources = calloc(MANY, sizeof *sources);
    rouse_fd free_numbers[MANY];
    uint32_t random = 2463534242u;
    struct memory memory;
    struct stand stand;
    size_t live = 0;

    if (sources == NULL)
        suite_error("no memory");
    memory_init(&memory);
    stand_open(&stand, &memory.alloc);
    for (int i = 0; i < MANY; i++)
        free_numbers[i] = (rouse_fd) (i % 2 ? i : i * 4096);
    for (int step = 0; step < STEPS; step++) {
        const struct rouse_evq_ops *ops = stand.evq->ops;
        struct rouse_source *source;

        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        source = &sources[random % MANY];
        if (source->record == NULL) {
            const size_t other = live + (random >> 16) % (MANY - live);
            const rouse_fd fd = free_numbers[other];

            free_numbers[other] = free_numbers[live];
            free_numbers[live++] = fd;
            *source = (struct rouse_source){.fd = fd};
            CHECK_EQUAL(X8, ops->arm(stand.evq, source, R), 0, "arming");
        } else if (source->armed == 0) {
            CHECK_EQUAL(X8, ops->arm(stand.evq, source, R), 0, "arming again");
        } else if (random >> 20 & 1) {
            will_report(&stand.doll, source, R);
            CHECK_EQUAL(X8, wait_until(&stand, 1, ROUSE_NEVER), 1, "reports");
        } else {
            size_t at = 0;

            ops->forget(stand.evq, source);
            while (free_numbers[at] != source->fd)
                at++;
            free_numbers[at] = free_numbers[--live];
            free_numbers[live] = source->fd;
        }
    }
    for (int i = 0; i < MANY; i++)
        stand.evq->ops->forget(stand.evq, &sources[i]);
    stand.evq->ops->close(stand.evq);
    CHECK(X8, memory.live == 0 && memory.bytes == 0, "%zu blocks, %zu bytes are left over",
          memory.live, memory.bytes);
    free(sources);
}

CASES(evq_x8) = {&x8_the_wrapper_names_what_a_caller_breaks,
                 &x8_the_wrapper_names_what_an_arm_or_a_forget_breaks,
                 &x8_the_wrapper_names_what_a_wait_breaks,
                 &x8_the_wrapper_names_another_thread,
                 &x8_the_wrapper_passes_on_what_is_right,
                 &x8_the_wrapper_knows_each_of_many_sources};

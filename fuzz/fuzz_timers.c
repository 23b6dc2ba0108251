/*
 * fuzz_timers.c -- the heap of timers against an array that is searched.
 *
 * Timers are armed, moved and cancelled between turns and from within the wakes that
 * they deliver. Each wake must be that of the first of those that were armed when the turn
 * began and are still: by deadline, and by order of arming (M3, M4). After a turn none of
 * these is due (M2), and the reactor names the right next deadline (B2).
 *
 *     bytes: two for an operation, kind and timer, then how long
 */
#include <rouse/reactor.h>
#include <rouse/sim.h>

#include <stdio.h>
#include <stdlib.h>

enum { TIMERS = 12 };

/* What ought to be so. */
struct expected {
    bool armed;
    bool next_turn; /* armed by a wake of this turn */
    rouse_time deadline;
    unsigned order;
};

struct bench {
    struct rouse_reactor reactor;
    struct rouse_timer timers[TIMERS];
    struct expected expected[TIMERS];
    unsigned orders;
    bool delivering;
    const uint8_t *bytes;
    size_t size;
};

static struct bench bench;

static void fail(const char *guarantee, const char *what)
{
    fprintf(stderr, "==== %s: %s\n", guarantee, what);
    abort();
}

static uint8_t take(void)
{
    if (bench.size == 0)
        return 0;
    bench.size--;
    return *bench.bytes++;
}

/* The one that is to fire first; TIMERS if none is armed. */
static int first(bool of_this_turn)
{
    int found = TIMERS;

    for (int i = 0; i < TIMERS; i++) {
        const struct expected *it = &bench.expected[i], *best = &bench.expected[found % TIMERS];

        if (!it->armed || (of_this_turn && it->next_turn))
            continue;
        if (found == TIMERS || it->deadline < best->deadline
            || (it->deadline == best->deadline && it->order < best->order))
            found = i;
    }
    return found;
}

static void retain(void *data)
{
    (void) data;
}

static void operate(void);

static void wake(void *data)
{
    const int fired = (int) ((struct rouse_timer *) data - bench.timers);

    if (!bench.delivering)
        fail("R2", "a wake outside a turn");
    if (!bench.expected[fired].armed)
        fail("M4", "a timer fired that is not armed");
    if (bench.expected[fired].next_turn)
        fail("T8", "a timer fired in the turn that armed it");
    if (bench.expected[fired].deadline > rouse_now(&bench.reactor))
        fail("M1", "a timer fired early");
    if (first(true) != fired)
        fail("M3", "a timer fired before its turn");
    if (rouse_timer_armed(&bench.timers[fired]))
        fail("M4", "a timer that fires is armed");
    bench.expected[fired].armed = false;
    operate();
}

static const struct rouse_waker_ops ops = {retain, wake, wake, retain};

static void arm(int i, rouse_time deadline)
{
    const struct rouse_waker waker = {&ops, &bench.timers[i]};

    bench.expected[i].armed = true;
    bench.expected[i].next_turn = bench.delivering;
    bench.expected[i].deadline = deadline;
    bench.expected[i].order = bench.orders++;
    rouse_timer_arm(&bench.reactor, &bench.timers[i], deadline, &waker);
}

static void cancel(int i)
{
    bench.expected[i].armed = false;
    rouse_timer_cancel(&bench.reactor, &bench.timers[i]);
}

/* One operation; inside a wake, time stands still. */
static void operate(void)
{
    const uint8_t kind = take(), much = take();
    const int timer = kind / 16 % TIMERS;
    const rouse_time now = rouse_now(&bench.reactor);

    switch (kind % 8) {
    case 0:
    case 1:
    case 2: arm(timer, now + much % 8); break;
    case 3: arm(timer, now + much); break;
    case 4: arm(timer, much % 4 == 0 ? ROUSE_NEVER : much % 4 == 1 ? INT64_MIN : now - much); break;
    case 5: cancel(timer); break;
    default:
        if (!bench.delivering)
            rouse_sim_advance(bench.reactor.evq, much % 16);
        break;
    }
}

static void turn(void)
{
    int next;

    for (int i = 0; i < TIMERS; i++)
        bench.expected[i].next_turn = false;
    bench.delivering = true;
    if (rouse_reactor_turn(&bench.reactor, 0) < 0)
        fail("X9", "a turn failed");
    bench.delivering = false;
    next = first(true);
    if (next < TIMERS && bench.expected[next].deadline <= rouse_now(&bench.reactor))
        fail("M2", "a timer that is due did not fire");
    next = first(false);
    if (rouse_reactor_deadline(&bench.reactor)
        != (next < TIMERS ? bench.expected[next].deadline : ROUSE_NEVER))
        fail("B2", "the next deadline is another");
    for (int i = 0; i < TIMERS; i++)
        if (rouse_timer_armed(&bench.timers[i]) != bench.expected[i].armed)
            fail("M4", "a timer is armed that should not be, or the other way round");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct rouse_evq *evq; /* one for all: the clock just goes on */

    if (evq == NULL && rouse_sim_open(&evq, NULL, NULL) < 0)
        abort();
    if (rouse_backend("sim")->now(evq) > ROUSE_NEVER / 2) /* as good as a new one */
        return 0;
    rouse_reactor_init(&bench.reactor, evq, NULL);
    bench.bytes = bytes;
    bench.size = size;
    bench.orders = 0;
    while (bench.size > 0) {
        if (take() % 4 == 0)
            turn();
        else
            operate();
    }
    turn();
    for (int i = 0; i < TIMERS; i++)
        cancel(i);
    if (rouse_reactor_deadline(&bench.reactor) != ROUSE_NEVER)
        fail("L4", "a timer is left");
    rouse_reactor_close(&bench.reactor);
    return 0;
}

/*
 * sim.c -- the simulated queue: a clock that jumps, and an order drawn from a seed.
 *
 * Everything that happens here is somebody's call on this thread, or has its time: so when
 * nothing is ready nothing will be until the next such time or the deadline, and wait()
 * goes straight there. The exceptions are wake(), which may come from a real thread or a
 * signal handler, and a wait without a deadline for which there is nothing to come: only
 * wake() can end it, and it really sleeps.
 *
 * What faults do to time and to batches is here; sim_faults.c has when they happen, and
 * sim_calls.c what they do to the socket calls. The sockets, with the list of those that
 * owe a report, are sim_sockets.c and sim_connect.c.
 */
#include "../base/alloc.h"
#include "../base/selfpipe.h"
#include "backends.h"
#include "sim_calls.h"
#include "sim_sockets.h"
#include "sim_trace.h"
#include "sleep.h"

#include <rouse/sim.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_CAPACITY = 65536, DEFAULT_DESCRIPTORS = 65536 };

/* What is late without an amount of its own is late by this, and a wait() that holds
 * something back looks again so often. */
static const rouse_time moment = ROUSE_MS(1);

struct sim {
    struct rouse_evq base;
    struct rouse__sim_sockets sockets;
    struct rouse__sim_faults faults;
    struct rouse__sim_calls program, peer;
    struct rouse__sim_trace trace;
    struct rouse_sim_options options;
    rouse_time now;       /* what the time is */
    rouse_time told;      /* what now() said last; behind that while the clock lags */
    rouse_time lagged_at; /* when it did so last */
    uint64_t random;      /* of the order inside a batch */
    uintptr_t sleep;      /* atomic: see sleep.h */
    struct rouse__selfpipe pipe;
};

static struct sim *sim_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct sim, base);
}

/* -- Options ----------------------------------------------------------------- */

/* What the caller knows of the options, and zeroes for what came later. */
static struct rouse_sim_options known_options(const struct rouse_sim_options *given)
{
    struct rouse_sim_options known = {0};
    const bool sized = given->size > 0 && given->size < sizeof known;

    memcpy(&known, given, sized ? given->size : sizeof known);
    return known;
}

/* What nobody said in the program may be said around it. 0 or -EINVAL. */
static int find_options(const struct rouse_sim_options *given, struct rouse_sim_options *options,
                        struct rouse_sim_rule rules[ROUSE_SIM_FAULTS])
{
    const struct rouse_sim_options defaults = {0};
    const char *text = given == NULL ? getenv("ROUSE_SIM") : NULL;
    int error;

    *options = given != NULL ? known_options(given) : defaults;
    error = rouse__sim_faults_parse(text != NULL ? text : "", rules, options);
    if (options->capacity == 0)
        options->capacity = DEFAULT_CAPACITY;
    if (options->descriptors <= 0)
        options->descriptors = DEFAULT_DESCRIPTORS;
    return error;
}

static void set_rules(struct sim *sim, const struct rouse_sim_rule rules[ROUSE_SIM_FAULTS])
{
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++)
        rouse__sim_faults_set(&sim->faults, (enum rouse_sim_fault) fault, &rules[fault]);
}

/* -- Order ------------------------------------------------------------------- */

static void swap(struct rouse_event *one, struct rouse_event *other)
{
    const struct rouse_event event = *one;

    *one = *other;
    *other = event;
}

/* Which sources are in a batch is not left to chance, or somebody could starve (E10);
 * only their order is. */
static void order(struct sim *sim, struct rouse_event *events, int count)
{
    if (sim->options.seed != 0)
        for (int left = count; left > 1; left--)
            swap(&events[rouse__sim_draw(&sim->random) % (uint64_t) left], &events[left - 1]);
    if (count > 1 && sim_fault_happens(&sim->faults, ROUSE_SIM_REORDER, 1) != 0)
        for (int i = 0; i < count / 2; i++)
            swap(&events[i], &events[count - 1 - i]);
}

/* -- Time -------------------------------------------------------------------- */

/* The later of two times, `duration` after `time` being one that still comes. */
static rouse_time later(rouse_time time, rouse_time duration)
{
    return duration < ROUSE_NEVER - time ? time + duration : ROUSE_NEVER - 1;
}

static rouse_time sooner(rouse_time one, rouse_time other)
{
    return one < other ? one : other;
}

/* The end of a wait() for its deadline, which now() must have reached by then (E9). */
static void pass_deadline(struct sim *sim, rouse_time deadline)
{
    if (sim->now < deadline) /* else it has passed: nothing is waited for */
        sim->now =
            later(deadline, sim_fault_happens(&sim->faults, ROUSE_SIM_LATE_CLOCK, INT64_MAX));
    if (sim->told < deadline)
        sim->told = deadline;
}

/* -- Sleep ------------------------------------------------------------------- */

static void sleep_until_woken(struct sim *sim)
{
    bool woken = false;

    while (!woken) {
        if (sleep_begin(&sim->sleep)) {
            rouse__selfpipe_wait(&sim->pipe);
            rouse__selfpipe_drain(&sim->pipe);
        }
        woken = sleep_end(&sim->sleep);
    }
}

/* Whether a wake() came, which is then used up. */
static bool take_wake(struct sim *sim)
{
    (void) sleep_begin(&sim->sleep);
    return sleep_end(&sim->sleep);
}

/* -- Waiting ----------------------------------------------------------------- */

/* What there is to report now, or soon enough if it is made up. */
static int look(struct sim *sim, struct rouse_event *events, int capacity, rouse_time deadline)
{
    int count, spurious = 0;

    rouse__sim_arrive(&sim->sockets, sim->now);
    count = rouse__sim_report(&sim->sockets, &sim->faults, events, capacity);
    if (sim_fault_active(&sim->faults, ROUSE_SIM_SPURIOUS))
        spurious = rouse__sim_report_spurious(&sim->sockets, &sim->faults, events + count,
                                              capacity - count);
    /* Or programs that only ever try in vain would never see time go by. */
    if (count == 0 && spurious > 0 && sim->now < deadline)
        sim->now = sooner(later(sim->now, moment), deadline);
    return count + spurious;
}

/* When something may happen without anybody's doing. */
static rouse_time next_moment(const struct sim *sim)
{
    const rouse_time arrival = rouse__sim_next_arrival(&sim->sockets);

    return rouse__sim_any_due(&sim->sockets) ? sooner(later(sim->now, moment), arrival) : arrival;
}

/* Whether a wait() is interrupted before the time is `until`. */
static bool interrupt(struct sim *sim, rouse_time until)
{
    const int64_t after = sim_fault_happens(&sim->faults, ROUSE_SIM_INTERRUPT, until - sim->now);

    if (after == 0)
        return false;
    if (until != ROUSE_NEVER) /* else it is before anything happens */
        sim->now += after - 1;
    if (sim->options.interrupted != NULL)
        sim->options.interrupted(sim->options.interrupted_with);
    return true;
}

/* Waits, and reports; or returns 0 at `deadline`, or when somebody wakes us. */
static int wait_until(struct sim *sim, struct rouse_event *events, int capacity,
                      rouse_time deadline, bool *woken)
{
    bool interrupted = false;

    for (;;) {
        const int count = look(sim, events, capacity, deadline);
        rouse_time next = next_moment(sim);

        *woken = take_wake(sim);
        if (count > 0 || *woken)
            return count;
        next = sooner(next, deadline);
        if (next > sim->now && !interrupted && interrupt(sim, next)) {
            interrupted = true; /* and whether that woke us is seen above */
        } else if (next == ROUSE_NEVER) {
            sleep_until_woken(sim);
            *woken = true;
            return 0;
        } else if (next == deadline) {
            pass_deadline(sim, deadline);
            return 0;
        } else {
            sim->now = next;
        }
    }
}

/* The news of a wake() comes late, and whatever else came meanwhile comes with it. */
static int wake_again(struct sim *sim, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    if (sim->now < deadline)
        sim->now = sooner(later(sim->now, moment), deadline);
    return look(sim, events, capacity, deadline);
}

static void tell_wait(const struct sim *sim, const struct rouse_event *events, int count,
                      rouse_time deadline, bool woken)
{
    static const char *const names[] = {"", "r", "w", "rw"};
    const char *how = woken ? ", woken" : "";

    for (int i = 0; i < count; i++)
        rouse__sim_tell(&sim->trace, "report %d %s", (int) events[i].source->fd,
                        names[events[i].ready & 3]);
    if (deadline == ROUSE_NEVER)
        rouse__sim_tell_result(&sim->trace, count, "wait%s", how);
    else
        rouse__sim_tell_result(&sim->trace, count, "wait until %" PRId64 "%s", deadline, how);
}

/* -- The functions of a queue ------------------------------------------------ */

int rouse_sim_open(struct rouse_evq **evq, const struct rouse_sim_options *options,
                   const struct rouse_alloc *alloc)
{
    struct rouse_sim_rule rules[ROUSE_SIM_FAULTS];
    struct sim *sim = rouse__alloc(alloc, sizeof *sim);
    int error;

    if (sim == NULL)
        return -ENOMEM;
    error = find_options(options, &sim->options, rules);
    if (error < 0)
        goto undo_alloc;
    error = rouse__selfpipe_open(&sim->pipe);
    if (error < 0)
        goto undo_alloc;
    sim->trace.line = sim->options.trace;
    sim->trace.with = sim->options.trace_with;
    sim->trace.now = &sim->now;
    rouse__sim_sockets_init(&sim->sockets, alloc, sim->options.capacity,
                            (size_t) sim->options.descriptors);
    rouse__sim_faults_init(&sim->faults, sim->options.seed, &sim->trace);
    set_rules(sim, rules);
    rouse__sim_calls_init(&sim->program, &sim->sockets, &sim->faults, &sim->trace);
    rouse__sim_calls_init(&sim->peer, &sim->sockets, NULL, &sim->trace);
    sim->random = sim->options.seed;
    sim->base.ops = &rouse__sim;
    sim->base.sockets = &sim->program.table;
    *evq = &sim->base;
    return 0;

undo_alloc:
    rouse__free(alloc, sim, sizeof *sim);
    return error;
}

static int sim_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    return rouse_sim_open(evq, options != NULL ? options->host : NULL,
                          options != NULL ? options->alloc : NULL);
}

static void sim_close(struct rouse_evq *evq)
{
    struct sim *sim = sim_of(evq);

    rouse__sim_sockets_close(&sim->sockets);
    rouse__selfpipe_close(&sim->pipe);
    rouse__free(sim->sockets.alloc, sim, sizeof *sim);
}

static int sim_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct sim *sim = sim_of(evq);
    const bool first = source->record == NULL && rouse__sim_ready(&sim->sockets, source->fd) >= 0;
    int error = 0;

    if (first && sim_fault_happens(&sim->faults, ROUSE_SIM_NO_MEMORY, 1) != 0)
        error = -ENOMEM;
    else
        error = rouse__sim_arm(&sim->sockets, source, interest);
    rouse__sim_tell_result(&sim->trace, error, "arm %d %s%s%s", (int) source->fd,
                           (interest & ROUSE_READABLE) != 0 ? "r" : "",
                           (interest & ROUSE_WRITABLE) != 0 ? "w" : "",
                           (interest & ROUSE_DRAINED) != 0 ? " drained" : "");
    return error;
}

static void sim_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    rouse__sim_forget(source);
    rouse__sim_tell(&sim_of(evq)->trace, "forget %d", (int) source->fd);
}

static int sim_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    struct sim *sim = sim_of(evq);
    bool woken;
    int count;

    if (sim->options.batch > 0 && sim->options.batch < capacity)
        capacity = sim->options.batch;
    sim->now = later(sim->now, sim_fault_happens(&sim->faults, ROUSE_SIM_JUMP, INT64_MAX));
    count = wait_until(sim, events, capacity, deadline, &woken);
    if (count == 0 && woken && sim_fault_happens(&sim->faults, ROUSE_SIM_FAILED_WAKE, 1) != 0)
        count = wake_again(sim, events, capacity, deadline);
    order(sim, events, count);
    tell_wait(sim, events, count, deadline, woken);
    return count;
}

static void sim_wake(struct rouse_evq *evq)
{
    struct sim *sim = sim_of(evq);

    if (sleep_wake(&sim->sleep))
        rouse__selfpipe_notify(&sim->pipe);
}

static rouse_time sim_now(struct rouse_evq *evq)
{
    struct sim *sim = sim_of(evq);
    rouse_time late = 0;

    /* Who asks again at the same moment learns what the time is, or he might ask for ever. */
    if (sim->told < sim->now && sim->lagged_at != sim->now)
        late = sim_fault_happens(&sim->faults, ROUSE_SIM_LATE_CLOCK, INT64_MAX);
    if (late > 0)
        sim->lagged_at = sim->now;
    if (sim->told < sim->now - late)
        sim->told = sim->now - late;
    return sim->told;
}

/* -- What sim.h offers besides ------------------------------------------------ */

/* Through any wrapper: the sockets are what it cannot hide. */
static struct sim *sim_below(const struct rouse_evq *evq)
{
    ROUSE_RULE(rouse__sim_calls_are(evq->sockets), "not a simulated queue", evq->ops->name);
    return rouse_container_of(evq->sockets, struct sim, program.table);
}

void rouse_sim_fault(struct rouse_evq *evq, enum rouse_sim_fault fault,
                     const struct rouse_sim_rule *rule)
{
    ROUSE_RULE((unsigned) fault < ROUSE_SIM_FAULTS, "no such fault", "rouse_sim_fault");
    rouse__sim_faults_set(&sim_below(evq)->faults, fault, rule);
}

int rouse_sim_faults(struct rouse_evq *evq, const char *text)
{
    struct rouse_sim_rule rules[ROUSE_SIM_FAULTS];
    const int error = rouse__sim_faults_parse(text != NULL ? text : "", rules, NULL);

    if (error == 0)
        set_rules(sim_below(evq), rules);
    return error;
}

uint64_t rouse_sim_fault_count(struct rouse_evq *evq, enum rouse_sim_fault fault)
{
    return sim_below(evq)->faults.each[fault].count;
}

uint64_t rouse_sim_fault_opportunities(struct rouse_evq *evq, enum rouse_sim_fault fault)
{
    return sim_below(evq)->faults.each[fault].opportunities;
}

const struct rouse_sockets *rouse_sim_peer(struct rouse_evq *evq)
{
    return &sim_below(evq)->peer.table;
}

int rouse_sim_reset(struct rouse_evq *evq, rouse_fd fd)
{
    struct sim *sim = sim_below(evq);
    const int error = rouse__sim_reset(&sim->sockets, fd);

    rouse__sim_tell_result(&sim->trace, error, "reset %d", (int) fd);
    return error;
}

int rouse_sim_datagrams(struct rouse_evq *evq, rouse_fd fds[2])
{
    struct sim *sim = sim_below(evq);
    const int error = rouse__sim_datagrams(&sim->sockets, fds);

    if (error == 0)
        rouse__sim_tell(&sim->trace, "datagrams: %d %d", (int) fds[0], (int) fds[1]);
    else
        rouse__sim_tell_result(&sim->trace, error, "datagrams");
    return error;
}

int rouse_sim_urgent(struct rouse_evq *evq, rouse_fd fd, char byte)
{
    struct sim *sim = sim_below(evq);
    const int error = rouse__sim_urgent(&sim->sockets, fd, byte);

    rouse__sim_tell_result(&sim->trace, error, "urgent %d", (int) fd);
    return error;
}

void rouse_sim_advance(struct rouse_evq *evq, rouse_time duration)
{
    struct sim *sim = sim_below(evq);

    ROUSE_RULE(duration >= 0, "E9: the clock never goes back", "rouse_sim_advance");
    if (duration > 0)
        sim->now = later(sim->now, duration);
    rouse__sim_tell(&sim->trace, "advance");
}

int rouse_sim_ready(struct rouse_evq *evq, rouse_fd fd)
{
    return rouse__sim_ready(&sim_below(evq)->sockets, fd);
}

int rouse_sim_open_count(struct rouse_evq *evq)
{
    return (int) sim_below(evq)->sockets.open_count;
}

const struct rouse_evq_ops rouse__sim = {
    .size = sizeof(struct rouse_evq_ops),
    .name = "sim",
    .open = sim_open,
    .close = sim_close,
    .arm = sim_arm,
    .forget = sim_forget,
    .wait = sim_wait,
    .wake = sim_wake,
    .now = sim_now,
};

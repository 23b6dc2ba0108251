/*
 * stage.c -- see stage.h.
 */
#include "stage.h"

#include <rouse/sim.h>

#include <stdlib.h>
#include <string.h>

#include "ready.h"

/* -- The queue in between ----------------------------------------------------- */

static struct stage *stage_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct stage, base);
}

static int between_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct rouse_evq *inner = stage_of(evq)->inner;

    return inner->ops->arm(inner, source, interest);
}

static void between_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct rouse_evq *inner = stage_of(evq)->inner;

    inner->ops->forget(inner, source);
}

static int by_address(const void *one, const void *other)
{
    const uintptr_t a = (uintptr_t) ((const struct rouse_event *) one)->source;
    const uintptr_t b = (uintptr_t) ((const struct rouse_event *) other)->source;

    return (a > b) - (a < b);
}

/* All that there is to report, each source once, in the order of their addresses. */
static int wait_in_order(struct rouse_evq *inner, struct rouse_event *events, int capacity)
{
    int count = 0, merged = 0, more;

    while (count < capacity
           && (more = inner->ops->wait(inner, events + count, capacity - count, 0)) > 0)
        count += more;
    qsort(events, (size_t) count, sizeof *events, by_address);
    for (int i = 0; i < count; i++) {
        if (merged > 0 && events[merged - 1].source == events[i].source)
            events[merged - 1].ready |= events[i].ready;
        else
            events[merged++] = events[i];
    }
    return merged;
}

/* Where the clock is ours, waiting is to look once, and then to be there. */
static int wait_on_our_clock(struct stage *stage, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    struct rouse_evq *inner = stage->inner;
    const int count = stage->in_order ? wait_in_order(inner, events, capacity)
                                      : inner->ops->wait(inner, events, capacity, 0);

    if (count == 0 && !stage->woken && deadline > stage->now)
        stage->now = deadline;
    stage->woken = false;
    return count;
}

static int wait_as_asked(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    struct stage *stage = stage_of(evq);
    struct rouse_evq *inner = stage->inner;
    int count;

    if (stage->batch > 0 && stage->batch < capacity)
        capacity = stage->batch;
    if (!stage->simulated)
        return wait_on_our_clock(stage, events, capacity, deadline);
    if (stage->in_order) {
        count = wait_in_order(inner, events, capacity);
        if (count > 0 || stage->woken) { /* the look has used up the wake */
            stage->woken = false;
            return count;
        }
    }
    stage->woken = false;
    return inner->ops->wait(inner, events, capacity, deadline);
}

static int between_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                        rouse_time deadline)
{
    const int count = wait_as_asked(evq, events, capacity, deadline);

    if (count > 0)
        stage_of(evq)->reports += (unsigned) count;
    return count;
}

static void between_wake(struct rouse_evq *evq)
{
    struct stage *stage = stage_of(evq);

    stage->woken = true; /* by another thread, for which ours waits */
    stage->inner->ops->wake(stage->inner);
}

static rouse_time between_now(struct rouse_evq *evq)
{
    struct stage *stage = stage_of(evq);

    return stage->simulated ? stage->inner->ops->now(stage->inner) : stage->now;
}

/* -- Faults ---------------------------------------------------------------------- */

static const enum rouse_sim_fault fault_ids[FAULT_KINDS] = {
#define FAULT(name, id) ROUSE_SIM_##id,
#include "faults.def"
#undef FAULT
};

/* The rules of a program's faults: for each kind, at which opportunities it happens. */
static void set_faults(struct stage *stage, const struct program *program)
{
    struct rouse_sim_rule rules[FAULT_KINDS] = {{0}};

    for (int i = 0; i < program->fault_count; i++) {
        const struct fault *fault = &program->faults[i];
        const uint64_t times = (UINT64_C(1) << fault->times % 64) - 1;

        rules[fault->kind].script |= times << fault->nth % 64;
    }
    for (int kind = 0; kind < FAULT_KINDS; kind++)
        if (rules[kind].script != 0)
            rouse_sim_fault(&stage->base, fault_ids[kind], &rules[kind]);
}

/* -- The queue, opened --------------------------------------------------------- */

enum {
    ROOMY = 65536 /* more than a program can take out of a stream but by draining it */
};

static int open_queue(struct stage *stage, const struct stage_options *options,
                      const struct program *program)
{
    static const int batches[] = {0, 1, 2, 8};
    const struct rouse_evq_ops ops = {
        .size = sizeof(struct rouse_evq_ops),
        .name = options->backend->name,
        .arm = between_arm,
        .forget = between_forget,
        .wait = between_wait,
        .wake = between_wake,
        .now = between_now,
    };
    struct rouse_sim_options sim = {.size = sizeof sim, .seed = program->settings.seed};
    struct rouse_evq_options evq_options = {sizeof evq_options, NULL, NULL};
    struct rouse_evq *inner;
    int error;

    stage->simulated = strcmp(options->backend->name, "sim") == 0;
    stage->in_order = options->in_order;
    stage->batch = batches[program->settings.batch];
    stage->now = ROUSE_SECONDS(1);
    if (program->settings.capacity != 0)
        sim.capacity = (size_t) 4 << program->settings.capacity;
    else
        sim.capacity = ROOMY;
    if (stage->simulated)
        evq_options.host = &sim;
    error = options->backend->open(&inner, &evq_options);
    if (error < 0)
        return error;
    error = rouse_evq_check(&stage->inner, inner, NULL);
    if (error < 0) {
        inner->ops->close(inner);
        return error;
    }
    stage->ops = ops;
    stage->base.ops = &stage->ops;
    stage->base.sockets = stage->inner->sockets;
    if (stage->simulated)
        set_faults(stage, program);
    return 0;
}

/* -- A stage ------------------------------------------------------------------ */

static void ignore(void *stage)
{
    (void) stage;
}

static void count_nudge(void *stage)
{
    ((struct stage *) stage)->nudges++;
}

static const struct rouse_waker_ops nudge_ops = {ignore, count_nudge, count_nudge, ignore};

int stage_begin(struct stage *stage, const struct stage_options *options,
                const struct program *program)
{
    struct rouse_options rouse_options = {.size = sizeof rouse_options, .evq = &stage->base};
    const struct rouse_waker nudge = {&nudge_ops, stage};
    int error;

    stage->inner = NULL;
    stage->woken = false;
    stage->simulated = false;
    stage->reactor = NULL;
    stage->nudges = 0;
    stage->reports = 0;
    stage->rt = &stage->own;
    stage->world = options->world;
    if (options->world != NULL) {
        stage->rt = options->world->rt;
        stage->simulated = options->world->simulated;
        stage->executor = &stage->rt->executor;
        stage->reactor = &stage->rt->reactor;
        return 0;
    }
    if (options->backend == NULL) {
        stage->now = 0;
        rouse_executor_init(&stage->alone, &nudge);
        stage->executor = &stage->alone;
        return 0;
    }
    error = open_queue(stage, options, program);
    if (error < 0)
        return error;
    error = rouse_open(stage->rt, &rouse_options);
    if (error < 0)
        return error;
    stage->executor = &stage->rt->executor;
    stage->reactor = &stage->rt->reactor;
    return 0;
}

int stage_end(struct stage *stage)
{
    int left = 0;

    if (stage->reactor == NULL) {
        rouse_executor_close(&stage->alone);
        memset(&stage->alone, 0xA5, sizeof stage->alone); /* L2: nobody looks at it again */
        return 0;
    }
    rouse_close(stage->rt);
    if (stage->world != NULL)
        return 0;
    if (stage->simulated)
        left = rouse_sim_open_count(&stage->base);
    stage->inner->ops->close(stage->inner);
    memset(&stage->own, 0xA5, sizeof stage->own);
    memset(&stage->base, 0xA5, sizeof stage->base);
    return left;
}

intptr_t stage_turn(struct stage *stage, rouse_time duration)
{
    if (stage->reactor == NULL)
        return (intptr_t) rouse_executor_run(&stage->alone, 128);
    return rouse_turn(stage->rt, duration > 0 ? rouse_now(stage->reactor) + duration : 0);
}

rouse_time stage_now(struct stage *stage)
{
    return stage->reactor == NULL ? stage->now : rouse_now(stage->reactor);
}

void stage_advance(struct stage *stage, rouse_time duration)
{
    if (stage->simulated)
        rouse_sim_advance(&stage->base, duration);
    else
        stage->now += duration;
}

rouse_time stage_deadline(struct stage *stage)
{
    if (stage->reactor != NULL)
        return rouse_next_deadline(stage->rt);
    return rouse_executor_idle(&stage->alone) ? ROUSE_NEVER : 0;
}

/* The queue that the simulation knows. */
static struct rouse_evq *queue_of(struct stage *stage)
{
    return stage->world != NULL ? stage->world->evq : &stage->base;
}

const struct rouse_sockets *stage_sockets(struct stage *stage)
{
    return stage->simulated ? rouse_sim_peer(queue_of(stage)) : rouse_host_sockets();
}

unsigned stage_ready(struct stage *stage, rouse_fd fd)
{
    return stage->simulated ? (unsigned) rouse_sim_ready(queue_of(stage), fd) : poll_ready(fd);
}

void stage_mend(struct stage *stage)
{
    if (stage->reactor != NULL && stage->simulated && stage->world == NULL)
        (void) rouse_sim_faults(&stage->base, NULL);
}

/*
 * m3_in_order_of_time.c -- timers end by deadline, and in arming order where deadlines are
 * equal.
 *
 * The heap in src/reactor/timer.c is held against the plainest thing that keeps the same
 * promise, an array that is searched for its least. On a real clock, time passes between
 * our look at it and the reactor's, so the model has three values: what was due before the
 * turn must have rung, what was not due after it must not have, and in any case the order
 * is that of the array.
 */
#include "../net/meter.h"

#include <stdlib.h>

enum { SLOTS_MAX = 300 };

/* A number that looks random: Marsaglia's xorshift. */
static unsigned draw(uint64_t *random, unsigned below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned) (*random >> 33) % below;
}

struct model {
    struct world *world;
    struct meter meter;
    struct rouse rt;
    uint64_t random;
    int armings;
    int count;
    int rang[SLOTS_MAX]; /* in this turn */
    int rang_count;
    struct slot {
        struct rouse_timer timer;
        struct wakes *wakes;
        struct model *model;
        rouse_time deadline;
        int order;
        bool armed;
    } slots[SLOTS_MAX];
};

static void note(void *with)
{
    struct slot *slot = with;
    struct model *model = slot->model;

    if (model->rang_count < SLOTS_MAX)
        model->rang[model->rang_count++] = (int) (slot - model->slots);
}

static struct model *model_make(struct world *world, uint64_t seed, int count)
{
    struct model *model = calloc(1, sizeof *model);

    if (model == NULL)
        suite_error("no memory for a model");
    model->world = world;
    model->random = seed;
    model->count = count;
    meter_runtime(world, &model->meter, &model->rt);
    for (int i = 0; i < count; i++) {
        model->slots[i].model = model;
        model->slots[i].wakes = world_wakes(world);
        model->slots[i].wakes->then = note;
        model->slots[i].wakes->with = &model->slots[i];
    }
    return model;
}

static void model_free(struct model *model)
{
    for (int i = 0; i < model->count; i++)
        rouse_timer_cancel(&model->rt.reactor, &model->slots[i].timer);
    rouse_close(&model->rt);
    free(model);
}

static void model_arm(struct model *model, int at, rouse_time deadline)
{
    struct slot *slot = &model->slots[at];
    const struct rouse_waker waker = wakes_waker(slot->wakes);

    rouse_timer_arm(&model->rt.reactor, &slot->timer, deadline, &waker);
    slot->deadline = deadline;
    slot->order = model->armings++;
    slot->armed = true;
}

static void model_cancel(struct model *model, int at)
{
    rouse_timer_cancel(&model->rt.reactor, &model->slots[at].timer);
    model->slots[at].armed = false;
}

/* Whom the array would ring first; -1 when it is empty. */
static int model_first(const struct model *model)
{
    int first = -1;

    for (int i = 0; i < model->count; i++) {
        const struct slot *slot = &model->slots[i];

        if (slot->armed
            && (first < 0 || slot->deadline < model->slots[first].deadline
                || (slot->deadline == model->slots[first].deadline
                    && slot->order < model->slots[first].order)))
            first = i;
    }
    return first;
}

static rouse_time model_deadline(const struct model *model)
{
    const int first = model_first(model);

    return first >= 0 ? model->slots[first].deadline : ROUSE_NEVER;
}

/* One turn; what rang is held against the array. False at the first difference. */
static bool model_turn(struct model *model, rouse_time limit)
{
    const rouse_time before = world_now(model->world);
    rouse_time after;

    model->rang_count = 0;
    rouse_reactor_turn(&model->rt.reactor, limit);
    after = world_now(model->world);
    for (int i = 0; i < model->rang_count; i++) {
        struct slot *slot = &model->slots[model->rang[i]];

        if (!CHECK(M4, slot->armed, "timer %d rang, and was not armed", model->rang[i])
            || !CHECK(M1, slot->deadline <= after, "timer %d rang early", model->rang[i])
            || !CHECK(M3, model_first(model) == model->rang[i],
                      "timer %d rang where it was the turn of %d", model->rang[i],
                      model_first(model)))
            return false;
        slot->armed = false;
    }
    return CHECK(M2, model_deadline(model) > before, "%d was due and did not ring",
                 model_first(model));
}

static bool model_agrees(const struct model *model)
{
    for (int i = 0; i < model->count; i++)
        if (!CHECK(M4, rouse_timer_armed(&model->slots[i].timer) == model->slots[i].armed,
                   "timer %d is%s armed", i, model->slots[i].armed ? " not" : ""))
            return false;
    return CHECK(M2, rouse_reactor_deadline(&model->rt.reactor) == model_deadline(model),
                 "the next deadline is %lld, not %lld",
                 (long long) rouse_reactor_deadline(&model->rt.reactor),
                 (long long) model_deadline(model));
}

/* Deadlines lie on a coarse grid, from the past to two milliseconds ahead, so that many
 * are equal. */
static bool model_step(struct model *model)
{
    enum { GRID = 50000 };
    const rouse_time now = world_now(model->world);
    const int at = (int) draw(&model->random, (unsigned) model->count);
    const unsigned what = draw(&model->random, 16);

    if (what < 9) {
        model_arm(model, at, (now / GRID + draw(&model->random, 44)) * GRID - 3 * GRID);
    } else if (what < 13) {
        model_cancel(model, at);
    } else {
        /* Kernels that count in milliseconds would take their time. */
        const bool waits = model->world->simulated || draw(&model->random, 16) == 0;

        return model_turn(model, waits ? now + draw(&model->random, 8) * GRID : 0);
    }
    return true;
}

CASE(m3_thousands_of_random_steps_agree_with_a_sorted_array, "M3 M1 M2 M4", NEEDS_NOTHING,
     "1 to 300 timers are armed, moved, cancelled and rung, 800 steps each, by seeded chance",
     "they ring as an array says that is searched for its least, ties in arming order")
{
    static const int counts[] = {1, 2, 3, 4, 5, 8, 16, 64, SLOTS_MAX};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct model *model = model_make(world, 0x9e3779b97f4a7c15u + i, counts[i]);
        int steps = 0;

        while (steps < 800 && model_step(model) && (steps % 8 != 0 || model_agrees(model)))
            steps++;
        if (steps == 800)
            model_turn(model, 0);
        model_free(model);
    }
}

/* Deadlines of 300 timers, in the order in which they are armed. */
static rouse_time shape(int which, int i)
{
    switch (which) {
    case 0: return i;                          /* rising */
    case 1: return -i;                         /* falling */
    case 2: return i % 2 != 0 ? i : -i;        /* to and fro */
    case 3: return 0;                          /* all the same */
    case 4: return i % 3;                      /* many ties */
    case 5: return i * 7919 % SLOTS_MAX;       /* scattered */
    case 6: return i < SLOTS_MAX / 2 ? -i : i; /* down, then up */
    default: return -(i / 10) * 10 + i % 10;   /* runs */
    }
}

CASE(m3_heaps_of_every_shape_come_out_sorted, "M3 M1 M2 M4", NEEDS_NOTHING,
     "300 timers in eight shapes: rising, falling, equal and so on; none, every second or all "
     "but every tenth are cancelled, and some are moved, before and after the first ones rang",
     "what is left rings by deadline, ties in arming order")
{
    for (int variant = 0; variant < 8 * 4; variant++) {
        struct model *model = model_make(world, 1, SLOTS_MAX);
        const rouse_time past = world_now(world) - ROUSE_SECONDS(1);
        const rouse_time future = world_now(world) + ROUSE_SECONDS(3600);
        const int which = variant / 4;
        bool good = true;

        /* Half of them ring first, which makes one heap of the other half. */
        for (int i = 0; i < SLOTS_MAX; i++)
            model_arm(model, i, (i % 2 != 0 ? past : future) + shape(which, i));
        good = model_turn(model, 0) && model_agrees(model);
        for (int i = 0; good && i < SLOTS_MAX; i++)
            if ((variant % 4 == 1 && i % 4 == 0) || (variant % 4 == 2 && i % 20 != 0))
                model_cancel(model, i);
            else if (variant % 4 == 3 && i % 3 == 0)
                model_arm(model, i, future + shape(which, SLOTS_MAX - 1 - i));
        good = good && model_agrees(model);
        /* The rest is moved to the past, in an order of its own. */
        for (int i = 0; good && i < SLOTS_MAX; i++)
            if (model->slots[i * 7 % SLOTS_MAX].armed)
                model_arm(model, i * 7 % SLOTS_MAX, past + shape(which, i));
        good = good && model_agrees(model) && model_turn(model, 0) && model_agrees(model);
        model_free(model);
        if (!good)
            break;
    }
}

CASE(m3_equal_deadlines_end_in_arming_order, "M3 M1 M2 M4", NEEDS_NOTHING,
     "1, 2, 3, 64, 65 and 300 timers for one moment, armed in three orders, some of them twice",
     "they ring in the order in which they were armed last")
{
    static const int counts[] = {1, 2, 3, 64, 65, SLOTS_MAX};
    static const int strides[] = {1, 7, 11};

    for (int i = 0; i < 6 * 3; i++) {
        struct model *model = model_make(world, 1, counts[i / 3]);
        const rouse_time moment = world_now(world);
        const int count = counts[i / 3];

        for (int at = 0; at < count; at++)
            model_arm(model, at * strides[i % 3] % count, moment);
        for (int at = 0; at < count; at += 5)
            model_arm(model, at, moment);
        /* A stride that divides the count leaves some out. */
        model_turn(model, 0);
        model_free(model);
    }
}

/* The wake of one that rings arms others, and moves some. */
struct late {
    struct model *model;
    struct wakes *wakes;
    struct rouse_timer timer;
    rouse_time moment;
};

static void arm_late(void *with)
{
    struct late *late = with;

    for (int i = 40; i < 60; i++)
        model_arm(late->model, i * 7 % 20 + 40, late->moment + i % 2);
    for (int i = 0; i < 40; i += 9)
        model_arm(late->model, i, late->moment);
}

CASE(m3_what_a_wake_arms_comes_after_what_was_armed_before, "M3 M1 M2 M4", NEEDS_NOTHING,
     "40 timers wait for two moments; the wake of another one, that rings, arms 20 more for these "
     "moments and moves five",
     "when the moments have come all ring by deadline, ties in arming order")
{
    for (int round = 0; round < 3; round++) {
        struct model *model = model_make(world, 1, 60);
        struct late late = {.model = model, .wakes = world_wakes(world)};
        const struct rouse_waker waker = wakes_waker(late.wakes);
        const rouse_time limit = world_after(world, WORLD_SOON);
        bool good = true;

        meter_stop_clock(&model->meter);
        late.moment = world_after(world, 20);
        late.wakes->then = arm_late;
        late.wakes->with = &late;
        for (int i = 0; i < 40; i++)
            model_arm(model, i, late.moment + i % 3 % 2);
        rouse_timer_arm(&model->rt.reactor, &late.timer, rouse_now(&model->rt.reactor), &waker);
        rouse_reactor_turn(&model->rt.reactor, 0);
        REQUIRE(M1, model->rang_count == 0, "some rang before their moment");
        model->meter.stopped_at = 0;
        CHECK_EQUAL(M2, wakes_taken(late.wakes), 1, "wakes of the first one");
        good = model_agrees(model);
        for (int turn = 0; good && model_first(model) >= 0 && world_now(world) < limit; turn++)
            good = model_turn(model, late.moment + (turn + round) % 2);
        CHECK(M2, model_first(model) < 0, "some did not ring");
        model_free(model);
    }
}

/* Sleeps, and notes when it is its turn. */
struct sleeper {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_sleep sleep;
    rouse_time deadline;
    int number;
    int *ended, *count;
};

ROUSE_ASYNC(sleeper, struct sleeper)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->sleep, rouse_sleep_until(self->reactor, self->deadline));
    self->ended[(*self->count)++] = self->number;
    ROUSE_FINALLY
    ROUSE_END
}

enum { SLEEPERS = 60, MOMENTS = 5 };

/* Whether all went to sleep before the first was to wake. */
static bool sleep_all(struct world *world, struct rouse *rt, struct sleeper *sleepers,
                      rouse_time first, int *ended, int *count)
{
    bool in_time;

    *count = 0;
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i].reactor = &rt->reactor;
        sleepers[i].deadline = first + ROUSE_US(100) * (i * 3 % MOMENTS);
        sleepers[i].number = i;
        sleepers[i].ended = ended;
        sleepers[i].count = count;
        rouse_spawn(&rt->executor, &sleepers[i].task, sleeper_start(&sleepers[i]), NULL);
    }
    rouse_executor_run(&rt->executor, SLEEPERS);
    in_time = world_now(world) < first;
    while (*count < SLEEPERS && world_now(world) < first + ROUSE_MS(WORLD_SOON))
        rouse_turn(rt, first + ROUSE_MS(WORLD_SOON));
    return in_time;
}

CASE(m3_sleeping_tasks_end_in_order, "M3", NEEDS_NOTHING,
     "60 tasks sleep until one of five moments, twelve for each",
     "they go on by moment, and in the order in which they began to sleep")
{
    struct sleeper sleepers[SLEEPERS];
    int ended[SLEEPERS], count = 0, at = 0;
    struct rouse rt;
    rouse_time margin = ROUSE_MS(2);

    world_runtime(world, &rt);
    while (!sleep_all(world, &rt, sleepers, world_now(world) + margin, ended, &count)) {
        margin *= 4;
        if (margin > ROUSE_SECONDS(2))
            suite_error("this machine is too slow");
    }
    CHECK_EQUAL(M3, count, SLEEPERS, "the number of sleepers that went on");
    for (int moment = 0; moment < MOMENTS; moment++)
        for (int i = 0; i < SLEEPERS && at < count; i++)
            if (i * 3 % MOMENTS == moment)
                CHECK_EQUAL(M3, ended[at++], i, "whose turn it is");
    rouse_close(&rt);
}

/* Two futures of a kind that are to end at the same moment. */
enum twins { SLEEPS, TICKS, DEADLINES, TWIN_KINDS };

union twin {
    struct rouse_future future;
    struct rouse_sleep sleep;
    struct rouse_tick tick;
    struct rouse_deadline deadline;
};

/* Notes which of its like it was that rang, from 1. */
struct bell {
    int *count;
    int place;
};

static void bell_ring(void *with)
{
    struct bell *bell = with;

    bell->place = ++*bell->count;
}

CASE(m3_a_future_that_is_polled_again_keeps_its_place, "M3 F3", NEEDS_NOTHING,
     "two sleeps, ticks and deadlines end at one moment; both are polled, then the first once more",
     "both are woken when the moment has come, the first one first")
{
    for (enum twins kind = SLEEPS; kind < TWIN_KINDS; kind++) {
        struct meter meter;
        struct rouse rt;
        struct rouse_interval interval;
        struct rouse_sleep children[2];
        union twin twins[2];
        struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
        int count = 0;
        struct bell bells[2] = {{&count, 0}, {&count, 0}};
        rouse_time moment;

        meter_runtime(world, &meter, &rt);
        meter_stop_clock(&meter);
        moment = rouse_after(&rt.reactor, ROUSE_MS(5));
        interval = rouse_interval(&rt.reactor, ROUSE_MS(5));
        for (int i = 0; i < 2; i++) {
            wakes[i]->then = bell_ring;
            wakes[i]->with = &bells[i];
            children[i] = rouse_sleep_until(&rt.reactor, ROUSE_NEVER);
            if (kind == SLEEPS)
                twins[i].sleep = rouse_sleep_until(&rt.reactor, moment);
            else if (kind == TICKS)
                twins[i].tick = rouse_tick(&interval);
            else
                twins[i].deadline = rouse_deadline(&rt.reactor, &children[i].future, moment);
        }
        for (int i = 0; i < 3; i++) {
            const struct rouse_waker waker = wakes_waker(wakes[i % 2]);

            CHECK_EQUAL(F3, world_poll(&twins[i % 2].future, &waker), ROUSE_PENDING, "a future");
        }
        meter.stopped_at = 0;
        while (count < 2 && world_now(world) < moment + ROUSE_MS(WORLD_SOON))
            rouse_reactor_turn(&rt.reactor, moment + ROUSE_MS(WORLD_SOON));
        CHECK_EQUAL(F3, count, 2, "wakes");
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(M3, bells[i].place, i + 1, "whose turn it was");
            rouse_future_drop(&twins[i].future);
        }
        rouse_close(&rt);
    }
}

CASES(timer_m3) = {&m3_thousands_of_random_steps_agree_with_a_sorted_array,
                   &m3_heaps_of_every_shape_come_out_sorted,
                   &m3_equal_deadlines_end_in_arming_order,
                   &m3_what_a_wake_arms_comes_after_what_was_armed_before,
                   &m3_sleeping_tasks_end_in_order,
                   &m3_a_future_that_is_polled_again_keeps_its_place};

/*
 * x7_sleeps.c -- X7 for one wait() at a time: with nothing to report, it sleeps.
 *
 * What is ready, at its end, hung up or broken, and not armed, is where a kernel that tells
 * of states does not let its caller sleep.
 */
#include "../evq/kernel.h"
#include "../process.h"
#include "toll.h"

enum {
    IDLE_MS = 80,
    A_FEW = 8, /* waits that nobody minds */
    SLEEPS = 300
};

CASE(x7_short_sleeps_do_not_spin, "X7", NEEDS_KERNEL,
     "a task sleeps 300 times for less than a millisecond",
     "about one wait for each sleep, and less processor time than they took")
{
    const int64_t start = process_clock_ns();
    const int cpu_before = toll_cpu_ms();
    struct toll toll;
    struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};
    struct rouse rt;
    int took;

    toll_init(&toll, world->evq);
    options.evq = &toll.evq;
    if (rouse_open(&rt, &options) != 0)
        suite_error("no runtime");
    for (int i = 0; i < SLEEPS; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_US(700));

        rouse_run(&rt, &sleep.future);
    }
    took = (int) ((process_clock_ns() - start) / 1000000);
    CHECK(X7, toll.waits <= 3 * SLEEPS + A_FEW, "%d waits for %d sleeps", toll.waits, SLEEPS);
    CHECK(X7, toll_cpu_ms_since(cpu_before) <= took * 2 / 5,
          "%d ms of processor time for sleeps that took %d ms", toll_cpu_ms_since(cpu_before),
          took);
    rouse_close(&rt);
}

/* Sleeps for IDLE_MS in waits, which are counted. */
static void check_idle(struct world *world, const char *what)
{
    const rouse_time deadline = world_after(world, IDLE_MS);
    const int cpu_before = toll_cpu_ms();
    int waits = 0;

    do {
        struct rouse_event event;

        if (world->evq->ops->wait(world->evq, &event, 1, deadline) < 0)
            suite_error("a wait failed");
    } while (++waits < 1000 && world_now(world) < deadline);
    CHECK(X7, waits <= A_FEW, "%s: %d waits in %d ms", what, waits, IDLE_MS);
    CHECK(X7, toll_cpu_ms_since(cpu_before) <= IDLE_MS / 4, "%s: %d ms of processor time in %d ms",
          what, toll_cpu_ms_since(cpu_before), IDLE_MS);
}

/* On a busy machine who spins does not get the processor; but never gives it away, either. A wait
 * that comes too late to sleep does not, so there are a few. */
static void check_sleep(struct world *world, const char *what)
{
    bool sleeps = world->simulated;

    for (int i = 0; i == 0 || (!sleeps && i < 4); i++) {
        const int64_t pauses = kernel_pauses();

        check_idle(world, what);
        sleeps = sleeps || pauses < 0 || kernel_pauses() != pauses;
    }
    CHECK(X7, sleeps, "%s: it does not sleep", what);
}

CASE(x7_a_source_that_nobody_armed_again_costs_nothing, "X7", NEEDS_NOTHING,
     "sources were reported once, and are ready, at their end, hung up or broken; nobody arms",
     "a wait sleeps until its deadline, without processor time")
{
    enum { BYTES, HALF_CLOSES, CLOSES, RESETS, URGENT, KINDS };
    struct rouse_source *sources[KINDS];
    rouse_fd ends[KINDS][2];
    int reports = 0;

    for (int i = 0; i < KINDS; i++) {
        world_tcp_pair(world, ends[i]);
        sources[i] = world_source(world, ends[i][0]);
        world_send(world, ends[i][1], 1);
        world_await_ready(world, ends[i][0], ROUSE_READABLE);
        world_arm(world, sources[i], ROUSE_READABLE | ROUSE_WRITABLE);
    }
    while (reports < KINDS && world_turn(world, WORLD_SOON) > 0)
        for (reports = 0; reports < KINDS && sources[reports]->armed == 0;)
            reports++;
    check_sleep(world, "bytes that nobody reads");
    world_shutdown(world, ends[HALF_CLOSES][1]);
    world_close(world, ends[CLOSES][1]);
    world_reset(world, ends[RESETS][1]);
    world_urgent(world, ends[URGENT][1], 'u');
    check_sleep(world, "ends, hang-ups and errors that nobody asked for");
    world_fill(world, ends[HALF_CLOSES][0]);
    world_arm(world, sources[HALF_CLOSES], ROUSE_WRITABLE);
    check_sleep(world, "a full socket, armed for writing, whose peer has sent all");
}

CASE(x7_a_pipe_without_a_writer_costs_nothing, "X7", NEEDS_NON_SOCKETS,
     "a pipe's writer goes, and it is reported; a pipe's reader goes, and it is reported",
     "a wait sleeps until its deadline, without processor time")
{
    for (int gone = 0; gone < 2; gone++) {
        struct rouse_source *source;
        rouse_fd ends[2];

        world_pipe(world, ends);
        source = world_source(world, ends[gone]);
        world_arm(world, source, gone == 0 ? ROUSE_READABLE : ROUSE_WRITABLE);
        world_close(world, ends[1 - gone]);
        if (world_wait_for(world, source, source->armed, WORLD_SOON) == 0)
            suite_error("a pipe that ends is not reported");
        check_sleep(world, gone == 0 ? "a pipe without a writer" : "a pipe without a reader");
        world_forget(world, source);
    }
}

static void wake_it(void *argument)
{
    struct world *world = argument;

    thread_yield();
    world_wake(world);
}

CASE(
    x7_what_woke_a_wait_costs_nothing_afterwards, "X7", NEEDS_NOTHING,
    "waits without limit are ended by another thread, one to a hundred times; then nothing happens",
    "a wait sleeps until its deadline, without processor time")
{
    static const int times[] = {1, 2, 100};

    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < times[i]; n++) {
            struct thread *thread = thread_start(wake_it, world);
            struct rouse_event event;

            WAIT_UNLIMITED(X7, world, &event, 1);
            thread_join(thread);
        }
        check_sleep(world, "wakes that are over");
    }
}

static void wake_it_later(void *argument)
{
    struct world *world = argument;

    thread_sleep(IDLE_MS);
    world_wake(world);
}

CASE(x7_a_wait_without_limit_sleeps, "X7", NEEDS_NOTHING,
     "waits without limit are ended by another thread after 80 ms, one after the other",
     "they take no processor time")
{
    bool sleeps = false;

    for (int i = 0; i < 3 || (!sleeps && i < 6); i++) {
        const int64_t pauses = kernel_pauses();
        const int cpu_before = toll_cpu_ms();
        struct thread *thread = thread_start(wake_it_later, world);
        struct rouse_event event;

        WAIT_UNLIMITED(X7, world, &event, 1);
        sleeps = sleeps || pauses < 0 || kernel_pauses() != pauses;
        CHECK(X7, toll_cpu_ms_since(cpu_before) <= IDLE_MS / 4,
              "wait %d: %d ms of processor time in %d ms", i, toll_cpu_ms_since(cpu_before),
              IDLE_MS);
        thread_join(thread);
    }
    CHECK(X7, sleeps, "it does not sleep");
}

CASES(fault_x7_sleeps) = {
    &x7_short_sleeps_do_not_spin, &x7_a_source_that_nobody_armed_again_costs_nothing,
    &x7_a_pipe_without_a_writer_costs_nothing, &x7_what_woke_a_wait_costs_nothing_afterwards,
    &x7_a_wait_without_limit_sleeps};

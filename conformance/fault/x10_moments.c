/*
 * x10_moments.c -- X10: system calls that fail at moments which no program comes to by
 * itself.
 *
 * A queue that has much to tell the kernel and cannot, a wake-up that is interrupted, a
 * kernel that is older than its headers, a descriptor that has gone. Where a backend makes
 * no such call nothing fails, and all is as ever.
 */
#include "calls.h"

#include <errno.h>
#include <string.h>

#include "../../src/base/atomic.h"
#include "../evq/queue.h"
#include "../runner.h"
#include "../thread.h"

static const struct call_failure *failure_of(const char *call, int error)
{
    const struct call_failure *failure = call_failures;

    while (failure->call != NULL && (strcmp(failure->call, call) != 0 || failure->error != error))
        failure++;
    if (failure->call == NULL)
        suite_error("calls.def has no %s() that fails so", call);
    return failure;
}

/* -- Wakes ------------------------------------------------------------------- */

struct alarm {
    struct world *world;
    uintptr_t heard;   /* atomic: enough */
    uintptr_t changed; /* how many wakes left another errno than they found */
};

static void ring(void *argument)
{
    struct alarm *alarm = argument;

    while (atomic_load_acquire(&alarm->heard) == 0) {
        errno = 4321;
        world_wake(alarm->world);
        alarm->changed += errno != 4321;
        thread_yield();
    }
}

CASE(x10_a_wake_that_is_interrupted_arrives, "X10 E7 E8", NEEDS_KERNEL | NEEDS_FAILURES,
     "each system call of a wake is interrupted before it is made, or finds all full, on a thread "
     "beside a wait()",
     "the wait() ends, again and again, and a handler that woke so would not have changed errno")
{
    static const struct {
        const char *call;
        int error;
    } calls[] = {{"write", EINTR}, {"write", EAGAIN}, {"kevent", EINTR}};

    for (int i = 0; i < 3; i++) {
        struct alarm alarm = {.world = world};
        struct thread *thread;

        calls_fail(world, failure_of(calls[i].call, calls[i].error), 1, true);
        thread = thread_start(ring, &alarm);
        for (int round = 0; round < 50; round++) {
            struct rouse_event event;

            CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "what wait() returned");
        }
        atomic_exchange(&alarm.heard, 1);
        thread_join(thread);
        calls_end();
        CHECK_EQUAL(E8, alarm.changed, 0, "wakes that changed errno");
    }
    world_turn(world, 0); /* what was rung last */
    CHECK_EQUAL(X10, world_turn(world, 0), 0, "reports afterwards");
}

/* -- Old kernels, and lost descriptors ---------------------------------------- */

CASE(x10_a_far_deadline_on_an_older_kernel_is_far, "X10 E9", NEEDS_KERNEL | NEEDS_FAILURES,
     "the kernel knows no wait with nanoseconds, and a deadline is a hundred days away, or soon",
     "what is ready is reported; and the near one is not missed, nor early")
{
    struct rouse_source *source;
    struct rouse_event event;
    rouse_fd ends[2];
    rouse_time begun;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    calls_fail(world, failure_of("epoll_pwait2", ENOSYS), 1, true);
    world_arm(world, source, ROUSE_READABLE);
    queue_send(world, ends[1], ends[0]);
    CHECK_EQUAL(X10,
                world->evq->ops->wait(world->evq, &event, 1,
                                      world_now(world) + ROUSE_SECONDS(100 * 24 * 3600)),
                1, "reports");
    begun = world_now(world);
    CHECK_EQUAL(E9, world_turn(world, 3), 0, "reports of nothing");
    CHECK(E9, world_now(world) - begun >= ROUSE_MS(3), "it ended early");
    calls_end();
}

CASE(
    x10_short_waits_on_an_older_kernel_do_not_spin, "X10 E9", NEEDS_KERNEL | NEEDS_FAILURES,
    "the kernel knows no wait with nanoseconds, or a filter does not; 60 waits of 0.9 ms each, and "
    "one of 60 ms",
    "the processor is used for less than a quarter of the time, and the longer one sleeps")
{
    static const int errors[] = {ENOSYS, EPERM};

    for (int i = 0; i < 2; i++) {
        const int64_t before = kernel_cpu_ns();
        int64_t used;

        calls_fail(world, failure_of("epoll_pwait2", errors[i]), 1, true);
        for (int n = 0; n < 60; n++) {
            struct rouse_event event;

            world->evq->ops->wait(world->evq, &event, 1, world_now(world) + ROUSE_US(900));
        }
        used = kernel_cpu_ns() - before;
        CHECK(E9, used < 60 * ROUSE_US(900) / 4 + kernel_cpu_step_ns, "%lld of %d us",
              (long long) used / 1000, 60 * 900);
        CHECK(E9, queue_sleeps(world, 60), "a longer wait() spins");
        calls_end();
    }
}

CASE(x10_a_queue_whose_descriptor_has_gone_says_so, "X10", NEEDS_KERNEL | NEEDS_FAILURES,
     "somebody closes the descriptor of a queue, which waits, with a limit and without",
     "wait() is -EBADF, or reports; and when it is there again all is as before")
{
    static const char *const calls[] = {"epoll_wait", "epoll_pwait2", "io_uring_enter2"};

    for (int i = 0; i < 6; i++) {
        struct rouse_source *source;
        struct rouse_event event;
        rouse_fd ends[2];
        int count;

        world_pair(world, ends);
        source = world_source(world, ends[0]);
        world_arm(world, source, ROUSE_WRITABLE);
        calls_fail(world, failure_of(calls[i / 2], EBADF), 1, false);
        count = world->evq->ops->wait(world->evq, &event, 1,
                                      i % 2 == 0 ? ROUSE_NEVER : world_after(world, 1000));
        CHECK(X10, (calls_end() > 0 && count == -EBADF) || count == 1, "wait() returned %d", count);
        if (count <= 0)
            CHECK_EQUAL(X10, world->evq->ops->wait(world->evq, &event, 1, ROUSE_NEVER), 1,
                        "reports afterwards");
        queue_close(world, source);
    }
}

/* -- Queues that opened all the same ------------------------------------------ */

struct bell {
    struct rouse_evq *evq;
    uintptr_t heard; /* atomic: enough */
};

static void toll_it(void *argument)
{
    struct bell *bell = argument;

    while (atomic_load_acquire(&bell->heard) == 0) {
        bell->evq->ops->wake(bell->evq);
        thread_yield();
    }
}

static void is_deaf(void *what)
{
    suite_fail_and_exit(GUARANTEE_X10, what, __FILE__, __LINE__);
}

/* Whether one of a few waits sleeps. On a busy machine one may come too late for that. */
static bool sleeps(struct world *world, struct rouse_evq *evq)
{
    for (int i = 0; i < 4; i++) {
        const rouse_time deadline = world_after(world, 10);
        const int64_t pauses = kernel_pauses();
        struct rouse_event event;

        while (world_now(world) < deadline)
            evq->ops->wait(evq, &event, 1, deadline);
        if (pauses < 0 || kernel_pauses() != pauses)
            return true;
    }
    return false;
}

/* A wake ends each wait(), else it sleeps, and what is armed is reported. */
static void use_queue(struct world *world, struct rouse_evq *evq, const char *call)
{
    struct watchdog *watchdog = watchdog_start(WORLD_SOON, is_deaf, "a queue opened, and is deaf");
    struct bell bell = {.evq = evq};
    struct rouse_source source = {0};
    struct rouse_event event;
    struct thread *thread;
    rouse_fd ends[2];
    int count = 0;

    thread = thread_start(toll_it, &bell);
    for (int i = 0; i < 20; i++)
        CHECK_EQUAL(X10, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 0, call);
    atomic_exchange(&bell.heard, 1);
    thread_join(thread);
    CHECK(X10, sleeps(world, evq), "%s() was refused, and now it spins", call);
    world_pair(world, ends);
    source.fd = ends[0];
    CHECK_EQUAL(X10, evq->ops->arm(evq, &source, ROUSE_READABLE), 0, call);
    queue_send(world, ends[1], ends[0]);
    for (int i = 0; i < 2 && count == 0; i++) /* a wake may come first */
        count = evq->ops->wait(evq, &event, 1, world_after(world, WORLD_SOON));
    CHECK(X10, count == 1 && event.source == &source, "%s() was refused: %d reports", call, count);
    evq->ops->forget(evq, &source);
    world_close(world, ends[0]);
    world_close(world, ends[1]);
    watchdog_stop(watchdog);
}

/* Opens a queue whose n-th call of this kind fails. How many did. */
static int open_refused(struct world *world, const struct call_failure *failure, int n,
                        bool for_ever)
{
    const int descriptors = world_open_descriptors(world);
    struct rouse_evq *evq;
    struct memory memory;
    int error, failed;

    memory_init(&memory);
    calls_fail(world, failure, n, for_ever);
    error = world_open_queue(world, &memory.alloc, &evq);
    failed = calls_end();
    CHECK(X3, error == 0 || (failed > 0 && error == -failure->told),
          "%s() number %d is %s, and open() says: %s", failure->call, n, failure->error_name,
          rouse_strerror(error));
    if (error == 0 && failed > 0)
        use_queue(world, evq, failure->call);
    if (error == 0)
        evq->ops->close(evq);
    CHECK(X3, memory.live == 0 && memory.bytes == 0 && world_open_descriptors(world) == descriptors,
          "%s() number %d was %s, and something is left", failure->call, n, failure->error_name);
    return failed;
}

CASE(x10_a_queue_that_opens_all_the_same_serves, "X10 X3", NEEDS_KERNEL | NEEDS_FAILURES,
     "a queue opens, and of each kind of system call number 1, 2, 3, ... fails, alone or for ever",
     "it says that error and leaves nothing; or it is woken from another thread, sleeps, and "
     "reports")
{
    const int descriptors = world_open_descriptors(world);
    struct rouse_evq *evq;

    calls_note(world);
    evq = queue_open(world);
    calls_end();
    use_queue(world, evq, "nothing");
    evq->ops->close(evq);
    CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors open");
    for (const struct call_failure *failure = call_failures; failure->call != NULL; failure++) {
        if (!calls_noted(failure) || failure->how != CALL_FAILS)
            continue; /* none of them sleeps, so none is interrupted */
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            int n = 1;

            while (open_refused(world, failure, n, for_ever) > 0)
                n++;
        }
    }
}

/* -- Arms that are refused half way ------------------------------------------- */

/* How a source is, when a second direction is armed, or both. */
enum before { NEW, ARMED, REPORTED, BEFORES };

/* Arms it while the n-th call of this kind fails. How many did. */
static int arm_refused(struct world *world, const struct call_failure *failure, int n,
                       bool for_ever, enum before how)
{
    static struct rouse_source source;
    const unsigned interest = how == ARMED ? ROUSE_WRITABLE : QUEUE_BOTH;
    unsigned before;
    rouse_fd ends[2];
    int error, failed;

    world_pair(world, ends);
    source = (struct rouse_source){.fd = ends[0]};
    if (how != NEW)
        queue_arm_idle(world, &source, ROUSE_READABLE);
    if (how == REPORTED) {
        queue_send(world, ends[1], ends[0]);
        CHECK(X10, queue_reports(world, &source, ROUSE_READABLE), "the report of a byte");
        world_drain(world, ends[0]);
    }
    before = source.armed;
    calls_fail(world, failure, n, for_ever);
    error = world->evq->ops->arm(world->evq, &source, interest);
    failed = calls_end();
    CHECK(X10, error == 0 || (failed > 0 && error == -failure->told),
          "%s() number %d is %s, and arm() says: %s", failure->call, n, failure->error_name,
          rouse_strerror(error));
    if (error != 0) {
        CHECK(X4, source.armed == before && (how != NEW || source.record == NULL),
              "%s() number %d is refused, and the source has changed", failure->call, n);
        if (how == NEW)
            queue_spoil(&source);
        if (how == NEW || for_ever) {
            queue_send(world, ends[1], ends[0]);
            if (how == ARMED)
                CHECK(X4, queue_reports(world, &source, ROUSE_READABLE), "what was armed before");
            CHECK(X4, (world_quiet(world, &source, 3) & ~before) == 0,
                  "reports of what was refused");
        }
        if (how == NEW) {
            CHECK(X4, queue_is_spoilt(&source), "what was refused was written to");
            source = (struct rouse_source){.fd = ends[0]};
        }
        world_arm(world, &source, interest);
    }
    CHECK(X4, queue_reports(world, &source, ROUSE_WRITABLE), "%s() number %d, then a report",
          failure->call, n);
    if (how == ARMED && (error == 0 || !for_ever)) {
        queue_send(world, ends[1], ends[0]);
        CHECK(X4, queue_reports(world, &source, ROUSE_READABLE), "what was armed before");
    }
    world_forget(world, &source);
    queue_spoil(&source);
    queue_send(world, ends[1], ends[0]);
    (void) world_quiet(world, &source, 3);
    CHECK(X4, queue_is_spoilt(&source), "what was forgotten was written to");
    world_close(world, ends[0]);
    world_close(world, ends[1]);
    return failed;
}

CASE(x10_an_arm_that_is_refused_half_way_changes_nothing, "X10 X4", NEEDS_KERNEL | NEEDS_FAILURES,
     "a new source is armed in both directions, or one that was armed in one gets the other; of "
     "each kind of system call number 1, 2, 3, ... fails, alone or for ever",
     "arm() says that error, what was armed is reported, and nothing else; or it is armed")
{
    for (const struct call_failure *failure = call_failures; failure->call != NULL; failure++) {
        if (failure->how != CALL_FAILS)
            continue; /* it does not sleep, and so is not interrupted */
        for (int i = 0; i < 2 * BEFORES; i++) {
            int n = 1;

            while (arm_refused(world, failure, n, i % 2 != 0, (enum before)(i / 2)) > 0)
                n++;
        }
    }
}

/* -- A kernel that takes nothing ---------------------------------------------- */

/* Arms and forgets a source of its own on `evq` until that is refused, or for so long that
 * whatever is prepared would have been submitted. */
static void arm_until_refused(struct world *world, struct rouse_evq *evq, rouse_fd fd)
{
    struct rouse_source source = {.fd = fd};
    int error = 0;

    for (int i = 0; i < 300 && error == 0; i++) {
        error = evq->ops->arm(evq, &source, QUEUE_BOTH);
        evq->ops->forget(evq, &source);
    }
    CHECK(X10, error == 0 || error == -ENOMEM, "arm() says: %s", rouse_strerror(error));
    (void) world;
}

static void take_nothing(struct world *world)
{
    calls_fail(world, failure_of("io_uring_enter2", EAGAIN), 1, true);
}

CASE(x10_a_descriptor_that_cannot_tell_is_not_given, "X10 B2 E2", NEEDS_KERNEL | NEEDS_FAILURES,
     "a queue has been woken, or a source with data armed again; then its descriptor is asked for "
     "while the kernel refuses every change",
     "there is none for now, or one that tells; and asked again there is one, which tells")
{
    for (int armed = 0; armed < 2; armed++) {
        struct rouse_source source = {0};
        struct rouse_event event;
        struct rouse_evq *evq;
        rouse_fd ends[2], fd;

        world_pair(world, ends);
        evq = queue_open(world);
        source.fd = ends[0];
        queue_send(world, ends[1], ends[0]);
        REQUIRE(E2, evq->ops->arm(evq, &source, ROUSE_READABLE) == 0, "arm()");
        CHECK_EQUAL(E2, evq->ops->wait(evq, &event, 1, world_after(world, WORLD_SOON)), 1,
                    "the first report");
        if (armed != 0)
            REQUIRE(E2, evq->ops->arm(evq, &source, ROUSE_READABLE) == 0, "arm() again");
        else
            evq->ops->wake(evq);
        calls_fail(world, failure_of("kevent", ENOMEM), 1, true);
        fd = queue_pollable(evq);
        CHECK(B2, queue_tells(fd), "a descriptor that does not tell");
        calls_end();
        CHECK(B2, fd == ROUSE_NO_FD || fd == queue_pollable(evq), "a descriptor of another");
        CHECK(B2, queue_tells(queue_pollable(evq)), "its descriptor does not tell");
        CHECK_EQUAL(B2, evq->ops->wait(evq, &event, 1, world_after(world, WORLD_SOON)), armed,
                    "reports");
        evq->ops->forget(evq, &source);
        evq->ops->close(evq);
    }
}

CASE(x10_forgetting_when_nothing_can_be_submitted, "X10 E5", NEEDS_KERNEL | NEEDS_FAILURES,
     "a source is armed and known to the kernel, which then takes nothing more; it is forgotten",
     "it is never reported; and armed anew it is")
{
    struct rouse_source *source, *another;
    rouse_fd ends[2], others[2];

    world_pair(world, ends);
    world_pair(world, others);
    source = world_source(world, ends[0]);
    another = world_source(world, ends[1]);
    world_arm(world, another, ROUSE_READABLE);
    world_arm(world, source, ROUSE_READABLE);
    world_turn(world, 0);
    take_nothing(world);
    arm_until_refused(world, world->evq, others[0]);
    world_forget(world, another); /* there may be room to say that */
    world_forget(world, source);
    calls_end();
    queue_send(world, ends[1], ends[0]);
    CHECK_EQUAL(E5, world_quiet(world, source, WORLD_QUIET), 0, "reports of what was forgotten");
    world_arm(world, source, ROUSE_READABLE);
    CHECK_EQUAL(X10, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON), ROUSE_READABLE,
                "what is reported of it afterwards");
}

CASE(x10_a_first_wait_when_nothing_can_be_submitted, "X10", NEEDS_KERNEL | NEEDS_FAILURES,
     "the kernel takes nothing from a new queue, which has been armed till it was full, and waits",
     "it says -ENOMEM or waits; and afterwards it is woken, and reports")
{
    struct rouse_source source = {0};
    struct rouse_event event;
    struct rouse_evq *evq;
    rouse_fd ends[2];
    int64_t pauses;
    int count;

    world_pair(world, ends);
    evq = queue_open(world);
    source.fd = ends[0];
    take_nothing(world);
    arm_until_refused(world, evq, ends[1]);
    count = evq->ops->wait(evq, &event, 1, 0);
    CHECK(X10, count == 0 || count == -ENOMEM, "wait() says: %d", count);
    pauses = kernel_pauses();
    count = evq->ops->wait(evq, &event, 1, world_after(world, 10));
    CHECK(X10, count == -ENOMEM || pauses < 0 || kernel_pauses() != pauses,
          "wait() says: %d, and did not sleep", count);
    calls_end();
    evq->ops->wake(evq);
    CHECK_EQUAL(X10, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 0, "a wait() that was woken");
    CHECK_EQUAL(X10, evq->ops->arm(evq, &source, ROUSE_WRITABLE), 0, "arm() afterwards");
    CHECK_EQUAL(X10, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 1, "reports");
    evq->ops->forget(evq, &source);
    evq->ops->close(evq);
}

CASE(x10_listening_when_nothing_can_be_submitted, "X10 B2", NEEDS_KERNEL | NEEDS_FAILURES,
     "the kernel takes nothing from a queue that somebody listens to, at first or when it is full",
     "it has no descriptor for now, or one that tells of a wake; and after the next wait() that "
     "tells of whatever comes")
{
    for (int full = 0; full < 2; full++) {
        struct rouse_source source = {0};
        struct rouse_event event;
        struct rouse_evq *evq;
        rouse_fd ends[2], pollable;

        world_pair(world, ends);
        evq = queue_open(world);
        source.fd = ends[0];
        take_nothing(world);
        if (full != 0)
            arm_until_refused(world, evq, ends[1]);
        pollable = queue_pollable(evq);
        calls_end();
        evq->ops->wake(evq);
        CHECK(B2, queue_tells(pollable), "its descriptor does not tell of a wake");
        (void) evq->ops->wait(evq, &event, 1, 0);
        pollable = queue_pollable(evq);
        CHECK(B2, (pollable != ROUSE_NO_FD) == (queue_pollable(world->evq) != ROUSE_NO_FD),
              "its descriptor does not come");
        CHECK_EQUAL(X10, evq->ops->arm(evq, &source, ROUSE_READABLE), 0, "arm() afterwards");
        (void) evq->ops->wait(evq, &event, 1, 0);
        queue_send(world, ends[1], ends[0]);
        CHECK(B2, queue_tells(pollable), "its descriptor does not tell of a byte");
        CHECK_EQUAL(B2, evq->ops->wait(evq, &event, 1, world_after(world, WORLD_SOON)), 1,
                    "reports");
        evq->ops->forget(evq, &source);
        evq->ops->close(evq);
    }
}

enum { FIRST = 10 }; /* sources that are armed before there is no room */

CASE(x10_what_is_prepared_when_nothing_can_be_submitted_is_kept, "X10 E2",
     NEEDS_KERNEL | NEEDS_FAILURES,
     "the kernel takes nothing from a queue; ten sources are armed, then others till they are "
     "refused, one that it knows is forgotten, or it waits for the first time",
     "each of the ten is reported afterwards")
{
    for (int waits_first = 0; waits_first < 2; waits_first++) {
        struct rouse_source sources[FIRST] = {{0}}, known = {0};
        struct rouse_event events[FIRST];
        rouse_fd ends[FIRST][2], others[2];
        struct rouse_evq *evq;
        int left = FIRST, count = 0;

        world_pair(world, others);
        evq = queue_open(world);
        known.fd = others[0];
        if (waits_first) {
            CHECK_EQUAL(X10, evq->ops->arm(evq, &known, ROUSE_READABLE), 0, "arm()");
            (void) evq->ops->wait(evq, events, 1, 0); /* which may be mistaken */
        }
        take_nothing(world);
        for (int i = 0; i < FIRST; i++) {
            world_pair(world, ends[i]);
            sources[i].fd = ends[i][0];
            CHECK_EQUAL(X10, evq->ops->arm(evq, &sources[i], ROUSE_WRITABLE), 0, "arm()");
        }
        arm_until_refused(world, evq, others[1]);
        evq->ops->forget(evq, &known);
        if (!waits_first)
            count = evq->ops->wait(evq, events, FIRST, 0);
        calls_end();
        left -= count > 0 ? count : 0;
        do {
            count = evq->ops->wait(evq, events, FIRST, world_after(world, WORLD_SOON));
            left -= count > 0 ? count : 0;
        } while (left > 0 && count > 0);
        CHECK_EQUAL(E2, left, 0, "sources that are not reported");
        for (int i = 0; i < FIRST; i++)
            evq->ops->forget(evq, &sources[i]);
        evq->ops->close(evq);
    }
}

static void wake_soon(void *argument)
{
    struct rouse_evq *evq = argument;

    thread_yield();
    evq->ops->wake(evq);
}

CASE(x10_a_first_wait_that_is_refused_once_is_woken, "X10 E7", NEEDS_KERNEL | NEEDS_FAILURES,
     "a new queue has been armed so often that there may be room for no more; the kernel takes "
     "nothing, once, and it waits without limit, till another thread wakes",
     "it says -ENOMEM, or is woken")
{
    for (int arms = 126; arms <= 130; arms++)
        for (int round = 0; round < 5; round++) {
            struct watchdog *watchdog = watchdog_start(WORLD_SOON, is_deaf, "a wake is not heard");
            struct rouse_event event;
            struct thread *thread;
            struct rouse_evq *evq;
            rouse_fd ends[2];
            int count;

            world_pair(world, ends);
            evq = queue_open(world);
            for (int i = 0; i < arms; i++) {
                struct rouse_source source = {.fd = ends[0]};

                CHECK_EQUAL(X10, evq->ops->arm(evq, &source, QUEUE_BOTH), 0, "arm()");
                evq->ops->forget(evq, &source);
            }
            calls_fail(world, failure_of("io_uring_enter2", EAGAIN), 1, false);
            thread = thread_start(wake_soon, evq);
            count = evq->ops->wait(evq, &event, 1, ROUSE_NEVER);
            CHECK(E7, count == 0 || count == -ENOMEM, "wait() says: %d", count);
            calls_end();
            if (count != 0)
                CHECK_EQUAL(E7, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 0, "the next wait()");
            thread_join(thread);
            evq->ops->close(evq);
            world_close(world, ends[0]);
            world_close(world, ends[1]);
            watchdog_stop(watchdog);
        }
}

CASE(
    x10_what_is_armed_when_nothing_can_be_submitted_is_told, "X10 B2",
    NEEDS_KERNEL | NEEDS_FAILURES,
    "somebody sleeps on a queue's descriptor, the kernel takes nothing, and a source is armed that "
    "is ready, or becomes so afterwards",
    "the descriptor is readable, and the source reported")
{
    const rouse_fd pollable = queue_pollable(world->evq);

    for (int way = 0; way < 4; way++) {
        struct rouse_source *source;
        rouse_fd ends[2];

        world_pair(world, ends);
        source = world_source(world, ends[0]);
        if (way / 2 != 0)
            queue_arm_idle(world, source, ROUSE_WRITABLE);
        if (way % 2 != 0)
            queue_send(world, ends[1], ends[0]);
        for (int i = 0; i < 3; i++)
            world_turn(world, 0);
        take_nothing(world);
        world_arm(world, source, ROUSE_READABLE);
        calls_end();
        if (way % 2 == 0)
            queue_send(world, ends[1], ends[0]);
        if (pollable != ROUSE_NO_FD)
            CHECK(B2, kernel_readable(pollable, WORLD_SOON), "way %d: nothing is told", way);
        CHECK(B2, queue_reports(world, source, ROUSE_READABLE), "way %d: no report", way);
        queue_close(world, source);
    }
}

CASE(x10_a_writer_whose_peer_says_no_more_while_nothing_can_be_submitted, "X10 E6",
     NEEDS_KERNEL | NEEDS_FAILURES,
     "a writer waits on a full stream, its peer ends its own half, and the kernel takes nothing",
     "at most one report too many; and when there is room it is told")
{
    struct rouse_source *source, *other;
    rouse_fd ends[2], others[2];
    struct rouse_event event;
    int count;

    world_tcp_pair(world, ends);
    world_pair(world, others);
    source = world_source(world, ends[0]);
    world_fill(world, ends[0]);
    world_arm(world, source, ROUSE_WRITABLE);
    world_turn(world, 0);
    world_shutdown(world, ends[1]);
    world_await_ready(world, ends[0], ROUSE_READABLE);
    take_nothing(world);
    other = world_source(world, others[1]);
    world_arm(world, other, QUEUE_BOTH);
    arm_until_refused(world, world->evq, others[0]);
    count = world->evq->ops->wait(world->evq, &event, 1, 0);
    CHECK(E6, count == 0 || count == 1 || count == -ENOMEM, "wait() says: %d", count);
    calls_end();
    if (count != 1 || event.source != other)
        CHECK(X10, queue_reports(world, other, ROUSE_WRITABLE), "room for another");
    if ((other->armed & ROUSE_READABLE) == 0) /* reported by mistake, which E6 allows */
        world_arm(world, other, ROUSE_READABLE);
    queue_send(world, others[0], others[1]);
    CHECK(X10, queue_reports(world, other, ROUSE_READABLE), "a byte for another");
    world_arm(world, source, ROUSE_WRITABLE);
    world_make_room(world, ends[0], ends[1]);
    CHECK_EQUAL(X10, world_wait_for(world, source, ROUSE_WRITABLE, WORLD_SOON), ROUSE_WRITABLE,
                "what is reported when there is room");
}

/* -- Ghosts ------------------------------------------------------------------ */

enum { HAUNTED = 6 }; /* sources beside the ghost, of which two are there when it appears */

/* Closing before forgetting is the caller's mistake, which debug builds name; there it is
 * done in the right order. */
static void haunt(struct world *world, const char *call, int error, int n)
{
    static struct rouse_source ghost, others[HAUNTED];
    rouse_fd ends[2], pairs[HAUNTED][2], copy;

    world_pair(world, ends);
    copy = world_duplicate(world, ends[0]);
    ghost = (struct rouse_source){.fd = ends[0]};
    for (int i = 0; i < HAUNTED; i++) {
        world_pair(world, pairs[i]);
        others[i] = (struct rouse_source){.fd = pairs[i][0]};
        queue_arm_idle(world, &others[i], ROUSE_READABLE);
        if (i == 2)
            queue_arm_idle(world, &ghost, ROUSE_READABLE);
    }
    for (int i = HAUNTED; i-- > 2;) {
        world_forget(world, &others[i]);
        queue_spoil(&others[i]);
    }
    if (n > 0)
        calls_fail(world, failure_of(call, error), n, true);
    if (!SUITE_RULES)
        world_close(world, ends[0]);
    world_forget(world, &ghost);
    if (SUITE_RULES)
        world_close(world, ends[0]);
    (void) world_quiet(world, &ghost, 0); /* what was told of it before */
    queue_spoil(&ghost);
    for (int i = 0; i < 2; i++) {
        queue_send(world, pairs[i][1], pairs[i][0]);
        queue_send(world, ends[1], copy);
        CHECK(X10, queue_reports(world, &others[i], ROUSE_READABLE), "another; %s, %d",
              n > 0 ? call : "nothing fails", n);
        queue_send(world, ends[1], copy);
        CHECK_EQUAL(E5, world_quiet(world, &ghost, 3), 0, "reports of what was forgotten");
        world_drain(world, copy);
        if (i == 0 && n > 0)
            calls_end();
    }
    /* It has gone for good, and nothing is done about it any more. */
    calls_fail(world, failure_of("epoll_create1", EMFILE), 1, true);
    queue_send(world, ends[1], copy);
    world_arm(world, &others[0], ROUSE_READABLE); /* its byte is still there */
    CHECK(X10, queue_reports(world, &others[0], ROUSE_READABLE), "another, later");
    CHECK_EQUAL(E5, calls_end(), 0, "calls that are made for it");
    CHECK_EQUAL(E5, world_quiet(world, &ghost, 3), 0, "reports of what was forgotten, later");
    for (int i = 0; i < HAUNTED; i++)
        CHECK(E5, i < 2 || queue_is_spoilt(&others[i]),
              "what was forgotten in time was written to");
    CHECK(E5, queue_is_spoilt(&ghost), "its memory was written to");
    world_forget(world, &others[0]);
    world_forget(world, &others[1]);
}

CASE(x10_a_descriptor_closed_too_early_haunts_nobody, "X10 E5", NEEDS_KERNEL | NEEDS_FAILURES,
     "a descriptor with a duplicate is closed before its source is forgotten, where no rule is "
     "checked, and what its queue does about it fails, or does not",
     "nothing is reported of it or written to it, others are as before, and then it costs nothing")
{
    haunt(world, NULL, 0, 0);
    haunt(world, "epoll_create1", EMFILE, 1);
    for (int n = 1; n <= 3; n++)
        haunt(world, "epoll_ctl", ENOMEM, n);
    haunt(world, "dup3", EMFILE, 1);
}

/* Whether that is what was made to fail. */
static bool was_refused(int result)
{
    return calls_failed() > 0 && result == -ENOMEM;
}

CASE(x10_a_look_that_is_refused_loses_nothing, "X10 E2 E5 B2", NEEDS_KERNEL | NEEDS_FAILURES,
     "somebody listens to a queue; a source with data and room is armed again, for either or both, "
     "and the kernel refuses the look that this takes, or that and what is done about it, or all",
     "arm() says so, or the descriptor tells and it is reported; and when it is forgotten nothing "
     "more is heard of it")
{
    static struct rouse_source source;
    static const struct {
        const char *call;
        bool for_ever;
    } rounds[] = {
        {"kevent_change", false}, {"kevent", false}, {"kevent_change", true}, {"kevent", true}};
    const rouse_fd pollable = queue_pollable(world->evq);

    for (int i = 0; i < 8; i++) {
        const unsigned interest = i < 4 ? ROUSE_READABLE : QUEUE_BOTH;
        const char *call = rounds[i % 4].call;
        rouse_fd ends[2];
        int error;

        world_pair(world, ends);
        source = (struct rouse_source){.fd = ends[0]};
        world_arm(world, &source, interest);
        queue_send(world, ends[1], ends[0]);
        CHECK_EQUAL(E2, world_wait_for(world, &source, interest, WORLD_SOON), interest,
                    "the first report");
        CHECK(B2, queue_comes_to_rest(world, pollable), "its descriptor does not come to rest");
        calls_fail(world, failure_of(call, ENOMEM), 1, rounds[i % 4].for_ever);
        error = world->evq->ops->arm(world->evq, &source, interest);
        CHECK(X10, error == 0 || (was_refused(error) && source.armed == 0), "arm() says: %s",
              rouse_strerror(error));
        calls_end();
        if (error != 0)
            world_arm(world, &source, interest);
        CHECK(B2, queue_tells(pollable), "%s: whoever listens is not told", call);
        CHECK_EQUAL(X10, world_wait_for(world, &source, interest, WORLD_SOON), interest,
                    "the report after a look that was refused");
        world_forget(world, &source);
        queue_spoil(&source);
        queue_send(world, ends[1], ends[0]);
        CHECK_EQUAL(E5, world_quiet(world, &source, 3), 0, "reports of what was forgotten");
        CHECK(E5, queue_is_spoilt(&source), "it was written to");
        world_close(world, ends[0]);
    }
}

CASE(x10_an_end_behind_data_is_told_after_an_arm_that_was_refused, "X10 E3 B2",
     NEEDS_KERNEL | NEEDS_FAILURES,
     "bytes and the end of the stream have come and are reported; the kernel refuses whatever the "
     "next arm takes, and a wait; a short read, and the hint; nobody listens, or somebody does",
     "the end is reported, and whoever listens is told")
{
    for (int listens = 0; listens < 2; listens++) {
        const rouse_fd pollable = listens != 0 ? queue_pollable(world->evq) : ROUSE_NO_FD;
        struct rouse_source *source;
        struct rouse_event event;
        rouse_fd ends[2];
        char bytes[20];
        int error;

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE);
        world_send(world, ends[1], 10);
        world_shutdown(world, ends[1]);
        CHECK_EQUAL(E3, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON), ROUSE_READABLE,
                    "the data");
        calls_fail(world, failure_of("kevent", ENOMEM), 1, true);
        error = world->evq->ops->arm(world->evq, source, ROUSE_READABLE);
        CHECK(X10, error == 0 || was_refused(error), "arm() says: %s", rouse_strerror(error));
        error = world->evq->ops->wait(world->evq, &event, 1, 0);
        CHECK(X10, error >= 0 || was_refused(error), "wait() says: %s", rouse_strerror(error));
        calls_end();
        if (source->armed != 0)
            CHECK_EQUAL(X10, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON),
                        ROUSE_READABLE, "the report after a look that was refused");
        CHECK_EQUAL(E3, world_read(world, ends[0], bytes, sizeof bytes), 10, "a short read");
        world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        CHECK(B2, queue_tells(pollable), "whoever listens is not told");
        CHECK_EQUAL(E3, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON), ROUSE_READABLE,
                    "the end");
        queue_close(world, source);
    }
}

CASE(x10_looks_that_are_refused_wait_on, "X10 E2 E11", NEEDS_KERNEL | NEEDS_FAILURES,
     "80 sources have been reported, each for the direction in which it is ready; they are armed "
     "again while the kernel refuses every look and what is done about it, and waited for with "
     "room for one; one is forgotten",
     "arm() and wait() say so, or not; each that is armed is reported afterwards, and no other")
{
    enum { ALL = 80 };
    static const unsigned directions[] = {ROUSE_READABLE, ROUSE_WRITABLE};
    static struct rouse_source sources[ALL];
    struct rouse_event event;
    int left = 0;

    for (int i = 0; i < ALL; i++) {
        const unsigned direction = directions[i % 2];
        rouse_fd ends[2];

        world_pair(world, ends);
        sources[i] = (struct rouse_source){.fd = ends[0]};
        world_arm(world, &sources[i], direction);
        if (direction == ROUSE_READABLE)
            queue_send(world, ends[1], ends[0]);
        CHECK_EQUAL(E2, world_wait_for(world, &sources[i], direction, WORLD_SOON), direction,
                    "the first report");
    }
    calls_fail(world, failure_of("kevent_change", ENOMEM), 1, true);
    for (int i = 0; i < ALL; i++) {
        const int error = world->evq->ops->arm(world->evq, &sources[i], directions[i % 2]);

        CHECK(X10, error == 0 || was_refused(error), "arm() says: %s", rouse_strerror(error));
        CHECK_EQUAL(E11, sources[i].armed, error == 0 ? directions[i % 2] : 0, "what is armed");
    }
    for (int i = 0; i < 3; i++) {
        const int count = world->evq->ops->wait(world->evq, &event, 1, 0);

        CHECK(X10, count == 1 || was_refused(count), "wait() says: %d", count);
    }
    calls_end();
    world_forget(world, &sources[ALL / 2]);
    for (int i = 0; i < ALL; i++)
        left += sources[i].armed != 0;
    while (left > 0
           && world->evq->ops->wait(world->evq, &event, 1, world_after(world, WORLD_SOON)) > 0)
        left--;
    CHECK_EQUAL(X10, left, 0, "reports that do not come");
    CHECK_EQUAL(E2, world->evq->ops->wait(world->evq, &event, 1, 0), 0, "reports of others");
    for (int i = 0; i < ALL; i++)
        world_forget(world, &sources[i]);
}

CASE(x10_a_look_that_is_refused_in_a_wait_loses_nothing, "X10 E2", NEEDS_KERNEL | NEEDS_FAILURES,
     "a source that is ready in both directions is armed again for one, and the kernel refuses the "
     "look that the next wait() takes, or the whole of it",
     "it is reported; or wait() says so, and the next one reports it")
{
    static const char *const calls[] = {"kevent_change", "kevent"};

    for (int i = 0; i < 4; i++) {
        const unsigned direction = i % 2 == 0 ? ROUSE_READABLE : ROUSE_WRITABLE;
        struct rouse_source *source;
        struct rouse_event event;
        rouse_fd ends[2];
        int count;

        world_pair(world, ends);
        source = world_source(world, ends[0]);
        if (direction == ROUSE_READABLE)
            queue_send(world, ends[1], ends[0]);
        world_arm(world, source, direction);
        CHECK_EQUAL(E2, world_wait_for(world, source, direction, WORLD_SOON), direction,
                    "the first report");
        world_arm(world, source, direction);
        calls_fail(world, failure_of(calls[i / 2], ENOMEM), 1, false);
        count = world->evq->ops->wait(world->evq, &event, 1, world_after(world, WORLD_SOON));
        CHECK(X10, (calls_end() > 0 && count == -ENOMEM) || count == 1, "%s, %s: wait() says: %d",
              calls[i / 2], queue_name(direction), count);
        if (count < 0)
            CHECK_EQUAL(X10, world_wait_for(world, source, direction, WORLD_SOON), direction,
                        "what is reported afterwards");
        queue_close(world, source);
    }
}

CASE(x10_a_writer_without_a_reader_that_is_refused, "X10 E4", NEEDS_KERNEL | NEEDS_FAILURES,
     "the reader of a pipe has gone, its writer is armed, and the kernel has no memory for the "
     "first change that this takes, or the second, or the third",
     "arm() says so and nothing of it is reported; or it is armed, and reported")
{
    for (int n = 1; n <= 3; n++) {
        struct rouse_source *source;
        rouse_fd ends[2];
        int error;

        world_pipe(world, ends);
        world_close(world, ends[0]);
        source = world_source(world, ends[1]);
        calls_fail(world, failure_of("kevent_change", ENOMEM), n, true);
        error = world->evq->ops->arm(world->evq, source, ROUSE_WRITABLE);
        calls_end();
        CHECK(X10, error == 0 || error == -ENOMEM, "change %d: arm() says: %s", n,
              rouse_strerror(error));
        if (error != 0) {
            CHECK(X10, source->armed == 0 && source->flags == 0, "change %d: something is left", n);
            CHECK_EQUAL(X10, world_quiet(world, source, 5), 0, "reports of what was refused");
            world_arm(world, source, ROUSE_WRITABLE);
        }
        CHECK_EQUAL(E4, world_wait_for(world, source, ROUSE_WRITABLE, WORLD_SOON), ROUSE_WRITABLE,
                    "what is reported of it");
        queue_close(world, source);
    }
}

CASES(fault_x10_moments) = {&x10_a_wake_that_is_interrupted_arrives,
                            &x10_a_far_deadline_on_an_older_kernel_is_far,
                            &x10_short_waits_on_an_older_kernel_do_not_spin,
                            &x10_a_queue_whose_descriptor_has_gone_says_so,
                            &x10_a_queue_that_opens_all_the_same_serves,
                            &x10_an_arm_that_is_refused_half_way_changes_nothing,
                            &x10_a_descriptor_that_cannot_tell_is_not_given,
                            &x10_forgetting_when_nothing_can_be_submitted,
                            &x10_a_first_wait_when_nothing_can_be_submitted,
                            &x10_listening_when_nothing_can_be_submitted,
                            &x10_what_is_prepared_when_nothing_can_be_submitted_is_kept,
                            &x10_a_first_wait_that_is_refused_once_is_woken,
                            &x10_what_is_armed_when_nothing_can_be_submitted_is_told,
                            &x10_a_writer_whose_peer_says_no_more_while_nothing_can_be_submitted,
                            &x10_a_descriptor_closed_too_early_haunts_nobody,
                            &x10_a_look_that_is_refused_loses_nothing,
                            &x10_an_end_behind_data_is_told_after_an_arm_that_was_refused,
                            &x10_looks_that_are_refused_wait_on,
                            &x10_a_look_that_is_refused_in_a_wait_loses_nothing,
                            &x10_a_writer_without_a_reader_that_is_refused};

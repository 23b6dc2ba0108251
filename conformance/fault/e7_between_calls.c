/*
 * e7_between_calls.c -- what another thread does between two system calls of ours.
 *
 * Where threads meet by chance, most chances never come: the gap between a call and the next
 * is some hundred nanoseconds. Here it is as long as the other thread likes (calls.h), and
 * each gap is tried, one after the other, until there is none left. What comes in the one
 * before a wait() sleeps, or in the one after it has woken, is what gets lost.
 */
#include "calls.h"

#include "../../src/base/clock.h"
#include "../evq/queue.h"
#include "../task/puppet.h"

/* Where a queue makes very many calls, these are tried; ours make fewer. */
enum { GAPS = 60 };

static void wake_queue(void *argument)
{
    world_wake(argument);
}

/* -- Wakes ------------------------------------------------------------------- */

struct alarm {
    struct world *world;
    rouse_time rung;
};

static void ring(void *argument)
{
    struct alarm *alarm = argument;

    alarm->rung = rouse__clock(); /* the queue's own is for its thread (E8) */
    world_wake(alarm->world);
}

/* Whether a wait() ends that is woken in front of its first call. Where that by which it sleeps
 * is none of those in calls.h, the first one comes when it has slept. */
static bool ends_when_rung(struct world *world)
{
    enum { LONG = 400 };
    const rouse_time begun = rouse__clock();
    struct alarm alarm = {.world = world, .rung = begun};

    calls_meet(1, ring, &alarm);
    world_turn(world, LONG);
    calls_end();
    return rouse__clock() - begun < ROUSE_MS(LONG) || alarm.rung - begun > ROUSE_MS(LONG / 2);
}

CASE(e7_a_wake_between_any_two_calls_of_a_wait_is_heard, "E7 E9", NEEDS_KERNEL | NEEDS_FAILURES,
     "a wait() that was woken is woken once more, before and after each system call that it makes; "
     "then the next one is woken, before it begins or in front of its first call",
     "each wake ends a wait(), and no more of them end than were woken")
{
    for (int late = 0; late < 2; late++) {
        bool met = true;

        for (int n = 1; met && n <= GAPS; n++) {
            world_wake(world);
            calls_meet(n, wake_queue, world);
            CHECK(E7, queue_ends_early(world, WORLD_SOON), "gap %d: it was woken before", n);
            met = calls_met();
            calls_end();
            if (late == 0)
                world_wake(world);
            CHECK(E7, late != 0 ? ends_when_rung(world) : queue_ends_early(world, WORLD_SOON),
                  "gap %d: the next wait()", n);
            CHECK(E9, !queue_ends_early(world, 2) || !queue_ends_early(world, 2),
                  "gap %d: three wakes, and four waits that ended", n);
        }
    }
}

CASE(b2_a_wake_between_any_two_calls_of_a_turn_is_told, "B2 E7", NEEDS_KERNEL | NEEDS_FAILURES,
     "a queue whose descriptor somebody listens to is woken, and turned without waiting; before or "
     "after one of its system calls comes another wake, and then, after the turn, a third",
     "the descriptor tells of it, whichever call it was, and then comes to rest")
{
    const rouse_fd fd = queue_pollable(world->evq);
    bool met = true;

    for (int n = 1; met && n <= GAPS; n++) {
        CHECK(B2, queue_comes_to_rest(world, fd), "gap %d: no rest", n);
        world_wake(world);
        calls_meet(n, wake_queue, world);
        world_turn(world, 0);
        met = calls_met();
        calls_end();
        world_wake(world);
        CHECK(B2, queue_tells(fd), "gap %d: the third wake is not told", n);
    }
}

/* A future that is woken by itself, and then by another thread, twice. */
struct letters {
    struct puppet puppet;
    struct rouse_waker waker;
    uintptr_t came; /* atomic: of the other thread */
    int gap;        /* of the first one */
    bool met;       /* it came */
};

static void send_letter(void *argument)
{
    struct letters *letters = argument;

    atomic_fetch_add(&letters->came, 1);
    rouse_wake_by_ref(&letters->waker);
}

static enum rouse_poll letters_poll(struct puppet *self, struct rouse_context *cx)
{
    struct letters *letters = self->with;
    const uintptr_t came = atomic_load_acquire(&letters->came);

    if (self->polls == 1) {
        rouse_waker_keep(&letters->waker, cx->waker);
        rouse_wake_by_ref(&letters->waker);
        calls_meet(letters->gap, send_letter, letters);
        return ROUSE_PENDING;
    }
    if (self->polls == 2) {
        letters->met = calls_met();
        calls_meet(1, send_letter, letters); /* just before it sleeps */
        return ROUSE_PENDING;
    }
    return came == (letters->met ? 2 : 1) ? puppet_finish(self, cx) : ROUSE_PENDING;
}

CASE(b3_a_wake_between_any_two_calls_of_a_wait_is_heard, "B3 F4", NEEDS_FAILURES,
     "a future wakes itself, and another thread wakes it before and after each system call of the "
     "wait for it; and then once more, as the thread is about to sleep",
     "each wake leads to a poll, and the last of them is not lost")
{
    struct letters letters = {.met = true};

    for (letters.gap = 1; letters.met && letters.gap <= GAPS; letters.gap++) {
        struct limit *limit = LIMIT(B3, "rouse_wait() does not hear a wake");

        letters.came = 0;
        puppet_make(&letters.puppet, letters_poll);
        letters.puppet.with = &letters;
        CHECK_EQUAL(B3, rouse_wait(&letters.puppet.future, NULL), 0, "the result");
        calls_end();
        rouse_waker_drop(&letters.waker);
        limit_stop(limit);
        CHECK(F4, letters.puppet.polls <= 4, "%d polls for three wakes",
              (int) letters.puppet.polls);
    }
}

/* -- Reports ----------------------------------------------------------------- */

/* A source, and what makes it ready. */
struct subject {
    struct world *world;
    rouse_fd ends[2];
    struct rouse_source *source;
    unsigned direction;
};

static void make_ready(void *argument)
{
    struct subject *subject = argument;

    if (subject->direction == ROUSE_READABLE)
        queue_send(subject->world, subject->ends[1], subject->ends[0]);
    else
        world_make_room(subject->world, subject->ends[0], subject->ends[1]);
}

/* Tries what it is not ready for, until it is. */
static bool is_refused(struct subject *subject)
{
    static char bytes[4096];
    intptr_t count;

    if (subject->direction == ROUSE_READABLE)
        count = world_read(subject->world, subject->ends[0], bytes, 1);
    else
        count = world_write(subject->world, subject->ends[0], bytes, sizeof bytes);
    return count == -EAGAIN;
}

/* Arms in each way that there is, as a program does that finds nothing again and again.
 * False once it was found ready. */
static bool wait_for_it(struct subject *subject)
{
    struct world *world = subject->world;

    if (!is_refused(subject))
        return false;
    world_arm(world, subject->source, subject->direction);
    world_turn(world, 0);
    world_arm(world, subject->source, subject->direction); /* once more, or after a report */
    world_turn(world, 0);
    if (!is_refused(subject))
        return false;
    world_arm(world, subject->source, subject->direction | ROUSE_DRAINED);
    world_turn(world, 0);
    world_forget(world, subject->source);
    world_arm(world, subject->source, subject->direction);
    world_turn(world, 0);
    if (!is_refused(subject))
        return false;
    world_arm(world, subject->source, subject->direction | ROUSE_DRAINED);
    return true;
}

/* In each gap in turn. `listened`: the descriptor that has to tell of it, or ROUSE_NO_FD. */
static void try_gaps(struct world *world, unsigned direction, int kind, rouse_fd listened)
{
    struct subject subject = {.world = world, .direction = direction};
    bool met = true;

    for (int n = 1; met && n <= GAPS; n++) {
        bool missing;

        queue_pair(world, kind, subject.ends);
        subject.source = world_source(world, subject.ends[0]);
        if (direction == ROUSE_WRITABLE)
            world_fill(world, subject.ends[0]);
        calls_meet(n, make_ready, &subject);
        missing = wait_for_it(&subject);
        met = calls_met();
        calls_end();
        if (!met)
            make_ready(&subject);
        CHECK(B2, !missing || queue_tells(listened), "%s, %s, gap %d: not told", queue_kind(kind),
              queue_name(direction), n);
        CHECK(E2, !missing || queue_reports(world, subject.source, direction),
              "%s, %s, gap %d: no report", queue_kind(kind), queue_name(direction), n);
        queue_close(world, subject.source);
        world_close(world, subject.ends[1]);
    }
}

CASE(e2_what_comes_between_any_two_calls_is_reported, "E2 E3 E5 B2", NEEDS_KERNEL | NEEDS_FAILURES,
     "a stream is tried, armed, waited for, forgotten, armed, with the hint and without, and then "
     "somebody listens to the queue's descriptor; before or after one of the system calls of all "
     "that there is a byte, or room",
     "it is found, or reported, whichever call it was; and the descriptor told of it")
{
    rouse_fd listened = ROUSE_NO_FD;

    for (int i = 0; i < 2; i++) {
        for (int kind = 0; kind < QUEUE_KINDS; kind++) {
            try_gaps(world, ROUSE_READABLE, kind, listened);
            try_gaps(world, ROUSE_WRITABLE, kind, listened);
        }
        listened = queue_pollable(world->evq);
    }
}

/* -- Tasks ------------------------------------------------------------------- */

enum deed { WAKES, SPAWNS, CANCELS, DEEDS };

static const char *const deeds[] = {"a wake", "a spawn", "a cancel"};

/* A runtime, a task that reads, and one that another thread does something to. */
struct meeting {
    struct rouse rt;
    struct puppet puppet;
    enum deed deed;
};

static void do_it(void *argument)
{
    struct meeting *meeting = argument;

    meeting->puppet.act = puppet_finish;
    if (meeting->deed == WAKES)
        rouse_wake_by_ref(&meeting->puppet.waker);
    else if (meeting->deed == SPAWNS)
        puppet_spawn(&meeting->rt.executor, &meeting->puppet);
    else
        rouse_cancel(&meeting->puppet.task);
}

CASE(t2_what_is_done_between_any_two_calls_of_a_turn_is_done, "T2 W4 T9",
     NEEDS_KERNEL | NEEDS_FAILURES,
     "a runtime is turned: a task reads, is refused, waits, and gets its byte; before or after one "
     "of the system calls another thread wakes a task, spawns one, or cancels one",
     "that task is polled and ends, or is dropped, in the turns that follow")
{
    static const enum guarantee broken[] = {GUARANTEE_W4, GUARANTEE_T2, GUARANTEE_T9};

    for (int deed = 0; deed < DEEDS; deed++) {
        bool met = true;

        for (int n = 1; met && n <= GAPS; n++) {
            struct meeting meeting = {.deed = (enum deed) deed};
            struct rouse_task task = {0};
            struct rouse_tcp tcp;
            struct rouse_read read;
            rouse_fd ends[2];
            char byte;

            world_runtime(world, &meeting.rt);
            puppet_make(&meeting.puppet, puppet_wait);
            if (deed != SPAWNS)
                puppet_spawn(&meeting.rt.executor, &meeting.puppet);
            world_settle(world, &meeting.rt);
            world_pair(world, ends);
            rouse_tcp_open(&tcp, &meeting.rt.reactor, world_give(world, ends[0]));
            read = rouse_read(&tcp, &byte, 1);
            calls_meet(n, do_it, &meeting);
            rouse_spawn(&meeting.rt.executor, &task, &read.future, NULL);
            rouse_turn(&meeting.rt, 0);
            world_send(world, ends[1], 1);
            rouse_turn(&meeting.rt, world_after(world, WORLD_SOON));
            met = calls_met();
            calls_end();
            if (!met)
                thread_join(thread_start(do_it, &meeting));
            suite_check(
                broken[deed],
                world_run_until(world, &meeting.rt, puppet_is_over, &meeting.puppet, WORLD_SOON),
                "the task is over", __FILE__, __LINE__, "gap %d: %s came to nothing", n,
                deeds[deed]);
            CHECK_EQUAL(T9, meeting.puppet.drops, deed == CANCELS, "drops");
            rouse_tcp_close(&tcp);
            rouse_close(&meeting.rt);
            world_close(world, ends[1]);
        }
    }
}

CASES(fault_between_calls) = {&e7_a_wake_between_any_two_calls_of_a_wait_is_heard,
                              &b2_a_wake_between_any_two_calls_of_a_turn_is_told,
                              &b3_a_wake_between_any_two_calls_of_a_wait_is_heard,
                              &e2_what_comes_between_any_two_calls_is_reported,
                              &t2_what_is_done_between_any_two_calls_of_a_turn_is_done};

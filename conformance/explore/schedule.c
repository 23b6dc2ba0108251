/*
 * schedule.c -- runs a program under every schedule that its bound allows.
 *
 * Threads are coroutines, so that one runs at a time and only gives way where it asks
 * explore_point(): before each atomic operation, where it sleeps, and where it yields. What
 * happens between two such points touches memory of its own, or the race detector of
 * memory.c reports it; so no order of anything finer can matter.
 *
 * The search is stateless: a run is a list of choices, and the next run repeats it up to the
 * last choice that has an alternative left, and takes that. Choice 0 is always to go on, so
 * that a schedule is told by its few other choices: "12:1 30:2" is option 1 at the twelfth
 * place where there was a choice, and option 2 at the thirtieth.
 *
 * The bound counts preemptions: changes of thread where the old one could have gone on.
 * Bugs need few of those (M. Musuvathi, S. Qadeer: "Iterative context bounding for systematic
 * testing of multithreaded programs", PLDI 2007). Changes at a sleep, a yield or an end cost
 * nothing. Other rare things cost one, too: an old value in a load, a compare-exchange that
 * fails for no reason.
 *
 * A yield says that the thread can do nothing until another has done something, and so it is
 * held back until then ("Fair stateless model checking", the same, PLDI 2008). If there is no
 * other, or all go on so for long, the program is awake for ever.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "engine.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

enum {
    STACK = 256 * 1024,
    STEPS = 4000,   /* of one run; a correct program needs some hundred */
    CHOICES = 8000, /* in one run: no more than two for a step */
    YIELDS = 8,     /* of one thread, in a row, while no other can run */
    MAIN = EXPLORE_EVERYBODY
};

struct fiber {
    ucontext_t context;
    void *stack; /* NULL: the process's own */
    void *fake;  /* ASan's, while it does not run */
    bool fresh;  /* has not begun */
};

struct thread {
    void (*body)(void);
    bool (*so)(const void *of); /* what it sleeps for, or NULL */
    const void *of;
    const char *what; /* the same in words */
    bool yielded;
    bool done;
    const void *here; /* its rouse__executor_here */
};

struct choice {
    uint8_t taken, of;
};

static struct fiber fibers[EXPLORE_EVERYBODY + 1];
static struct thread threads[EXPLORE_EVERYBODY];
static char names[EXPLORE_EVERYBODY]; /* their addresses are the threads' names */

static struct choice choices[CHOICES];
static unsigned chosen;   /* choices made in this run */
static unsigned repeated; /* the first of them, which are given */

static const struct explore_program *program;
static struct explore_options options;
static struct explore_outcome *outcome;
static unsigned self;
static unsigned count;       /* threads of the program */
static unsigned preemptions; /* that are left in this run */
static unsigned steps, yields;
static bool alone;    /* nobody else may run: begin() and end() */
static bool starting; /* nobody has run, so that the first is nobody's preemption */
static bool saying;   /* a replay */

/* The library's, which would be each thread's own. */
extern const struct rouse_executor *rouse__executor_here;

/* ---- coroutines */

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

static void leave(struct fiber *from, const struct fiber *to)
{
    __sanitizer_start_switch_fiber(&from->fake, to->stack, STACK);
}

static void arrive(struct fiber *at)
{
    static const void *stack;
    static size_t size;

    __sanitizer_finish_switch_fiber(at->fresh ? NULL : at->fake, at->fresh ? &stack : NULL, &size);
    /* The process's own stack, whose place is known only now. */
    if (at->fresh && fibers[MAIN].stack == NULL)
        fibers[MAIN].stack = (void *) (uintptr_t) stack;
}

static void scrub(const struct fiber *fiber)
{
    ASAN_UNPOISON_MEMORY_REGION(fiber->stack, STACK);
}
#else
static void leave(struct fiber *from, const struct fiber *to)
{
    (void) from;
    (void) to;
}

static void arrive(struct fiber *at)
{
    (void) at;
}

static void scrub(const struct fiber *fiber)
{
    (void) fiber;
}
#endif

static void go(unsigned to)
{
    const unsigned from = self;

    if (from < MAIN)
        threads[from].here = rouse__executor_here;
    if (to < MAIN)
        rouse__executor_here = threads[to].here;
    self = to;
    leave(&fibers[from], &fibers[to]);
    swapcontext(&fibers[from].context, &fibers[to].context);
    arrive(&fibers[from]);
}

static void pick(void);

/* A thread's whole life: one run after another. */
static void live(void)
{
    arrive(&fibers[self]);
    fibers[self].fresh = false;
    for (;;) {
        struct thread *thread = &threads[self];

        thread->body();
        thread->done = true;
        if (self == EXPLORE_THREADS)
            go(MAIN);
        else
            pick();
    }
}

static void make_fiber(unsigned number)
{
    struct fiber *fiber = &fibers[number];

    if (fiber->stack == NULL)
        fiber->stack = malloc(STACK);
    if (fiber->stack == NULL || getcontext(&fiber->context) < 0)
        abort();
    scrub(fiber);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK;
    fiber->context.uc_link = NULL;
    fiber->fresh = true;
    makecontext(&fiber->context, live, 0);
}

/* ---- choices */

static unsigned choose(unsigned of)
{
    unsigned taken = 0;

    if (of == 1)
        return 0;
    if (chosen == CHOICES)
        explore_fail("more than %d choices in one run", (int) CHOICES);
    if (chosen < repeated)
        taken = choices[chosen].taken;
    if (taken >= of)
        explore_fail("choice %u has no option %u: the schedule is another program's, or this one "
                     "does not do the same each time",
                     chosen, taken);
    choices[chosen].taken = (uint8_t) taken;
    choices[chosen].of = (uint8_t) of;
    chosen++;
    return taken;
}

unsigned explore_choose(unsigned of)
{
    unsigned taken;

    if (alone || preemptions == 0)
        return 0;
    taken = choose(of);
    if (taken != 0)
        preemptions--;
    return taken;
}

/* To the next schedule; false when there is none. */
static bool next_schedule(void)
{
    while (chosen > 0 && choices[chosen - 1].taken + 1 == choices[chosen - 1].of)
        chosen--;
    if (chosen == 0)
        return false;
    choices[chosen - 1].taken++;
    repeated = chosen;
    return true;
}

static void tell_schedule(char *text, size_t size)
{
    size_t length = 0;
    unsigned i;

    text[0] = '\0';
    for (i = 0; i < chosen; i++)
        if (choices[i].taken != 0 && length < size)
            length += (size_t) snprintf(text + length, size - length, "%s%u:%u",
                                        length > 0 ? " " : "", i, choices[i].taken);
    if (text[0] == '\0')
        snprintf(text, size, "0:0");
}

static void take_schedule(const char *text)
{
    unsigned at, taken;
    int length;

    memset(choices, 0, sizeof choices);
    repeated = 0;
    while (sscanf(text, " %u:%u%n", &at, &taken, &length) == 2 && at < CHOICES) {
        choices[at].taken = (uint8_t) taken;
        repeated = at + 1;
        text += length;
    }
}

/* ---- who runs next */

static bool is_ready(const struct thread *thread)
{
    return !thread->done && !thread->yielded && (thread->so == NULL || thread->so(thread->of));
}

/* Something happened that yielding threads may have waited for. */
static void stir(unsigned by)
{
    unsigned i;

    for (i = 0; i < count; i++)
        if (i != by)
            threads[i].yielded = false;
}

/* Nobody can go on. Does nothing if that is because all have ended, or yielded and may
 * look once more. */
static void nobody(void)
{
    char who[200] = "";
    bool yielded = false;
    size_t length = 0;
    unsigned i;

    for (i = 0; i < count; i++) {
        if (threads[i].done)
            continue;
        yielded = yielded || threads[i].yielded;
        length += (size_t) snprintf(who + length, sizeof who - length, "%sthread %u %s",
                                    length > 0 ? ", " : "", i,
                                    threads[i].yielded ? "turns round" : threads[i].what);
    }
    if (length == 0)
        return;
    if (!yielded)
        explore_fail("nobody can go on: %s", who);
    if (++yields > YIELDS)
        explore_fail("awake for ever: %s", who);
    stir(EXPLORE_EVERYBODY);
}

/* Gives the turn to whom the schedule says. Returns when it is the caller's again. */
static void pick(void)
{
    for (;;) {
        unsigned who[EXPLORE_EVERYBODY + EXPLORE_THREADS], n = 0, taken, i;
        const bool goes_on = !starting && self < count && is_ready(&threads[self]);

        if (++steps > STEPS)
            explore_fail("no end after %d steps", (int) STEPS);
        if (goes_on)
            who[n++] = self;
        if (!goes_on || preemptions > 0)
            for (i = 0; i < count; i++)
                if (!(goes_on && i == self) && is_ready(&threads[i]))
                    who[n++] = i;
        for (i = 0; i < count; i++)
            if (memory_has_buffered(i))
                who[n++] = EXPLORE_EVERYBODY + i;
        if (n == 0) {
            nobody();
            for (i = 0; i < count && threads[i].done; i++) {
            }
            if (i < count)
                continue;
            go(MAIN); /* this run is over */
            return;
        }
        taken = choose(n);
        if (who[taken] >= EXPLORE_EVERYBODY) {
            memory_flush_one(who[taken] - EXPLORE_EVERYBODY);
            stir(EXPLORE_EVERYBODY);
            continue;
        }
        starting = false;
        if (goes_on && who[taken] != self)
            preemptions--;
        stir(who[taken]);
        if (who[taken] != self) {
            yields = 0;
            go(who[taken]);
        }
        return;
    }
}

void explore_point(void)
{
    if (!alone)
        pick();
}

unsigned explore_self(void)
{
    return self;
}

const void *rouse__thread(void)
{
    return &names[self];
}

void rouse__thread_yield(void)
{
    if (alone)
        explore_fail("waits for a thread that there is not");
    threads[self].yielded = true;
    pick();
    threads[self].yielded = false;
}

void explore_sleep_until(bool (*so)(const void *of), const void *of, const char *what)
{
    struct thread *thread = &threads[self];

    if (alone) {
        explore_check(so(of), what);
        return;
    }
    thread->so = so;
    thread->of = of;
    thread->what = what;
    pick();
    thread->so = NULL;
    explore_say("goes on: no longer %s", what);
}

static bool is_set(const void *of)
{
    return *(const uintptr_t *) of != 0;
}

void explore_await(const uintptr_t *word, const char *what)
{
    explore_sleep_until(is_set, word, what);
    while (atomic_load_acquire(word) == 0) {
        rouse__thread_yield(); /* where loads may find old values */
    }
}

/* ---- failures, and what is said */

_Noreturn void explore_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(outcome->what, sizeof outcome->what, format, arguments);
    va_end(arguments);
    outcome->failed = true;
    explore_say("FAILS: %s", outcome->what);
    go(MAIN);
    abort(); /* nobody comes back here */
}

void explore_check(bool holds, const char *broken)
{
    if (!holds)
        explore_fail("%s", broken);
}

void rouse_misuse(const char *what, const char *name)
{
    explore_fail("misuse: %s (%s)", what, name != NULL ? name : "unnamed");
}

void explore_say(const char *format, ...)
{
    va_list arguments;

    if (!saying)
        return;
    printf("    %4u  %*sthread %u  ", chosen, (int) (self < MAIN ? self * 4 : 0), "", self);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* ---- runs */

/* The first thread prepares the program, alone, and then is one of its threads. */
static void begin_and_run(void)
{
    if (program->begin != NULL)
        program->begin();
    for (unsigned i = 1; i < count; i++)
        memory_start_thread(i, 0);
    alone = false;
    starting = true;
    explore_point();
    program->thread[0]();
}

static void end(void)
{
    for (unsigned i = 0; i < count; i++)
        memory_join_thread(i, EXPLORE_THREADS);
    if (program->end != NULL)
        program->end();
}

#ifndef HAVE_ASAN
/* What the explored code does to itself is a failure like others, with a schedule. The
 * handler has a stack of its own, and leaves it for the search's. */
static void on_crash(int number)
{
    if (self == MAIN) {
        signal(number, SIG_DFL); /* it was us */
        return;
    }
    explore_fail("thread %u crashes: signal %d", self, number);
}

static void watch_crashes(void)
{
    static char handlers_stack[64 * 1024];
    const stack_t stack = {.ss_sp = handlers_stack, .ss_size = sizeof handlers_stack};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};

    (void) sigaltstack(&stack, NULL);
    (void) sigaction(SIGSEGV, &action, NULL);
    (void) sigaction(SIGBUS, &action, NULL);
    (void) sigaction(SIGFPE, &action, NULL);
}
#else
static void watch_crashes(void)
{
    /* The sanitizer tells of them. */
}
#endif

static void run_once(void)
{
    unsigned i;

    memory_begin(options.model);
    kernel_begin();
    for (i = 0; i < EXPLORE_EVERYBODY; i++) {
        struct thread *thread = &threads[i];

        memset(thread, 0, sizeof *thread);
        if (i == 0)
            thread->body = begin_and_run;
        else if (i == EXPLORE_THREADS)
            thread->body = end;
        else
            thread->body = program->thread[i];
    }
    chosen = 0;
    steps = yields = 0;
    preemptions = options.bound;
    outcome->failed = false;
    alone = true;
    go(0);
    if (!outcome->failed) {
        alone = true;
        go(EXPLORE_THREADS);
    }
    outcome->runs++;
    if (steps > outcome->longest)
        outcome->longest = steps;
}

static void prepare(const struct explore_program *chosen_program,
                    const struct explore_options *chosen_options, struct explore_outcome *result)
{
    program = chosen_program;
    options = *chosen_options;
    outcome = result;
    memset(result, 0, sizeof *result);
    for (count = 0; count < EXPLORE_THREADS && program->thread[count] != NULL; count++) {
    }
    self = MAIN;
    watch_crashes();
    for (unsigned i = 0; i < EXPLORE_EVERYBODY; i++)
        make_fiber(i);
}

void explore(const struct explore_program *chosen_program,
             const struct explore_options *chosen_options, struct explore_outcome *result)
{
    prepare(chosen_program, chosen_options, result);
    repeated = 0;
    do {
        run_once();
        if (result->failed) {
            tell_schedule(result->schedule, sizeof result->schedule);
            return;
        }
        if (options.limit != 0 && result->runs == options.limit)
            return;
    } while (next_schedule());
    result->complete = true;
}

void explore_again(const struct explore_program *chosen_program,
                   const struct explore_options *chosen_options, const char *schedule,
                   struct explore_outcome *result)
{
    prepare(chosen_program, chosen_options, result);
    take_schedule(schedule);
    run_once();
}

void explore_replay(const struct explore_program *chosen_program,
                    const struct explore_options *chosen_options, const char *schedule,
                    struct explore_outcome *result)
{
    saying = true;
    explore_again(chosen_program, chosen_options, schedule, result);
    saying = false;
}

/*
 * trace.c -- the queue that writes down, the points of rest, and their comparison.
 */
#include "trace.h"

#include "../fault/calls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTORS_MAX = 64,
    NAMED_MAX = 128,
    POINTS_MAX = 16,
    LENT_MAX = 64,
    LINES_MAX = 512, /* of one normal form */
    LINE_MAX_ = 96,
    LABEL_MAX = 160
};

struct named {
    rouse_fd fd;
    const char *name;
    struct rouse_source *source; /* while a queue knows it */
};

struct point {
    char label[LABEL_MAX];
    int moves; /* of programs: the statements of its tasks since the point before */
    int lines;
    char line[LINES_MAX][LINE_MAX_]; /* sorted: the normal form */
    uint64_t hash;                   /* of this and all before */
};

struct trace {
    struct rouse_evq base;
    struct rouse_evq_ops ops;
    struct rouse_evq *inner;
    struct rouse_inspector inspector;
    struct world *world;
    struct memory *memory; /* where the runtime's comes from */
    bool suffers;          /* memory or system calls fail, though not for what the script makes */
    int expects;           /* the error that may then be told, and was told by a turn */
    bool told;
    const char *backend;
    const struct trace *expected; /* what sim did, or NULL */
    struct rouse rt;
    struct actor actors[ACTORS_MAX];
    int actor_count;
    struct named named[NAMED_MAX];
    int named_count;
    struct point *points;
    int point_count;
    struct point results; /* what actors said since the last point */
    int moves;            /* and how many statements they did */
    int reports;
    int mistaken; /* of those, what was not ready: a queue may err, once for each arm() (E6) */
    int spurious;
    char complaint[LABEL_MAX]; /* of who looked on, or "" */
    void *lent[LENT_MAX];
    int lent_count;
    char *text; /* the lines, as JSON */
    size_t size, room;
    int events; /* lines of arm, report, wake, poll and result */
};

/* --- writing down --- */

static void write_text(struct trace *trace, const char *format, va_list arguments)
{
    char line[512];
    const int length = vsnprintf(line, sizeof line, format, arguments);

    if (trace->size + (size_t) length + 1 > trace->room) {
        char *text = (char *) realloc(trace->text, trace->room * 2 + sizeof line);

        if (text == NULL)
            suite_error("no memory for a trace");
        trace->text = text;
        trace->room = trace->room * 2 + sizeof line;
    }
    memcpy(trace->text + trace->size, line, (size_t) length + 1);
    trace->size += (size_t) length;
}

SUITE_PRINTF(3, 4)
static void append(struct trace *trace, int events, const char *format, ...)
{
    va_list arguments;

    /* Wakes come from any thread. */
    thread_lock();
    va_start(arguments, format);
    write_text(trace, format, arguments);
    va_end(arguments);
    trace->events += events;
    thread_unlock();
}

/* A line of what happened, as against what the script did and where things stand. */
#define write_event(trace, ...) append(trace, 1, __VA_ARGS__)
#define write_line(trace, ...) append(trace, 0, __VA_ARGS__)

static const char *directions_text(unsigned directions)
{
    static const char *const texts[] = {"nothing", "readable", "writable", "readable+writable"};

    return texts[directions & (ROUSE_READABLE | ROUSE_WRITABLE)];
}

/* --- names --- */

struct world *trace_world(struct trace *trace)
{
    return trace->world;
}

struct rouse *trace_runtime(struct trace *trace)
{
    return &trace->rt;
}

void trace_complain(struct trace *trace, const char *guarantee, const char *complaint)
{
    snprintf(trace->complaint, sizeof trace->complaint, "%s: %s", guarantee, complaint);
}

struct rouse_reactor *trace_reactor(struct trace *trace)
{
    return &trace->rt.reactor;
}

/* The newest one wins: numbers are used again. */
static struct named *find_named(struct trace *trace, rouse_fd fd)
{
    int i;

    for (i = trace->named_count; i-- > 0;)
        if (trace->named[i].fd == fd)
            return &trace->named[i];
    return NULL;
}

rouse_fd trace_name(struct trace *trace, const char *name, rouse_fd fd)
{
    struct named *named = &trace->named[trace->named_count++];

    if (trace->named_count > NAMED_MAX)
        suite_error("too many names in a scenario");
    named->fd = fd;
    named->name = name;
    named->source = NULL;
    return fd;
}

static const char *name_of(struct trace *trace, const struct rouse_source *source)
{
    const struct named *named = find_named(trace, source->fd);

    return named != NULL ? named->name : "unnamed";
}

/* --- the queue --- */

static struct trace *trace_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct trace, base);
}

static int trace_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct trace *trace = trace_of(evq);
    const int error = trace->inner->ops->arm(trace->inner, source, interest);
    struct named *named = find_named(trace, source->fd);

    if (named != NULL)
        named->source = source;
    write_event(trace, "{\"arm\":\"%s\",\"for\":\"%s\",\"result\":%d}\n", name_of(trace, source),
                directions_text(interest), error);
    return error;
}

static void trace_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct trace *trace = trace_of(evq);
    struct named *named = find_named(trace, source->fd);

    if (named != NULL)
        named->source = NULL;
    write_line(trace, "{\"forget\":\"%s\"}\n", name_of(trace, source));
    trace->inner->ops->forget(trace->inner, source);
}

static int trace_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct trace *trace = trace_of(evq);
    const int count = trace->inner->ops->wait(trace->inner, events, capacity, deadline);
    int i;

    for (i = 0; i < count; i++) {
        write_event(trace, "{\"report\":\"%s\",\"of\":\"%s\"}\n", name_of(trace, events[i].source),
                    directions_text(events[i].ready));
        if (find_named(trace, events[i].source->fd) != NULL)
            trace->mistaken +=
                (events[i].ready & ~world_ready(trace->world, events[i].source->fd)) != 0;
    }
    trace->reports += count > 0 ? count : 0;
    return count;
}

static void trace_wake(struct rouse_evq *evq)
{
    struct trace *trace = trace_of(evq);

    trace->inner->ops->wake(trace->inner);
}

static rouse_time trace_now(struct rouse_evq *evq)
{
    struct trace *trace = trace_of(evq);

    return trace->inner->ops->now(trace->inner);
}

/* --- actors --- */

static struct actor *actor_of(struct rouse_task *task)
{
    return rouse_container_of(task, struct actor, task);
}

void actor_woken(struct actor *actor)
{
    if (actor->state != ACTOR_LIVES) /* else it lives again, under its old name */
        actor->polls = 0;
    actor->state = ACTOR_LIVES;
    write_event(actor->trace, "{\"wake\":\"%s\"}\n", actor->name);
}

void actor_polled(struct actor *actor, enum rouse_poll poll)
{
    if (poll == ROUSE_PENDING && !actor->progressed && actor->polls > 0)
        actor->trace->spurious++;
    actor->polls++;
    actor->progressed = false;
    write_event(actor->trace, "{\"poll\":\"%s\",\"is\":\"%s\"}\n", actor->name,
                poll == ROUSE_READY ? "ready" : "pending");
}

void actor_moved(struct actor *actor, int statements, int at, const char *statement)
{
    actor->progressed |= statements > 0;
    actor->trace->moves += statements;
    snprintf(actor->where, sizeof actor->where, " at %d, %s", at, statement);
}

void actor_ended(struct actor *actor, intptr_t result)
{
    actor->state = ACTOR_ENDED;
    actor->result = result;
    write_event(actor->trace, "{\"ended\":\"%s\",\"result\":%ld}\n", actor->name, (long) result);
}

static void on_woken(struct rouse_inspector *self, struct rouse_task *task)
{
    (void) self;
    actor_woken(actor_of(task));
}

static void on_polled(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    (void) self;
    actor_polled(actor_of(task), poll);
}

static void on_ended(struct rouse_inspector *self, struct rouse_task *task, intptr_t result)
{
    (void) self;
    actor_ended(actor_of(task), result);
}

struct actor *trace_actor(struct trace *trace, const char *name)
{
    struct actor *actor = &trace->actors[trace->actor_count++];

    if (trace->actor_count > ACTORS_MAX)
        suite_error("too many actors in a scenario");
    actor->trace = trace;
    actor->name = name;
    return actor;
}

void trace_spawn(struct actor *actor, struct rouse_future *future)
{
    rouse_spawn_held(&actor->trace->rt.executor, &actor->task, future, NULL);
}

SUITE_PRINTF(2, 3) static void add_line(struct point *point, const char *format, ...)
{
    va_list arguments;

    if (point->lines == LINES_MAX)
        suite_error("a normal form of more than %d lines", LINES_MAX);
    va_start(arguments, format);
    vsnprintf(point->line[point->lines++], LINE_MAX_, format, arguments);
    va_end(arguments);
}

/* Errors in words: their numbers are the system's. `text` is where a count is written. */
static const char *result_text(intptr_t result, char text[24])
{
    if (result < 0)
        return rouse_strerror(result);
    snprintf(text, 24, "%ld", (long) result);
    return text;
}

void actor_says(struct actor *actor, const char *await, intptr_t result)
{
    struct trace *trace = actor->trace;
    char text[24];

    actor->progressed = true;
    add_line(&trace->results, "%s: %s was %s", actor->name, await, result_text(result, text));
    write_event(trace, "{\"result\":\"%s\",\"of\":\"%s\",\"is\":%ld}\n", actor->name, await,
                (long) result);
}

void *trace_lend(struct trace *trace, size_t size)
{
    void *lent = calloc(1, size);

    if (lent == NULL || trace->lent_count == LENT_MAX)
        suite_error("no memory for a scenario");
    trace->lent[trace->lent_count++] = lent;
    return lent;
}

void trace_step(struct trace *trace, const char *what)
{
    write_line(trace, "{\"step\":\"%s\"}\n", what);
}

/* --- points of rest --- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp((const char *) a, (const char *) b);
}

/* FNV-1a (Fowler, Noll, Vo), on from the point before. */
static uint64_t hash_point(const struct point *point, uint64_t hash)
{
    int i;

    for (i = 0; i < point->lines; i++) {
        const char *c;

        for (c = point->line[i]; *c != '\0'; c++)
            hash = (hash ^ (unsigned char) *c) * 0x100000001b3u;
        hash = (hash ^ '\n') * 0x100000001b3u;
    }
    return hash;
}

/* Awaits of one actor come in their order, so they are numbered within it. */
static void add_results(struct point *point, const struct trace *trace)
{
    int i, a;

    for (a = 0; a < trace->actor_count; a++) {
        const char *name = trace->actors[a].name;
        const size_t length = strlen(name);
        int n = 0;

        for (i = 0; i < trace->results.lines; i++) {
            const char *line = trace->results.line[i];

            if (strncmp(line, name, length) == 0 && line[length] == ':')
                add_line(point, "%s: await %02d,%s", name, ++n, line + length + 1);
        }
    }
}

static void add_state(struct point *point, struct trace *trace)
{
    struct world *world = trace->world;
    rouse_time due;
    char text[24];
    int i;

    for (i = 0; i < trace->actor_count; i++) {
        const struct actor *actor = &trace->actors[i];

        if (actor->state == ACTOR_ENDED)
            add_line(point, "%s: ended with %s", actor->name, result_text(actor->result, text));
        else if (actor->state == ACTOR_LIVES)
            add_line(point, "%s: waiting%s", actor->name, actor->where);
    }
    for (i = 0; i < trace->named_count; i++) {
        const struct named *named = &trace->named[i];
        unsigned armed, ready;

        if (named->source == NULL)
            continue;
        armed = named->source->armed;
        add_line(point, "%s: armed for %s", named->name, directions_text(armed));
        ready = world_ready(world, named->fd) & armed;
        CHECK(E2, ready == 0 || trace->told,
              "at rest \"%s\" is armed for, and the system says that it is, %s", named->name,
              directions_text(ready));
    }
    due = rouse_reactor_deadline(&trace->rt.reactor);
    add_line(point, "timers: %s", due == ROUSE_NEVER ? "none" : "running");
}

/* From now on what is made to fail does, or not, unless nothing is. */
static void spare(struct trace *trace, bool spares)
{
    trace->memory->spares = trace->suffers && spares;
    calls_spare(spares);
}

static bool has_failed(const struct trace *trace)
{
    return trace->suffers && (trace->memory->failed > 0 || calls_failed() > 0);
}

/* What a turn returned; an error that was to be expected was told, and is nothing. */
static intptr_t take_turn(struct trace *trace, intptr_t result)
{
    if (result >= 0)
        return result;
    if (!has_failed(trace) || trace->expects == 0 || result != -trace->expects)
        suite_error("a turn failed: %s", rouse_strerror(result));
    trace->told = true;
    return 0;
}

/* Three turns that bring nothing: one may be interrupted, and what another one has found may be
 * told by the next. */
static void come_to_rest(struct trace *trace)
{
    int quiet = 0, turns = 0;

    /* Where every turn fails there is no rest, and some of them have to do. */
    while (quiet < 3 && !(trace->told && turns > 20)) {
        const int reports = trace->reports;
        const intptr_t polls = take_turn(trace, rouse_turn(&trace->rt, 0));

        quiet = polls == 0 && trace->reports == reports ? quiet + 1 : 0;
        REQUIRE(T8, ++turns < 10000, "it never comes to rest");
    }
}

static bool mentions(const struct point *point, int error)
{
    for (int i = 0; i < point->lines; i++)
        if (strstr(point->line[i], rouse_strerror(-error)) != NULL)
            return true;
    return false;
}

/* Whether somebody was told of what failed, in the first points or since. */
static bool was_told(const struct trace *trace, int points)
{
    bool told = trace->told;

    if (trace->expects == 0)
        return false;
    for (int p = 0; p < points && p < trace->point_count; p++)
        told = told || mentions(&trace->points[p], trace->expects);
    return told || (points > trace->point_count && mentions(&trace->results, trace->expects));
}

/* Until when to wait for awaits. Where somebody was told that something has failed, nobody
 * knows how many will still complete. */
static rouse_time patience(const struct trace *trace, rouse_time since)
{
    return since + (was_told(trace, trace->point_count + 1) ? 0 : ROUSE_MS(WORLD_SOON));
}

/* Whether as much has happened as is expected before the next point. */
static bool has_happened(const struct trace *trace, int expected)
{
    if (expected != AS_SIM)
        return trace->results.lines >= expected;
    return trace->expected == NULL || trace->point_count >= trace->expected->point_count
           || trace->moves >= trace->expected->points[trace->point_count].moves;
}

void trace_rest(struct trace *trace, const char *label, int expected)
{
    const rouse_time since = world_now(trace->world);
    struct point *point = &trace->points[trace->point_count];
    int i;

    spare(trace, false);
    /* Tasks first, so that no wait begins when all is said. */
    while ((rouse_executor_run(&trace->rt.executor, 1) > 0 || !has_happened(trace, expected))
           && world_now(trace->world) < patience(trace, since))
        take_turn(trace,
                  rouse_reactor_turn(&trace->rt.reactor, rouse_executor_idle(&trace->rt.executor)
                                                                 && !has_happened(trace, expected)
                                                             ? patience(trace, since)
                                                             : 0));
    come_to_rest(trace);
    spare(trace, true);
    if (trace->point_count == POINTS_MAX)
        suite_error("too many points in a scenario");
    snprintf(point->label, sizeof point->label, "%s", label);
    point->moves = trace->moves;
    point->lines = 0;
    add_results(point, trace);
    add_state(point, trace);
    qsort(point->line, (size_t) point->lines, sizeof point->line[0], compare_lines);
    point->hash = hash_point(point, trace->point_count > 0 ? point[-1].hash : 0xcbf29ce484222325u);
    trace->point_count++;
    trace->results.lines = 0;
    trace->moves = 0;
    write_line(trace, "{\"point\":\"%s\",\"hash\":\"%016llx\",\"spurious\":%d,\"form\":[", label,
               (unsigned long long) point->hash, trace->spurious);
    for (i = 0; i < point->lines; i++)
        write_line(trace, "%s\"%s\"", i > 0 ? "," : "", point->line[i]);
    write_line(trace, "]}\n");
}

/* --- playing and comparing --- */

static struct trace *trace_make(struct world *world, struct rouse_evq *evq, struct memory *memory)
{
    struct trace *trace = (struct trace *) calloc(1, sizeof *trace);

    if (trace != NULL)
        trace->points = (struct point *) calloc(POINTS_MAX, sizeof *trace->points);
    if (trace == NULL || trace->points == NULL)
        suite_error("no memory for a trace");
    trace->world = world;
    trace->memory = memory;
    trace->backend = world->backend->name;
    trace->inner = evq;
    trace->ops = *evq->ops;
    trace->ops.arm = trace_arm;
    trace->ops.forget = trace_forget;
    trace->ops.wait = trace_wait;
    trace->ops.wake = trace_wake;
    trace->ops.now = trace_now;
    trace->ops.pollable = NULL;
    trace->base.ops = &trace->ops;
    trace->base.sockets = evq->sockets;
    trace->inspector.size = sizeof trace->inspector;
    trace->inspector.woken = on_woken;
    trace->inspector.polled = on_polled;
    trace->inspector.ended = on_ended;
    return trace;
}

/* What rouse_open() says: nothing is played when that is an error. */
static int play(struct trace *trace, const struct scenario *scenario)
{
    const struct rouse_options options = {
        .size = sizeof options, .evq = &trace->base, .alloc = &trace->memory->alloc};
    const int error = rouse_open(&trace->rt, &options);

    if (error < 0)
        return error;
    spare(trace, true);
    trace->rt.executor.inspector = &trace->inspector;
    write_line(trace, "{\"schema\":\"rouse-trace/1\",\"scenario\":\"%s\",\"backend\":\"%s\"}\n",
               scenario->name, trace->backend);
    scenario->play(trace);
    rouse_close(&trace->rt);
    for (int i = 0; i < trace->actor_count; i++)
        if (trace->actors[i].task.executor != NULL)
            rouse_task_unhold(&trace->actors[i].task);
    return 0;
}

/* Plays on the world's own queue, where nothing fails. */
static struct trace *play_well(struct world *world, const struct scenario *scenario,
                               const struct trace *expected)
{
    struct trace *trace = trace_make(world, world->evq, &world->memory);
    int error;

    trace->expected = expected;
    error = play(trace, scenario);
    if (error < 0)
        suite_error("rouse_open: %s", rouse_strerror(error));
    return trace;
}

static void trace_free(struct trace *trace)
{
    while (trace->lent_count > 0)
        free(trace->lent[--trace->lent_count]);
    free(trace->points);
    free(trace->text);
    free(trace);
}

enum { WORDS = 3 * LINE_MAX_ + LABEL_MAX + 128 };

/* The number of the first point at which the two part, counted from 1, and in `words` the
 * first line of a form that the other lacks; or 0. */
static int part(const struct trace *one, const struct trace *other, char words[WORDS])
{
    int p, i;

    for (p = 0; p < one->point_count && p < other->point_count; p++) {
        const struct point *a = &one->points[p];
        const struct point *b = &other->points[p];

        for (i = 0; i < a->lines && i < b->lines; i++)
            if (strcmp(a->line[i], b->line[i]) != 0)
                break;
        if (i == a->lines && i == b->lines)
            continue;
        snprintf(words, WORDS, "at point %d, \"%s\", %s has \"%s\" where %s has \"%s\"", p + 1,
                 a->label, one->backend, i < a->lines ? a->line[i] : "nothing more", other->backend,
                 i < b->lines ? b->line[i] : "nothing more");
        return p + 1;
    }
    return 0;
}

static FILE *printed_to;

void trace_print_to(FILE *to)
{
    printed_to = to;
}

/* What sim does, in a world of its own. */
static struct trace *expect(const struct scenario *scenario)
{
    const struct world_options options = {rouse_backend("sim"), true};
    struct world simulated;
    struct trace *trace;
    int error;

    if (options.backend == NULL)
        suite_error("no sim to compare with: build the kit with it");
    error = world_open(&simulated, &options);
    if (error < 0)
        suite_error("sim does not open: %s", rouse_strerror(error));
    trace = play_well(&simulated, scenario, NULL);
    world_end(&simulated); /* it counts descriptors: nothing else is open yet */
    return trace;
}

void scenario_compare(struct world *world, const struct scenario *scenario)
{
    struct trace *expected = expect(scenario);
    struct trace *seen = play_well(world, scenario, expected);
    char words[WORDS];

    if (printed_to != NULL)
        fwrite(seen->text, 1, seen->size, printed_to);
    CHECK(B5, seen->events >= 10, "a trace of %d lines says little", seen->events);
    CHECK(
        T7, seen->spurious <= scenario->spurious + seen->mistaken,
        "%d polls ended in PENDING without any progress, %d are allowed, and %d reports by mistake",
        seen->spurious, scenario->spurious, seen->mistaken);
    CHECK(B5, expected->complaint[0] == '\0', "on sim, %s", expected->complaint);
    CHECK(B5, seen->complaint[0] == '\0', "%s", seen->complaint);
    CHECK_EQUAL(B5, seen->point_count, expected->point_count, "points of rest");
    if (part(expected, seen, words) != 0)
        CHECK(B5, false, "%s", words);
    trace_free(expected);
    trace_free(seen);
}

/* --- while something fails --- */

/* What is to fail: an allocation, or a call of this kind; the n-th, once or for ever. */
struct fault {
    const struct call_failure *call; /* or NULL */
    int n;
    bool for_ever;
};

static const char *fault_text(const struct fault *fault, char text[80])
{
    snprintf(text, 80, "%s %d%s%s %s", fault->call != NULL ? fault->call->call : "allocation",
             fault->n, fault->call != NULL ? " is " : "",
             fault->call != NULL ? fault->call->error_name : "",
             fault->for_ever ? "and all that follow" : "alone");
    return text;
}

static void fault_begin(const struct fault *fault, struct world *world)
{
    if (fault->call != NULL)
        calls_fail(world, fault->call, fault->n, fault->for_ever);
    else
        memory_fail(&world->memory, (size_t) fault->n, fault->for_ever);
}

/* How often it happened. */
static int fault_end(const struct fault *fault, struct world *world)
{
    const int failed = (int) world->memory.failed;

    memory_fail(&world->memory, 0, false);
    return fault->call != NULL ? calls_end() : failed;
}

/* Plays in a world of its own, which sees to it that nothing is left: first with the fault,
 * then well, on the same queue. False when the sweep is over: nothing failed, or something
 * is broken already. */
static bool play_with(const struct world *world, const struct scenario *scenario,
                      const struct trace *expected, const struct fault *fault, enum guarantee id)
{
    const struct world_options options = {world->backend, world->check};
    struct world alone;
    struct trace *trace;
    char words[WORDS] = "", what[80];
    bool failed, holds;
    int error, parted = 0;

    fault_text(fault, what);
    error = world_open(&alone, &options);
    if (error < 0)
        suite_error("%s does not open: %s", world->backend->name, rouse_strerror(error));
    trace = trace_make(&alone, alone.evq, &alone.memory);
    trace->suffers = true;
    trace->expected = expected;
    trace->expects = fault->call != NULL ? fault->call->told : ENOMEM;
    fault_begin(fault, &alone);
    error = play(trace, scenario);
    failed = fault_end(fault, &alone) > 0;
    if (error == 0)
        parted = part(expected, trace, words);
    holds = suite_check(id, error == 0 || (error == -trace->expects && failed), "it opens",
                        __FILE__, __LINE__, "%s: %s", what, rouse_strerror(error))
            && suite_check(id, parted == 0 || was_told(trace, parted), "somebody is told", __FILE__,
                           __LINE__, "%s: nobody is told, and %s", what, words);
    trace_free(trace);
    if (failed && holds) {
        trace = play_well(&alone, scenario, expected);
        parted = part(expected, trace, words);
        holds = CHECK(X9, parted == 0, "%s, and a second play: %s", what, words)
                && CHECK(X9, trace->complaint[0] == '\0', "%s, and a second play: %s", what,
                         trace->complaint);
        trace_free(trace);
    }
    world_end(&alone);
    return failed && holds;
}

/* The first fails, then the second, and so on. */
static int sweep(struct world *world, const struct scenario *scenario, const struct trace *expected,
                 const struct call_failure *call, enum guarantee id)
{
    struct fault once = {call, 1, false}, for_ever = {call, 1, true};

    while (play_with(world, scenario, expected, &once, id))
        once.n++;
    while (play_with(world, scenario, expected, &for_ever, id))
        for_ever.n++;
    return once.n + for_ever.n - 2;
}

void scenario_starve(struct world *world, const struct scenario *scenario)
{
    struct trace *expected = expect(scenario);

    suite_note("%d allocations", sweep(world, scenario, expected, NULL, GUARANTEE_X2));
    trace_free(expected);
}

void scenario_refuse(struct world *world, const struct scenario *scenario)
{
    struct trace *expected = expect(scenario);
    int points = 0;

    calls_note(world);
    trace_free(play_well(world, scenario, expected));
    calls_end();
    for (const struct call_failure *call = call_failures; call->call != NULL; call++)
        if (calls_noted(call) && !calls_alike(call))
            points += sweep(world, scenario, expected, call, GUARANTEE_X10);
    suite_note("%d points", points);
    trace_free(expected);
}

/*
 * world.h -- what a case finds around it: one event queue, its sockets, and a way to
 * count everything.
 *
 * The same case runs on a real kernel and on the simulated queue: the functions below
 * use the queue's own sockets, and ask poll(2) or the simulation what is ready.
 *
 * All limits are in milliseconds of the queue's clock. Whatever the machine refuses (a
 * socket, a thread) leaves the case as an error, so most functions return nothing.
 *
 * When the case is over the world takes down what it lent out, and checks that nothing
 * is left: memory, descriptors, references to wakers (L1). It asserts these on its own
 * account, whatever the case is tagged with:
 *
 *   L1   something was left behind;
 *   E11  world_arm() of a good descriptor was refused;
 *   E9   wait() came back with 0 before its deadline, though nobody woke it;
 *   E6   wait() itself failed, or named what the caller never armed;
 *   T8   world_settle() found a runtime that never comes to rest.
 *
 * The wrapper rouse_evq_check() stands between a case and the backend, and stops the
 * case with the clause that was broken.
 */
#ifndef ROUSE_CONFORMANCE_WORLD_H
#define ROUSE_CONFORMANCE_WORLD_H

#include <rouse/rouse.h>
#include <rouse/sim.h>
#include <rouse/socket.h>

#include "suite.h"
#include "thread.h"

enum {
    WORLD_SOON = 2000, /* what must happen has happened by then */
    WORLD_QUIET = 30   /* what does not happen for so long does not happen */
};

/* Memory that counts, and fails when told to. Thread safe. Make your own to sweep over
 * the allocations of a scenario: memory_init(), memory_fail(n), run, look at `live`. */
struct memory {
    struct rouse_alloc alloc; /* lend out its address */
    size_t live;              /* blocks */
    size_t bytes;             /* in them */
    size_t calls;             /* allocations and growths asked for */
    size_t failed;            /* of those, refused */
    size_t fail_at;           /* the number of the next call to refuse; 0: none */
    bool fail_on;             /* and all after it */
    bool spares;              /* for the moment nothing is refused, nor counted in `calls` */
};

void memory_init(struct memory *memory);

/* Refuses the n-th allocation from now (1 is the next), and with `for_ever` all that
 * follow. 0 ends it. */
void memory_fail(struct memory *memory, size_t n, bool for_ever);

/* A waker that counts. Thread safe. The waker it lends is borrowed, as a context's is:
 * whoever keeps it retains it, so `references` is 0 when everybody has let go. */
struct wakes {
    uintptr_t count;          /* wake() and wake_by_ref() */
    uintptr_t references;     /* retained and not yet given back */
    uintptr_t retained;       /* how often, ever */
    void (*then)(void *with); /* called inside every wake, or NULL */
    void *with;
};

struct rouse_waker wakes_waker(struct wakes *wakes);

/* How many wakes there were since this was last asked. */
int wakes_taken(struct wakes *wakes);

struct world {
    struct rouse_evq *evq;               /* the queue under test */
    const struct rouse_sockets *sockets; /* the queue's, as a peer has them, or the host's */
    const struct rouse_alloc *alloc;     /* where the queue gets its memory: `memory` */
    struct memory memory;
    const struct rouse_evq_ops *backend; /* what is under test, without a wrapper */
    bool simulated;                      /* time and sockets are those of sim */
    bool check;                          /* queues are wrapped */
    struct world_things *things;         /* what it lent out */
};

/* -- Queues ------------------------------------------------------------------ */

/* Another queue of the same backend, wrapped like the first, with memory from `alloc`
 * (NULL for malloc; the wrapper's own is not counted there). 0 or -errno. The case
 * closes it. */
int world_open_queue(struct world *world, const struct rouse_alloc *alloc, struct rouse_evq **evq);

rouse_time world_now(struct world *world);
rouse_time world_after(struct world *world, int ms);

/* -- Sockets ----------------------------------------------------------------- */

/* Two connected stream sockets. The world closes them at the end. */
void world_pair(struct world *world, rouse_fd ends[2]);

/* Two ends of a TCP connection over IPv4: ends[0] connected, ends[1] was accepted. */
void world_tcp_pair(struct world *world, rouse_fd ends[2]);

/* The same over any family. NEEDS_IPV6, NEEDS_UNIX. */
void world_connected_pair(struct world *world, enum rouse_family family, rouse_fd ends[2]);

/* An address on this machine that nobody else listens on: "127.0.0.1:0", "[::1]:0", or a
 * path that the world removes. */
void world_address(struct world *world, enum rouse_family family, struct rouse_address *address);

/* A path for a Unix socket, as long as this system takes it. */
void world_long_path(struct world *world, struct rouse_address *address);

/* Gives a Unix socket that will connect a name that fills all the room there is, without a
 * final zero. NEEDS_KERNEL. */
void world_name(struct world *world, rouse_fd fd, struct rouse_address *address);

/* A link-local IPv6 address of this machine, with its scope and without a port; false if it has
 * none, or does not tell. */
bool world_link_local(struct world *world, struct rouse_address *address);

/* A listening socket; `address` becomes where it listens. */
rouse_fd world_listen(struct world *world, enum rouse_family family, int backlog,
                      struct rouse_address *address);

/* When the listener is closed nobody else is given its port, for as long as the world lasts:
 * another process might listen there, and who is to be refused would be connected. */
void world_keep_port(struct world *world, rouse_fd listener);

/* An address where nobody listens, for as long as the world lasts. */
void world_nowhere(struct world *world, enum rouse_family family, struct rouse_address *address);

/* A socket on its way to `address`: connected, or connecting. */
rouse_fd world_connect(struct world *world, const struct rouse_address *address);

/* One connection, waited for. */
rouse_fd world_accept(struct world *world, rouse_fd listener);

/* Closes what the world opened, or what the library handed to the case. */
void world_close(struct world *world, rouse_fd fd);

/* Hands a descriptor over to somebody who will close it, and returns it. */
rouse_fd world_give(struct world *world, rouse_fd fd);

/* Takes a descriptor that came from the library, to close it at the end. */
rouse_fd world_take(struct world *world, rouse_fd fd);

/* One call of the queue's sockets: a count, or -errno. */
intptr_t world_write(struct world *world, rouse_fd fd, const void *data, size_t size);
intptr_t world_read(struct world *world, rouse_fd fd, void *data, size_t size);

/* Reads one byte by a call that blocks until it comes: 1, or -EINTR. NEEDS_NON_SOCKETS. */
intptr_t world_read_blocked(struct world *world, rouse_fd fd);

/* Writes `count` bytes, all at once. */
void world_send(struct world *world, rouse_fd fd, size_t count);

/* Writes until it is refused, and the kernel says so too. Returns how many bytes. */
size_t world_fill(struct world *world, rouse_fd fd);

/* The same, where a write is to be refused later too. Takes a moment. */
size_t world_fill_for_good(struct world *world, rouse_fd fd);

/* Reads until it is refused, or the end of the stream, or an error. How many bytes. */
size_t world_drain(struct world *world, rouse_fd fd);

/* Reads at `to` what fills `from`, until the kernel says that `from` can write again. */
void world_make_room(struct world *world, rouse_fd from, rouse_fd to);

/* Says that nothing more will be written to `fd`. */
void world_shutdown(struct world *world, rouse_fd fd);

/* Closes `fd` so that its peer finds the connection reset. TCP. */
void world_reset(struct world *world, rouse_fd fd);

/* Sends one byte of urgent data. TCP. */
void world_urgent(struct world *world, rouse_fd fd, char byte);

/* What `fd` is ready for now, by the kernel's own word: poll(2) with no timeout, or the
 * simulation's. An error, or a hang-up of both halves, is both directions (E4). */
unsigned world_ready(struct world *world, rouse_fd fd);

/* Waits until world_ready() has all of `directions`. Loopback TCP takes its time. */
void world_await_ready(struct world *world, rouse_fd fd, unsigned directions);

/* -- Descriptors of the host ------------------------------------------------- */

/* How many descriptors are open, the simulated ones included. */
int world_open_descriptors(struct world *world);

/* A number that is no open descriptor. */
rouse_fd world_bad_fd(struct world *world);

/* A pipe: ends[0] for reading. NEEDS_NON_SOCKETS. */
void world_pipe(struct world *world, rouse_fd ends[2]);

/* A regular file, open for reading and writing. NEEDS_NON_SOCKETS. */
rouse_fd world_file(struct world *world);

/* Another number for the same thing: the lowest free one, or `at`. NEEDS_KERNEL. */
rouse_fd world_duplicate(struct world *world, rouse_fd fd);
void world_duplicate_at(struct world *world, rouse_fd fd, rouse_fd at);

/* Number 0 becomes free, and so the next that the system gives away, as in a program that has
 * closed its standard input; and back, once nobody has it any more. NEEDS_NON_SOCKETS. */
void world_zero_free(struct world *world);
void world_zero_end(struct world *world);

/* A socket of a family that rouse does not know. NEEDS_NON_SOCKETS. */
rouse_fd world_strange(struct world *world);

/* Two datagram sockets, connected to each other over UDP. */
void world_datagrams(struct world *world, rouse_fd ends[2]);

/* A connected datagram socket that has just been told that nobody is there: an ICMP
 * error waits in it. NEEDS_ICMP. */
rouse_fd world_refused_datagram(struct world *world);

/* Uses up every descriptor there is, so that the next one is -EMFILE; gives back
 * `count` of them. The end of the case gives back the rest. */
void world_starve(struct world *world);
void world_feed(struct world *world, int count);

/* Signals this thread again and again, one a millisecond, in the middle of whatever it
 * does; the handler calls `then(with)` if that is not NULL. On Windows handlers run on a
 * thread of their own, and an APC interrupts this one where it waits for such. world_calm()
 * ends it and returns how many signals were handled. Where time is simulated only a wait without
 * limit takes any, and can be interrupted: other cases have NEEDS_KERNEL. */
void world_storm(struct world *world, void (*then)(void *with), void *with);
int world_calm(struct world *world);

/* -- The queue, with a limit on everything ----------------------------------- */

/* A source for `fd`, in memory that stays. The world forgets it at the end. */
struct rouse_source *world_source(struct world *world, rouse_fd fd);

/* Arms, and fails the case by E11 when that is refused. */
void world_arm(struct world *world, struct rouse_source *source, unsigned interest);
void world_forget(struct world *world, struct rouse_source *source);

/* One wait() of at most `ms`, and what it returned. Of what it reported the world keeps
 * account, for the functions below. */
int world_turn(struct world *world, int ms);

/* The same with the caller's own array. */
int world_wait(struct world *world, struct rouse_event *events, int capacity, int ms);

/* Turns until each of `directions` of `source` was reported since world_reports() was
 * last asked about it, or `ms` have passed. Returns, and clears, what was. */
unsigned world_wait_for(struct world *world, const struct rouse_source *source, unsigned directions,
                        int ms);

/* Turns for `ms`, whatever happens, and returns and clears what was reported of `source`
 * since it was last asked: 0 is silence. */
unsigned world_quiet(struct world *world, const struct rouse_source *source, int ms);

/* How often `direction` of `source` was reported since this was last asked. */
int world_reports(struct world *world, const struct rouse_source *source, unsigned direction);

/* One wait() without any limit, for what another thread must end. If it does not within
 * WORLD_SOON of real time, the case fails by `id` and its process ends. */
#define WAIT_UNLIMITED(id, world, events, capacity)                                                \
    world_wait_unlimited((world), GUARANTEE_##id, (events), (capacity), __FILE__, __LINE__)
int world_wait_unlimited(struct world *world, enum guarantee id, struct rouse_event *events,
                         int capacity, const char *file, int line);

/* wake(), from any thread. The world has to know, or it takes the end of a wait() for
 * an early one. */
void world_wake(struct world *world);

/* -- Futures and the runtime ------------------------------------------------- */

/* Polls once by hand, with `waker` (NULL for none) and no budget. */
enum rouse_poll world_poll(struct rouse_future *future, const struct rouse_waker *waker);

/* A waker that counts, which the world keeps and checks at the end. Any thread. */
struct wakes *world_wakes(struct world *world);

/* A runtime on the queue under test. The case closes it. */
void world_runtime(struct world *world, struct rouse *rt);

/* A listener of that runtime, at which somebody waits to be accepted; returns his end. The
 * case closes the listener. */
rouse_fd world_listener(struct world *world, struct rouse *rt, struct rouse_listener *listener);

/* Runs until `future` is READY, other tasks beside it, for at most `ms`. True with its
 * result in `*result` (which may be NULL); false when the time is over, the future
 * having been dropped. */
bool world_run(struct world *world, struct rouse *rt, struct rouse_future *future, int ms,
               intptr_t *result);

/* The same without a limit in the queue's time, for a future that another thread must
 * end: simulated time would be over before that thread begins. If it does not end within
 * WORLD_SOON of real time, the case fails by `id` and its process ends. */
#define RUN_UNLIMITED(id, world, rt, future)                                                       \
    world_run_unlimited((world), GUARANTEE_##id, (rt), (future), __FILE__, __LINE__)
intptr_t world_run_unlimited(struct world *world, enum guarantee id, struct rouse *rt,
                             struct rouse_future *future, const char *file, int line);

/* Runs until `done(with)` for at most `ms`; false when the time is over. */
bool world_run_until(struct world *world, struct rouse *rt, bool (*done)(void *with), void *with,
                     int ms);

/* Runs until nothing more happens without time or somebody else: a quiescence point.
 * Returns the number of polls; fails the case by T8 when it never ends. */
int world_settle(struct world *world, struct rouse *rt);

/* -- For the suite ----------------------------------------------------------- */

struct world_options {
    const struct rouse_evq_ops *backend;
    bool check; /* wrap it */
};

/* What this machine, and the queue under test, can do: of enum suite_needs. */
unsigned world_capabilities(const struct world *world);

/* 0 or the -errno of open(). */
int world_open(struct world *world, const struct world_options *options);

/* Takes everything down and checks that nothing is left. */
void world_end(struct world *world);

/* For a world that is abandoned as it stands, with a case that was left: gives back what
 * the whole process would lack: signals in peace, descriptors, calls that do not fail. */
void world_abandon(struct world *world);

#endif /* ROUSE_CONFORMANCE_WORLD_H */

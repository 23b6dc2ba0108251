/*
 * rouse/sim.h -- the simulated queue: a clock that jumps, sockets in memory, and faults
 * by name.
 *
 * `sim` is an ordinary backend (rouse_backend("sim")), and it is for your tests too: a
 * program that runs on rouse runs on it unchanged, without a kernel and without waiting,
 * and what goes wrong goes wrong again with the same seed. docs/sim.md shows how.
 *
 *   - Its clock starts at 0 and moves only in wait(): to the next deadline, when nothing
 *     is ready.
 *   - Its sockets live in memory: stream pairs, and listeners on any IPv4, IPv6 or Unix
 *     address, which reach each other inside one queue. They behave as Linux' do, half
 *     closes, resets, refusals, backlogs and urgent data included; and datagrams, between
 *     two sockets that are connected. Descriptors are small numbers, the lowest free one
 *     first, that mean nothing to the host; and so are the ports that a listener at port 0,
 *     or a connect(), is given, from 49,152 on.
 *   - The same seed, the same rules and the same calls give the same run, byte for byte
 *     in its trace. wake() from other threads is the one thing that a seed cannot decide.
 *
 * Faults. Each has a rule that says when it happens, from now until it is set again, so
 * that a test can have two phases: faults on, where nothing may break; faults off, where
 * everything must come to its end. No fault breaks a clause of evq.h (E1 to E11) or of
 * socket.h: they are what a kernel, a network and a busy machine may lawfully do.
 *
 * The functions below take the queue, or any wrapper around it, on its own thread.
 */
#ifndef ROUSE_SIM_H
#define ROUSE_SIM_H

#include <rouse/evq.h>
#include <rouse/socket.h>

ROUSE_BEGIN_DECLS

/* What can go wrong: its name in text, when there is an opportunity for it, what then
 * happens, and what the rule's `amount` means, with its default. */
enum rouse_sim_fault {
    /* "interrupt": a wait() that would let time pass is interrupted by a signal on its
     * way, and goes on; `interrupted` below is called. A connect() over a Unix socket goes on
     * in progress. */
    ROUSE_SIM_INTERRUPT,
    /* "no-memory": open(), accept(), connect(), pair() or the first arm() of a source is
     * -ENOMEM. */
    ROUSE_SIM_NO_MEMORY,
    /* "no-descriptor": open(), accept() of one that waits, or pair() is -EMFILE. */
    ROUSE_SIM_NO_DESCRIPTOR,
    /* "spurious": a wait() reports a direction that is armed and not ready, up to 1 ms
     * later if nothing else is to be reported. Each such direction is an opportunity. */
    ROUSE_SIM_SPURIOUS,
    /* "delay": a report that is due is held back for 1 to `amount` (2) further turns. A
     * wait() with time left turns once a millisecond. Once for each report. */
    ROUSE_SIM_DELAY,
    /* "reorder": the reports of one wait() come in reverse. */
    ROUSE_SIM_REORDER,
    /* "split": both directions of a source, ready at once, come as two reports. */
    ROUSE_SIM_SPLIT,
    /* "short-read", "short-write": a transfer of more than one byte moves less, 1 to
     * `amount` (all but one) bytes. */
    ROUSE_SIM_SHORT_READ,
    ROUSE_SIM_SHORT_WRITE,
    /* "would-block": the first read(), write() or accept() after a report is -EAGAIN all
     * the same, or connected() -EINPROGRESS. Not twice running. */
    ROUSE_SIM_WOULD_BLOCK,
    /* "failed-wake": the system call that carries a wake() to its wait() fails, and is
     * made again up to 1 ms later: the wait() ends late, if its deadline is not sooner. */
    ROUSE_SIM_FAILED_WAKE,
    /* "late-clock": now() tells what the time was 1 to `amount` (1,000,000) ns ago, though
     * never less than it told before, and once for each moment; or a wait() that ends for its
     * deadline ends so much later. */
    ROUSE_SIM_LATE_CLOCK,
    /* "jump": time leaps 1 to `amount` (1,000,000,000) ns ahead in a wait(), as after a
     * suspend. */
    ROUSE_SIM_JUMP,
    /* "slow-connect": a TCP connect() reaches its listener, or nobody, only after 1 to
     * `amount` (100,000,000) ns. */
    ROUSE_SIM_SLOW_CONNECT,
    /* "refused": a TCP connect() finds nobody who listens, though somebody does. */
    ROUSE_SIM_REFUSED,
    /* "aborted": a connection is gone before accept(), which is -ECONNABORTED; its other end
     * is reset. */
    ROUSE_SIM_ABORTED,
    /* "reset": a connected socket that is read or written turns out to be reset: both ends
     * are told -ECONNRESET once, and then end of stream. */
    ROUSE_SIM_RESET,
    /* "lost": a datagram that is written never arrives. */
    ROUSE_SIM_LOST,

    ROUSE_SIM_FAULTS /* how many there are */
};

/* When a fault happens: by chance, or at some opportunities counted from when the rule is
 * set, or whenever somebody is asked and says so. All zeroes is never. */
struct rouse_sim_rule {
    uint32_t per_million; /* the chance, of a million; drawn from the seed */
    uint64_t script;      /* bit n is set: at opportunity n, of 0 to 63 */
    /* Is asked at each opportunity, unless NULL: 0 is no, and n takes the (n - 1)th of the
     * possible amounts, all counted round. For a fuzzer, whose bytes they are. */
    unsigned (*ask)(void *with, enum rouse_sim_fault fault);
    void *with;
    int64_t amount; /* see above; 0 for the default */
};

/* What rouse_evq_options.host may point at. Zeroes mean the defaults. */
struct rouse_sim_options {
    size_t size;     /* of this struct */
    uint64_t seed;   /* of every chance, and of the order inside a batch; 0: that is as
                        they became ready */
    size_t capacity; /* bytes that a direction of a stream holds; 0: 65,536 */
    int descriptors; /* how many there can be; 0: 65,536. One more is -EMFILE */
    int batch;       /* reports that one wait() brings, at most; 0: what its array holds */

    /* Gets one line, without its end, for each thing that happens: what was called, with
     * what, and what came of it; reports, time, faults. NULL for none. It may not call
     * the queue. */
    void (*trace)(void *with, const char *line);
    void *trace_with;

    /* Called in the middle of a wait() that is interrupted, as a signal handler is: it may
     * call wake(), and nothing else of the queue. NULL for none. */
    void (*interrupted)(void *with);
    void *interrupted_with;
};

/* Opens a simulated queue: what rouse_backend("sim")->open() does with these options. Both
 * may be NULL. */
ROUSE_API int rouse_sim_open(struct rouse_evq **evq, const struct rouse_sim_options *options,
                             const struct rouse_alloc *alloc);

/* -- Faults ------------------------------------------------------------------ */

/* Sets the rule of one fault; NULL ends it. What is held back by a fault that ends comes
 * in the next wait(). */
ROUSE_API void rouse_sim_fault(struct rouse_evq *evq, enum rouse_sim_fault fault,
                               const struct rouse_sim_rule *rule);

/* Sets all rules by a text, after ending those there were; NULL or "" only ends them.
 * "delay=50000:4 spurious=1000000 aborted=..x" is a delay of at most 4 turns with a chance of
 * 5 %, a spurious report wherever there can be one, and the third accept() aborted.
 * Commas do as well as spaces; of two rules for one fault the later counts. -EINVAL, and
 * nothing changes, if it is none. */
ROUSE_API int rouse_sim_faults(struct rouse_evq *evq, const char *text);

/* The name of a fault, as above; NULL if it is none. */
ROUSE_API const char *rouse_sim_fault_name(enum rouse_sim_fault fault);

/* How often a fault has happened since its rule was last set, and how often it might
 * have. */
ROUSE_API uint64_t rouse_sim_fault_count(struct rouse_evq *evq, enum rouse_sim_fault fault);
ROUSE_API uint64_t rouse_sim_fault_opportunities(struct rouse_evq *evq, enum rouse_sim_fault fault);

/*
 * A queue that is opened as "sim" without options of its own takes them from the
 * environment variable ROUSE_SIM, where the same text may also say "seed=7", "capacity=1",
 * "descriptors=16" and "batch=1". So a whole test suite can be run under a fault. -EINVAL
 * from open() if it cannot be read.
 */

/* -- The other side ---------------------------------------------------------- */

/* Two datagram sockets that are connected to each other, as over UDP, for both tables to
 * use. Each write() is a message, of 0 to 65,507 bytes and with 4 more no longer than the
 * capacity, else -EMSGSIZE; what the other end has no room for is lost, so a write side is
 * always ready. Each read() takes one message, and what the buffer does not hold of it is
 * gone; 0 is an empty one. Where the other end has closed, the next operation after a
 * write(), and every direction armed, is told -ECONNREFUSED. Also -EMFILE, -ENOMEM. */
ROUSE_API int rouse_sim_datagrams(struct rouse_evq *evq, rouse_fd fds[2]);

/* The same sockets for whoever plays the peer of the program under test: descriptors are
 * common to both tables, and no fault befalls the calls of this one. */
ROUSE_API const struct rouse_sockets *rouse_sim_peer(struct rouse_evq *evq);

/* Breaks a connection, as a peer that resets it would: the other end may read what had
 * arrived, is told -ECONNRESET by its next operation, and then end of stream. `fd` is
 * closed. */
ROUSE_API int rouse_sim_reset(struct rouse_evq *evq, rouse_fd fd);

/* Sends one byte of urgent data. A read of the other end stops short at its place in
 * the stream, and goes on behind it, without the urgent byte, as TCP does. -EINVAL for a
 * datagram socket; else as write(). */
ROUSE_API int rouse_sim_urgent(struct rouse_evq *evq, rouse_fd fd, char byte);

/* Moves the clock forward while nobody waits, as a busy thread would see it. */
ROUSE_API void rouse_sim_advance(struct rouse_evq *evq, rouse_time duration);

/* -- Looking in -------------------------------------------------------------- */

/* What `fd` is ready for at this moment: the simulated poll(2), which no fault touches.
 * -EBADF if unknown. */
ROUSE_API int rouse_sim_ready(struct rouse_evq *evq, rouse_fd fd);

/* How many descriptors are open. */
ROUSE_API int rouse_sim_open_count(struct rouse_evq *evq);

ROUSE_END_DECLS

#endif /* ROUSE_SIM_H */

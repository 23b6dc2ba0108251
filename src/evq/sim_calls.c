/*
 * sim_calls.c -- the socket calls of a simulation, as its program and its peers make them.
 *
 * Each call is that of the sockets (sim_sockets.c), with what may go wrong before it, and a
 * line of the trace after it. The program has one table and its peers another, which has
 * no faults.
 */
#include "sim_calls.h"

#include <errno.h>
#include <inttypes.h>

static struct rouse__sim_calls *calls_of(const struct rouse_sockets *table)
{
    return rouse_container_of(table, struct rouse__sim_calls, table);
}

/* -- What may go wrong ------------------------------------------------------- */

/* An opportunity: 0 if the fault does not happen, else its amount. */
static int64_t happens(const struct rouse__sim_calls *calls, enum rouse_sim_fault fault,
                       int64_t most)
{
    return calls->faults != NULL ? sim_fault_happens(calls->faults, fault, most) : 0;
}

/* There may be no memory and, where one is asked for, no descriptor. */
static int run_short(const struct rouse__sim_calls *calls, bool of_descriptors)
{
    if (happens(calls, ROUSE_SIM_NO_MEMORY, 1) != 0)
        return -ENOMEM;
    if (of_descriptors && happens(calls, ROUSE_SIM_NO_DESCRIPTOR, 1) != 0)
        return -EMFILE;
    return 0;
}

static bool would_block(struct rouse__sim_calls *calls, rouse_fd fd, unsigned direction)
{
    if (calls->faults == NULL || !rouse__sim_try(calls->sockets, fd, direction)
        || happens(calls, ROUSE_SIM_WOULD_BLOCK, 1) == 0)
        return false;
    rouse__sim_refuse(calls->sockets, fd, direction);
    return true;
}

/* A transfer may find its connection broken, or be made shorter, or be refused. */
static int disturb(struct rouse__sim_calls *calls, rouse_fd fd, unsigned direction, size_t *size)
{
    const enum rouse_sim_fault shortage =
        direction == ROUSE_READABLE ? ROUSE_SIM_SHORT_READ : ROUSE_SIM_SHORT_WRITE;
    size_t whole;
    int64_t part;

    if (rouse__sim_breakable(calls->sockets, fd) && happens(calls, ROUSE_SIM_RESET, 1) != 0)
        rouse__sim_break(calls->sockets, fd);
    if (would_block(calls, fd, direction))
        return -EAGAIN;
    whole = rouse__sim_movable(calls->sockets, fd, direction);
    whole = whole < *size ? whole : *size;
    part = whole > 1 ? happens(calls, shortage, (int64_t) whole - 1) : 0;
    if (part > 0)
        *size = (size_t) part;
    return 0;
}

/* -- The calls, in the order of their table ---------------------------------- */

/* Peers are told from the program in the trace. */
static const char *who(const struct rouse__sim_calls *calls)
{
    return calls->faults != NULL ? "" : "peer ";
}

static int calls_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    const struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    int error = run_short(calls, true);

    if (error == 0)
        error = sockets->open(sockets, family, fd);
    rouse__sim_tell_result(calls->trace, error == 0 ? (intptr_t) *fd : error, "%sopen %d",
                           who(calls), (int) family);
    return error;
}

static int calls_listen(const struct rouse_sockets *self, rouse_fd fd,
                        const struct rouse_address *address, int backlog)
{
    const struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    const int error = sockets->listen(sockets, fd, address, backlog);

    rouse__sim_tell_result(calls->trace, error, "%slisten %d %d", who(calls), (int) fd, backlog);
    return error;
}

static int accept_or_not(struct rouse__sim_calls *calls, rouse_fd fd, rouse_fd *accepted)
{
    const struct rouse_sockets *sockets = &calls->sockets->table;
    int error;

    if (would_block(calls, fd, ROUSE_READABLE))
        return -EAGAIN;
    if (rouse__sim_acceptable(calls->sockets, fd)) {
        error = run_short(calls, true);
        if (error < 0)
            return error;
        if (happens(calls, ROUSE_SIM_ABORTED, 1) != 0) {
            rouse__sim_abort(calls->sockets, fd);
            return -ECONNABORTED;
        }
    }
    return sockets->accept(sockets, fd, accepted);
}

static int calls_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    struct rouse__sim_calls *calls = calls_of(self);
    const int error = accept_or_not(calls, fd, accepted);

    rouse__sim_tell_result(calls->trace, error == 0 ? (intptr_t) *accepted : error, "%saccept %d",
                           who(calls), (int) fd);
    return error;
}

/* Without faults it gets there at once. */
static int connect_somehow(const struct rouse__sim_calls *calls, rouse_fd fd,
                           const struct rouse_address *address)
{
    const bool travels = rouse__sim_may_travel(calls->sockets, fd);
    const int64_t late = travels ? happens(calls, ROUSE_SIM_SLOW_CONNECT, INT64_MAX) : 0;
    const bool astray = travels && happens(calls, ROUSE_SIM_REFUSED, 1) != 0;
    const rouse_time now = *calls->trace->now;
    rouse_time arrival = 0;
    int error;

    if (late > 0)
        arrival = late < ROUSE_NEVER - now ? now + late : ROUSE_NEVER - 1;
    error = rouse__sim_travel(calls->sockets, fd, address, arrival, astray);
    /* As a connect() that a signal interrupts: it goes on by itself. */
    if (error == 0 && happens(calls, ROUSE_SIM_INTERRUPT, INT64_MAX) != 0)
        error = -EINPROGRESS;
    return error;
}

static int calls_connect(const struct rouse_sockets *self, rouse_fd fd,
                         const struct rouse_address *address)
{
    const struct rouse__sim_calls *calls = calls_of(self);
    int error = run_short(calls, false);

    if (error == 0)
        error = connect_somehow(calls, fd, address);
    rouse__sim_tell_result(calls->trace, error, "%sconnect %d", who(calls), (int) fd);
    return error;
}

static int calls_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    const int error =
        would_block(calls, fd, ROUSE_WRITABLE) ? -EINPROGRESS : sockets->connected(sockets, fd);

    rouse__sim_tell_result(calls->trace, error, "%sconnected %d", who(calls), (int) fd);
    return error;
}

static intptr_t calls_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    size_t part = size;
    intptr_t result = disturb(calls, fd, ROUSE_READABLE, &part);

    if (result == 0)
        result = sockets->read(sockets, fd, buffer, part);
    rouse__sim_tell_result(calls->trace, result, "%sread %d %" PRIuPTR, who(calls), (int) fd,
                           (uintptr_t) size);
    return result;
}

static intptr_t calls_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                            size_t size)
{
    struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    size_t part = size;
    intptr_t result = disturb(calls, fd, ROUSE_WRITABLE, &part);

    if (result == 0 && rouse__sim_may_be_lost(calls->sockets, fd, size)
        && happens(calls, ROUSE_SIM_LOST, 1) != 0)
        result = (intptr_t) size;
    else if (result == 0)
        result = sockets->write(sockets, fd, buffer, part);
    rouse__sim_tell_result(calls->trace, result, "%swrite %d %" PRIuPTR, who(calls), (int) fd,
                           (uintptr_t) size);
    return result;
}

static int calls_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    const int error = sockets->shutdown(sockets, fd);

    rouse__sim_tell_result(calls->trace, error, "%sshutdown %d", who(calls), (int) fd);
    return error;
}

static void calls_close(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;

    sockets->close(sockets, fd);
    rouse__sim_tell(calls->trace, "%sclose %d", who(calls), (int) fd);
}

static int calls_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    const struct rouse__sim_calls *calls = calls_of(self);
    const struct rouse_sockets *sockets = &calls->sockets->table;
    int error = run_short(calls, true);

    if (error == 0)
        error = sockets->pair(sockets, fds);
    if (error == 0)
        rouse__sim_tell(calls->trace, "%spair: %d %d", who(calls), (int) fds[0], (int) fds[1]);
    else
        rouse__sim_tell_result(calls->trace, error, "%spair", who(calls));
    return error;
}

/* Nothing happens in the next two, so the trace has nothing of them. */

static int calls_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct rouse_sockets *sockets = &calls_of(self)->sockets->table;

    return sockets->local(sockets, fd, address);
}

static int calls_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct rouse_sockets *sockets = &calls_of(self)->sockets->table;

    return sockets->peer(sockets, fd, address);
}

static const struct rouse_sockets calls_table = {
    .size = sizeof calls_table,
    .open = calls_open,
    .listen = calls_listen,
    .accept = calls_accept,
    .connect = calls_connect,
    .connected = calls_connected,
    .read = calls_read,
    .write = calls_write,
    .shutdown = calls_shutdown,
    .close = calls_close,
    .pair = calls_pair,
    .local = calls_local,
    .peer = calls_peer,
};

void rouse__sim_calls_init(struct rouse__sim_calls *calls, struct rouse__sim_sockets *sockets,
                           struct rouse__sim_faults *faults, const struct rouse__sim_trace *trace)
{
    calls->table = calls_table;
    calls->sockets = sockets;
    calls->faults = faults;
    calls->trace = trace;
}

bool rouse__sim_calls_are(const struct rouse_sockets *table)
{
    return table != NULL && table->open == calls_open;
}

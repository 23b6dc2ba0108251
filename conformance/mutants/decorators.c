/*
 * decorators.c -- mutants: each breaks one guarantee, which decorators.toml names, and as
 * little else as can be. Most are what some library has once done; the manifest says which.
 */
#include "decorator.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/atomic.h"

enum { READABLE = ROUSE_READABLE, WRITABLE = ROUSE_WRITABLE, DRAINED = ROUSE_DRAINED };

/* -- What they share --------------------------------------------------------- */

/* Directions that are armed are not reported until they are armed again. */
static int arm_deaf(struct queue *queue, struct rouse_source *source, unsigned interest,
                    unsigned deaf)
{
    const int error = base_arm(queue, source, interest);

    if (error == 0)
        note_of(source)->muted |= deaf & BOTH;
    return error;
}

static unsigned is_ready(struct queue *queue, const struct rouse_source *source)
{
    const struct note other = {.below = {.fd = source->fd}};

    return ready_now(queue, &other);
}

static unsigned seen(const struct rouse_source *source)
{
    const struct note other = {.below = {.fd = source->fd}};

    return seen_now(&other);
}

static bool is_over(const struct note *note)
{
    return (seen_now(note) & (POLLERR | POLLHUP)) != 0;
}

/* Whether a read would find the end of the stream. */
static bool is_at_end(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool is_pipe(int fd)
{
    struct stat what;

    return fstat(fd, &what) == 0 && S_ISFIFO(what.st_mode);
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

static bool is_own_thread(const struct queue *queue)
{
    return (uintptr_t) queue->time == (uintptr_t) pthread_self();
}

static int open_on_thread(struct queue *queue)
{
    queue->time = (rouse_time) (uintptr_t) pthread_self();
    return 0;
}

/* Tells what is held first, which is what an arm() has made up. */
static int wait_held(struct queue *queue, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    return queue->held != NULL ? tell_held(queue, events, capacity)
                               : base_wait(queue, events, capacity, deadline);
}

/* Until `deadline`, without ever sleeping. */
static int wait_busily(struct queue *queue, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    int count;

    do {
        count = base_wait(queue, events, capacity, 0);
        if (count == 0 && atomic_load_acquire(&queue->wakes) != queue->flag) {
            queue->flag = atomic_load_acquire(&queue->wakes);
            break;
        }
    } while (count == 0 && base_now(queue) < deadline);
    return count;
}

/* A sleep on the descriptor of the queue below, which unlike its wait() tells of signals.
 * True if it was interrupted. */
static bool sleep_interrupted(struct queue *queue, rouse_time deadline)
{
    struct pollfd look = {base_pollable(queue), POLLIN, 0};
    const rouse_time now = base_now(queue);
    const rouse_time left = deadline > now ? deadline - now : 0;
    const struct timespec time = {left / ROUSE_SECONDS(1), left % ROUSE_SECONDS(1)};

    return ppoll(&look, 1, deadline == ROUSE_NEVER ? NULL : &time, NULL) < 0 && errno == EINTR;
}

/* -- E1: one shot ------------------------------------------------------------ */

static unsigned report_again(struct queue *queue, struct note *note, unsigned ready)
{
    arm_below(queue, note, ready);
    return ready;
}

static unsigned report_what_comes_later(struct queue *queue, struct note *note, unsigned ready)
{
    arm_below(queue, note, ready | DRAINED);
    return ready;
}

static unsigned report_disarms_both(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    note->muted |= note->source->armed & ~ready;
    return ready;
}

static int arm_instead(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_deaf(queue, source, interest, source->armed & ~interest);
}

static int wait_tells_idle_of_hangup(struct queue *queue, struct rouse_event *events, int capacity,
                                     rouse_time deadline)
{
    for (struct note *note = queue->notes; note != NULL; note = note->next) {
        if (note->source->armed == 0 && note->mark == 0 && is_over(note)) {
            note->mark = 1;
            tell(events, note, READABLE);
            return 1;
        }
    }
    return base_wait(queue, events, capacity, deadline);
}

static int wait_spins_on_idle_hangup(struct queue *queue, struct rouse_event *events, int capacity,
                                     rouse_time deadline)
{
    for (struct note *note = queue->notes; note != NULL; note = note->next)
        if (note->source->armed == 0 && is_over(note))
            return wait_busily(queue, events, capacity, deadline);
    return base_wait(queue, events, capacity, deadline);
}

static unsigned report_streams(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    if ((note->source->armed & ~ready) == 0)
        note->count = 0;
    else if (++note->count == 100)
        note->muted |= note->source->armed & ~ready;
    return ready;
}

static int arm_counts(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const unsigned twice = source->armed & interest;
    const int error = base_arm(queue, source, interest);

    if (error == 0)
        note_of(source)->mark |= twice;
    return error;
}

static unsigned report_as_counted(struct queue *queue, struct note *note, unsigned ready)
{
    const unsigned again = ready & note->mark;

    note->mark &= ~ready;
    if (again != 0)
        arm_below(queue, note, again);
    return ready;
}

/* -- E2: nothing lost -------------------------------------------------------- */

static int arm_marks_ready(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool is_new = source->record == NULL;
    const unsigned ready = is_new ? is_ready(queue, source) : 0;
    const int error = base_arm(queue, source, interest);

    if (error == 0)
        note_of(source)->mark = ready & interest;
    return error;
}

static unsigned report_unmarked(struct queue *queue, struct note *note, unsigned ready)
{
    const unsigned marked = note->mark;

    (void) queue;
    note->mark &= ~ready;
    return ready & ~marked;
}

static int arm_reader_by_edge(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool by_edge = source->record != NULL && (interest & BOTH) == READABLE;

    return arm_as(queue, source, interest, by_edge ? interest | DRAINED : interest);
}

static int arm_writer_by_edge(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool by_edge = source->record != NULL && (interest & BOTH) == WRITABLE;

    return arm_as(queue, source, interest, by_edge ? interest | DRAINED : interest);
}

static int arm_added_by_edge(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool added = source->armed != 0 && (source->armed & interest) == 0;

    return arm_as(queue, source, interest, added ? interest | DRAINED : interest);
}

static int arm_remembers_hint(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const unsigned hinted = source->record != NULL ? note_of(source)->mark : 0;
    const unsigned told = (interest & ~hinted & BOTH) == 0 ? interest | DRAINED : interest;
    const int error = arm_as(queue, source, interest, told);

    if (error == 0 && (interest & DRAINED) != 0)
        note_of(source)->mark |= interest & BOTH;
    return error;
}

static unsigned report_thousandth_lost(struct queue *queue, struct note *note, unsigned ready)
{
    (void) note;
    return ++queue->count % 1000 == 0 ? 0 : ready;
}

static unsigned report_seventh_lost(struct queue *queue, struct note *note, unsigned ready)
{
    (void) note;
    return ++queue->count % 7 == 0 ? 0 : ready;
}

static int arm_wraps(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool wraps = source->record != NULL && note_of(source)->arms % 65536 == 65535;

    return arm_deaf(queue, source, interest, wraps ? interest : 0);
}

static int arm_listener_by_edge(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool by_edge = option_of(source->fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;

    return arm_as(queue, source, interest, by_edge ? interest | DRAINED : interest);
}

static int arm_a_hundred(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool is_new = source->record == NULL;
    const bool is_late = is_new ? queue->count >= 100 : note_of(source)->mark != 0;
    const int error = arm_deaf(queue, source, interest, is_late ? interest : 0);

    if (error == 0)
        note_of(source)->mark = is_late;
    queue->count += is_new;
    return error;
}

static unsigned report_reader_first(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    (void) note;
    return ready == BOTH ? (unsigned) READABLE : ready;
}

static unsigned report_the_wrong_one(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return note->source->armed == BOTH && ready != BOTH ? BOTH & ~ready : ready;
}

static int wait_names_neighbour(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);
    struct note *note = count == 1 ? note_of(events[0].source)->next : NULL;

    if (note != NULL && note->source->armed == events[0].ready && ++queue->count % 5 == 0) {
        events[0].source->armed |= (uint8_t) events[0].ready;
        tell(&events[0], note, note->source->armed);
    }
    return count;
}

static int wait_disarms_the_patient(struct queue *queue, struct rouse_event *events, int capacity,
                                    rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (struct note *note = queue->notes; note != NULL; note = note->next)
        if (note->arms != note->mark)
            note->mark = note->arms, note->count = 0;
        else if (++note->count >= 20)
            note->muted |= note->source->armed;
    return count;
}

static unsigned report_not_right_after(struct queue *queue, struct note *note, unsigned ready)
{
    const bool right_after =
        note->mark != 0 && (note->mark & ready) == 0 && note->count + 1 == (unsigned) queue->waits;

    note->mark = ready;
    note->count = (unsigned) queue->waits;
    return right_after ? 0 : ready;
}

static int wait_woken_blindly(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    const bool woken = atomic_load_acquire(&queue->wakes) != queue->taken;
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count && woken; i++)
        events[i].source->armed |= (uint8_t) events[i].ready;
    return woken ? 0 : count;
}

static int wait_in_the_past_loses(struct queue *queue, struct rouse_event *events, int capacity,
                                  rouse_time deadline)
{
    const bool past = deadline <= base_now(queue);
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count && past; i++)
        events[i].source->armed |= (uint8_t) events[i].ready;
    return past ? 0 : count;
}

static unsigned report_small_numbers(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return note->below.fd < 512 ? ready : 0;
}

static unsigned report_no_datagrams(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return option_of(note->below.fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM && !is_over(note) ? 0
                                                                                          : ready;
}

/* -- E3: drained ------------------------------------------------------------- */

static int arm_hint_hides_ready(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_deaf(queue, source, interest,
                    (interest & DRAINED) != 0 ? interest & is_ready(queue, source) : 0);
}

static int arm_hint_for_one(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_deaf(queue, source, interest, interest == (BOTH | DRAINED) ? WRITABLE : 0);
}

static int arm_hint_for_all(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const unsigned other = source->armed & ~interest;
    const bool same_turn = source->record != NULL && note_of(source)->count == queue->waits;
    const int error =
        arm_deaf(queue, source, interest, same_turn && (interest & DRAINED) != 0 ? other : 0);

    if (error == 0)
        note_of(source)->count = (unsigned) queue->waits;
    return error;
}

static int arm_hint_when_new(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool hides = source->record == NULL && (interest & DRAINED) != 0;

    return arm_deaf(queue, source, interest, hides ? interest : 0);
}

static int arm_hint_hides_end(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool hides = (interest & DRAINED) != 0 && is_at_end(source->fd);

    return arm_deaf(queue, source, interest, hides ? READABLE : 0);
}

static int arm_hint_beside_urgent(struct queue *queue, struct rouse_source *source,
                                  unsigned interest)
{
    const bool hides = (interest & DRAINED) != 0 && (seen(source) & POLLPRI) != 0;

    return arm_deaf(queue, source, interest, hides ? READABLE : 0);
}

static int arm_hint_tires(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool lost = (interest & DRAINED) != 0 && ++queue->count % 500 == 0;

    return arm_deaf(queue, source, interest, lost ? interest : 0);
}

static unsigned report_counts_stale(struct queue *queue, struct note *note, unsigned ready)
{
    const unsigned stale = note->mark & note->hinted & ready;

    if ((note->source->armed & ready) == 0) {
        note->mark |= ready;
        ready = 0;
    } else {
        note->mark &= ~ready;
        ready &= ~stale;
    }
    arm_below(queue, note, (ready != 0 ? ready : stale | (unsigned) READABLE) | DRAINED);
    return ready;
}

/* -- E4: failure wakes ------------------------------------------------------- */

static int arm_writer_hears_of_end(struct queue *queue, struct rouse_source *source,
                                   unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    if (error == 0 && (interest & WRITABLE) != 0 && is_at_end(source->fd))
        hold(queue, note_of(source), WRITABLE);
    return error;
}

static unsigned report_one_of_error(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return ready == BOTH && is_over(note) ? (unsigned) READABLE : ready;
}

static unsigned report_no_hangup_to_writer(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return ready == WRITABLE && is_over(note) ? 0 : ready;
}

static unsigned report_error_once(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    if (!is_over(note))
        return ready;
    if (note->mark != 0 && (note->mark & ready) == 0)
        return 0;
    note->mark |= ready;
    return ready;
}

static unsigned report_refusal_to_reader(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return note->reports == 0 && is_over(note) ? ready & READABLE : ready;
}

static unsigned report_no_icmp(struct queue *queue, struct note *note, unsigned ready)
{
    const bool datagram = option_of(note->below.fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;

    (void) queue;
    return datagram && is_over(note) ? 0 : ready;
}

static unsigned report_end_once(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    if ((ready & READABLE) == 0 || !is_at_end(note->below.fd))
        return ready;
    if (note->mark != 0)
        return ready & ~(unsigned) READABLE;
    note->mark = 1;
    return ready;
}

static int arm_own_end_is_an_end(struct queue *queue, struct rouse_source *source,
                                 unsigned interest)
{
    const int error = base_arm(queue, source, interest);
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    if (error == 0 && (interest & READABLE) != 0
        && getsockopt(source->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
        && (info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_FIN_WAIT2))
        hold(queue, note_of(source), READABLE);
    return error;
}

static int arm_no_writer_alone(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    if ((interest & WRITABLE) != 0 && is_pipe(source->fd) && (seen(source) & POLLERR) != 0)
        return -EPIPE;
    return base_arm(queue, source, interest);
}

static int arm_urgent_is_a_byte(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    if (error == 0 && (interest & READABLE) != 0 && (seen(source) & POLLPRI) != 0)
        hold(queue, note_of(source), READABLE);
    return error;
}

static unsigned report_no_last_writer(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    return (seen_now(note) & (POLLHUP | POLLIN)) == POLLHUP && is_pipe(note->below.fd) ? 0 : ready;
}

static unsigned report_no_error_to_hinted_writer(struct queue *queue, struct note *note,
                                                 unsigned ready)
{
    (void) queue;
    return is_over(note) ? ready & ~(note->hinted & WRITABLE) : ready;
}

/* -- E5: silence ------------------------------------------------------------- */

static void forget_but_what_is_held(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL && note_of(source)->held != 0)
        forget_keeping(queue, source);
    else
        base_forget(queue, source);
}

static int wait_from_stock(struct queue *queue, struct rouse_event *events, int capacity,
                           rouse_time deadline)
{
    const int error = queue->held == NULL ? hold_all(queue, deadline) : 0;

    return error < 0 ? error : tell_held(queue, events, capacity);
}

static void forget_one_direction(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL && source->armed == BOTH) {
        note_of(source)->muted |= READABLE;
        forget_keeping(queue, source);
    } else {
        base_forget(queue, source);
    }
}

static void forget_with_a_duplicate(struct queue *queue, struct rouse_source *source)
{
    if (queue->fds[0] >= 0)
        close(queue->fds[0]);
    queue->fds[0] = source->record != NULL ? dup(source->fd) : -1;
    base_forget(queue, source);
}

static int wait_ends_duplicate(struct queue *queue, struct rouse_event *events, int capacity,
                               rouse_time deadline)
{
    if (queue->fds[0] >= 0)
        close(queue->fds[0]);
    queue->fds[0] = -1;
    return base_wait(queue, events, capacity, deadline);
}

static void close_fds(struct queue *queue)
{
    for (int i = 0; i < 2; i++)
        if (queue->fds[i] >= 0)
            close(queue->fds[i]);
}

static void forget_someone(struct queue *queue, struct rouse_source *source)
{
    if (source->record == NULL && queue->notes != NULL)
        queue->notes->muted |= BOTH;
    base_forget(queue, source);
}

static void forget_for_this_turn(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL) {
        queue->time = source->fd;
        queue->count = queue->waits + 1;
    }
    base_forget(queue, source);
}

static int arm_not_in_this_turn(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool same = source->fd == queue->time && queue->count == queue->waits + 1;

    return arm_deaf(queue, source, interest, same ? interest : 0);
}

static void forget_slowly(struct queue *queue, struct rouse_source *source)
{
    for (volatile uint64_t i = 0; i < 20 * queue->forgets; i++)
        continue;
    base_forget(queue, source);
}

static int arm_for_the_first_queue(struct queue *queue, struct rouse_source *source,
                                   unsigned interest)
{
    static struct queue *owners[1024];
    const bool known = source->fd >= 0 && source->fd < 1024;

    if (known && owners[source->fd] == NULL)
        owners[source->fd] = queue;
    return arm_deaf(queue, source, interest, known && owners[source->fd] != queue ? interest : 0);
}

static void forget_neighbours(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL && ++queue->count % 10 == 0 && note_of(source)->next != NULL)
        note_of(source)->next->muted |= BOTH;
    base_forget(queue, source);
}

static void forget_and_write(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL)
        queue->event.source = source;
    base_forget(queue, source);
}

static int wait_writes(struct queue *queue, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    if (queue->event.source != NULL)
        queue->event.source->armed = 0;
    queue->event.source = NULL;
    return base_wait(queue, events, capacity, deadline);
}

static void forget_but_armed(struct queue *queue, struct rouse_source *source)
{
    const uint8_t armed = source->armed;

    base_forget(queue, source);
    source->armed = armed;
}

static void forget_but_the_number(struct queue *queue, struct rouse_source *source)
{
    if (source->record != NULL)
        queue->event = (struct rouse_event){source, source->armed};
    queue->count = (uint64_t) source->fd;
    base_forget(queue, source);
}

static int wait_by_number(struct queue *queue, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count; i++)
        if (queue->event.source != NULL && (uint64_t) events[i].source->fd == queue->count)
            events[i].source = queue->event.source;
    return count;
}

static int arm_as_before(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool again = source->record == NULL && queue->event.source == source
                       && (uint64_t) source->fd == queue->count;

    return arm_as(queue, source, interest, again ? interest | queue->event.ready : interest);
}

/* -- E6: no invention -------------------------------------------------------- */

static unsigned report_all_that_is(struct queue *queue, struct note *note, unsigned ready)
{
    return ready | (ready_now(queue, note) & BOTH);
}

static int wait_reports_wake(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    const uintptr_t before = atomic_load_acquire(&queue->wakes);
    int count = base_wait(queue, events, capacity, deadline);

    if (count == 0 && queue->notes != NULL
        && (before != queue->count || base_now(queue) < deadline))
        tell(&events[count++], queue->notes, READABLE);
    queue->count = before;
    return count;
}

static unsigned report_foreign_bits(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    (void) note;
    return ready | DRAINED;
}

static int wait_reports_nothing(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    int count = base_wait(queue, events, capacity, deadline);

    if (count > 0 && count < capacity) {
        events[count] = events[0];
        events[count++].ready = 0;
    }
    return count;
}

static int wait_mistaken_for_ever(struct queue *queue, struct rouse_event *events, int capacity,
                                  rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count; i++)
        events[i].ready |= events[i].source->armed;
    return count;
}

/* -- E7: wake ---------------------------------------------------------------- */

static void wake_nothing(struct queue *queue)
{
    (void) queue;
}

static void wake_not_before_first_wait(struct queue *queue)
{
    if (queue->waits > 0 || atomic_load_acquire(&queue->waiting) != 0)
        base_wake(queue);
}

static void wake_not_between_waits(struct queue *queue)
{
    if (queue->waits == 0 || atomic_load_acquire(&queue->waiting) != 0)
        base_wake(queue);
}

static void wake_six_of_seven(struct queue *queue)
{
    if (atomic_load_acquire(&queue->wakes) % 7 != 0)
        base_wake(queue);
}

static void wake_until_tired(struct queue *queue)
{
    if (atomic_load_acquire(&queue->wakes) % 30000 != 0)
        base_wake(queue);
}

static void wake_and_unwake(struct queue *queue)
{
    if (atomic_load_acquire(&queue->waiting) != 0)
        base_wake(queue);
    else
        atomic_exchange(&queue->flag, 1 - atomic_load_acquire(&queue->flag));
}

static int wait_if_woken(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    if (atomic_exchange(&queue->flag, 0) != 0)
        base_wake(queue);
    return base_wait(queue, events, capacity, deadline);
}

static void wake_not_after_report(struct queue *queue)
{
    if (atomic_load_acquire(&queue->waiting) != 0 || atomic_exchange(&queue->flag, 0) == 0)
        base_wake(queue);
}

static int wait_notes_report(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    atomic_exchange(&queue->flag, count > 0);
    return count;
}

static int wait_for_each_wake(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    int count;

    if (queue->count < atomic_load_acquire(&queue->wakes))
        base_wake(queue);
    count = base_wait(queue, events, capacity, deadline);
    if (count == 0 && queue->count < atomic_load_acquire(&queue->wakes))
        queue->count++;
    return count;
}

static int wait_woken_for_good(struct queue *queue, struct rouse_event *events, int capacity,
                               rouse_time deadline)
{
    if (atomic_load_acquire(&queue->wakes) > 0)
        base_wake(queue);
    return base_wait(queue, events, capacity, deadline);
}

static int wait_for_its_deadline(struct queue *queue, struct rouse_event *events, int capacity,
                                 rouse_time deadline)
{
    int count;

    do
        count = base_wait(queue, events, capacity, deadline);
    while (count == 0 && deadline != ROUSE_NEVER && base_now(queue) < deadline);
    return count;
}

static int wait_for_sources_alone(struct queue *queue, struct rouse_event *events, int capacity,
                                  rouse_time deadline)
{
    int count;

    do
        count = base_wait(queue, events, capacity, deadline);
    while (count == 0 && deadline == ROUSE_NEVER && queue->notes == NULL);
    return count;
}

static int wait_interrupted_unwoken(struct queue *queue, struct rouse_event *events, int capacity,
                                    rouse_time deadline)
{
    while (sleep_interrupted(queue, deadline)) {
        const int count = base_wait(queue, events, capacity, 0);

        if (count != 0)
            return count;
    }
    return base_wait(queue, events, capacity, deadline);
}

static struct queue *newest;

static int open_newest(struct queue *queue)
{
    newest = queue;
    return 0;
}

static void close_newest(struct queue *queue)
{
    if (newest == queue)
        newest = NULL;
}

static void wake_newest(struct queue *queue)
{
    base_wake(newest != NULL ? newest : queue);
}

static void wake_few(struct queue *queue)
{
    struct note *note = queue->notes;

    for (int i = 0; i < 150 && note != NULL; i++)
        note = note->next;
    if (note == NULL)
        base_wake(queue);
}

/* -- E8: threads ------------------------------------------------------------- */

static void wake_one_at_a_time(struct queue *queue)
{
    if (atomic_exchange(&queue->flag, 1) != 0)
        return;
    base_wake(queue);
    sched_yield();
    atomic_exchange(&queue->flag, 0);
}

static void wake_not_in_a_handler(struct queue *queue)
{
    if (atomic_load_acquire(&queue->waiting) == 0 || !is_own_thread(queue))
        base_wake(queue);
}

static void wake_not_in_a_verb(struct queue *queue)
{
    if (atomic_load_acquire(&queue->inside) == 0 || atomic_load_acquire(&queue->waiting) != 0)
        base_wake(queue);
}

static void wake_by_one_thread(struct queue *queue)
{
    uintptr_t known = 0;

    if (atomic_compare_exchange(&queue->flag, &known, (uintptr_t) pthread_self())
        || known == (uintptr_t) pthread_self())
        base_wake(queue);
}

static void lock(struct queue *queue)
{
    while (atomic_exchange(&queue->flag, 1) != 0)
        sched_yield();
}

static void unlock(struct queue *queue)
{
    atomic_exchange(&queue->flag, 0);
}

static int arm_locked(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    int error;

    lock(queue);
    error = base_arm(queue, source, interest);
    unlock(queue);
    return error;
}

static void forget_locked(struct queue *queue, struct rouse_source *source)
{
    lock(queue);
    base_forget(queue, source);
    unlock(queue);
}

static void wake_locked(struct queue *queue)
{
    lock(queue);
    base_wake(queue);
    unlock(queue);
}

static void wake_spoils_errno(struct queue *queue)
{
    base_wake(queue);
    errno = EAGAIN;
}

/* -- E9: time ---------------------------------------------------------------- */

static int wait_early(struct queue *queue, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    const bool earlier = deadline != ROUSE_NEVER && deadline > 0;

    return base_wait(queue, events, capacity, earlier ? deadline - ROUSE_US(1) : deadline);
}

static int wait_nearly(struct queue *queue, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    const bool earlier = deadline != ROUSE_NEVER && deadline > 0;

    return base_wait(queue, events, capacity, earlier ? deadline - 1 : deadline);
}

static int wait_in_milliseconds(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    const rouse_time now = base_now(queue);

    if (deadline != ROUSE_NEVER && deadline > now)
        deadline = now + (deadline - now) / ROUSE_MS(1) * ROUSE_MS(1);
    return base_wait(queue, events, capacity, deadline);
}

static int wait_not_in_the_past(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    return deadline <= base_now(queue) ? 0 : base_wait(queue, events, capacity, deadline);
}

static int wait_in_the_past(struct queue *queue, struct rouse_event *events, int capacity,
                            rouse_time deadline)
{
    const rouse_time now = base_now(queue);

    return base_wait(queue, events, capacity, deadline <= now ? now + ROUSE_MS(10) : deadline);
}

static int wait_in_32_bits(struct queue *queue, struct rouse_event *events, int capacity,
                           rouse_time deadline)
{
    const rouse_time now = base_now(queue);

    if (deadline != ROUSE_NEVER && deadline > now)
        deadline = now + (int32_t) (uint32_t) ((deadline - now) / ROUSE_MS(1) + 1) * ROUSE_MS(1);
    return base_wait(queue, events, capacity, deadline);
}

static int wait_ends_when_interrupted(struct queue *queue, struct rouse_event *events, int capacity,
                                      rouse_time deadline)
{
    const bool interrupted = sleep_interrupted(queue, deadline);

    return base_wait(queue, events, capacity, interrupted ? 0 : deadline);
}

static int wait_anew_when_interrupted(struct queue *queue, struct rouse_event *events, int capacity,
                                      rouse_time deadline)
{
    const rouse_time now = base_now(queue), left = deadline > now ? deadline - now : 0;

    while (sleep_interrupted(queue, deadline) && deadline != ROUSE_NEVER)
        deadline = base_now(queue) + left;
    return base_wait(queue, events, capacity, deadline);
}

static int wait_busily_if_short(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    const bool is_short = deadline < base_now(queue) + ROUSE_MS(1);

    return (is_short ? wait_busily : base_wait)(queue, events, capacity, deadline);
}

static int wait_busily_if_far(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    const bool is_far = deadline != ROUSE_NEVER && deadline / ROUSE_SECONDS(86400) > 10000;

    return (is_far ? wait_busily : base_wait)(queue, events, capacity, deadline);
}

static unsigned report_what_is_armed(struct queue *queue, struct note *note, unsigned ready)
{
    const unsigned armed = ready & note->source->armed;

    arm_below(queue, note, ready | DRAINED);
    return armed;
}

static int wait_ends_with_anything(struct queue *queue, struct rouse_event *events, int capacity,
                                   rouse_time deadline)
{
    bool dropped;

    return wait_once(queue, events, capacity, deadline, &dropped);
}

static rouse_time now_goes_back(struct queue *queue)
{
    const rouse_time now = base_now(queue);

    return ++queue->count % 64 == 0 && now > ROUSE_MS(1) ? now - ROUSE_US(1) : now;
}

static int wait_long(struct queue *queue, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    const rouse_time now = base_now(queue);
    const bool longer = deadline > now && deadline < now + ROUSE_SECONDS(3600);

    return base_wait(queue, events, capacity, longer ? deadline + ROUSE_MS(1500) : deadline);
}

static int wait_not_for_ever(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    return base_wait(queue, events, capacity,
                     deadline == ROUSE_NEVER ? base_now(queue) + ROUSE_MS(30) : deadline);
}

static int wait_by_old_deadline(struct queue *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    const rouse_time sooner =
        queue->time > base_now(queue) && queue->time < deadline ? queue->time : deadline;
    const int count = base_wait(queue, events, capacity, sooner);

    queue->time = count > 0 ? deadline : 0;
    return count;
}

/* -- E10: capacity ----------------------------------------------------------- */

static int wait_for_one_more(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    return base_wait(queue, events, capacity + 1, deadline);
}

static int wait_writes_behind(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    if (count == capacity)
        events[capacity].ready = 0;
    return count;
}

static void let_all_go(struct queue *queue)
{
    while (queue->held != NULL)
        let_go(queue, queue->held);
}

static int wait_loses_the_rest(struct queue *queue, struct rouse_event *events, int capacity,
                               rouse_time deadline)
{
    int count;

    hold_all(queue, deadline);
    count = tell_held(queue, events, capacity);
    let_all_go(queue);
    return count;
}

static int wait_loses_after_64(struct queue *queue, struct rouse_event *events, int capacity,
                               rouse_time deadline)
{
    struct note *note;
    int kept = 0;

    if (queue->held == NULL)
        hold_all(queue, deadline);
    for (note = queue->held; note != NULL && ++kept < 64;)
        note = note->next_held;
    while (note != NULL && note->next_held != NULL)
        let_go(queue, note->next_held);
    return tell_held(queue, events, capacity);
}

static int wait_miscounts(struct queue *queue, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    if (count < 2 || count < capacity)
        return count;
    events[count - 1].source->armed |= (uint8_t) events[count - 1].ready;
    return count - 1;
}

static int wait_with_room_for_half(struct queue *queue, struct rouse_event *events, int capacity,
                                   rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    if (count == 1 && capacity == 1 && events[0].ready == BOTH) {
        events[0].ready = READABLE;
        events[0].source->armed |= WRITABLE;
    }
    return count;
}

/* The one among those held that `better` prefers comes first, every time. */
static int wait_by_preference(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline,
                              bool (*better)(const struct note *one, const struct note *other))
{
    int count = 0;

    hold_all(queue, queue->held != NULL ? 0 : deadline);
    for (; queue->held != NULL && count < capacity; count++) {
        struct note *best = queue->held;
        unsigned ready;

        for (struct note *note = best; note != NULL; note = note->next_held)
            if (better(note, best))
                best = note;
        ready = best->held;
        let_go(queue, best);
        tell(&events[count], best, ready);
    }
    return count;
}

static bool is_lower(const struct note *one, const struct note *other)
{
    return one->below.fd < other->below.fd;
}

static bool is_later(const struct note *one, const struct note *other)
{
    return one != other;
}

static bool is_busier(const struct note *one, const struct note *other)
{
    return one->reports > other->reports;
}

static int wait_busiest_first(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    return wait_by_preference(queue, events, capacity, deadline, is_busier);
}

static int wait_reads_alone_if_narrow(struct queue *queue, struct rouse_event *events, int capacity,
                                      rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    if (count != 1 || capacity != 1 || events[0].ready != WRITABLE)
        return count;
    events[0].source->armed |= WRITABLE;
    return base_wait(queue, events, capacity, deadline);
}

static void forget_empties_stock(struct queue *queue, struct rouse_source *source)
{
    let_all_go(queue);
    base_forget(queue, source);
}

static int wait_lowest_first(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    return wait_by_preference(queue, events, capacity, deadline, is_lower);
}

static int wait_latest_first(struct queue *queue, struct rouse_event *events, int capacity,
                             rouse_time deadline)
{
    return wait_by_preference(queue, events, capacity, deadline, is_later);
}

static int wait_tells_twice(struct queue *queue, struct rouse_event *events, int capacity,
                            rouse_time deadline)
{
    int count = base_wait(queue, events, capacity, deadline);

    if (count > 1 && count < capacity)
        events[count++] = events[0];
    return count;
}

static int arm_empties_stock(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    let_all_go(queue);
    return base_arm(queue, source, interest);
}

/* -- E11: errors at arm ------------------------------------------------------ */

/* An error of the first arm() by another value; 0 is success. */
static int arm_translated(struct queue *queue, struct rouse_source *source, unsigned interest,
                          int from, int to)
{
    const int error = base_arm(queue, source, interest);

    if (error != from)
        return error;
    if (to == 0)
        source->armed |= interest & BOTH;
    return to;
}

static int arm_any_number(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_translated(queue, source, interest, -EBADF, 0);
}

static int arm_any_file(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_translated(queue, source, interest, -EPERM, 0);
}

static int arm_file_is_invalid(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_translated(queue, source, interest, -EPERM, -EINVAL);
}

static int arm_number_is_unknown(struct queue *queue, struct rouse_source *source,
                                 unsigned interest)
{
    return arm_translated(queue, source, interest, -EBADF, -ENOENT);
}

static int arm_memory_comes_later(struct queue *queue, struct rouse_source *source,
                                  unsigned interest)
{
    return arm_translated(queue, source, interest, -ENOMEM, -EAGAIN);
}

static int arm_exists(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return (source->armed & interest) != 0 ? -EEXIST : base_arm(queue, source, interest);
}

static int arm_leaves_record(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    if (error != 0 && source->record == NULL)
        source->link = source;
    return error;
}

static int arm_allocates(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    void *block = resize(queue->alloc, NULL, 0, 16);

    if (block == NULL)
        return -ENOMEM;
    resize(queue->alloc, block, 16, 0);
    return base_arm(queue, source, interest);
}

static int arm_no_pipe(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return is_pipe(source->fd) ? -EPERM : base_arm(queue, source, interest);
}

static int arm_not_after_refusal(struct queue *queue, struct rouse_source *source,
                                 unsigned interest)
{
    const int error = queue->time == source->fd + 1 ? -EEXIST : base_arm(queue, source, interest);

    if (error != 0)
        queue->time = source->fd + 1;
    return error;
}

/* -- What else a backend can break ------------------------------------------- */

static int open_leaks_memory(struct queue *queue)
{
    return resize(queue->alloc, NULL, 0, 100) != NULL ? 0 : -ENOMEM;
}

static int open_takes_descriptor(struct queue *queue)
{
    queue->fds[0] = dup(2);
    return queue->fds[0] >= 0 ? 0 : -errno;
}

static int arm_leaks(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const bool is_new = source->record == NULL;
    const int error = base_arm(queue, source, interest);

    if (error == 0 && is_new && queue->alloc != NULL)
        queue->count += resize(queue->alloc, NULL, 0, 8) != NULL;
    return error;
}

static int open_by_another_name(struct queue *queue)
{
    queue->ops.name = "another";
    return 0;
}

static rouse_fd pollable_is_deaf(struct queue *queue)
{
    if (queue->fds[0] < 0 && pipe(queue->fds) != 0)
        return ROUSE_NO_FD;
    return queue->fds[0];
}

static rouse_fd pollable_never_rests(struct queue *queue)
{
    if (pollable_is_deaf(queue) != ROUSE_NO_FD && queue->count++ == 0
        && write(queue->fds[1], "", 1) != 1)
        return ROUSE_NO_FD;
    return queue->fds[0];
}

static int wait_tells_of_interruption(struct queue *queue, struct rouse_event *events, int capacity,
                                      rouse_time deadline)
{
    return sleep_interrupted(queue, deadline) ? -EINTR
                                              : base_wait(queue, events, capacity, deadline);
}

static int wait_allocates(struct queue *queue, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    void *block = resize(queue->alloc, NULL, 0, 64);

    if (block == NULL)
        return -ENOMEM;
    resize(queue->alloc, block, 64, 0);
    return base_wait(queue, events, capacity, deadline);
}

static int open_fails_halfway(struct queue *queue)
{
    void *block;

    queue->fds[0] = dup(2);
    block = resize(queue->alloc, NULL, 0, 16);
    if (block == NULL)
        return -ENOMEM; /* and the descriptor is left */
    resize(queue->alloc, block, 16, 0);
    return 0;
}

static int open_says_io(struct queue *queue)
{
    queue->fds[0] = dup(2);
    return queue->fds[0] >= 0 ? 0 : -EIO;
}

static int arm_fails_for_all(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    for (struct note *note = queue->notes; note != NULL && error != 0; note = note->next)
        note->muted |= BOTH;
    return error;
}

static int arm_fails_and_closes(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    if (error == -EPERM)
        close(source->fd);
    return error;
}

static unsigned report_reset_mutes_next(struct queue *queue, struct note *note, unsigned ready)
{
    (void) queue;
    if (is_over(note) && note->next != NULL)
        note->next->muted |= note->next->source->armed;
    return ready;
}

static int wait_spins_on_bytes(struct queue *queue, struct rouse_event *events, int capacity,
                               rouse_time deadline)
{
    for (struct note *note = queue->notes; note != NULL; note = note->next)
        if (note->source->armed == 0 && (ready_now(queue, note) & READABLE) != 0)
            return wait_busily(queue, events, capacity, deadline);
    return base_wait(queue, events, capacity, deadline);
}

static int arm_never_recovers(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const int error = base_arm(queue, source, interest);

    queue->count |= error == -ENOMEM;
    return error;
}

static unsigned report_unless_broken(struct queue *queue, struct note *note, unsigned ready)
{
    (void) note;
    return queue->count == 0 ? ready : 0;
}

const struct decorator mutants[] = {
    {.name = "canary", .wake = wake_nothing},

    {.name = "report-comes-again", .report = report_again},
    {.name = "report-comes-again-when-more-comes", .report = report_what_comes_later},
    {.name = "one-report-disarms-both", .report = report_disarms_both},
    {.name = "arming-one-disarms-the-other", .arm = arm_instead},
    {.name = "idle-source-is-told-of-a-hangup", .wait = wait_tells_idle_of_hangup},
    {.name = "idle-hangup-spins", .wait = wait_spins_on_idle_hangup},
    {.name = "stream-of-reports-disarms-the-other", .report = report_streams},
    {.name = "arming-twice-buys-two", .arm = arm_counts, .report = report_as_counted},

    {.name = "ready-before-the-first-arm", .arm = arm_marks_ready, .report = report_unmarked},
    {.name = "reader-trusts-the-edge", .arm = arm_reader_by_edge},
    {.name = "writer-trusts-the-edge", .arm = arm_writer_by_edge},
    {.name = "added-direction-trusts-the-edge", .arm = arm_added_by_edge},
    {.name = "once-hinted-always-hinted", .arm = arm_remembers_hint},
    {.name = "every-seventh-report-lost", .report = report_seventh_lost},
    {.name = "every-thousandth-report-lost", .report = report_thousandth_lost},
    {.name = "arm-counter-wraps", .arm = arm_wraps},
    {.name = "listener-trusts-the-edge", .arm = arm_listener_by_edge},
    {.name = "hundred-sources-and-no-more", .arm = arm_a_hundred},
    {.name = "reader-hides-the-writer", .report = report_reader_first},

    {.name = "other-direction-is-named", .report = report_the_wrong_one},
    {.name = "neighbour-is-named", .wait = wait_names_neighbour},
    {.name = "other-direction-right-after", .report = report_not_right_after},
    {.name = "wake-hides-reports", .wait = wait_woken_blindly},
    {.name = "past-deadline-loses-reports", .wait = wait_in_the_past_loses},
    {.name = "large-numbers-are-not-watched", .report = report_small_numbers},
    {.name = "datagrams-are-not-watched", .report = report_no_datagrams},
    {.name = "arm-lasts-for-twenty-waits", .wait = wait_disarms_the_patient},

    {.name = "hint-hides-what-has-come-since", .arm = arm_hint_hides_ready},
    {.name = "hint-for-both-arms-one", .arm = arm_hint_for_one},
    {.name = "hint-for-one-counts-for-both", .arm = arm_hint_for_all},
    {.name = "hint-on-a-new-source", .arm = arm_hint_when_new},
    {.name = "hint-hides-the-end", .arm = arm_hint_hides_end},
    {.name = "hint-beside-urgent-data", .arm = arm_hint_beside_urgent},
    {.name = "hint-tires", .arm = arm_hint_tires},
    {.name = "stale-event-counts", .report = report_counts_stale},

    {.name = "end-of-stream-tells-the-writer", .arm = arm_writer_hears_of_end, .wait = wait_held},
    {.name = "error-tells-one-of-two", .report = report_one_of_error},
    {.name = "writer-hears-of-no-hangup", .report = report_no_hangup_to_writer},
    {.name = "error-is-told-to-one", .report = report_error_once},
    {.name = "refusal-is-told-to-readers", .report = report_refusal_to_reader},
    {.name = "icmp-error-is-nobodys", .report = report_no_icmp},
    {.name = "end-is-told-once", .report = report_end_once},
    {.name = "own-end-is-the-peers", .arm = arm_own_end_is_an_end, .wait = wait_held},
    {.name = "writer-without-reader-is-refused", .arm = arm_no_writer_alone},
    {.name = "urgent-byte-wakes-for-ever", .arm = arm_urgent_is_a_byte, .wait = wait_held},
    {.name = "last-writer-leaves-unnoticed", .report = report_no_last_writer},
    {.name = "hinted-writer-hears-of-no-error", .report = report_no_error_to_hinted_writer},

    {.name = "stock-outlives-forget", .forget = forget_but_what_is_held, .wait = wait_from_stock},
    {.name = "forget-one-of-two-directions", .forget = forget_one_direction},
    {.name = "forget-holds-on-until-the-wait",
     .forget = forget_with_a_duplicate,
     .wait = wait_ends_duplicate,
     .close = close_fds},
    {.name = "forget-of-a-stranger", .forget = forget_someone},
    {.name = "forget-and-arm-in-one-turn",
     .forget = forget_for_this_turn,
     .arm = arm_not_in_this_turn},
    {.name = "forget-slows-down", .forget = forget_slowly},
    {.name = "number-belongs-to-its-first-queue", .arm = arm_for_the_first_queue},
    {.name = "forget-takes-the-neighbour", .forget = forget_neighbours},
    {.name = "forgotten-memory-is-written", .forget = forget_and_write, .wait = wait_writes},
    {.name = "forget-leaves-it-armed", .forget = forget_but_armed},

    {.name = "number-keeps-its-owner", .forget = forget_but_the_number, .wait = wait_by_number},
    {.name = "forget-keeps-the-interest", .forget = forget_but_the_number, .arm = arm_as_before},

    {.name = "unarmed-direction-too", .report = report_all_that_is},
    {.name = "wake-is-reported", .wait = wait_reports_wake},
    {.name = "foreign-bits", .report = report_foreign_bits},
    {.name = "empty-report", .wait = wait_reports_nothing},
    {.name = "mistaken-for-ever", .wait = wait_mistaken_for_ever},

    {.name = "wake-before-the-first-wait", .wake = wake_not_before_first_wait},
    {.name = "wake-between-waits", .wake = wake_not_between_waits},
    {.name = "every-seventh-wake-lost", .wake = wake_six_of_seven},
    {.name = "wakes-tire", .wake = wake_until_tired},
    {.name = "two-wakes-are-none", .wake = wake_and_unwake, .wait = wait_if_woken},
    {.name = "wake-after-a-report", .wake = wake_not_after_report, .wait = wait_notes_report},
    {.name = "every-wake-ends-a-wait-of-its-own", .wait = wait_for_each_wake},
    {.name = "woken-for-good", .wait = wait_woken_for_good},
    {.name = "wake-needs-a-source", .wait = wait_for_sources_alone},
    {.name = "wake-needs-a-wait-without-limit", .wait = wait_for_its_deadline},
    {.name = "interruption-swallows-a-wake", .wait = wait_interrupted_unwoken},
    {.name = "wake-goes-to-the-newest",
     .open = open_newest,
     .close = close_newest,
     .wake = wake_newest},
    {.name = "wake-is-lost-in-a-crowd", .wake = wake_few},

    {.name = "wake-lingers", .wake = wake_one_at_a_time},
    {.name = "only-the-first-thread-may-wake", .wake = wake_by_one_thread},
    {.name = "handler-wakes-nobody", .open = open_on_thread, .wake = wake_not_in_a_handler},
    {.name = "wake-during-a-verb", .wake = wake_not_in_a_verb},
    {.name = "wake-takes-a-lock", .arm = arm_locked, .forget = forget_locked, .wake = wake_locked},
    {.name = "wake-spoils-errno", .wake = wake_spoils_errno},

    {.name = "early-by-a-microsecond", .wait = wait_early},
    {.name = "early-by-a-nanosecond", .wait = wait_nearly},
    {.name = "milliseconds-rounded-down", .wait = wait_in_milliseconds},
    {.name = "past-deadline-does-not-look", .wait = wait_not_in_the_past},
    {.name = "past-deadline-waits", .wait = wait_in_the_past},
    {.name = "far-deadline-wraps", .wait = wait_in_32_bits},
    {.name = "interruption-ends-a-wait", .wait = wait_ends_when_interrupted},
    {.name = "interruption-lengthens-a-wait", .wait = wait_anew_when_interrupted},
    {.name = "short-wait-spins", .wait = wait_busily_if_short},
    {.name = "far-deadline-spins", .wait = wait_busily_if_far},
    {.name = "what-is-nobodys-ends-a-wait",
     .report = report_what_is_armed,
     .wait = wait_ends_with_anything},
    {.name = "clock-goes-back", .now = now_goes_back},
    {.name = "late-by-more-than-a-second", .wait = wait_long},
    {.name = "never-is-soon", .wait = wait_not_for_ever},
    {.name = "deadline-outlives-its-wait", .wait = wait_by_old_deadline},

    {.name = "one-more-than-fits", .wait = wait_for_one_more},
    {.name = "array-written-behind-its-end", .wait = wait_writes_behind},
    {.name = "what-does-not-fit-is-lost", .wait = wait_loses_the_rest},
    {.name = "sixty-fifth-is-lost", .wait = wait_loses_after_64},
    {.name = "last-of-a-full-batch-is-lost", .wait = wait_miscounts},
    {.name = "second-direction-does-not-fit", .wait = wait_with_room_for_half},
    {.name = "lowest-number-first", .wait = wait_lowest_first},
    {.name = "latest-first", .wait = wait_latest_first},
    {.name = "busiest-first", .wait = wait_busiest_first},
    {.name = "room-for-one-is-for-readers", .wait = wait_reads_alone_if_narrow},
    {.name = "forget-empties-the-stock", .forget = forget_empties_stock, .wait = wait_from_stock},
    {.name = "direction-twice-in-a-batch", .wait = wait_tells_twice},
    {.name = "arm-empties-the-stock", .arm = arm_empties_stock, .wait = wait_from_stock},

    {.name = "bad-descriptor-is-taken", .arm = arm_any_number},
    {.name = "regular-file-is-taken", .arm = arm_any_file},
    {.name = "regular-file-is-invalid", .arm = arm_file_is_invalid},
    {.name = "bad-descriptor-is-unknown", .arm = arm_number_is_unknown},
    {.name = "no-memory-is-try-again", .arm = arm_memory_comes_later},
    {.name = "armed-already-is-an-error", .arm = arm_exists},
    {.name = "failed-arm-leaves-something", .arm = arm_leaves_record},
    {.name = "every-arm-allocates", .arm = arm_allocates},
    {.name = "pipes-are-refused", .arm = arm_no_pipe},
    {.name = "refusal-is-for-good", .arm = arm_not_after_refusal},

    {.name = "queue-leaks-memory", .open = open_leaks_memory},
    {.name = "queue-leaks-a-descriptor", .open = open_takes_descriptor},
    {.name = "source-leaks-memory", .arm = arm_leaks},
    {.name = "queue-is-inherited", .open = open_takes_descriptor, .close = close_fds},
    {.name = "queue-has-another-name", .open = open_by_another_name},
    {.name = "descriptor-tells-nothing", .pollable = pollable_is_deaf, .close = close_fds},
    {.name = "descriptor-never-rests", .pollable = pollable_never_rests, .close = close_fds},
    {.name = "descriptor-knows-no-stock", .wait = wait_from_stock},
    {.name = "interruption-is-an-error", .wait = wait_tells_of_interruption},
    {.name = "every-wait-allocates", .wait = wait_allocates},
    {.name = "open-fails-halfway", .open = open_fails_halfway, .close = close_fds},
    {.name = "open-does-not-say-why", .open = open_says_io, .close = close_fds},
    {.name = "failed-arm-disarms-all", .arm = arm_fails_for_all},
    {.name = "failed-arm-closes", .arm = arm_fails_and_closes},
    {.name = "reset-disarms-the-next", .report = report_reset_mutes_next},
    {.name = "idle-bytes-spin", .wait = wait_spins_on_bytes},
    {.name = "no-memory-once-is-no-report-ever",
     .arm = arm_never_recovers,
     .report = report_unless_broken},
    {.name = NULL},
};

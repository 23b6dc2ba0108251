/*
 * timer.c -- deadlines, in a stable pairing heap.
 *
 * A pairing heap (Fredman, Sedgewick, Sleator and Tarjan, 1986) needs no memory but the
 * three pointers in each timer. Arming is one comparison; cancelling a timer that never
 * came to the top, the fate of most, is to unlink a leaf.
 *
 * It is stable (M3) without a sequence number, because every list of siblings is kept in
 * arming order: trees are only ever joined with their neighbour, the winner of a tie is
 * the left one, a loser goes to the end of the winner's children if it stood right of
 * it, and to their front if it stood left.
 *
 * A node knows its last child; the last child's `next` is the first; the first child's
 * `prev` is the parent. A root that stands alone is its own `next`.
 */
#include <rouse/reactor.h>

static void append_child(struct rouse_timer *parent, struct rouse_timer *child)
{
    struct rouse_timer *last = parent->last;

    if (last == NULL) {
        child->next = child;
        child->prev = parent;
    } else {
        child->next = last->next;
        child->prev = last;
        last->next = child;
    }
    parent->last = child;
}

static void prepend_child(struct rouse_timer *parent, struct rouse_timer *child)
{
    struct rouse_timer *last = parent->last;

    if (last == NULL) {
        append_child(parent, child);
        return;
    }
    child->next = last->next;
    child->prev = parent;
    last->next->prev = child;
    last->next = child;
}

/* Joins two trees, of which `left` is the older. */
static struct rouse_timer *join(struct rouse_timer *left, struct rouse_timer *right)
{
    if (right->deadline < left->deadline) {
        prepend_child(right, left);
        return right;
    }
    append_child(left, right);
    return left;
}

/* Makes one tree of a node's children: neighbours in pairs from the left, then all of
 * them together from the right. */
static struct rouse_timer *join_children(struct rouse_timer *node)
{
    struct rouse_timer *child = node->last->next;
    struct rouse_timer *pairs = NULL; /* linked by `prev`, the rightmost first */
    struct rouse_timer *tree;

    node->last->next = NULL;
    while (child != NULL) {
        struct rouse_timer *left = child;
        struct rouse_timer *right = left->next;

        child = right != NULL ? right->next : NULL;
        if (right != NULL)
            left = join(left, right);
        left->prev = pairs;
        pairs = left;
    }
    tree = pairs;
    pairs = pairs->prev;
    while (pairs != NULL) {
        struct rouse_timer *left = pairs;

        pairs = left->prev;
        tree = join(left, tree);
    }
    tree->next = tree;
    tree->prev = NULL;
    return tree;
}

/* Takes a node that is not the root out of its siblings. `heir`, which may be NULL,
 * takes its place. */
static void replace(struct rouse_timer *node, struct rouse_timer *heir)
{
    const bool first = node->prev->last != NULL && node->prev->last->next == node;
    const bool last = node->next->prev != node;
    struct rouse_timer *parent = first ? node->prev : last ? node->next->prev : NULL;
    struct rouse_timer *before = first ? parent->last : node->prev; /* in the circle */

    if (heir != NULL) {
        heir->prev = node->prev;
        heir->next = node->next == node ? heir : node->next;
        before->next = heir; /* which is the node, if it is alone */
        if (!last)
            node->next->prev = heir;
        else
            parent->last = heir;
    } else if (before == node) {
        parent->last = NULL;
    } else {
        before->next = node->next;
        if (!last)
            node->next->prev = node->prev;
        else
            parent->last = before;
    }
}

static void take_out(struct rouse_reactor *reactor, struct rouse_timer *timer)
{
    struct rouse_timer *heir = timer->last != NULL ? join_children(timer) : NULL;

    if (timer == reactor->timers)
        reactor->timers = heir;
    else
        replace(timer, heir);
    timer->next = NULL;
}

void rouse_timer_arm(struct rouse_reactor *reactor, struct rouse_timer *timer, rouse_time deadline,
                     const struct rouse_waker *waker)
{
    if (rouse_timer_armed(timer))
        take_out(reactor, timer);
    rouse_waker_keep(&timer->waker, waker);
    timer->deadline = deadline;
    timer->last = NULL;
    timer->next = timer;
    timer->prev = NULL;
    reactor->timers = reactor->timers != NULL ? join(reactor->timers, timer) : timer;
}

void rouse_timer_cancel(struct rouse_reactor *reactor, struct rouse_timer *timer)
{
    if (rouse_timer_armed(timer))
        take_out(reactor, timer);
    rouse_waker_drop(&timer->waker);
}

rouse_time rouse_after(const struct rouse_reactor *reactor, rouse_time duration)
{
    const rouse_time now = rouse_now(reactor);

    if (duration < 0)
        return now;
    return duration < ROUSE_NEVER - now ? now + duration : ROUSE_NEVER;
}

void rouse__timers_expire(struct rouse_reactor *reactor, rouse_time now)
{
    struct rouse_timer above = {0};
    struct rouse_timer *timer = reactor->timers;

    if (timer->deadline > now)
        return;
    /* What wakers arm from here on is for the next turn, however soon it is due: else a
     * timer that always arms itself again would keep out everything else (T8). So the
     * heap is hung up elsewhere, where its timers can be taken out all the same. */
    append_child(&above, timer);
    reactor->timers = NULL;
    while ((timer = above.last) != NULL && timer->deadline <= now) {
        take_out(reactor, timer);
        rouse_wake(&timer->waker);
    }
    if (timer == NULL)
        return;
    timer->prev = NULL;
    reactor->timers = reactor->timers != NULL ? join(timer, reactor->timers) : timer;
}

/*
 * rouse/async.h -- write a future as straight-line code.
 *
 *     struct greet {
 *         struct rouse_async async;            <- always first
 *         struct rouse_reactor *reactor;
 *         struct rouse_sleep sleep;            <- a field for each awaited future
 *     };
 *
 *     ROUSE_ASYNC(greet, struct greet)
 *     {
 *         ROUSE_BEGIN
 *         ROUSE_AWAIT(self->sleep, rouse_sleep(self->reactor, ROUSE_MS(100)));
 *         puts("hello");
 *         ROUSE_FINALLY
 *         ROUSE_END
 *     }
 *
 * defines greet_start(struct greet *), which makes the struct a future that is
 * about to run the body, and returns it for spawn, ROUSE_AWAIT_ON or a join.
 *
 * The body is a switch in disguise (Tom Duff's device, as in Simon Tatham's
 * coroutines). It returns at every await that has to wait and jumps back in when
 * polled again, so:
 *
 *   - `self` and `cx` are in scope; what must survive a wait lives in `self`;
 *   - a local variable holds nothing after a wait. Declare locals above
 *     ROUSE_BEGIN and set them where they are used. Compilers catch few slips:
 *     clang's -Wconditional-uninitialized, and C++ for jumps over initialisers;
 *   - no await inside a switch of your own, and at most one on a line.
 *
 * What follows ROUSE_FINALLY runs exactly once, however the body ends: at the
 * bottom, by ROUSE_RETURN, or because the future was dropped, even before its
 * first poll (then the fields are as the caller left them). It is the place to
 * close what the body owns. It cannot await and does not return: debug builds
 * catch both.
 */
#ifndef ROUSE_ASYNC_H
#define ROUSE_ASYNC_H

#include <rouse/future.h>

ROUSE_BEGIN_DECLS

struct rouse_async {
    struct rouse_future future;
    struct rouse_future *child; /* what we are waiting for, if anything */
    int resume;                 /* where to go on: a line of the body, or one of these */
    bool finally;               /* what follows ROUSE_FINALLY has been entered */
};

enum { ROUSE_ASYNC_START = 0, ROUSE_ASYNC_FINAL = -1, ROUSE_ASYNC_DONE = -2 };

/* Drops the child, then runs what follows ROUSE_FINALLY. Its address also tells an
 * async future from others, for dumps. */
ROUSE_API void rouse_async_drop(struct rouse_future *future);

/* Defines an async body for `type`, and name_start(type *). */
#define ROUSE_ASYNC(name, type)                                                                    \
    static enum rouse_poll name##_body(type *self, struct rouse_context *cx);                      \
    static enum rouse_poll name##_poll(struct rouse_future *future, struct rouse_context *cx)      \
    {                                                                                              \
        ROUSE_STATIC_ASSERT_(offsetof(type, async) == 0, "async comes first");                     \
        type *self = (type *) (void *) future;                                                     \
        const enum rouse_poll poll = name##_body(self, cx);                                        \
        ROUSE_RULE(!self->async.finally || self->async.resume == ROUSE_ASYNC_DONE,                 \
                   "F7: returned from ROUSE_FINALLY", #name);                                      \
        return poll;                                                                               \
    }                                                                                              \
    static const struct rouse_future_ops name##_ops = {name##_poll, rouse_async_drop, #name};      \
    static inline struct rouse_future *name##_start(type *self)                                    \
    {                                                                                              \
        rouse_async_init_(&self->async, &name##_ops);                                              \
        return &self->async.future;                                                                \
    }                                                                                              \
    static enum rouse_poll name##_body(type *self, struct rouse_context *cx)

#define ROUSE_BEGIN                                                                                \
    (void) cx;                                                                                     \
    switch (self->async.resume) {                                                                  \
    case ROUSE_ASYNC_START:;

/* Puts a new future in `slot`, a field of `self`, and waits until it is ready.
 * Its output is then in that field. */
#define ROUSE_AWAIT(slot, ...)                                                                     \
    do {                                                                                           \
        (slot) = (__VA_ARGS__);                                                                    \
        ROUSE_AWAIT_AT_(ROUSE_POINT_, &(slot).future);                                             \
    } while (0)

/* Waits for a future that is already in place. */
#define ROUSE_AWAIT_ON(pointer) ROUSE_AWAIT_AT_(ROUSE_POINT_, pointer)

#define ROUSE_AWAIT_AT_(point, pointer)                                                            \
    do {                                                                                           \
        ROUSE_RULE(!self->async.finally, "an await after ROUSE_FINALLY", __func__);                \
        self->async.child = (pointer);                                                             \
        self->async.resume = (point);                                                              \
        ROUSE_FALLTHROUGH_;                                                                        \
    case (point):                                                                                  \
        if (rouse_future_poll(self->async.child, cx) == ROUSE_PENDING)                             \
            return ROUSE_PENDING;                                                                  \
        self->async.child = NULL;                                                                  \
    } while (0)

/* Lets the others run first. */
#define ROUSE_YIELD ROUSE_YIELD_AT_(ROUSE_POINT_)

#define ROUSE_YIELD_AT_(point)                                                                     \
    do {                                                                                           \
        self->async.resume = (point);                                                              \
        cx->yield = true;                                                                          \
        return ROUSE_PENDING;                                                                      \
    case (point):;                                                                                 \
    } while (0)

/* Leaves the body by way of ROUSE_FINALLY, with this result. */
#define ROUSE_RETURN(value)                                                                        \
    do {                                                                                           \
        self->async.future.result = (value);                                                       \
        goto rouse_finally;                                                                        \
    } while (0)

#define ROUSE_FINALLY                                                                              \
    self->async.future.result = 0;                                                                 \
    goto rouse_finally;                                                                            \
    case ROUSE_ASYNC_FINAL:                                                                        \
    rouse_finally:                                                                                 \
        ROUSE_RULE(!self->async.finally, "ROUSE_RETURN after ROUSE_FINALLY", __func__);            \
        self->async.finally = true;

#define ROUSE_END                                                                                  \
    self->async.resume = ROUSE_ASYNC_DONE;                                                         \
    }                                                                                              \
    if (self->async.resume != ROUSE_ASYNC_DONE) { /* a stray break */                              \
        self->async.future.result = 0;                                                             \
        goto rouse_finally;                                                                        \
    }                                                                                              \
    return ROUSE_READY;

static inline void rouse_async_init_(struct rouse_async *async, const struct rouse_future_ops *ops)
{
    async->future.ops = ops;
    async->future.result = 0;
    async->child = NULL;
    async->resume = ROUSE_ASYNC_START;
    async->finally = false;
}

/* MSVC's /ZI makes __LINE__ unfit for a case label. */
#ifdef _MSC_VER
#define ROUSE_POINT_ (__COUNTER__ + 1)
#else
#define ROUSE_POINT_ __LINE__
#endif

#ifdef __cplusplus
#define ROUSE_STATIC_ASSERT_ static_assert
#else
#define ROUSE_STATIC_ASSERT_ _Static_assert
#endif

#if defined(__has_attribute)
#if __has_attribute(fallthrough)
#define ROUSE_FALLTHROUGH_ __attribute__((fallthrough))
#endif
#endif
#ifndef ROUSE_FALLTHROUGH_
#define ROUSE_FALLTHROUGH_ ((void) 0)
#endif

ROUSE_END_DECLS

#endif /* ROUSE_ASYNC_H */

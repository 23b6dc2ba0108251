/*
 * pollable.pml -- wake() against a host that sleeps on the queue's descriptor: LISTENED of
 * src/evq/sleep.h, as epoll.c uses it.
 *
 * Here the one who sleeps is not in wait(), so that no ASLEEP says so. From pollable() on,
 * the first wake() after each wait() therefore makes its system call; and pollable() itself
 * has to tell of a wake() that came before, when nobody listened.
 *
 * Each `word = ...` in an atomic block is one read-modify-write of the C, and seen at once by
 * everybody; see sleep.pml for what that leaves out.
 *
 * The descriptor is an epoll set with an eventfd, edge-triggered: each write makes it
 * readable, and being told of it makes it unreadable. Or there is a pipe, which has to be
 * emptied, as in kqueue.c where there is no EVFILT_USER; BUG_PIPE is how that was wrong once.
 *
 * ci: short -DWAKERS=2 -DWAKES=2
 * ci: long -DWAKERS=3 -DWAKES=2
 * ci: check safety
 * ci: check served
 * ci: check rests
 * ci: bug BUG_NOT_LISTENED served  wake() makes its system call for ASLEEP only
 * ci: bug BUG_NOT_TOLD served      pollable() does not tell of a wake() that came before
 * ci: bug BUG_TAKE_EVERY served    wait() takes WOKEN after it said whether it was woken
 * ci: bug BUG_PIPE served          the descriptor is emptied after WOKEN was taken
 * ci: bug BUG_TELL_ALWAYS rests    wait() tells the descriptor again whenever it was woken
 */
#ifndef WAKERS
#define WAKERS 2
#define WAKES 2
#endif

#define ASLEEP 1   /* SLEEP_ASLEEP */
#define WOKEN 2    /* SLEEP_WOKEN */
#define LISTENED 4 /* SLEEP_LISTENED */

byte word;     /* epoll_evq.sleep */
bool readable; /* the descriptor that the host sleeps on */
byte work;     /* what wakers brought, and nobody has done */
byte sources;  /* that will become ready, or not: the host comes back for that too */
bool resting;  /* the host is in its own system call */
bool piped;    /* it is a pipe */

/* wake(): epoll_wake() */
proctype waker()
{
    byte n = 0, old;

    do
    :: n < WAKES ->
        n++;
        work++;
        atomic { old = word; word = word | WOKEN } /* sleep_wake(): fetch_or */
        if
#ifdef BUG_NOT_LISTENED
        :: (old & WOKEN) == 0 && (old & ASLEEP) != 0 ->
#else
        :: (old & WOKEN) == 0 && (old & (ASLEEP | LISTENED)) != 0 ->
#endif
            readable = true /* notify() */
        :: else
        fi
    :: else -> break
    od
}

inline empty_pipe()
{
    if
    :: piped && told -> readable = false
    :: else
    fi
}

/* wait(INT64_MIN), which does not block: epoll_wait_(), look_on() */
inline turn()
{
    bool told, woken;

    atomic { word = word + ASLEEP } /* sleep_begin(); both ways it only looks */
    if
    :: piped -> told = readable
    :: else -> atomic { told = readable; readable = false }
    fi;
#ifndef BUG_PIPE
    empty_pipe();
#endif
    atomic { woken = (word & WOKEN) != 0; word = word - ASLEEP } /* sleep_end(): fetch_sub */
    if
    :: woken ->
#ifdef BUG_TAKE_EVERY
       work = 0; /* the host is told, and does the work */
#endif
       atomic { word = word & ~WOKEN } /* fetch_and */
    :: else
    fi;
#ifdef BUG_PIPE
    empty_pipe();
#endif
#ifdef BUG_TELL_ALWAYS
    if
    :: woken -> readable = true
    :: else -> readable = told
    fi;
#endif
}

active proctype host()
{
    byte old;

    /* It may have turned the queue before. */
    if
    :: turn(); work = 0
    :: skip
    fi;
    /* pollable(): epoll_pollable(), sleep_listened() */
    atomic { old = word; word = word | LISTENED }
    if
#ifndef BUG_NOT_TOLD
    :: (old & WOKEN) != 0 -> readable = true
#endif
    :: else
    fi;
    do
    :: resting = true;
end_asleep:
       if
       :: atomic { readable -> resting = false }
       :: atomic { sources > 0 -> sources--; resting = false }
       fi;
       turn();
#ifndef BUG_TAKE_EVERY
       work = 0 /* the executor's turn */
#endif
    od
}

init {
    byte i;

    atomic {
        if
        :: sources = 0
        :: sources = 1
        fi;
        if
        :: piped = false
        :: piped = true
        fi;
        for (i : 1 .. WAKERS) { run waker() }
    }
}

/* Never asleep with work. */
ltl served { [] ((work > 0) -> <> (work == 0)) }

/* Never awake without, for good. */
ltl rests { <> [] resting }

/*
 * wait.pml -- a plain thread in rouse_wait(), and the wakers of its future: src/future/wait.c.
 *
 * `woken` says that somebody has written to the pipe already, so that the others need not.
 * It must not say so when the byte is gone. And the sleeper's memory, pipe included, goes
 * with the last reference: a waker that still has to write must have one.
 *
 * Each atomic block is one read-modify-write of the C, and seen at once by everybody. That
 * the sleeper clears `woken` by an exchange is not needed here, where nothing is seen late;
 * rouse-explore shows that a store would lose a wake on x86.
 *
 * ci: short -DWAKERS=3
 * ci: long -DWAKERS=5
 * ci: check safety
 * ci: check returns
 * ci: check sleeps
 * ci: bug BUG_CLEAR_FIRST returns    clears `woken` before it empties the pipe
 * ci: bug BUG_CLEAR_AFTER returns    clears `woken` after the poll instead of before
 * ci: bug BUG_BORROW safety          wake() gives its reference back before it writes
 * ci: bug BUG_LEAVE safety           rouse_wait() frees, whoever still has a waker
 * ci: bug BUG_NO_DRAIN sleeps        does not empty the pipe
 */
#ifndef WAKERS
#define WAKERS 3
#endif

byte references; /* sleeper.references */
bool woken;      /* sleeper.woken */
bool readable;   /* sleeper.pipe */
bool gone;       /* it was freed */
byte said;       /* by wakers; the future is ready when all have */
bool done, asleep;
byte letters; /* that the future wants: all, or one more than will come; 0 is not known yet */

#define TOUCH assert(!gone)

inline release() /* sleeper_release() */
{
    atomic {
        TOUCH;
        references--;
        last = references == 0
    }
    if
    :: last ->
       atomic {
           TOUCH;
           gone = true /* rouse__selfpipe_close(), rouse__free() */
       }
    :: else
    fi
}

proctype waker()
{
    bool old, last;

    said++;
#ifdef BUG_BORROW
    release();
#endif
    atomic { TOUCH; old = woken; woken = true } /* sleeper_wake_by_ref(): exchange */
    if
    :: !old -> atomic { TOUCH; readable = true } /* rouse__selfpipe_notify() */
    :: else
    fi;
#ifndef BUG_BORROW
    release()
#endif
}

active proctype sleeper() /* rouse_wait() */
{
    byte i;
    bool last;

    atomic {
        references = 1; /* sleeper_open() */
        if
        :: letters = WAKERS
        :: letters = WAKERS + 1
        fi;
        /* The first poll hands out a waker to each. */
        for (i : 1 .. WAKERS) {
            references++;
            run waker()
        }
    }
    do
    :: said == letters -> break /* READY */
    :: else ->
#ifdef BUG_CLEAR_AFTER
       woken = false;
#endif
       asleep = true;
end_asleep:
       atomic { readable -> asleep = false } /* rouse__selfpipe_wait() */
#ifdef BUG_CLEAR_FIRST
       woken = false;
#endif
#ifndef BUG_NO_DRAIN
       readable = false; /* rouse__selfpipe_drain() */
#endif
#if !defined(BUG_CLEAR_FIRST) && !defined(BUG_CLEAR_AFTER)
       woken = false /* exchange */
#endif
    od;
#ifdef BUG_LEAVE
    gone = true;
#else
    release();
#endif
    done = true
}

/* The last wake is not lost, however many merged. */
ltl returns { [] (letters == WAKERS -> <> done) }

/* A thread whose future is never ready does not turn round. */
ltl sleeps { [] (letters > WAKERS -> <> [] asleep) }

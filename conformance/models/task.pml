/*
 * task.pml -- the state of a task: src/task/state.h, with the executor of run.h and
 * executor.c, and the wakers of task.c.
 *
 * One word holds what is to happen and who may still look. The hard parts: a wake during a
 * poll, since there is no bit for "running"; the end of a task that is still in a list, or on
 * the way into one; and the shortcuts of the executor, which stores instead of changing the
 * word when the count says that nobody else has a reference.
 *
 * Each atomic block that changes `word` is one read-modify-write of the C (or one plain load
 * or store, where it says so), and seen at once by everybody. What wakes publish (W5) and
 * takes and releases order is not in this model: rouse-explore looks at that. Left out are
 * JOINER (join.pml) and ARRIVING; and the lists, of which it only matters that a task is in
 * none of them or in one (inbox.pml has the rest). The executor here sleeps perfectly
 * (sleep.pml).
 *
 * ci: short -DWAKERS=2 -DPOLLS=1
 * ci: long -DWAKERS=2 -DPOLLS=3
 * ci: long -DWAKERS=3 -DPOLLS=1
 * ci: check safety
 * ci: check polled
 * ci: check canceled
 * ci: check released
 * ci: bug BUG_CLEAR_LATE polled      QUEUED is cleared after the poll instead of before (W1, W2)
 * ci: bug BUG_END_OPEN safety        ENDED is set without QUEUED: a late wake queues it (W3)
 * ci: bug BUG_END_EARLY safety       what ended while queued is given back at once (T5)
 * ci: bug BUG_BORROW safety          a consuming wake gives its reference back, and then wakes
 * ci: bug BUG_WAKE_STORES safety     a wake reads the word, and stores it with QUEUED
 * ci: bug BUG_NOT_ALONE safety       the shortcuts are taken whoever else has a reference
 * ci: bug BUG_WAKE_ALWAYS safety     a wake queues the task, queued or not
 * ci: bug BUG_QUIET_CANCEL canceled  a cancel does not queue the task (T9)
 * ci: bug BUG_POLL_CANCELED safety   the turn after a cancel polls
 * ci: bug BUG_KEEP released          the executor keeps its reference to what ended idle (T5)
 */
#ifndef WAKERS
#define WAKERS 2 /* threads with a waker, of which the last cancels, too */
#define POLLS 1  /* polls that may be PENDING */
#endif

#define QUEUED 1    /* TASK_QUEUED */
#define ENDED 2     /* TASK_ENDED */
#define CANCELED 4  /* TASK_CANCELED */
#define REFERENCE 8 /* TASK_REFERENCE */
#define ALONE REFERENCE
#define ALONE_QUEUED (REFERENCE + QUEUED)

byte word;      /* rouse_task.state */
byte listed;    /* how often it is in the ready list or the inbox */
byte here;      /* wakers that the executor's own thread has */
bool polling, dropped, finished; /* the future */
bool gone;      /* release() was called */
bool owed_poll; /* W1: woken since the last poll began */
bool earned;    /* T7: spawned, woken or yielded since */
bool owed_drop; /* T9: canceled */

#define TOUCH assert(!gone)

/* task_push(): into the ready list, or the inbox */
inline push()
{
    atomic {
        TOUCH;
        listed++;
        assert(listed == 1)
    }
}

/* The caller's release(): the memory is gone. */
inline free_task()
{
    atomic {
        assert(!gone);                 /* T5: once */
        assert(finished || dropped);   /* and after its end */
        assert(listed == 0 && !polling);
        gone = true
    }
}

/* task_release(): fetch_sub */
inline release(old)
{
    atomic { TOUCH; old = word; word = word - REFERENCE }
    if
    :: old / REFERENCE == 1 -> free_task()
    :: else
    fi
}

/* W1 holds for tasks that go on; T9 may come first. */
#define WOKEN                                                                                      \
    if                                                                                             \
    :: (old & ENDED) == 0 -> owed_poll = true; earned = true                                       \
    :: else                                                                                        \
    fi

/* task_wake(): fetch_or */
inline wake_by_ref(old)
{
#ifdef BUG_WAKE_STORES
    atomic { TOUCH; old = word }
    atomic { TOUCH; word = old | QUEUED; WOKEN }
#else
    atomic { TOUCH; old = word; word = word | QUEUED; WOKEN }
#endif
    if
#ifdef BUG_WAKE_ALWAYS
    :: (old & ENDED) == 0 -> push()
#else
    :: (old & QUEUED) == 0 -> push()
#endif
    :: else
    fi
}

/* wake_shared(): compare_exchange, which gives the reference back in the same step */
inline wake(old)
{
#ifdef BUG_BORROW
    release(old);
    wake_by_ref(old)
#else
    atomic { TOUCH; old = word; word = (word | QUEUED) - REFERENCE; WOKEN }
    if
    :: (old & QUEUED) == 0 -> push()
    :: (old & QUEUED) != 0 && old / REFERENCE == 1 -> free_task()
    :: else
    fi
#endif
}

/* rouse_cancel(): fetch_or */
inline cancel(old)
{
#ifdef BUG_QUIET_CANCEL
    atomic { TOUCH; old = word; word = word | CANCELED; owed_drop = (old & ENDED) == 0 }
#else
    atomic {
        TOUCH;
        old = word;
        word = word | CANCELED | QUEUED;
        earned = earned || (old & ENDED) == 0;
        owed_drop = (old & ENDED) == 0
    }
    if
    :: (old & QUEUED) == 0 -> push()
    :: else
    fi
#endif
}

/* A thread with one reference, of which it makes another, or not. */
proctype waker(bool cancels)
{
    byte old;

    if
    :: cancels -> cancel(old)
    :: !cancels
    fi;
    if
    :: atomic { TOUCH; word = word + REFERENCE } /* waker_retain(): fetch_add */
       wake_by_ref(old);
       release(old)
    :: wake_by_ref(old)
    :: skip
    fi;
    if
    :: wake(old)
    :: release(old)
    fi
}

/* end_task(), rouse__end_shared() */
inline end()
{
    atomic { TOUCH; old = word } /* load */
    if
#ifdef BUG_NOT_ALONE
    :: (old & (QUEUED | CANCELED)) == 0 -> free_task()
#else
    :: old == ALONE -> free_task() /* nobody is left who could look */
#endif
    :: else ->
       atomic {
           TOUCH;
           old = word;
#ifdef BUG_END_OPEN
           word = word | ENDED; /* fetch_or */
#else
           word = word | ENDED | QUEUED; /* fetch_or */
#endif
           owed_poll = false;
           owed_drop = false
       }
       if
#ifdef BUG_END_EARLY
       :: release(old)
#else
       :: (old & QUEUED) != 0 /* `owed`: it is in a list, or will be */
#ifndef BUG_KEEP
       :: (old & QUEUED) == 0 -> release(old)
#else
       :: else
#endif
#endif
       fi
    fi
}

/* QUEUED is cleared: a wake from here on leads to another poll, though this one may be still
 * to begin. */
#define CLEARED assert(earned); /* T7 */ earned = false

/* rouse_future_poll(), with all that a future may do in it. */
inline poll()
{
    atomic {
        assert(!polling && !dropped && !finished); /* T1, T3 */
#ifdef BUG_POLL_CANCELED
        assert(!owed_drop || (seen & CANCELED) == 0);
#endif
        polling = true;
        owed_poll = false;
        yields = false
    }
    if
    :: wake_by_ref(old) /* W2 */
    :: atomic { here == 0 -> word = word + REFERENCE; here = 1 } /* keeps a clone */
    :: cancel(old) /* from its own poll */
    :: skip
    fi;
    polling = false;
    if
    :: finished = true
    :: polls < POLLS -> polls++
    :: polls < POLLS -> polls++; yields = true
    fi
}

active proctype executor()
{
    byte old, seen, polls;
    bool yields;
    byte i;

    atomic {
        /* rouse_spawn_held(), and a clone to each thread before they start */
        word = QUEUED + REFERENCE;
        listed = 1;
        earned = true;
        for (i : 1 .. WAKERS) {
            word = word + REFERENCE;
            run waker(i == WAKERS)
        }
    }
end_idle:
    do
    :: atomic { listed > 0 -> listed-- } /* ready_take() */
       /* run_task() */
       atomic { TOUCH; seen = word } /* load */
       if
#ifdef BUG_NOT_ALONE
       :: (seen & (ENDED | CANCELED)) == 0 ->
          atomic { TOUCH; word = seen - QUEUED; CLEARED }
          poll()
#else
       :: seen == ALONE_QUEUED ->
          atomic { TOUCH; word = ALONE; CLEARED } /* store */
          poll()
#endif
       :: else ->
          /* rouse__begin_shared() */
          if
          :: (seen & ENDED) != 0 -> release(old); goto next
          :: else
          fi;
#ifdef BUG_CLEAR_LATE
          seen = word;
#else
          atomic { TOUCH; seen = word; word = word - QUEUED; CLEARED } /* fetch_sub */
#endif
          if
#ifdef BUG_POLL_CANCELED
          :: true -> poll()
#else
          :: (seen & CANCELED) == 0 -> poll()
          :: else ->
             /* end_canceled() */
             atomic { assert(!dropped && !finished); dropped = true }
             end();
             goto next
#endif
          fi
#ifdef BUG_CLEAR_LATE
          ; atomic { TOUCH; word = word & ~QUEUED; earned = false }
#endif
       fi;
       if
       :: finished -> end()
       :: !finished && yields ->
          atomic { TOUCH; old = word } /* load */
          if
#ifdef BUG_NOT_ALONE
          :: (old & QUEUED) == 0 ->
             atomic { TOUCH; word = old | QUEUED; earned = true }
             push()
#else
          :: old == ALONE ->
             atomic { TOUCH; word = ALONE_QUEUED; earned = true } /* store */
             push()
#endif
          :: else -> wake_by_ref(old) /* rouse__wake_yielded() */
          fi
       :: else
       fi;
next:  atomic { old = 0; seen = 0; yields = false }
    :: here > 0 ->
       /* Another task, on this thread, spends the waker that it was given: waker_wake() */
       here--;
       atomic { TOUCH; old = word } /* load */
       if
#ifdef BUG_NOT_ALONE
       :: (old & (QUEUED | ENDED)) == 0 ->
          atomic { TOUCH; word = (old | QUEUED) - REFERENCE; WOKEN }
          push()
#else
       :: old == ALONE + REFERENCE ->
          atomic { TOUCH; word = ALONE_QUEUED; WOKEN } /* store */
          push()
#endif
       :: else -> wake(old)
       fi;
       old = 0
    od
}

/* W1: a wake after the last poll began leads to one more, or the task ends. */
ltl polled { [] (owed_poll -> <> !owed_poll) }

/* T9: a canceled task ends. */
ltl canceled { [] (owed_drop -> <> !owed_drop) }

/* T5: what has ended is released, once all have let go of it. */
ltl released { [] ((finished || dropped) -> <> gone) }

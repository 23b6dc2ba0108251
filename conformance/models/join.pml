/*
 * join.pml -- waiting for a task's end from another thread: src/task/join.c against
 * end_task() and rouse__end_shared().
 *
 * The waker of whoever joins lies in the task, in a slot that both sides write. JOINER says
 * whose it is: the executor's when it finds the bit as it sets ENDED, the join's while the
 * bit is clear. Whoever sets or clears JOINER learns in the same step whether the task has
 * ended, so that no end falls between a look and a registration.
 *
 * Each atomic block that changes `word` is one read-modify-write of the C, and seen at once
 * by everybody; that the slot and the result are published with the word is the explorer's to
 * check. The join holds the task, so that its memory does not matter here (task.pml).
 *
 * ci: short
 * ci: long -DPOLLS=6
 * ci: check safety
 * ci: check joined
 * ci: bug BUG_LOOK_FIRST joined    looks for ENDED, and sets JOINER without looking again
 * ci: bug BUG_BIT_FIRST safety     sets JOINER before the waker is in the slot
 * ci: bug BUG_NO_BIT safety        takes the waker back without clearing JOINER
 * ci: bug BUG_TAKE_ANYWAY safety   clears JOINER, and takes the waker though the task has ended
 * ci: bug BUG_KEEP_OLD joined      polled with another waker, it leaves the first one there (F4)
 * ci: bug BUG_LEAK safety          when it comes too late it leaves its waker in the slot
 */
#ifndef POLLS
#define POLLS 3 /* of the join, each with either waker */
#endif

#define ENDED 2  /* TASK_ENDED */
#define JOINER 1 /* TASK_JOINER */

byte word;
bool has_result;    /* rouse_task.result has been written */
byte slot;          /* rouse_task.joiner: which waker, or 0 */
bool touched;       /* somebody is writing to the slot */
byte references[3]; /* of each waker, in the slot */
bool woken[3];      /* by the end */
bool executor_over;
bool done;          /* the join is READY, or was dropped */

#define ENTER                                                                                      \
    atomic {                                                                                       \
        assert(!touched);                                                                          \
        touched = true                                                                             \
    }
#define LEAVE touched = false

active proctype executor()
{
    byte old, taken;

    has_result = true; /* end_task() */
    atomic { old = word; word = word | ENDED } /* rouse__end_shared(): fetch_or */
    if
    :: (old & JOINER) != 0 -> /* rouse_wake(&task->joiner) */
       ENTER;
       taken = slot;
       assert(taken != 0 && references[taken] == 1);
       slot = 0;
       LEAVE;
       atomic { woken[taken] = true; references[taken]-- }
    :: else
    fi;
    executor_over = true
}

/* take_back(): fetch_and; `ended` when the waker is not ours */
inline take_back()
{
#ifdef BUG_NO_BIT
    old = word;
#else
    atomic { old = word; word = word & ~JOINER }
#endif
    registered = false;
    ended = (old & ENDED) != 0;
    if
#ifdef BUG_TAKE_ANYWAY
    :: true ->
#else
    :: !ended ->
#endif
       ENTER;
       assert(slot != 0);
       references[slot]--; /* rouse_waker_drop() */
       slot = 0;
       LEAVE
    :: else
    fi
}

inline ready()
{
    assert(has_result);
    done = true;
    goto over
}

active proctype join()
{
    byte old, with, kept, polls;
    bool registered, ended;

    do
    :: polls < POLLS ->
       polls++;
       if
       :: with = 1
       :: with = 2
       fi;
       /* join_poll() */
       old = word; /* load */
       if
       :: (old & ENDED) != 0 -> ready()
       :: else
       fi;
       if
       :: registered && kept == with -> goto pending
#ifdef BUG_KEEP_OLD
       :: registered && kept != with -> goto pending
#else
       :: registered && kept != with ->
          take_back();
          if
          :: ended -> ready()
          :: else
          fi
#endif
       :: else
       fi;
#ifdef BUG_BIT_FIRST
       atomic { old = word; word = word | JOINER }
#endif
       ENTER; /* rouse_waker_keep() */
       assert(slot == 0);
       references[with]++;
       slot = with;
       LEAVE;
#ifdef BUG_LOOK_FIRST
       word = word | JOINER;
       old = 0;
#else
#ifndef BUG_BIT_FIRST
       atomic { old = word; word = word | JOINER } /* fetch_or */
#endif
#endif
       if
       :: (old & ENDED) != 0 ->
#ifndef BUG_LEAK
          ENTER; /* it ended before it could see ours */
          references[slot]--;
          slot = 0;
          LEAVE;
#endif
          ready()
       :: else
       fi;
       kept = with;
       registered = true;
pending:
       skip
    :: polls > 0 ->
       /* Sleeps until the waker of its last poll is woken; polls once more. */
       woken[with];
       old = word;
       assert((old & ENDED) != 0);
       ready()
    :: true ->
       /* join_drop() */
       if
       :: registered -> take_back()
       :: else
       fi;
       done = true;
       goto over
    od;
over:
    /* Nothing of ours is left behind, once the executor has let go as well. */
    executor_over;
    assert(slot == 0 && references[1] == 0 && references[2] == 0)
}

/* Whoever joins learns of the end, or goes. */
ltl joined { <> done }

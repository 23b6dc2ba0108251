/*
 * inbox.pml -- tasks that other threads make ready, and an executor that polls, sleeps, and
 * closes: src/task/executor.c, with rouse_executor_run() of run.h.
 *
 * The inbox is a stack that many push to and one empties at a stroke. Only who finds it empty
 * nudges the executor; the hard part is that the others may rely on it. And closing: a thread
 * that has won the right to push goes on to touch the executor, whose memory goes when
 * close() returns. Until its push it is safe because of `owed`, from there on because it is
 * counted in `visitors`.
 *
 * Each atomic block that changes a word is one read-modify-write of the C, and seen at once by
 * everybody. The nudge is a flag that the sleeper takes: sleep.pml shows that wake() and
 * wait() are that. A task's word is here QUEUED and ENDED alone (task.pml has it whole), and
 * its poll does nothing. Each thread has two tasks: the first it spawns, if it does (close()
 * comes after that); the second is live from the beginning, and it wakes it.
 *
 * ci: short -DTHREADS=2 -DSPAWNS=1
 * ci: long -DTHREADS=2 -DSPAWNS=2
 * ci: long -DTHREADS=3 -DSPAWNS=1
 * ci: check safety
 * ci: check polled
 * ci: check closes
 * ci: check rests
 * ci: bug BUG_NO_VISITORS safety     close() does not wait for visitors
 * ci: bug BUG_VISIT_LATE safety      a visitor is counted after its push
 * ci: bug BUG_LEAVE_EARLY safety     a visitor is counted off before its nudge
 * ci: bug BUG_NOT_OWED safety        close() does not wait for what ended on its way
 * ci: bug BUG_NEWEST_FIRST safety    the inbox is not turned round (T6)
 * ci: bug BUG_TAKE_TWICE polled      the inbox is emptied by a load and a store
 * ci: bug BUG_PUSH_STORES polled     a push is a load and a store
 * ci: bug BUG_NUDGE_FIRST polled     the executor is nudged before the push
 * ci: bug BUG_NO_NUDGE polled        a spawn does not nudge
 * ci: bug BUG_OWED_TWICE closes      close() counts what is owed, and never takes it out
 * ci: bug BUG_NUDGE_AGAIN rests      the executor nudges itself after each turn
 */
#ifndef THREADS
#define THREADS 2
#define SPAWNS 1 /* threads that spawn, before they wake */
#endif

#define TASKS (2 * THREADS) /* numbered from 1: a thread's first and second are 2n - 1, 2n */
#define QUEUED 1            /* TASK_QUEUED */
#define ENDED 2             /* TASK_ENDED */

byte inbox;                    /* rouse_executor.inbox: the newest, or 0 */
byte visitors;                 /* rouse_executor.visitors */
byte ready, ready_tail;        /* rouse_executor.ready */
byte ready_next[TASKS + 1];    /* rouse_task.ready_next */
byte word[TASKS + 1];          /* rouse_task.state */
bool live[TASKS + 1];          /* in the list of live tasks */
bool waiting[TASKS + 1];       /* woken or spawned, and not polled or dropped since */
byte polls[TASKS + 1];
byte owed;                     /* rouse_executor.owed */
byte spawned;                  /* threads whose spawn has returned */
bool nudged;                   /* the queue's */
bool resting, closing, closed; /* closed: its memory is gone */
bool leaves;                   /* it will be closed, at any moment from when it may */

#define TOUCH assert(!closed)

/* inbox_push() */
inline push(task)
{
#ifdef BUG_NUDGE_FIRST
    atomic { TOUCH; nudged = true }
#endif
#ifndef BUG_VISIT_LATE
    atomic { TOUCH; visitors++ } /* fetch_add */
#endif
    atomic { TOUCH; head = inbox } /* load */
    do
    :: ready_next[task] = head;
#ifdef BUG_PUSH_STORES
       atomic { TOUCH; head = inbox }
       atomic { TOUCH; inbox = task }
       break
#else
       atomic { /* compare_exchange */
           TOUCH;
           if
           :: inbox == head -> inbox = task; break
           :: else -> head = inbox
           fi
       }
#endif
    od;
#ifdef BUG_VISIT_LATE
    atomic { TOUCH; visitors++ }
#endif
#ifdef BUG_LEAVE_EARLY
    atomic { TOUCH; visitors-- }
#endif
    if
#ifndef BUG_NUDGE_FIRST
#ifdef BUG_NO_NUDGE
    :: head == 0 && live[task] -> atomic { TOUCH; nudged = true }
#else
    :: head == 0 -> atomic { TOUCH; nudged = true } /* rouse_wake_by_ref(&executor->nudge) */
#endif
#endif
    :: else
    fi;
#ifndef BUG_LEAVE_EARLY
    atomic { TOUCH; visitors-- } /* fetch_sub */
#endif
    head = 0
}

proctype thread(byte first; bool spawns)
{
    byte head, old;

    if
    :: spawns ->
       /* rouse_spawn() */
       atomic { word[first] = QUEUED; waiting[first] = true }
       push(first);
       spawned++
    :: else
    fi;
    /* A wake of the second: fetch_or. */
    atomic {
        old = word[first + 1];
        word[first + 1] = old | QUEUED;
        waiting[first + 1] = (old & ENDED) == 0
    }
    if
    :: (old & QUEUED) == 0 -> push(first + 1)
    :: else
    fi;
    old = 0
}

/* rouse__inbox_take(), and task_queue() for each */
inline take()
{
#ifdef BUG_TAKE_TWICE
    task = inbox;
    inbox = 0;
#else
    atomic { task = inbox; inbox = 0 } /* exchange */
#endif
    d_step { /* what follows is the executor's own */
        oldest = 0;
        do
        :: task != 0 ->
           next = ready_next[task];
           ready_next[task] = oldest;
           oldest = task;
           task = next
        :: else -> break
        od;
#ifdef BUG_NEWEST_FIRST
        task = oldest;
        oldest = 0;
        do
        :: task != 0 ->
           next = ready_next[task];
           ready_next[task] = oldest;
           oldest = task;
           task = next
        :: else -> break
        od;
#endif
        do
        :: oldest != 0 ->
           next = ready_next[oldest];
           if
           :: (word[oldest] & ENDED) == 0 -> live[oldest] = true /* executor_adopt() */
           :: else
           fi;
           ready_next[oldest] = 0;
           if
           :: ready == 0 -> ready = oldest
           :: else -> ready_next[ready_tail] = oldest
           fi;
           ready_tail = oldest;
           oldest = next
        :: else -> break
        od;
        task = 0
    }
}

/* ready_take() */
inline take_ready()
{
    d_step {
        task = ready;
        ready = ready_next[task]
    }
}

active proctype executor()
{
    byte task, oldest, next, i;

    atomic {
        if
        :: leaves = true
        :: leaves = false
        fi;
        for (i : 1 .. THREADS) {
            live[2 * i] = true;
            run thread(2 * i - 1, i <= SPAWNS)
        }
        i = 0
    }
    /* rouse_run(): run_ready(), then wait() */
    do
    :: ready != 0 ->
       /* rouse__begin_shared(): fetch_sub; and a poll, which is PENDING */
       atomic {
           take_ready();
           assert(word[task] == QUEUED);
           word[task] = 0;
           waiting[task] = false;
           polls[task]++;
           assert(polls[task] == 1); /* T7 */
           /* T6: a thread's first came before its second. */
           assert(task % 2 == 1 || task > 2 * SPAWNS || polls[task - 1] == 1);
           task = 0
       }
#ifdef BUG_NUDGE_AGAIN
       nudged = true
#endif
    :: ready == 0 ->
       if
       :: inbox != 0 -> take()
       :: inbox == 0 -> /* a load, and idle: wait() */
          resting = true;
end_asleep:
          if
          :: atomic { nudged -> nudged = false; resting = false }
#ifdef BUG_NUDGE_AGAIN
             nudged = true
#endif
          :: atomic { spawned == SPAWNS && leaves -> resting = false; break }
          fi
       fi
    :: spawned == SPAWNS && leaves -> break
    od;

    /* rouse_executor_close() */
    closing = true;
    do
    :: take();
       /* end_canceled(), rouse__end_shared(): fetch_or */
       do
       :: atomic {
              i < TASKS ->
              i++;
              if
              :: live[i] ->
                 live[i] = false;
                 waiting[i] = false;
                 if
                 :: (word[i] & QUEUED) != 0 -> owed++
                 :: else
                 fi;
                 word[i] = ENDED | QUEUED
              :: else
              fi
          }
       :: atomic { i == TASKS -> i = 0; break }
       od;
       do
       :: ready != 0 ->
          atomic {
              take_ready();
              assert((word[task] & ENDED) != 0);
#ifndef BUG_OWED_TWICE
              owed--;
#endif
              task = 0
          }
       :: else -> break
       od;
       if
       :: inbox != 0 /* load: once more */
       :: inbox == 0 ->
          if
#ifdef BUG_NOT_OWED
          :: visitors == 0 -> break
#else
#ifdef BUG_NO_VISITORS
          :: owed == 0 -> break
#else
          :: owed == 0 && visitors == 0 -> break /* load */
#endif
#endif
          :: else /* rouse__thread_yield() */
          fi
       fi
    od;
    closed = true
}

/* Nothing that was woken or spawned is lost. */
ltl polled { [] (waiting[1] -> <> !waiting[1]) && [] (waiting[2] -> <> !waiting[2]) }

/* Closing ends. */
ltl closes { [] (closing -> <> closed) }

/* An executor that is not closed sleeps when there is nothing to do. */
ltl rests { <> [] (resting || closing) }

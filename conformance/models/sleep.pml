/*
 * sleep.pml -- wake() against wait(): src/evq/sleep.h, as poll.c and epoll.c use it.
 *
 * Two things may not happen: that the sleeper stays asleep with work to do, and that it is
 * awake for ever with none. The hard part is the waker that is late: it has set WOKEN and
 * found ASLEEP, and makes its system call only after the sleeper has gone, come back, and
 * gone to sleep again.
 *
 * Each `word = ...` in an atomic block is one read-modify-write of the C. Here every step is
 * seen at once by everybody; what acquire and release publish, and that a store instead of
 * one of them would wait in a buffer, this model cannot tell: rouse-explore does.
 *
 * The descriptor is the self-pipe of poll.c and sim.c, readable until it is emptied; with
 * EDGE it is the eventfd of epoll.c, of which each write is told once.
 *
 * ci: short -DWAKERS=2 -DWAKES=2
 * ci: short -DWAKERS=2 -DWAKES=2 -DEDGE
 * ci: long -DWAKERS=3 -DWAKES=2
 * ci: long -DWAKERS=3 -DWAKES=2 -DEDGE
 * ci: check safety
 * ci: check served
 * ci: check rests
 * ci: bug BUG_LOOK_FIRST served     looks at WOKEN, and sets ASLEEP in a second step
 * ci: bug BUG_WAKE_STORES served    wake() reads the word, and stores it with WOKEN
 * ci: bug BUG_CLEAR_AT_BEGIN served wait() takes WOKEN before it sleeps, as an old one
 * ci: bug BUG_FORGET_WOKEN rests    wait() does not take WOKEN when it is back
 * ci: bug BUG_FULL_PIPE rests       the pipe is not emptied
 * ci: bug BUG_OLD_BYTE safety       a readable pipe is taken for a wake-up (E9)
 */
#ifndef WAKERS
#define WAKERS 2
#define WAKES 2
#endif

#define ASLEEP 1 /* SLEEP_ASLEEP */
#define WOKEN 2  /* SLEEP_WOKEN */

byte word;      /* poll_evq.sleep */
bool readable;  /* the self-pipe, or an event of the eventfd that was not told */
byte work;      /* what wakers brought, and nobody has done */
byte wakes;     /* calls of wake() that have begun */
byte waits;     /* calls of wait() that have ended, but for a report */
byte reports;   /* of sources that will become ready, or not: they end a wait() too */
byte signals;   /* that will interrupt it, or not */
bool resting;   /* inside the system call, with nothing to return for */

/* wake(): poll_wake(), epoll_wake() */
proctype waker()
{
    byte n = 0, old;

    do
    :: n < WAKES ->
        n++;
        atomic { work++; wakes++ }
#ifdef BUG_WAKE_STORES
        old = word;
        word = old | WOKEN;
#else
        atomic { old = word; word = word | WOKEN } /* sleep_wake(): fetch_or */
#endif
        if
        :: (old & WOKEN) == 0 && (old & ASLEEP) != 0 ->
            readable = true /* rouse__selfpipe_notify(), notify() */
        :: else
        fi
    :: else -> break
    od
}

active proctype sleeper()
{
    bool may_block, woken, reported, told;

    do
    :: work = 0; /* the executor's turn: all that was brought is done */

       /* wait(ROUSE_NEVER): poll_wait(), epoll_wait_() and look_on() */
       woken = false;
       reported = false;
       do
       :: /* sleep_begin(): fetch_add */
#ifdef BUG_LOOK_FIRST
          may_block = (word & WOKEN) == 0;
          atomic { word = word + ASLEEP }
#else
          atomic {
              may_block = (word & WOKEN) == 0;
              word = word + ASLEEP;
#ifdef BUG_CLEAR_AT_BEGIN
              word = word & ASLEEP;
              may_block = true
#endif
          }
#endif
          /* ppoll(), epoll_wait(): returns for the descriptor, a source, or a signal */
          told = false;
          if
          :: !may_block ->
             atomic {
                 told = readable;
#ifdef EDGE
                 readable = false
#endif
             }
          :: may_block ->
             resting = true;
end_asleep:
             if
             :: atomic {
                    readable ->
                    resting = false;
                    told = true;
#ifdef EDGE
                    readable = false
#endif
                }
             :: atomic { reports > 0 -> resting = false; reports--; reported = true }
             :: atomic { signals > 0 -> resting = false; signals-- }
             fi
          fi;
          /* sleep_end(): fetch_sub, and fetch_and if WOKEN was there */
          atomic { woken = (word & WOKEN) != 0; word = word - ASLEEP }
#ifndef BUG_FORGET_WOKEN
          if
          :: woken -> atomic { word = word & ~WOKEN }
          :: else
          fi;
#endif
#if !defined(EDGE) && !defined(BUG_FULL_PIPE)
          if
          :: told -> readable = false /* rouse__selfpipe_drain() */
          :: else
          fi;
#endif
#ifdef BUG_OLD_BYTE
          woken = woken || told;
#endif
          if
          :: woken || reported -> break /* wait() returns */
          :: else                       /* an old wake-up, or an interruption */
          fi
       od;
       if
       :: !reported ->
          waits++;
          assert(waits <= wakes) /* E9: it returns 0 only for a wake() */
       :: else
       fi
    od
}

init {
    byte i;

    atomic {
        if
        :: reports = 0
        :: reports = 1
        fi;
        if
        :: signals = 0
        :: signals = 1
        fi;
        for (i : 1 .. WAKERS) { run waker() }
    }
}

/* Never asleep with work. */
ltl served { [] ((work > 0) -> <> (work == 0)) }

/* Never awake without: all wakes are in the end used up, and then it sleeps for good. */
ltl rests { <> [] resting }

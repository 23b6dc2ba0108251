/*
 * abroad_posix.c -- one thread for the life of the process, which sleeps in between.
 *
 * A fuzzer that plays small programs spends much of its time here. So each side has a
 * condition of its own, and is told when the lock is free again: a thread that is woken while
 * somebody holds what it needs goes to sleep a second time.
 */
#include "abroad.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static void (*errand)(void *with); /* NULL when there is none */
static void *errand_with;

static void errand_is(void (*run)(void *with), pthread_cond_t *told)
{
    pthread_mutex_lock(&lock);
    errand = run;
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(told);
}

static void errand_await(bool there, pthread_cond_t *told)
{
    pthread_mutex_lock(&lock);
    while ((errand != NULL) != there)
        pthread_cond_wait(told, &lock);
    pthread_mutex_unlock(&lock);
}

static void *run_errands(void *unused)
{
    for (;;) {
        errand_await(true, &given);
        errand(errand_with);
        errand_is(NULL, &done);
    }
    return unused;
}

void abroad(void (*run)(void *with), void *with)
{
    static bool begun;
    pthread_t thread;

    if (!begun && pthread_create(&thread, NULL, run_errands, NULL) != 0) {
        fprintf(stderr, "abroad: no thread\n");
        abort();
    }
    begun = true;
    errand_with = with;
    errand_is(run, &given);
    errand_await(false, &done);
}

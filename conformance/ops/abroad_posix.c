/*
 * abroad_posix.c -- one thread for the life of the process, which sleeps in between.
 */
#include "abroad.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void (*errand)(void *with); /* NULL when there is none */
static void *errand_with;

static void *run_errands(void *unused)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (errand == NULL)
            pthread_cond_wait(&changed, &lock);
        errand(errand_with);
        errand = NULL;
        pthread_cond_broadcast(&changed);
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
    pthread_mutex_lock(&lock);
    errand = run;
    errand_with = with;
    pthread_cond_broadcast(&changed);
    while (errand != NULL)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

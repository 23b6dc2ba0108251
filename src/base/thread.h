/*
 * thread.h -- which thread this is, and letting the others run.
 */
#ifndef ROUSE_BASE_THREAD_H
#define ROUSE_BASE_THREAD_H

/* Its address is this thread's name. Initial-exec keeps a look-up at two instructions
 * in a shared library as well; it is one byte, which a library loaded late can afford. */
#if defined(__GNUC__)
extern _Thread_local char rouse__thread_mark
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
#elif defined(_MSC_VER)
extern __declspec(thread) char rouse__thread_mark;
#endif

static inline const void *rouse__thread(void)
{
    return &rouse__thread_mark;
}

/* Gives the processor to another thread, if one wants it. */
void rouse__thread_yield(void);

#endif /* ROUSE_BASE_THREAD_H */

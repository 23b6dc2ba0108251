/*
 * thread.h -- which thread this is, and letting the others run.
 */
#ifndef ROUSE_BASE_THREAD_H
#define ROUSE_BASE_THREAD_H

/* Initial-exec keeps a look-up at two instructions in a shared library as well; what we
 * have of this kind is a few bytes, which a library that is loaded late can afford. */
#if defined(__GNUC__)
#define ROUSE__THREAD_LOCAL _Thread_local
#define ROUSE__NEAR __attribute__((tls_model("initial-exec"), visibility("hidden")))
#elif defined(_MSC_VER)
#define ROUSE__THREAD_LOCAL __declspec(thread)
#define ROUSE__NEAR
#endif

/* Its address is this thread's name. */
extern ROUSE__THREAD_LOCAL char rouse__thread_mark ROUSE__NEAR;

static inline const void *rouse__thread(void)
{
    return &rouse__thread_mark;
}

/* Gives the processor to another thread, if one wants it. */
void rouse__thread_yield(void);

#endif /* ROUSE_BASE_THREAD_H */

/*
 * rouse/base.h -- the few words that every other header needs.
 */
#ifndef ROUSE_BASE_H
#define ROUSE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A future type and its constructor share a name, which g++ calls shadowing. */
#if defined(__cplusplus) && defined(__GNUC__)
#define ROUSE_BEGIN_DECLS                                                                          \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"") extern "C"       \
    {
#define ROUSE_END_DECLS                                                                            \
    }                                                                                              \
    _Pragma("GCC diagnostic pop")
#elif defined(__cplusplus)
#define ROUSE_BEGIN_DECLS extern "C" {
#define ROUSE_END_DECLS }
#else
#define ROUSE_BEGIN_DECLS
#define ROUSE_END_DECLS
#endif

/* What the shared library exports. Whoever links the shared library on Windows
 * gets ROUSE_SHARED from the build's package files. */
#ifndef ROUSE_API
#if defined(_WIN32) && defined(ROUSE_BUILDING) && defined(ROUSE_SHARED)
#define ROUSE_API __declspec(dllexport)
#elif defined(_WIN32) && defined(ROUSE_SHARED)
#define ROUSE_API __declspec(dllimport)
#elif defined(__GNUC__)
#define ROUSE_API __attribute__((visibility("default")))
#else
#define ROUSE_API
#endif
#endif

ROUSE_BEGIN_DECLS

#define ROUSE_VERSION_MAJOR 0
#define ROUSE_VERSION_MINOR 1
#define ROUSE_VERSION_PATCH 0

/* The version of the library that runs, as "0.1.0". */
ROUSE_API const char *rouse_version(void);

/* A socket as the operating system names it, without dragging in its headers. */
#ifdef _WIN32
typedef uintptr_t rouse_fd;
#define ROUSE_NO_FD ((rouse_fd) ~(uintptr_t) 0)
#else
typedef int rouse_fd;
#define ROUSE_NO_FD (-1)
#endif

/* Nanoseconds, on the clock of the event queue in use. Deadlines are absolute. */
typedef int64_t rouse_time;
#define ROUSE_NEVER INT64_MAX
#define ROUSE_US(n) ((rouse_time) (n) *1000)
#define ROUSE_MS(n) ((rouse_time) (n) *1000000)
#define ROUSE_SECONDS(n) ((rouse_time) (n) *1000000000)

/* Where memory comes from. One function allocates (block NULL, old_size 0),
 * resizes, and frees (new_size 0, which cannot fail). It returns NULL when there
 * is no memory, and then the old block is as it was. A function that may call it
 * says so. It may be called on any thread that releases the last reference to
 * something. */
struct rouse_alloc {
    void *(*resize)(void *self, void *block, size_t old_size, size_t new_size);
    void *self;
};

/* The struct of type `type` whose `member` is at `pointer`. */
#define rouse_container_of(pointer, type, member)                                                  \
    ((type *) (void *) ((char *) (pointer) -offsetof(type, member)))

/* Ends the program with one line on stderr. What debug builds call when the
 * caller broke a rule; `what` names the rule. */
ROUSE_API void rouse_misuse(const char *what, const char *name);

/* A rule that the caller keeps, checked in debug builds only. Others compile it as well,
 * so that what it mentions is never unused. */
#ifdef NDEBUG
#define ROUSE_RULE(holds, what, name) ((void) (true || (holds)))
#else
#define ROUSE_RULE(holds, what, name) ((holds) ? (void) 0 : rouse_misuse(what, name))
#endif

ROUSE_END_DECLS

#endif /* ROUSE_BASE_H */

/*
 * compiler.h -- two words to the compiler about hot paths.
 */
#ifndef ROUSE_BASE_COMPILER_H
#define ROUSE_BASE_COMPILER_H

/* ALWAYS_INLINE: a few callers, each with constants that make most of the body vanish.
 * NEVER_INLINE: a slow path, whose registers the fast one should not have to save. */
#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define ALWAYS_INLINE __forceinline
#define NEVER_INLINE __declspec(noinline)
#else
#define ALWAYS_INLINE inline
#define NEVER_INLINE
#endif

#endif /* ROUSE_BASE_COMPILER_H */

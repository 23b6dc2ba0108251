/*
 * quarantine.c -- how long AddressSanitizer keeps memory from use that was given back.
 *
 * By default so much that most of the time goes into fetching new pages. Programs are
 * short: what is touched too late is touched within a few kilobytes.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=3";
}

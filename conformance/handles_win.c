/*
 * handles_win.c -- handles_win.h.
 *
 * Windows 8 and later list the handles of one process. Where that is missing (Wine), the
 * handles of all processes are listed, of which ours are taken. To ask handle by handle
 * whether it is open takes a hundred times as long under Wine.
 */
#include "handles_win.h"

#include <windows.h>

#include <winternl.h>

#include <stdlib.h>

enum { OF_PROCESS = 51, OF_SYSTEM = 64, TRIES = 8 };

/* What the two questions are answered with. */
struct of_process {
    ULONG_PTR count, unused;
    struct {
        HANDLE value;
        ULONG_PTR handles, pointers;
        ULONG access, type, attributes, unused;
    } of[];
};

struct of_system {
    ULONG_PTR count, unused;
    struct {
        void *object;
        ULONG_PTR process;
        ULONG_PTR value;
        ULONG access;
        USHORT trace, type;
        ULONG attributes, unused;
    } of[];
};

static NTSTATUS ask_process(void *answer, ULONG size)
{
    return NtQueryInformationProcess(GetCurrentProcess(), (PROCESSINFOCLASS) OF_PROCESS, answer,
                                     size, NULL);
}

static NTSTATUS ask_system(void *answer, ULONG size)
{
    return NtQuerySystemInformation((SYSTEM_INFORMATION_CLASS) OF_SYSTEM, answer, size, NULL);
}

/* An answer as long as it may be, in memory for free(); or NULL. */
static void *answer_to(NTSTATUS (*ask)(void *answer, ULONG size))
{
    ULONG size = 1 << 16;

    for (int i = 0; i < TRIES; i++, size *= 4) {
        void *answer = malloc(size);

        if (answer == NULL || ask(answer, size) >= 0)
            return answer;
        free(answer);
    }
    return NULL;
}

size_t handles_list(struct handle **list)
{
    struct of_process *mine = answer_to(ask_process);
    struct of_system *all = mine == NULL ? answer_to(ask_system) : NULL;
    const size_t most = mine != NULL ? mine->count : all != NULL ? all->count : 0;
    size_t count = 0;

    *list = calloc(most + 1, sizeof **list);
    for (size_t i = 0; *list != NULL && i < most; i++) {
        if (mine != NULL)
            (*list)[count++] = (struct handle){(uintptr_t) mine->of[i].value, mine->of[i].type,
                                               (mine->of[i].attributes & OBJ_INHERIT) != 0};
        else if (all->of[i].process == GetCurrentProcessId())
            (*list)[count++] = (struct handle){all->of[i].value, all->of[i].type,
                                               (all->of[i].attributes & OBJ_INHERIT) != 0};
    }
    free(mine);
    free(all);
    return count;
}

unsigned handles_type(uintptr_t value)
{
    struct handle *list;
    const size_t count = handles_list(&list);
    unsigned type = 0;

    for (size_t i = 0; i < count; i++)
        if (list[i].value == value)
            type = list[i].type;
    free(list);
    return type;
}

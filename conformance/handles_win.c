/*
 * handles_win.c -- handles_win.h.
 *
 * Windows 8 and later list the handles of one process. Wine does not, and when it is asked
 * for those of all processes its server may crash: it walks off the table of one that has
 * just begun (enum_handles() in server/handle.c of Wine 8, where `last` is -1). But there
 * numbers are given out from below, so each is asked about, until many in a row are none.
 */
#include "handles_win.h"

#include <windows.h>

#include <winternl.h>

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { OF_PROCESS = 51, TYPE = 2, TRIES = 8, MANY = 64, STEP = 4 };

/* What the question about a process is answered with. */
struct of_process {
    ULONG_PTR count, unused;
    struct {
        HANDLE value;
        ULONG_PTR handles, pointers;
        ULONG access, type, attributes, unused;
    } of[];
};

/* An answer as long as it may be, in memory for free(); or NULL. */
static struct of_process *ask(void)
{
    ULONG size = 1 << 14;

    for (int i = 0; i < TRIES; i++, size *= 4) {
        struct of_process *answer = malloc(size);

        if (answer == NULL
            || NtQueryInformationProcess(GetCurrentProcess(), (PROCESSINFOCLASS) OF_PROCESS, answer,
                                         size, NULL)
                   >= 0)
            return answer;
        free(answer);
    }
    return NULL;
}

static size_t list_answer(struct handle **list, const struct of_process *answer)
{
    *list = calloc(answer->count + 1, sizeof **list);
    for (size_t i = 0; *list != NULL && i < answer->count; i++)
        (*list)[i] = (struct handle){(uintptr_t) answer->of[i].value,
                                     (answer->of[i].attributes & OBJ_INHERIT) != 0};
    return *list != NULL ? answer->count : 0;
}

static size_t list_one_by_one(struct handle **list)
{
    size_t count = 0, room = 0;
    DWORD flags;

    *list = NULL;
    for (uintptr_t value = STEP, last = 0; value - last < MANY * STEP; value += STEP) {
        if (!GetHandleInformation((HANDLE) value, &flags))
            continue;
        last = value;
        if (count == room) {
            struct handle *grown = realloc(*list, (room += MANY) * sizeof **list);

            if (grown == NULL)
                return count;
            *list = grown;
        }
        (*list)[count++] = (struct handle){value, (flags & HANDLE_FLAG_INHERIT) != 0};
    }
    return count;
}

size_t handles_list(struct handle **list)
{
    struct of_process *answer = ask();
    const size_t count = answer != NULL ? list_answer(list, answer) : list_one_by_one(list);

    free(answer);
    return count;
}

bool handle_is_descriptor(uintptr_t value)
{
    static const wchar_t *const names[] = {L"File", L"IoCompletion", L"Event"};
    union {
        UNICODE_STRING name;
        unsigned char room[512];
    } type;

    memset(&type, 0, sizeof type);
    if (NtQueryObject((HANDLE) value, (OBJECT_INFORMATION_CLASS) TYPE, &type, sizeof type, NULL)
        < 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (type.name.Length == wcslen(names[i]) * sizeof(wchar_t)
            && memcmp(type.name.Buffer, names[i], type.name.Length) == 0)
            return true;
    return false;
}

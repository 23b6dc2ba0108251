/*
 * process_win.c -- process.h for Windows.
 *
 * A case that hangs may have started processes of its own, so each runs in a job, which is
 * ended as one, also when we end ourselves. It inherits its three streams and nothing else.
 *
 * Nobody waits for the end of its output: whoever inherited that (Wine's services, when they
 * are started by us) may outlive it by far. When the process has ended, what is in the pipe
 * is all there is.
 */
#include "process.h"

#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

enum {
    STEP_MS = 20, /* how long its output may wait, and its lateness go unnoticed */
    TOGETHER_MAX = MAXIMUM_WAIT_OBJECTS,
    COMMAND_MAX = 8000,
    COPY_S = 10, /* for a copy, the way to its place included */
    CRASHED = 99,
    TOO_LATE = 98
};

int64_t process_clock_ns(void)
{
    LARGE_INTEGER frequency, now;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return now.QuadPart / frequency.QuadPart * 1000000000
           + now.QuadPart % frequency.QuadPart * 1000000000 / frequency.QuadPart;
}

/* -- What goes wrong in this process ----------------------------------------- */

static void end_at_once(const char *text, unsigned code)
{
    DWORD written;

    WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD) strlen(text), &written, NULL);
    TerminateProcess(GetCurrentProcess(), code);
}

/* Left to itself a crash may start a debugger, or (in Wine) end with status 0. */
static LONG WINAPI end_by_exception(EXCEPTION_POINTERS *what)
{
    char text[100];

    snprintf(text, sizeof text, "rouse-conform: exception %#lx at %p\n",
             what->ExceptionRecord->ExceptionCode, what->ExceptionRecord->ExceptionAddress);
    end_at_once(text, CRASHED);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* Before the library of C shows anybody a dialog. */
static void end_by_abort(int number)
{
    (void) number;
    end_at_once("", PROCESS_ABORT);
}

void process_begin(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    SetUnhandledExceptionFilter(end_by_exception);
    signal(SIGABRT, end_by_abort);
    /* Lines end as everywhere: other systems may be reading them. */
    _setmode(1, _O_BINARY);
    _setmode(2, _O_BINARY);
}

/* -- Starting ---------------------------------------------------------------- */

static void put(char command[COMMAND_MAX], size_t *length, char byte, size_t times)
{
    while (times-- > 0 && *length + 1 < COMMAND_MAX)
        command[(*length)++] = byte;
    command[*length] = '\0';
}

/* A word so quoted that the other program's main() finds it again: backslashes count for
 * half before a quote, and only there. */
static void put_word(char command[COMMAND_MAX], size_t *length, const char *word)
{
    size_t backslashes = 0;

    put(command, length, '"', 1);
    for (; *word != '\0'; word++) {
        if (*word == '"')
            put(command, length, '\\', backslashes + 1);
        backslashes = *word == '\\' ? backslashes + 1 : 0;
        put(command, length, *word, 1);
    }
    put(command, length, '\\', backslashes);
    put(command, length, '"', 1);
}

static bool command_line(char command[COMMAND_MAX], const char *const argv[])
{
    size_t length = 0;

    for (int i = 0; argv[i] != NULL; i++) {
        put(command, &length, ' ', i > 0);
        put_word(command, &length, argv[i]);
    }
    return length + 1 < COMMAND_MAX;
}

static HANDLE open_nothing(void)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};

    return CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                       &inherited, OPEN_EXISTING, 0, NULL);
}

/* A job that takes all with it when its last handle closes. */
static HANDLE open_job(void)
{
    const HANDLE job = CreateJobObjectA(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;

    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if (job != NULL)
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* Suspended, with these streams and no other handle. */
static bool create(PROCESS_INFORMATION *created, char *command, HANDLE nothing, HANDLE output)
{
    STARTUPINFOEXA start;
    HANDLE handles[2] = {nothing, output};
    SIZE_T size = 0;
    bool done;

    memset(&start, 0, sizeof start);
    start.StartupInfo.cb = sizeof start;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = nothing;
    start.StartupInfo.hStdOutput = start.StartupInfo.hStdError = output;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    start.lpAttributeList = malloc(size);
    if (start.lpAttributeList == NULL
        || !InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size)) {
        free(start.lpAttributeList);
        return false;
    }
    done = UpdateProcThreadAttribute(
               start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
               output == nothing ? sizeof handles[0] : sizeof handles, NULL, NULL)
           && CreateProcessA(NULL, command, NULL, NULL, TRUE,
                             CREATE_SUSPENDED | EXTENDED_STARTUPINFO_PRESENT, NULL, NULL,
                             &start.StartupInfo, created);
    DeleteProcThreadAttributeList(start.lpAttributeList);
    free(start.lpAttributeList);
    return done;
}

static void close_handle(intptr_t *handle)
{
    if (*handle != 0)
        CloseHandle((HANDLE) *handle);
    *handle = 0;
}

/* Our end of a pipe for its output, and its own. */
static bool open_pipe(HANDLE *ours, HANDLE *its)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};

    if (!CreatePipe(ours, its, &inherited, 1 << 16))
        return false;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
    return true;
}

static bool start(struct process *process, const char *const argv[])
{
    enum { TRIES = 5, PAUSE_MS = 100 };
    char command[COMMAND_MAX];
    PROCESS_INFORMATION created;
    HANDLE nothing, ours, its;
    bool done;
    int tries = 1;

    if (!command_line(command, argv) || !open_pipe(&ours, &its)) {
        errno = E2BIG;
        return false;
    }
    fflush(NULL);
    nothing = open_nothing();
    /* A busy machine, Wine above all, refuses one now and then, and has it a moment later. */
    while (!(done = create(&created, command, nothing, its)) && tries++ < TRIES)
        Sleep(PAUSE_MS);
    CloseHandle(nothing);
    CloseHandle(its);
    if (!done) {
        CloseHandle(ours);
        errno = ENOEXEC;
        return false;
    }
    if (!process->apart) {
        process->job = (intptr_t) open_job();
        AssignProcessToJobObject((HANDLE) process->job, created.hProcess);
    }
    ResumeThread(created.hThread);
    CloseHandle(created.hThread);
    process->id = (intptr_t) created.hProcess;
    process->pipe = (intptr_t) ours;
    process->started_ns = process_clock_ns();
    process->running = true;
    return true;
}

bool process_start(struct process *process, const char *const argv[], int64_t limit_ns)
{
    *process = (struct process){.limit_ns = limit_ns};
    return start(process, argv);
}

bool process_start_apart(struct process *process, const char *const argv[], int64_t limit_ns)
{
    *process = (struct process){.limit_ns = limit_ns, .apart = true};
    return start(process, argv);
}

/* -- While they run ---------------------------------------------------------- */

/* Takes what there is. */
static void take_output(struct process *process)
{
    char bytes[8192];
    DWORD count;

    while (process->pipe != 0 && PeekNamedPipe((HANDLE) process->pipe, NULL, 0, NULL, &count, NULL)
           && count > 0 && ReadFile((HANDLE) process->pipe, bytes, sizeof bytes, &count, NULL))
        process_keep(process, bytes, count);
}

/* What it started and left behind goes with it. */
static void end(struct process *process)
{
    if (process->job != 0)
        TerminateJobObject((HANDLE) process->job, TOO_LATE);
    TerminateProcess((HANDLE) process->id, TOO_LATE);
}

static void ended(struct process *process)
{
    DWORD code = 0;

    GetExitCodeProcess((HANDLE) process->id, &code);
    if (!process->apart)
        end(process);
    take_output(process);
    process_keep(process, "", 0);
    close_handle(&process->pipe);
    close_handle(&process->job);
    close_handle(&process->id);
    process->running = false;
    process->ended_ns = process_clock_ns();
    process->exit_code = process->timed_out ? -1 : (int) code;
}

static void look_after(struct process *process)
{
    take_output(process);
    if (!process->timed_out && process_clock_ns() - process->started_ns > process->limit_ns) {
        process->timed_out = true;
        end(process);
    }
    if (WaitForSingleObject((HANDLE) process->id, 0) == WAIT_OBJECT_0)
        ended(process);
}

void process_step(struct process *processes, int count)
{
    HANDLE running[TOGETHER_MAX];
    DWORD used = 0;

    for (int i = 0; i < count; i++)
        if (processes[i].running && used < TOGETHER_MAX)
            running[used++] = (HANDLE) processes[i].id;
    if (used > 0)
        WaitForMultipleObjects(used, running, FALSE, STEP_MS);
    for (int i = 0; i < count; i++)
        if (processes[i].running)
            look_after(&processes[i]);
}

void process_free(struct process *process)
{
    if (process->running) {
        end(process);
        WaitForSingleObject((HANDLE) process->id, INFINITE);
        close_handle(&process->pipe);
        close_handle(&process->job);
        close_handle(&process->id);
    }
    free(process->output);
    *process = (struct process){0};
}

/* -- Ending ------------------------------------------------------------------ */

/* Jobs end when we do. */
void process_end_with_us(void)
{
}

static struct {
    SRWLOCK lock;
    bool running;
    int64_t at_ns; /* 0: never */
} limit = {SRWLOCK_INIT, false, 0};

static DWORD WINAPI watch_limit(void *unused)
{
    (void) unused;
    for (bool late = false; !late;) {

        AcquireSRWLockShared(&limit.lock);
        late = limit.at_ns != 0 && process_clock_ns() > limit.at_ns;
        ReleaseSRWLockShared(&limit.lock);
        if (late)
            end_at_once("rouse-conform: took too long\n", TOO_LATE);
        Sleep(100);
    }
    return 0;
}

void process_limit(int seconds)
{
    HANDLE thread = NULL;

    AcquireSRWLockExclusive(&limit.lock);
    limit.at_ns = seconds != 0 ? process_clock_ns() + (int64_t) seconds * 1000000000 : 0;
    if (!limit.running)
        thread = CreateThread(NULL, 0, watch_limit, NULL, 0, NULL);
    limit.running = limit.running || thread != NULL;
    ReleaseSRWLockExclusive(&limit.lock);
    if (thread != NULL)
        CloseHandle(thread);
}

/* There is no limit to ask for. */
int process_descriptors(void)
{
    return INT_MAX;
}

/* Not by _exit(), which waits for a lock that another thread may have. */
void process_exit(int code)
{
    fflush(NULL);
    TerminateProcess(GetCurrentProcess(), (unsigned) code);
}

/* -- A copy of this process -------------------------------------------------- */

void process_be_a_copy(void (*run)(void *argument), void *argument)
{
    process_limit(COPY_S);
    run(argument);
    process_exit(0);
}

enum process_end process_copy(void (*run)(void *argument), void *argument,
                              const char *const again[], char *output, size_t size)
{
    struct process copy;
    int code;

    (void) run; /* the program finds them by itself */
    (void) argument;
    if (!process_start(&copy, again, (int64_t) COPY_S * 1000000000))
        return PROCESS_NOT_STARTED;
    while (copy.running)
        process_step(&copy, 1);
    snprintf(output, size, "%s", copy.output != NULL ? copy.output : "");
    code = copy.exit_code;
    process_free(&copy);
    return code == 0 ? PROCESS_RETURNED : code == PROCESS_ABORT ? PROCESS_ABORTED : PROCESS_OTHER;
}

/* -- What the system knows --------------------------------------------------- */

const char *process_self(const char *argv0)
{
    static char self[MAX_PATH * 4];
    const DWORD length = GetModuleFileNameA(NULL, self, sizeof self);

    return length > 0 && length < sizeof self ? self : argv0;
}

/* A function of a library that is there anyway, by its name; NULL where it has none. */
static process_symbol find(HMODULE library, const char *name)
{
    const FARPROC found = library != NULL ? GetProcAddress(library, name) : NULL;
    process_symbol symbol;

    memcpy(&symbol, &found, sizeof symbol);
    return symbol;
}

process_symbol process_plugin(const char *path, const char *symbol, char *why, size_t size)
{
    const HMODULE library = LoadLibraryA(path);
    const process_symbol found = find(library, symbol);

    if (library == NULL)
        snprintf(why, size, "%s: error %lu", path, GetLastError());
    else if (found == NULL)
        snprintf(why, size, "%s: it exports no %s", path, symbol);
    return found;
}

/* Which Wine this is; NULL on Windows. */
static const char *wine_version(void)
{
    const process_symbol symbol = find(GetModuleHandleA("ntdll.dll"), "wine_get_version");

    return symbol != NULL ? ((const char *(*) (void) ) symbol)() : NULL;
}

const char *process_system(void)
{
    static char text[200];
    const process_symbol symbol = find(GetModuleHandleA("ntdll.dll"), "RtlGetVersion");
    OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
    SYSTEM_INFO machine;

    /* Others tell a program that does not say which Windows it knows of an older one. */
    if (symbol == NULL || ((LONG(WINAPI *)(OSVERSIONINFOW *)) symbol)(&version) < 0)
        return "Windows";
    GetNativeSystemInfo(&machine);
    snprintf(text, sizeof text, "Windows %lu.%lu.%lu %s%s%s%s", version.dwMajorVersion,
             version.dwMinorVersion, version.dwBuildNumber,
             machine.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64 ? "x86_64" : "arm64",
             wine_version() != NULL ? " (Wine " : "", wine_version() != NULL ? wine_version() : "",
             wine_version() != NULL ? ")" : "");
    return text;
}

const char *process_how(void)
{
    return wine_version() != NULL ? "wine" : "native";
}

bool process_is_terminal(FILE *file)
{
    return _isatty(_fileno(file)) != 0;
}

int process_columns(FILE *file)
{
    CONSOLE_SCREEN_BUFFER_INFO screen;

    if (!GetConsoleScreenBufferInfo((HANDLE) _get_osfhandle(_fileno(file)), &screen))
        return 80;
    return screen.srWindow.Right - screen.srWindow.Left + 1;
}

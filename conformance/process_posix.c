/*
 * process_posix.c -- process.h for POSIX.
 *
 * A case that hangs may have started processes of its own, so each runs as a process
 * group and is ended as one.
 */
#include "process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STEP_MS = 20,      /* how long an end may go unnoticed */
    TOGETHER_MAX = 64, /* processes in one process_step() */
    DESCRIPTORS_MAX = 1024
};

/* What runs, as kill() wants it, for the signal handler that ends it all: process groups,
 * and what is apart by itself, for its group may have others in it. */
static volatile sig_atomic_t targets[TOGETHER_MAX];

static void targets_replace(pid_t old, pid_t new)
{
    for (int i = 0; i < TOGETHER_MAX; i++) {
        if (targets[i] == old) {
            targets[i] = new;
            return;
        }
    }
}

static pid_t target_of(const struct process *process)
{
    return (pid_t) (process->apart ? process->id : -process->id);
}

/* Text is as it is, and what goes wrong ends us by a signal. */
void process_begin(void)
{
}

int64_t process_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* -- Starting ---------------------------------------------------------------- */

static bool pipe_open(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
}

/* Between fork() and exec(): only what is safe there. */
static void become(const char *const argv[], int output, bool apart)
{
    const struct rlimit no_core = {0, 0};
    const int nothing = open("/dev/null", O_RDWR);

    if (apart)
        setsid();
    else
        setpgid(0, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(nothing, 0);
    dup2(output, 1);
    dup2(apart ? nothing : output, 2);
    if (nothing > 2)
        close(nothing);
    /* execvp() takes what it does not change. */
    execvp(argv[0], (char *const *) (uintptr_t) argv);
    _exit(127);
}

static bool start(struct process *process, const char *const argv[])
{
    int ends[2];
    pid_t pid;

    if (!pipe_open(ends))
        return false;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become(argv, ends[1], process->apart);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    if (!process->apart)
        setpgid(pid, pid); /* whoever of us two is first */
    process->id = pid;
    process->pipe = ends[0];
    process->started_ns = process_clock_ns();
    process->running = true;
    targets_replace(0, target_of(process));
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

/* Takes what there is. False at the end of the pipe. */
static bool take_output(struct process *process)
{
    char bytes[8192];
    ssize_t count;

    while ((count = read((int) process->pipe, bytes, sizeof bytes)) > 0)
        process_keep(process, bytes, (size_t) count);
    return count < 0 && (errno == EAGAIN || errno == EINTR);
}

static void close_pipe(struct process *process)
{
    if (process->pipe >= 0)
        close((int) process->pipe);
    process->pipe = -1;
}

static void ended(struct process *process, int status)
{
    /* What it started and left behind goes with it, and holds our pipe no longer. */
    if (!process->apart)
        kill(target_of(process), SIGKILL);
    if (process->pipe >= 0)
        take_output(process);
    close_pipe(process);
    process_keep(process, "", 0);
    targets_replace(target_of(process), 0);
    process->running = false;
    process->ended_ns = process_clock_ns();
    process->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    process->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void look_after(struct process *process)
{
    int status;

    if (process->pipe >= 0 && !take_output(process))
        close_pipe(process);
    if (!process->timed_out && process_clock_ns() - process->started_ns > process->limit_ns) {
        process->timed_out = true;
        kill(target_of(process), SIGKILL);
    }
    if (waitpid((pid_t) process->id, &status, WNOHANG) == process->id)
        ended(process, status);
}

void process_step(struct process *processes, int count)
{
    struct pollfd pipes[TOGETHER_MAX];
    nfds_t used = 0;
    int wait_ms = STEP_MS;

    for (int i = 0; i < count; i++) {
        if (!processes[i].running)
            continue;
        if (processes[i].pipe >= 0 && used < TOGETHER_MAX)
            pipes[used++] = (struct pollfd){.fd = (int) processes[i].pipe, .events = POLLIN};
        else
            wait_ms = 1; /* its pipe has ended, so it is about to end itself */
    }
    poll(pipes, used, wait_ms);
    for (int i = 0; i < count; i++)
        if (processes[i].running)
            look_after(&processes[i]);
}

void process_free(struct process *process)
{
    if (process->running) {
        kill(target_of(process), SIGKILL);
        waitpid((pid_t) process->id, NULL, 0);
        targets_replace(target_of(process), 0);
        close_pipe(process);
    }
    free(process->output);
    *process = (struct process){0};
}

/* -- Ending ------------------------------------------------------------------ */

/* Our children are in groups of their own, so that Ctrl-C reaches us alone. */
static void end_with_us(int number)
{
    for (int i = 0; i < TOGETHER_MAX; i++)
        if (targets[i] != 0)
            kill((pid_t) targets[i], SIGKILL);
    signal(number, SIG_DFL);
    raise(number);
}

void process_end_with_us(void)
{
    signal(SIGINT, end_with_us);
    signal(SIGTERM, end_with_us);
    signal(SIGHUP, end_with_us);
    signal(SIGPIPE, SIG_IGN);
}

void process_limit(int seconds)
{
    alarm((unsigned) seconds);
}

int process_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_MAX;
    if (limit.rlim_cur < DESCRIPTORS_MAX) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur < DESCRIPTORS_MAX ? (int) limit.rlim_cur : DESCRIPTORS_MAX;
}

void process_exit(int code)
{
    fflush(NULL);
    _exit(code);
}

/* -- A copy of this process -------------------------------------------------- */

void process_be_a_copy(void (*run)(void *argument), void *argument)
{
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    alarm(5);
    run(argument);
    _exit(0);
}

static void read_start(int from, char *output, size_t size)
{
    size_t length = 0;
    char rest[512];
    ssize_t count;

    do {
        if (length + 1 < size)
            count = read(from, output + length, size - 1 - length);
        else
            count = read(from, rest, sizeof rest);
        if (count > 0 && length + 1 < size)
            length += (size_t) count;
    } while (count > 0 || (count < 0 && errno == EINTR));
    output[length] = '\0';
}

enum process_end process_copy(void (*run)(void *argument), void *argument,
                              const char *const again[], char *output, size_t size)
{
    int ends[2], status;
    pid_t pid;

    (void) again;
    if (pipe(ends) != 0)
        return PROCESS_NOT_STARTED;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        process_be_a_copy(run, argument);
    }
    close(ends[1]);
    if (pid > 0) {
        read_start(ends[0], output, size);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
    if (pid < 0)
        return PROCESS_NOT_STARTED;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        return PROCESS_ABORTED;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PROCESS_RETURNED : PROCESS_OTHER;
}

/* -- What the system knows --------------------------------------------------- */

static char self[PATH_MAX];

/* Looks `name` up as a shell would. */
static const char *find_in_path(const char *name)
{
    const char *at = getenv("PATH");

    while (at != NULL && *at != '\0') {
        const size_t length = strcspn(at, ":");

        snprintf(self, sizeof self, "%.*s/%s", (int) length, at, name);
        if (access(self, X_OK) == 0)
            return self;
        at += length + (at[length] == ':');
    }
    return name;
}

const char *process_self(const char *argv0)
{
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length > 0) {
        self[length] = '\0';
        return self;
    }
    if (strchr(argv0, '/') == NULL)
        return find_in_path(argv0);
    return argv0;
}

process_symbol process_plugin(const char *path, const char *symbol, char *why, size_t size)
{
    char here[PATH_MAX];
    void *object, *found;
    process_symbol function = NULL;

    /* Without a slash it would be looked for among the system's libraries. */
    snprintf(here, sizeof here, "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    object = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    found = object != NULL ? dlsym(object, symbol) : NULL;
    if (found == NULL)
        snprintf(why, size, "%s", dlerror());
    else
        memcpy(&function, &found, sizeof function); /* as POSIX says that it is done */
    return function;
}

const char *process_system(void)
{
    static char text[200];
    struct utsname name;

    if (uname(&name) != 0)
        return "unknown system";
    snprintf(text, sizeof text, "%.60s %.60s %.60s", name.sysname, name.release, name.machine);
    return text;
}

const char *process_how(void)
{
    return "native";
}

bool process_is_terminal(FILE *file)
{
    return isatty(fileno(file)) != 0;
}

int process_columns(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

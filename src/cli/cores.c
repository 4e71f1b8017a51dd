#include "cli/cores.h"

#include "cli/launcher.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

cpu_set_t mw_cores_choose(const mw_core_witnesses *w)
{
    cpu_set_t within, chosen = w->own;
    CPU_AND(&within, &w->own, &w->parent);
    if (!CPU_EQUAL(&within, &w->own))
        return chosen; /* who bound this process is not the parent */
    if (w->parent_is_ours)
        return w->parent;
    CPU_AND(&within, &w->siblings, &w->parent);
    CPU_OR(&chosen, &chosen, &within);
    return chosen;
}

static void affinity_of(pid_t process, cpu_set_t *out)
{
    if (sched_getaffinity(process, sizeof *out, out))
        CPU_ZERO(out);
}

static bool is_in_environment(pid_t process, const char *name)
{
    char path[64], *entry = NULL;
    size_t size = 0, length = strlen(name);
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)process);
    FILE *file = fopen(path, "re");
    while (file && !found && getdelim(&entry, &size, 0, file) > 0)
        found = !strncmp(entry, name, length) && entry[length] == '=';
    free(entry);
    if (file)
        fclose(file);
    return found;
}

/* Whether a process's files of /proc belong to this user and it is not Slurm's, which binds ranks but not itself. */
static bool belongs_to_job(pid_t process)
{
    char path[64], name[32] = "";
    struct stat status;
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)process);
    FILE *file = fopen(path, "re");
    bool read = file && fstat(fileno(file), &status) == 0 && fgets(name, sizeof name, file);
    if (file)
        fclose(file);
    return read && status.st_uid == geteuid() && strncmp(name, "slurmstepd", strlen("slurmstepd"));
}

static bool runs_this_program(pid_t process)
{
    char path[64];
    struct stat ours, others;
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)process);
    return !stat("/proc/self/exe", &ours) && !stat(path, &others) && ours.st_dev == others.st_dev && ours.st_ino == others.st_ino;
}

static void add_siblings(const char *children, cpu_set_t *cores)
{
    FILE *file = fopen(children, "re");
    long process;
    while (file && fscanf(file, "%ld", &process) == 1) {
        cpu_set_t its;
        if (!runs_this_program((pid_t)process))
            continue;
        affinity_of((pid_t)process, &its);
        CPU_OR(cores, cores, &its);
    }
    if (file)
        fclose(file);
}

static void affinity_of_siblings(pid_t parent, cpu_set_t *cores)
{
    char path[320];
    CPU_ZERO(cores);
    snprintf(path, sizeof path, "/proc/%ld/task", (long)parent);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%ld/task/%s/children", (long)parent, entry->d_name);
        add_siblings(path, cores);
    }
    if (threads)
        closedir(threads);
}

/* Nothing is known of a parent that is itself below the launcher (a shell, a script): it may have chosen cores. */
static void look_around(mw_core_witnesses *w)
{
    mw_launcher launcher = mw_launcher_detect();
    pid_t parent = getppid();
    affinity_of(0, &w->own);
    CPU_ZERO(&w->parent);
    CPU_ZERO(&w->siblings);
    w->parent_is_ours = false;
    if (!launcher.name || is_in_environment(parent, launcher.rank_variable))
        return;
    affinity_of(parent, &w->parent);
    w->parent_is_ours = belongs_to_job(parent);
    if (!w->parent_is_ours)
        affinity_of_siblings(parent, &w->siblings);
}

mw_cores mw_cores_widen(void)
{
    mw_core_witnesses witnesses;
    look_around(&witnesses);
    mw_cores out = {.before = witnesses.own};
    cpu_set_t cores = mw_cores_choose(&witnesses);
    if (!CPU_EQUAL(&cores, &witnesses.own))
        out.changed = sched_setaffinity(0, sizeof cores, &cores) == 0;
    affinity_of(0, &cores); /* the kernel leaves out what the control group does not have */
    out.count = CPU_COUNT(&cores);
    return out;
}

void mw_cores_restore(const mw_cores *cores)
{
    if (cores->changed)
        sched_setaffinity(0, sizeof cores->before, &cores->before);
}

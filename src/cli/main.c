#include "cli/commands.h"
#include "cli/message.h"
#include "cli/spawned.h"
#include "cli/version.h"

#include <string.h>

static const struct command {
    const char *name;
    char letter;
    int (*run)(const mw_options *options);
    int min_args, max_args;
    const char *arguments, *summary;
} commands[] = {
    {"run", 'R', mw_cmd_run, 1, -1, "[OPTION]... FILE [ARGUMENT]...", "run a module, usually below mpirun"},
    {"compile", 'C', mw_cmd_compile, 1, -1, "[OPTION]... FILE...", "compile ahead of the job, into the cache or a file"},
    {"inspect", 'I', mw_cmd_inspect, 1, 1, "[OPTION]... FILE", "show what a module is, needs and whether this host can run it"},
    {"cache", 'K', mw_cmd_cache, 1, 1, "[OPTION]... list|clear|path", "look after the code cache"},
    {"doctor", 'D', mw_cmd_doctor, 0, 0, "[OPTION]...", "check this host: compiler, host MPIs, cache, kernel"},
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

static void print_help(const struct command *command)
{
    if (command) {
        printf("Usage: mpiwasm %s %s\n%s.\n\n", command->name, command->arguments, command->summary);
        mw_options_print(command->letter, stdout);
        return;
    }
    printf("Usage: mpirun -np N mpiwasm [OPTION]... FILE.wasm [ARGUMENT]...\n"
           "       mpiwasm COMMAND [OPTION]...\n\n"
           "Runs MPI programs compiled to WebAssembly on this host's own MPI library.\n\nCommands:\n");
    for (int i = 0; i < NCOMMANDS; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    printf("\nWithout a command, 'run' is meant. Its options:\n");
    mw_options_print('R', stdout);
    printf("\n'mpiwasm COMMAND --help' lists the options of a command; 'mpiwasm --version' prints the version.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(NULL);
        return MW_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("mpiwasm %s (%s)\n", MW_VERSION, MW_LLVM_VERSION);
        return MW_EXIT_OK;
    }
    mw_report report = MW_REPORT_INIT;
    bool spawned = strcmp(argv[1], MW_SPAWNED_COMMAND) == 0;
    if (spawned) {
        if (mw_spawned_words(argc - 2, argv + 2, &report, &argc, &argv) != MW_OK) {
            mw_message("%s", report.message);
            return MW_EXIT_USAGE;
        }
    } else {
        argc--;
        argv++;
    }
    const struct command *command = NULL;
    for (int i = 0; i < NCOMMANDS && !command && !spawned; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            command = &commands[i];
    bool named = command != NULL;
    if (!named)
        command = &commands[0];

    mw_options options;
    if (mw_options_parse(command->letter, argc - named, argv + named, &report, &options) != MW_OK) {
        mw_message("%s", report.message);
        return MW_EXIT_USAGE;
    }
    options.spawned = spawned;
    int code;
    if (options.help) {
        print_help(named ? command : NULL);
        code = MW_EXIT_OK;
    } else if (options.nargs < command->min_args ||
               (command->max_args >= 0 && options.nargs > command->max_args)) {
        mw_message("usage: mpiwasm %s %s", command->name, command->arguments);
        code = MW_EXIT_USAGE;
    } else {
        code = command->run(&options);
    }
    mw_options_free(&options);
    return code;
}

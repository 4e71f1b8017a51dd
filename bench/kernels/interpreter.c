/* Branchy integer code: an interpreter of a small stack machine running a sieve-like program. */
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, AND, LESS, JUMP, JUMP_ZERO, PEEK, POKE, HALT };
enum { SIZE = 4096 };

static const int program[] = {
    PUSH, 2, STORE, 0,                                                      /* i = 2 */
    LOAD, 0, LOAD, 0, MUL, PUSH, SIZE, LESS, JUMP_ZERO, 57,                 /* while i * i < SIZE */
    LOAD, 0, PEEK, JUMP_ZERO, 21, JUMP, 48,                                 /* if !composite[i] */
    LOAD, 0, LOAD, 0, MUL, STORE, 1,                                        /* j = i * i */
    LOAD, 1, PUSH, SIZE, LESS, JUMP_ZERO, 48,                               /* while j < SIZE */
    PUSH, 1, LOAD, 1, POKE,                                                 /* composite[j] = 1 */
    LOAD, 1, LOAD, 0, ADD, STORE, 1, JUMP, 28,                              /* j += i */
    LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 4,                               /* i++ */
    HALT};
static int memory[SIZE];
static long steps_done;

static void setup(void)
{
}

__attribute__((noinline)) static long interpret(const int *code)
{
    int stack[64], variables[8] = {0}, *sp = stack;
    long count = 0;
    for (int pc = 0;; count++) {
        switch (code[pc++]) {
        case PUSH:
            *sp++ = code[pc++];
            break;
        case LOAD:
            *sp++ = variables[code[pc++]];
            break;
        case STORE:
            variables[code[pc++]] = *--sp;
            break;
        case ADD:
            sp--;
            sp[-1] += sp[0];
            break;
        case SUB:
            sp--;
            sp[-1] -= sp[0];
            break;
        case MUL:
            sp--;
            sp[-1] *= sp[0];
            break;
        case AND:
            sp--;
            sp[-1] &= sp[0];
            break;
        case LESS:
            sp--;
            sp[-1] = sp[-1] < sp[0];
            break;
        case JUMP:
            pc = code[pc];
            break;
        case JUMP_ZERO:
            pc = *--sp ? pc + 1 : code[pc];
            break;
        case PEEK:
            sp[-1] = memory[sp[-1] & (SIZE - 1)];
            break;
        case POKE:
            sp -= 2;
            memory[sp[1] & (SIZE - 1)] = sp[0];
            break;
        default:
            return count;
        }
    }
}

static void step(void)
{
    steps_done = 0;
    for (int r = 0; r < 30; r++) {
        memset(memory, 0, sizeof memory);
        steps_done += interpret(program);
    }
}

static double checksum(void)
{
    double sum = (double)steps_done;
    for (int i = 0; i < SIZE; i++)
        sum += memory[i] * (double)i;
    return sum;
}

KERNEL(30)

/* The allocator: blocks of mixed sizes taken and given back in mixed order, and a tree built and freed. */
#include "kernel.h"

enum { SLOTS = 4096, OPERATIONS = 100000 };
typedef struct tree {
    struct tree *left, *right;
    uint32_t key;
} tree;
static void *slots[SLOTS];
static uint32_t *random_numbers;
static uint64_t sum;

static void setup(void)
{
    random_numbers = allocate(OPERATIONS * sizeof *random_numbers);
    for (int i = 0; i < OPERATIONS; i++)
        random_numbers[i] = random_u32();
}

static void add_to(tree **at, uint32_t key)
{
    while (*at)
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    *at = allocate(sizeof **at);
    **at = (tree){NULL, NULL, key};
}

static void free_tree(tree *t)
{
    if (!t)
        return;
    free_tree(t->left);
    free_tree(t->right);
    sum += t->key;
    free(t);
}

static void step(void)
{
    sum = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        uint32_t r = random_numbers[i], slot = r % SLOTS;
        if (slots[slot]) {
            sum += *(unsigned char *)slots[slot];
            free(slots[slot]);
        }
        slots[slot] = allocate(16 + (r >> 16) % (r & 0x8000 ? 64 : 2000));
        memset(slots[slot], (int)r, 16);
    }
    for (int i = 0; i < SLOTS; i++) {
        free(slots[i]);
        slots[i] = NULL;
    }
    tree *root = NULL;
    for (int i = 0; i < 10000; i++)
        add_to(&root, random_numbers[i]);
    free_tree(root);
}

static double checksum(void)
{
    return (double)sum;
}

KERNEL(20)

/* Lists of words as plain text, for channels that give some bytes a meaning of their own: command lines that pass through
 * launchers and their line protocols, names in a name server. Letters, digits and "._-/" stand for themselves, any other
 * byte is %XX; commas are between words. */
#ifndef MW_BASE_WORDS_H
#define MW_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the text of `length` bytes at `word`, without a NUL, if it needs at most `room` bytes. Returns what it needs. */
size_t mw_word_put(char *to, size_t room, const char *word, size_t length);

/* Splits a text in place: the words become strings, words[0 .. *n). False for what mw_word_put did not make, for a word
 * with a NUL, and for more than `max` words. */
bool mw_words_split(char *text, char **words, size_t max, size_t *n);

#endif

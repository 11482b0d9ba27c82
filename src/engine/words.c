/* Made-up names: adjective_surname, of people who gave computing something. */
#include <stdio.h>

#include "engine/engine-priv.h"

static const char *const adjectives[] = {
    "able",    "agile",  "amber", "ample",  "apt",   "brave", "brisk", "calm",   "civil", "clear",  "clever",
    "cosy",    "crisp",  "deft",  "eager",  "early", "fair",  "fleet", "fond",   "frank", "fresh",  "gentle",
    "glad",    "golden", "grand", "hale",   "handy", "happy", "hardy", "honest", "jolly", "keen",   "kind",
    "light",   "lively", "loyal", "lucid",  "lucky", "merry", "mild",  "modest", "neat",  "nimble", "noble",
    "patient", "plain",  "proud", "quick",  "quiet", "rapid", "ready", "sage",   "sharp", "silver", "snug",
    "sober",   "solid",  "spry",  "steady", "still", "sunny", "swift", "tidy",   "warm",  "wise",   "witty",
};

static const char *const surnames[] = {
    "aho",       "allen",     "babbage",  "backus",   "bartik",    "boole",    "brooks",   "church",
    "clarke",    "cocke",     "codd",     "cray",     "dahl",      "dijkstra", "easley",   "eckert",
    "engelbart", "estrin",    "floyd",    "goldberg", "granville", "gray",     "hamilton", "hamming",
    "hoare",     "holberton", "hopper",   "huffman",  "iverson",   "johnson",  "kay",      "keller",
    "kernighan", "kleene",    "knuth",    "lamarr",   "lamport",   "liskov",   "lovelace", "mauchly",
    "mccarthy",  "mcilroy",   "meltzer",  "milner",   "minsky",    "naur",     "newell",   "nygaard",
    "perlis",    "perlman",   "postel",   "rabin",    "ritchie",   "scott",    "shannon",  "spence",
    "stallman",  "tarjan",    "thompson", "turing",   "wilkes",    "wing",     "wirth",    "zuse",
};

void
sc_name_random(uint64_t random, bool with_number, char out[64])
{
    const char *adjective = adjectives[(random & 0xffff) % SC_ARRAY_LEN(adjectives)];
    const char *surname = surnames[((random >> 16) & 0xffff) % SC_ARRAY_LEN(surnames)];

    if (with_number)
        (void)snprintf(out, 64, "%s_%s%u", adjective, surname, (unsigned)((random >> 32) % 10000));
    else
        (void)snprintf(out, 64, "%s_%s", adjective, surname);
}

/* SHA-256 (FIPS 180-4), for short texts. What is large is hashed by libcrypto, in sc-transfer. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define BLOCK    64
#define ROUNDS   64
#define LEN_AT   56 /* of the number of bits, in the last block */
#define WORDS    8
#define BYTE_ONE 0x80

/* The fractions of the cube roots of the first 64 primes. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t
turn(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

static void
expand(const unsigned char block[BLOCK], uint32_t schedule[ROUNDS])
{
    for (size_t i = 0; i < 16; i++)
        schedule[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                      (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < ROUNDS; i++) {
        const uint32_t early = schedule[i - 15], late = schedule[i - 2];

        schedule[i] = schedule[i - 16] + (turn(early, 7) ^ turn(early, 18) ^ early >> 3) + schedule[i - 7] +
                      (turn(late, 17) ^ turn(late, 19) ^ late >> 10);
    }
}

static void
add_block(uint32_t state[WORDS], const unsigned char block[BLOCK])
{
    uint32_t schedule[ROUNDS], v[WORDS];

    expand(block, schedule);
    memcpy(v, state, sizeof(v));
    for (size_t i = 0; i < ROUNDS; i++) {
        const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t one =
            v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + choice + constants[i] + schedule[i];
        const uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + majority;

        memmove(v + 1, v, (WORDS - 1) * sizeof(*v));
        v[4] += one;
        v[0] = one + two;
    }
    for (size_t i = 0; i < WORDS; i++)
        state[i] += v[i];
}

void
sc_sha256_hex(const void *data, size_t len, char hex[SC_SHA256_HEX_LEN + 1])
{
    uint32_t state[WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const unsigned char *at = data;
    const uint64_t bits = (uint64_t)len * 8;
    unsigned char last[2 * BLOCK] = {0};
    size_t rest = len % BLOCK, end = rest < LEN_AT ? BLOCK : 2 * BLOCK;

    for (size_t i = 0; i < len / BLOCK; i++)
        add_block(state, at + i * BLOCK);
    if (rest > 0)
        memcpy(last, at + len - rest, rest);
    last[rest] = BYTE_ONE;
    for (size_t i = 0; i < 8; i++)
        last[end - 1 - i] = (unsigned char)(bits >> (8 * i));
    for (size_t i = 0; i < end; i += BLOCK)
        add_block(state, last + i);
    for (size_t i = 0; i < WORDS; i++)
        (void)snprintf(hex + 8 * i, 9, "%08x", (unsigned)state[i]);
}

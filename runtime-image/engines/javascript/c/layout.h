// SPDX-License-Identifier: Apache-2.0
// Where QuickJS's small blocks lie while the engine is built.

#ifndef GENAPPS_LAYOUT_H
#define GENAPPS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the engine is being built. It is false in every instance.
extern bool laying_out;

// Begin, and end: gives the place behind all arenas, and the end of the room that is left there for others.
void begin_layout(void);
char *end_layout(char **end);

// For the next small block that QuickJS asks for: whether it lies among those that every app writes.
bool block_is_hot(void);

// How many of them have this size, by QuickJS's number of it.
int hot_blocks_of(int size_index);

// Room for an arena, which is a number of small blocks.
void *arena_room(size_t size, bool hot);

// Whether the place is an arena's of the build: then it is taken back.
bool take_back_arena(void *place);

// In the build that looks which blocks are written: a small block was made here.
void block_made(void *block, int size, int size_index);

#endif

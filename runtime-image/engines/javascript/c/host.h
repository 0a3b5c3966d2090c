// SPDX-License-Identifier: Apache-2.0
// The functions of the host, as component.wat lowers them (app.wit).

#ifndef GENAPPS_HOST_H
#define GENAPPS_HOST_H

#include <stddef.h>
#include <stdint.h>

// A text that the host has put into our memory, by cabi_realloc. Whoever asked for it frees it.
struct text {
    char *bytes;
    size_t size;
};

#define HOST(name) __attribute__((import_module("genapps:app/host@0.1.0"), import_name(name)))

HOST("log") void host_log(const char *record, size_t size);
HOST("now-millis") uint64_t host_now_millis(void);
HOST("random") void host_random(uint32_t bytes, struct text *hexadecimal);

#endif

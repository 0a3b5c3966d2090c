// SPDX-License-Identifier: Apache-2.0
// What wasi-libc would import of WASI. The engine has none: there is a clock, and nothing to read, write or open.

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "host.h"

#define IMPORT(name) __imported_wasi_snapshot_preview1_##name

int32_t IMPORT(clock_time_get)(int32_t clock, int64_t precision, int32_t nanoseconds)
{
    (void)clock, (void)precision;
    *(uint64_t *)nanoseconds = host_now_millis() * 1000000;
    return 0;
}

int close(int file)
{
    (void)file;
    errno = EBADF;
    return -1;
}

int32_t IMPORT(fd_fdstat_get)(int32_t file, int32_t status)
{
    (void)file, (void)status;
    return EBADF;
}

int32_t IMPORT(fd_seek)(int32_t file, int64_t offset, int32_t whence, int32_t found)
{
    (void)file, (void)offset, (void)whence, (void)found;
    return EBADF;
}

// QuickJS prints what it finds wrong with itself before it aborts: it is lost, and the trap is not.
int32_t IMPORT(fd_write)(int32_t file, int32_t pieces, int32_t count, int32_t written)
{
    (void)file, (void)pieces, (void)count, (void)written;
    return EBADF;
}

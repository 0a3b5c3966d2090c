// SPDX-License-Identifier: Apache-2.0
// Where QuickJS has its memory from.

#ifndef GENAPPS_MEMORY_H
#define GENAPPS_MEMORY_H

#include <stdbool.h>

#include "quickjs.h"

// Whether some was refused since somebody set this to false. QuickJS throws an error then if there is memory for one,
// else null.
extern bool memory_refused;

// Whether no memory is left but a reserve. QuickJS then collects garbage before it makes an object.
extern bool memory_scarce;

// Have the reserve again, if there is memory for it.
void memory_reserve(void);

// The functions get the place of the runtime, or NULL.
extern const JSMallocFunctions MEMORY;

// From now on nothing is allocated between what exists, but side by side behind all of it. For the end of the build.
void close_gaps(JSRuntime *runtime);

#endif

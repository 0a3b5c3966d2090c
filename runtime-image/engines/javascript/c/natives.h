// SPDX-License-Identifier: Apache-2.0
// What our modules import from "genapps:native".

#ifndef GENAPPS_NATIVES_H
#define GENAPPS_NATIVES_H

#include "quickjs.h"

// Puts the sign for a wrong character in the place of each half one: well-formed UTF-8 has none. Both have three bytes.
void replace_halves(char *text, size_t size);

// The module; `evaluate` and `runJobs` of engine.c are defined with it.
JSModuleDef *define_natives(JSContext *context, JSCFunction *evaluate, JSCFunction *run_jobs);

#endif

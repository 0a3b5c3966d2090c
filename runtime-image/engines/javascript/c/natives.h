// SPDX-License-Identifier: Apache-2.0
// What our modules import from "genapps:native".

#ifndef GENAPPS_NATIVES_H
#define GENAPPS_NATIVES_H

#include "quickjs.h"

// The module; `evaluate` and `runJobs` of engine.c are defined with it.
JSModuleDef *define_natives(JSContext *context, JSCFunction *evaluate, JSCFunction *run_jobs);

#endif

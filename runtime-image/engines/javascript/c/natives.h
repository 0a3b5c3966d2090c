// SPDX-License-Identifier: Apache-2.0
// What our modules import from "genapps:native".

#ifndef GENAPPS_NATIVES_H
#define GENAPPS_NATIVES_H

#include "quickjs.h"

#define NATIVE(name) JSValue name(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments)
#define UNUSED (void)this_value, (void)count, (void)arguments

// text.c
NATIVE(utf8_encode);
NATIVE(utf8_decode);
NATIVE(utf8_size);
NATIVE(is_ascii);
NATIVE(is_plain_path);
NATIVE(is_plain_query);

// base64.c
NATIVE(base64_encode);
NATIVE(base64_decode);

// Puts the sign for a wrong character in the place of each half one: well-formed UTF-8 has none. Both have three bytes.
void replace_halves(char *text, size_t size);

// The module; `evaluate` and `runJobs` of engine.c are defined with it.
JSModuleDef *define_natives(JSContext *context, JSCFunction *evaluate, JSCFunction *run_jobs);

#endif

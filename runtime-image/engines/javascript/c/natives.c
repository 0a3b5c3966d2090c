// SPDX-License-Identifier: Apache-2.0
// Hashes, chance, the clock and promises, and the module of all natives. Our modules check the types of what they pass.

#include "natives.h"

#include <string.h>

#include "host.h"
#include "memory.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define RANDOM_BYTES 4096 // of one call, as the host bounds it

// hashes.zig
size_t genapps_digest(uint32_t algorithm, const uint8_t *bytes, size_t size, uint8_t *digest);
size_t genapps_hmac(uint32_t algorithm, const uint8_t *key, size_t key_size, const uint8_t *bytes, size_t size, uint8_t *digest);
#define DIGEST_BYTES 64

// The number in hashes.zig of an algorithm by its name; -1 and an exception when there is none.
static int algorithm_of(JSContext *context, JSValueConst value)
{
    static const char *const NAMES[] = {"SHA-1", "SHA-256", "SHA-384", "SHA-512"};
    const char *name = JS_ToCString(context, value);
    if (name == NULL)
        return -1;
    int found = -1;
    for (int i = 0; i < (int)COUNT(NAMES); i++)
        if (strcmp(name, NAMES[i]) == 0)
            found = i;
    JS_FreeCString(context, name);
    if (found < 0)
        JS_ThrowTypeError(context, "unknown hash");
    return found;
}

static NATIVE(digest)
{
    UNUSED;
    size_t size;
    uint8_t found[DIGEST_BYTES];
    int algorithm = algorithm_of(context, arguments[0]);
    if (algorithm < 0)
        return JS_EXCEPTION;
    const uint8_t *bytes = JS_GetUint8Array(context, &size, arguments[1]);
    if (bytes == NULL)
        return JS_EXCEPTION;
    return JS_NewUint8ArrayCopy(context, found, genapps_digest(algorithm, bytes, size, found));
}

static NATIVE(hmac)
{
    UNUSED;
    size_t key_size, size;
    uint8_t found[DIGEST_BYTES];
    int algorithm = algorithm_of(context, arguments[0]);
    if (algorithm < 0)
        return JS_EXCEPTION;
    const uint8_t *key = JS_GetUint8Array(context, &key_size, arguments[1]);
    const uint8_t *bytes = key == NULL ? NULL : JS_GetUint8Array(context, &size, arguments[2]);
    if (bytes == NULL)
        return JS_EXCEPTION;
    return JS_NewUint8ArrayCopy(context, found, genapps_hmac(algorithm, key, key_size, bytes, size, found));
}

static int nibble(char one)
{
    return one <= '9' ? one - '0' : one - 'a' + 10;
}

static void draw(uint8_t *bytes, uint32_t count)
{
    struct text drawn;
    host_random(count, &drawn);
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(nibble(drawn.bytes[2 * i]) << 4 | nibble(drawn.bytes[2 * i + 1]));
    MEMORY.js_free(NULL, drawn.bytes);
}

static NATIVE(random_bytes)
{
    UNUSED;
    uint32_t wanted;
    uint8_t bytes[RANDOM_BYTES];
    if (JS_ToUint32(context, &wanted, arguments[0]))
        return JS_EXCEPTION;
    if (wanted > RANDOM_BYTES)
        return JS_ThrowRangeError(context, "at most %d random bytes in one call", RANDOM_BYTES);
    if (wanted > 0)
        draw(bytes, wanted);
    return JS_NewUint8ArrayCopy(context, bytes, wanted);
}

// xorshift128+, seeded by the host when an instance first asks: QuickJS's own state would be in the snapshot of the
// memory, and equal in all instances.
static NATIVE(random_number)
{
    UNUSED;
    static uint64_t state[2];
    if ((state[0] | state[1]) == 0)
        draw((uint8_t *)state, sizeof state);
    uint64_t a = state[0], b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ a >> 18 ^ b >> 5;
    return JS_NewFloat64(context, (double)((state[1] + b) >> 11) / 9007199254740992.0);
}

static NATIVE(now_millis)
{
    UNUSED;
    return JS_NewInt64(context, (int64_t)host_now_millis());
}

static NATIVE(log_record)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    replace_halves((char *)text, size);
    host_log(text, size);
    JS_FreeCString(context, text);
    return JS_UNDEFINED;
}

// Whether memory was refused in this step of an action.
static NATIVE(memory_exhausted)
{
    UNUSED;
    return JS_NewBool(context, memory_refused);
}

// 0 pending, 1 fulfilled, 2 rejected, -1 no promise: without asking a `then`, which an app may have changed.
static NATIVE(promise_state)
{
    UNUSED;
    return JS_NewInt32(context, JS_PromiseState(context, arguments[0]));
}

static NATIVE(promise_result)
{
    UNUSED;
    return JS_PromiseResult(context, arguments[0]);
}

static const struct {
    const char *name;
    JSCFunction *function;
    int parameters;
} NATIVES[] = {
    {"utf8Encode", utf8_encode, 1},      {"utf8Decode", utf8_decode, 3},      {"utf8Size", utf8_size, 1},
    {"isPlainPath", is_plain_path, 1},   {"isPlainQuery", is_plain_query, 1},
    {"isAscii", is_ascii, 1},            {"base64Encode", base64_encode, 1},  {"base64Decode", base64_decode, 1},
    {"digest", digest, 2},               {"hmac", hmac, 3},                   {"random", random_bytes, 1},
    {"randomNumber", random_number, 0},  {"nowMillis", now_millis, 0},        {"log", log_record, 1},
    {"memoryExhausted", memory_exhausted, 0},
    {"promiseState", promise_state, 1},  {"promiseResult", promise_result, 1},
};

static JSCFunction *of_engine[2];

static int export_natives(JSContext *context, JSModuleDef *module)
{
    for (size_t i = 0; i < COUNT(NATIVES); i++) {
        JSValue function = JS_NewCFunction(context, NATIVES[i].function, NATIVES[i].name, NATIVES[i].parameters);
        JS_SetModuleExport(context, module, NATIVES[i].name, function);
    }
    JS_SetModuleExport(context, module, "evaluate", JS_NewCFunction(context, of_engine[0], "evaluate", 2));
    return JS_SetModuleExport(context, module, "runJobs", JS_NewCFunction(context, of_engine[1], "runJobs", 0));
}

JSModuleDef *define_natives(JSContext *context, JSCFunction *evaluate, JSCFunction *run_jobs)
{
    of_engine[0] = evaluate, of_engine[1] = run_jobs;
    JSModuleDef *module = JS_NewCModule(context, "genapps:native", export_natives);
    for (size_t i = 0; i < COUNT(NATIVES); i++)
        JS_AddModuleExport(context, module, NATIVES[i].name);
    JS_AddModuleExport(context, module, "evaluate");
    JS_AddModuleExport(context, module, "runJobs");
    return module;
}

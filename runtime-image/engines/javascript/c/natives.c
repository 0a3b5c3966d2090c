// SPDX-License-Identifier: Apache-2.0
// Texts and bytes, hashes, chance and the clock. Our modules check the types of what they pass.

#include "natives.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "memory.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define RANDOM_BYTES 4096 // of one call, as the host bounds it
#define NATIVE(name) \
    static JSValue name(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments)
#define UNUSED (void)this_value, (void)count, (void)arguments

// hashes.zig
size_t genapps_digest(uint32_t algorithm, const uint8_t *bytes, size_t size, uint8_t *digest);
size_t genapps_hmac(uint32_t algorithm, const uint8_t *key, size_t key_size, const uint8_t *bytes, size_t size, uint8_t *digest);
#define DIGEST_BYTES 64

// UTF-8 ---------------------------------------------------------------------------------------------------------------

void replace_halves(char *text, size_t size)
{
    char *end = text + size;
    while ((text = memchr(text, 0xED, end - text)) != NULL && end - text >= 3) {
        if ((uint8_t)text[1] >= 0xA0)
            memcpy(text, "\xEF\xBF\xBD", 3);
        text++;
    }
}

NATIVE(utf8_encode)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    replace_halves((char *)text, size);
    JSValue bytes = JS_NewUint8ArrayCopy(context, (const uint8_t *)text, size);
    JS_FreeCString(context, text);
    return bytes;
}

// How many bytes from `at` on are one character (positive), or are the longest part of none that is replaced as one
// (negative), as the Encoding Standard says.
static int character(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = *at, low = 0x80, high = 0xBF;
    int length;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        low = first == 0xE0 ? 0xA0 : 0x80;
        high = first == 0xED ? 0x9F : 0xBF;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        low = first == 0xF0 ? 0x90 : 0x80;
        high = first == 0xF4 ? 0x8F : 0xBF;
    } else {
        return -1;
    }
    for (int i = 1; i < length; i++, low = 0x80, high = 0xBF)
        if (at + i >= end || at[i] < low || at[i] > high)
            return -i;
    return length;
}

// Bytes, whether malformed ones are an error, whether a byte order mark is kept.
NATIVE(utf8_decode)
{
    UNUSED;
    size_t size;
    const uint8_t *bytes = JS_GetUint8Array(context, &size, arguments[0]);
    if (bytes == NULL)
        return JS_EXCEPTION;
    bool fatal = JS_ToBool(context, arguments[1]);
    if (!JS_ToBool(context, arguments[2]) && size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        bytes += 3, size -= 3;
    const uint8_t *end = bytes + size, *at = bytes;
    size_t malformed = 0;
    while (at < end) {
        int length = character(at, end);
        malformed += length < 0;
        at += length < 0 ? -length : length;
    }
    if (malformed == 0)
        return JS_NewStringLen(context, (const char *)bytes, size);
    if (fatal)
        return JS_ThrowTypeError(context, "the bytes are not UTF-8");
    char *text = js_malloc(context, size + 2 * malformed), *to = text;
    if (text == NULL)
        return JS_EXCEPTION;
    for (at = bytes; at < end;) {
        int length = character(at, end);
        if (length < 0) {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3, at -= length;
        } else {
            memcpy(to, at, length);
            to += length, at += length;
        }
    }
    JSValue decoded = JS_NewStringLen(context, text, to - text);
    js_free(context, text);
    return decoded;
}

NATIVE(is_ascii)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]); // no copy if it is
    if (text == NULL)
        return JS_EXCEPTION;
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, text + i, 8);
        seen |= eight;
    }
    for (; i < size; i++)
        seen |= (uint8_t)text[i];
    JS_FreeCString(context, text);
    return JS_NewBool(context, (seen & 0x8080808080808080) == 0);
}

// Whether a path, or a query, is in a URL what it is alone: no character is encoded there, and no segment of a path is
// dots. What is not plain may be so all the same: that takes the parser.
NATIVE(is_plain_path)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    bool plain = size > 0 && text[0] == '/';
    for (size_t i = 0; i < size && plain; i++) {
        uint8_t one = (uint8_t)text[i];
        plain = one < 0x80 && (isalnum(one) || strchr("/_~!$&'()*+,;=:@.-", one) != NULL) && one != 0
            && !(one == '.' && text[i - 1] == '/');
    }
    JS_FreeCString(context, text);
    return JS_NewBool(context, plain);
}

NATIVE(is_plain_query)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    bool plain = true;
    for (size_t i = 0; i < size && plain; i++) {
        uint8_t one = (uint8_t)text[i];
        plain = one > 0x20 && one < 0x7F && one != '"' && one != '#' && one != '<' && one != '>' && one != '\'';
    }
    JS_FreeCString(context, text);
    return JS_NewBool(context, plain);
}

NATIVE(utf8_size)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    JS_FreeCString(context, text);
    return JS_NewInt64(context, (int64_t)size);
}

// Base64 --------------------------------------------------------------------------------------------------------------

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

NATIVE(base64_encode)
{
    UNUSED;
    size_t size;
    const uint8_t *bytes = JS_GetUint8Array(context, &size, arguments[0]);
    if (bytes == NULL)
        return JS_EXCEPTION;
    size_t length = (size + 2) / 3 * 4;
    char *text = js_malloc(context, length + 1), *to = text;
    if (text == NULL)
        return JS_EXCEPTION;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = bytes[i] << 16 | (i + 1 < size ? bytes[i + 1] << 8 : 0) | (i + 2 < size ? bytes[i + 2] : 0);
        *to++ = DIGITS[three >> 18];
        *to++ = DIGITS[three >> 12 & 63];
        *to++ = i + 1 < size ? DIGITS[three >> 6 & 63] : '=';
        *to++ = i + 2 < size ? DIGITS[three & 63] : '=';
    }
    JSValue encoded = JS_NewStringLen(context, text, length);
    js_free(context, text);
    return encoded;
}

static int digit(char one)
{
    if (one >= 'A' && one <= 'Z')
        return one - 'A';
    if (one >= 'a' && one <= 'z')
        return one - 'a' + 26;
    if (one >= '0' && one <= '9')
        return one - '0' + 52;
    return one == '+' ? 62 : one == '/' ? 63 : -1;
}

// A text in the standard alphabet, with or without its padding. Null says that it is malformed.
NATIVE(base64_decode)
{
    UNUSED;
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, arguments[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    size_t length = size;
    if (length % 4 == 0 && length >= 4)
        length -= text[length - 1] == '=' ? 1 + (text[length - 2] == '=') : 0;
    uint8_t *bytes = js_malloc(context, length * 3 / 4 + 3), *to = bytes;
    JSValue found = JS_EXCEPTION;
    if (bytes != NULL) {
        uint32_t bits = 0;
        int held = 0;
        bool malformed = length % 4 == 1;
        for (size_t i = 0; i < length && !malformed; i++) {
            int value = digit(text[i]);
            malformed = value < 0;
            bits = bits << 6 | (uint32_t)(value & 63), held += 6;
            if (held >= 8)
                *to++ = (uint8_t)(bits >> (held -= 8));
        }
        found = malformed ? JS_NULL : JS_NewUint8ArrayCopy(context, bytes, to - bytes);
        js_free(context, bytes);
    }
    JS_FreeCString(context, text);
    return found;
}

// Hashes --------------------------------------------------------------------------------------------------------------

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

NATIVE(digest)
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

NATIVE(hmac)
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

// Chance and the clock ------------------------------------------------------------------------------------------------

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
    free(drawn.bytes);
}

NATIVE(random_bytes)
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
NATIVE(random_number)
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

NATIVE(now_millis)
{
    UNUSED;
    return JS_NewInt64(context, (int64_t)host_now_millis());
}

NATIVE(log_record)
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
NATIVE(memory_exhausted)
{
    UNUSED;
    return JS_NewBool(context, memory_refused);
}

// Promises ------------------------------------------------------------------------------------------------------------

// 0 pending, 1 fulfilled, 2 rejected, -1 no promise: without asking a `then`, which an app may have changed.
NATIVE(promise_state)
{
    UNUSED;
    return JS_NewInt32(context, JS_PromiseState(context, arguments[0]));
}

NATIVE(promise_result)
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

// SPDX-License-Identifier: Apache-2.0
// Bytes as text in base64.

#include "natives.h"

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

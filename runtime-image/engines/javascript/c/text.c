// SPDX-License-Identifier: Apache-2.0
// Texts: their bytes, and what is known of them at a glance.

#include "natives.h"

#include <ctype.h>
#include <string.h>

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

// Whether a text is what `holds` says.
static JSValue judged(JSContext *context, JSValueConst value, bool (*holds)(const uint8_t *text, size_t size))
{
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, value); // no copy of ASCII
    if (text == NULL)
        return JS_EXCEPTION;
    bool found = holds((const uint8_t *)text, size);
    JS_FreeCString(context, text);
    return JS_NewBool(context, found);
}

static bool ascii(const uint8_t *text, size_t size)
{
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, text + i, 8);
        seen |= eight;
    }
    for (; i < size; i++)
        seen |= text[i];
    return (seen & 0x8080808080808080) == 0;
}

// A path, or a query, that is in a URL what it is alone: no character is encoded there, and no segment of a path is
// dots. What is not plain may be so all the same: that takes the parser.
static bool plain_path(const uint8_t *text, size_t size)
{
    bool plain = size > 0 && text[0] == '/';
    for (size_t i = 0; i < size && plain; i++)
        plain = text[i] != 0 && text[i] < 0x80 && (isalnum(text[i]) || strchr("/_~!$&'()*+,;=:@.-", text[i]) != NULL)
            && !(text[i] == '.' && text[i - 1] == '/');
    return plain;
}

static bool plain_query(const uint8_t *text, size_t size)
{
    bool plain = true;
    for (size_t i = 0; i < size && plain; i++)
        plain = text[i] > 0x20 && text[i] < 0x7F && strchr("\"#<>'", text[i]) == NULL;
    return plain;
}

NATIVE(is_ascii)
{
    UNUSED;
    return judged(context, arguments[0], ascii);
}

NATIVE(is_plain_path)
{
    UNUSED;
    return judged(context, arguments[0], plain_path);
}

NATIVE(is_plain_query)
{
    UNUSED;
    return judged(context, arguments[0], plain_query);
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

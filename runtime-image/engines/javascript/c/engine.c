// SPDX-License-Identifier: Apache-2.0
// The guest side of the JavaScript engine: QuickJS behind the exports of app.wit, as component.wat lowers them.
//
// A message is a text; `main.js` says what it means. Here are only what JavaScript cannot do: texts over the boundary,
// the loading of modules, the jobs of promises, and natives.c.

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "memory.h"
#include "natives.h"
#include "quickjs.h"

// Bytes of the stack that this module keeps in its memory: about 1,800 calls of JavaScript, or 4,900 nested arrays of
// JSON. It must be at its end before wasmtime's own stack (guest/configuration.py) is, or the app has no RangeError and its
// instance ends. So each function that asks how much is left takes some of it (tools/engines/quickjs.py).
#define STACK_BYTES (700 * 1024)

void JS_Freeze(JSRuntime *rt); // tools/engines/quickjs.py

static JSRuntime *runtime;
static JSContext *context;
static JSValue load_function, start_function, request_function, result_function, resume_function, fallback_function,
    turn_function, resolve_function, source_function, rejection_function, forget_function;

// What an export answers: a place for the pointer and the size of a text, and for the tag of a result before them.
static uint32_t answer[3];
static const char *answer_text;

// Where the host puts a text. It is of the same memory as all else, so that what an app has freed serves for it too.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size)
{
    (void)old_size, (void)align; // places are multiples of 16 bytes
    void *place = MEMORY.js_realloc(NULL, old, size);
    if (place == NULL && runtime != NULL) {
        JS_RunGC(runtime);
        place = MEMORY.js_realloc(NULL, old, size);
    }
    if (place == NULL)
        __builtin_trap(); // the host meets the end of the memory as it does inside of JavaScript
    return place;
}

// The answer's text was copied by the host.
static void release_answer(void)
{
    if (answer_text != NULL)
        JS_FreeCString(context, answer_text);
    answer_text = NULL;
}

__attribute__((export_name("cabi_post"))) void cabi_post(uint32_t *place)
{
    (void)place;
    release_answer();
}

static const char *const OUT_OF_MEMORY = "{\"failed\":{\"code\":\"MemoryExceeded\"}}";
static const char *const BROKEN =
    "{\"failed\":{\"code\":\"AppFailed\",\"detail\":\"the app has changed what all objects or lists have\"}}";

static uint32_t *give(JSValue value)
{
    size_t size = 0;
    release_answer();
    const char *text = JS_ToCStringLen(context, &size, value);
    JS_FreeValue(context, value);
    if (text == NULL) { // the exception can only be that no memory was left
        JS_FreeValue(context, JS_GetException(context));
        answer[1] = (uint32_t)OUT_OF_MEMORY, answer[2] = strlen(OUT_OF_MEMORY);
        return answer + 1;
    }
    answer_text = text;
    replace_halves((char *)text, size); // the canonical ABI takes well-formed UTF-8 only
    answer[1] = (uint32_t)text, answer[2] = size;
    return answer + 1;
}

// Takes the arguments. One that could not be made is an exception, which nobody may get as a value.
static JSValue call(JSValue function, int count, JSValue *arguments)
{
    bool whole = true;
    for (int i = 0; i < count; i++)
        whole = whole && !JS_IsException(arguments[i]);
    JSValue value = whole ? JS_Call(context, function, JS_UNDEFINED, count, arguments) : JS_EXCEPTION;
    for (int i = 0; i < count; i++)
        JS_FreeValue(context, arguments[i]);
    return value;
}

// The jobs that are ready, and those that they make. What a job throws is its promise's, never ours.
static void run_jobs(void)
{
    JSContext *of;
    while (JS_ExecutePendingJob(runtime, &of) != 0)
        ;
}

// A step of an action: what `main.js` has to say of it is known after the jobs have run.
static uint32_t *step(JSValue function, int count, JSValue *arguments)
{
    JSValue turn = call(function, count, arguments);
    if (!JS_IsException(turn)) {
        run_jobs();
        turn = call(turn_function, 0, NULL);
    }
    if (JS_IsException(turn)) { // main.js throws nothing, but memory may be at its end, or a setter be found, anywhere
        JS_FreeValue(context, JS_GetException(context));
        turn = JS_NewString(context, memory_refused ? OUT_OF_MEMORY : BROKEN);
    }
    return give(turn);
}

static JSValue text_of(const char *text, size_t size)
{
    return JS_NewStringLen(context, text, size);
}

// The fields of a message in the compact form, the last one with all that follows.
static int fields(const char *text, size_t size, int most, JSValue *found)
{
    int count = 0;
    const char *end = text + size;
    while (count < most - 1) {
        const char *nul = memchr(text, 0, end - text);
        if (nul == NULL)
            break;
        found[count++] = text_of(text, nul - text);
        text = nul + 1;
    }
    found[count++] = text_of(text, end - text);
    return count;
}

static uint32_t *message(char *text, size_t size, JSValue json_function, JSValue compact_function, int most)
{
    JSValue arguments[8];
    int count = 1;
    JSValue function = json_function;
    memory_refused = false;
    JS_UpdateStackTop(runtime);
    if (size > 0 && text[0] == '{') {
        arguments[0] = text_of(text, size);
    } else {
        count = fields(text, size, most, arguments);
        function = compact_function;
    }
    MEMORY.js_free(NULL, text);
    return step(function, count, arguments);
}

__attribute__((export_name("start"))) uint32_t *start(char *text, size_t size)
{
    return message(text, size, start_function, request_function, 7);
}

__attribute__((export_name("resume"))) uint32_t *resume(char *text, size_t size)
{
    return message(text, size, resume_function, result_function, 3);
}

// Like a request, in either form: main.js knows that the fallback is to answer it.
__attribute__((export_name("fallback"))) uint32_t *fallback(char *text, size_t size)
{
    JSValue none = JS_UNDEFINED;
    JS_UpdateStackTop(runtime);
    JS_FreeValue(context, call(fallback_function, 0, &none));
    return start(text, size);
}

// Modules: their names are paths in the bundle. `main.js` finds and refuses them.

static char *normalize(JSContext *ctx, const char *base, const char *name, void *opaque)
{
    (void)opaque;
    JSValue arguments[2] = {JS_NewString(ctx, base), JS_NewString(ctx, name)};
    JSValue found = call(resolve_function, 2, arguments);
    const char *text = JS_IsException(found) ? NULL : JS_ToCString(ctx, found);
    char *copy = text == NULL ? NULL : js_strdup(ctx, text);
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, found);
    return copy;
}

static JSValue compile(const char *name, JSValue source)
{
    size_t size;
    const char *text = JS_ToCStringLen(context, &size, source);
    JS_FreeValue(context, source);
    if (text == NULL)
        return JS_EXCEPTION;
    JSValue module = JS_Eval(context, text, size, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    JS_FreeCString(context, text);
    return module;
}

static JSModuleDef *compiled(const char *name, JSValue source)
{
    JSValue module = compile(name, source);
    if (JS_IsException(module))
        return NULL;
    JSModuleDef *found = JS_VALUE_GET_PTR(module);
    JS_FreeValue(context, module); // the context keeps it
    return found;
}

static JSModuleDef *module_of(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    JSValue argument = JS_NewString(ctx, name);
    JSValue source = call(source_function, 1, &argument);
    return JS_IsException(source) ? NULL : compiled(name, source);
}

// Compile the module `name` and run it; answers with its namespace and the promise of its end.
static JSValue evaluate(JSContext *ctx, JSValueConst this_value, int count, JSValueConst *arguments)
{
    (void)this_value, (void)count;
    const char *name = JS_ToCString(ctx, arguments[0]);
    if (name == NULL)
        return JS_EXCEPTION;
    JSValue module = compile(name, JS_DupValue(ctx, arguments[1]));
    JS_FreeCString(ctx, name);
    if (JS_IsException(module))
        return JS_EXCEPTION;
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue promise = JS_EvalFunction(ctx, module);
    if (JS_IsException(promise))
        return JS_EXCEPTION;
    JSValue pair = JS_NewArray(ctx);
    JS_DefinePropertyValueUint32(ctx, pair, 0, JS_GetModuleNamespace(ctx, definition), JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, pair, 1, promise, JS_PROP_C_W_E);
    return pair;
}

static JSValue ready_jobs(JSContext *ctx, JSValueConst this_value, int count, JSValueConst *arguments)
{
    (void)ctx, (void)this_value, (void)count, (void)arguments;
    run_jobs();
    return JS_UNDEFINED;
}

__attribute__((export_name("load"))) uint32_t *load(char *text, size_t size)
{
    JS_UpdateStackTop(runtime);
    JSValue argument = text_of(text, size);
    MEMORY.js_free(NULL, text);
    JSValue pair = call(load_function, 1, &argument); // [whether it loads, what to answer]
    if (JS_IsException(pair)) {
        JS_FreeValue(context, JS_GetException(context));
        answer[0] = 1;
        give(JS_NewString(context, "{\"code\":\"CodeRejected\",\"file\":\"\",\"line\":0,\"message\":\"no memory is left\"}"));
        return answer;
    }
    JSValue loads = JS_GetPropertyUint32(context, pair, 0);
    answer[0] = JS_ToBool(context, loads) ? 0 : 1;
    JS_FreeValue(context, loads);
    JSValue content = JS_GetPropertyUint32(context, pair, 1);
    JS_FreeValue(context, pair);
    give(content);
    return answer;
}

// While the engine is built: the modules come one by one, and the memory is kept when `prepare` has returned.

// No path in a bundle begins like the names of our modules.
#define OURS "genapps:"

static JSValue our_sources;

static char *our_name(JSContext *ctx, const char *base, const char *name, void *opaque)
{
    (void)base, (void)opaque;
    if (strncmp(name, OURS, strlen(OURS)) == 0)
        return js_strdup(ctx, name);
    const char *last = strrchr(name, '/'); // our modules have names of their own, whatever their folder
    last = last == NULL ? name : last + 1;
    char *full = js_malloc(ctx, strlen(OURS) + strlen(last) + 1);
    strcpy(full, OURS);
    strcat(full, last);
    return full;
}

static JSModuleDef *our_module(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    JSValue source = JS_GetPropertyStr(ctx, our_sources, name + strlen(OURS));
    if (JS_IsUndefined(source)) {
        JS_ThrowReferenceError(ctx, "the engine has no module %s", name);
        return NULL;
    }
    return compiled(name, source);
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    (void)opaque;
    JSValue arguments[3] = {JS_DupValue(ctx, promise), JS_DupValue(ctx, reason), JS_NewBool(ctx, handled)};
    JS_FreeValue(ctx, call(rejection_function, 3, arguments));
}

// Start JavaScript with our modules, JSON texts by name. Answers 0, or the place of a text that says what is wrong.
__attribute__((export_name("prepare"))) const char *prepare(char *sources, size_t size)
{
    begin_layout();
    runtime = JS_NewRuntime2(&MEMORY, &runtime);
    context = JS_NewContext(runtime);
    JS_SetMaxStackSize(runtime, STACK_BYTES);
    JS_UpdateStackTop(runtime);
    JS_SetModuleLoaderFunc(runtime, our_name, our_module, NULL);
    define_natives(context, evaluate, ready_jobs);
    our_sources = JS_ParseJSON(context, sources, size, "sources");
    if (JS_IsException(our_sources))
        return "the sources are no JSON";
    JSValue name = JS_NewString(context, OURS "main.js");
    JSValue source = JS_GetPropertyStr(context, our_sources, "main.js");
    JSValue arguments[2] = {name, source};
    JSValue pair = evaluate(context, JS_UNDEFINED, 2, arguments);
    run_jobs();
    if (!JS_IsException(pair)) {
        JSValue promise = JS_GetPropertyUint32(context, pair, 1);
        if (JS_PromiseState(context, promise) == JS_PROMISE_FULFILLED) {
            JSValue exports = JS_GetPropertyUint32(context, pair, 0);
            load_function = JS_GetPropertyStr(context, exports, "load");
            start_function = JS_GetPropertyStr(context, exports, "start");
            request_function = JS_GetPropertyStr(context, exports, "request");
            result_function = JS_GetPropertyStr(context, exports, "result");
            resume_function = JS_GetPropertyStr(context, exports, "resume");
            fallback_function = JS_GetPropertyStr(context, exports, "fallback");
            turn_function = JS_GetPropertyStr(context, exports, "turn");
            resolve_function = JS_GetPropertyStr(context, exports, "resolve");
            source_function = JS_GetPropertyStr(context, exports, "source");
            rejection_function = JS_GetPropertyStr(context, exports, "rejection");
            forget_function = JS_GetPropertyStr(context, exports, "forgetApp");
            JS_FreeValue(context, exports);
            JS_FreeValue(context, our_sources);
            JS_SetModuleLoaderFunc(runtime, normalize, module_of, NULL);
            JS_SetHostPromiseRejectionTracker(runtime, on_rejection, NULL);
            JS_FreeValue(context, promise);
            JS_FreeValue(context, pair);
            return NULL;
        }
        JS_Throw(context, JS_PromiseResult(context, promise));
    }
    JSValue error = JS_GetException(context);
    JSValue stack = JS_GetPropertyStr(context, error, "stack");
    const char *what = JS_ToCString(context, error), *where = JS_ToCString(context, stack);
    char *told = malloc(4096);
    told[0] = 0;
    strncat(told, what == NULL ? "?" : what, 2000);
    strncat(told, "\n", 2);
    strncat(told, where == NULL ? "?" : where, 2000);
    return told;
}

// The rehearsal is over: what it has left goes, and what is here now stays for as long as the instance does.
__attribute__((export_name("settle"))) void settle(void)
{
    JSValue none = JS_UNDEFINED;
    JS_UpdateStackTop(runtime);
    JS_FreeValue(context, call(forget_function, 0, &none));
    JS_FreeValue(context, forget_function);
    JS_RunGC(runtime);
    memory_reserve();
    close_gaps(runtime);
    JS_Freeze(runtime);
}

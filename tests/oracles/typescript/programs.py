# SPDX-License-Identifier: Apache-2.0
"""Programs in TypeScript, small and made at random, of syntax that can be left out."""

from hypothesis import strategies as st

Texts = st.SearchStrategy[str]


def _of(form: str, *parts: Texts) -> Texts:
    """The form with a text of each strategy in place of `{}`."""
    return st.tuples(*parts).map(lambda texts: form.format(*texts))


NAMES = st.sampled_from(["a", "b", "type", "of", "as_", "B", "é"])
SPACES = st.sampled_from([" ", "  ", " /* : a */ ", "\t"])
OPERATORS = st.sampled_from(["+", "<", ">", "&&", "??", "in"])
LINE_ENDS = st.sampled_from(["\n", "\n\n", " // c\n", "\r\n"])


def _types(inner: Texts) -> Texts:
    return st.one_of(
        _of("({})[]", inner),
        _of("Map<{}, {}>", inner, inner),
        _of("({}) | ({})", inner, inner),
        _of("{{ {}?: {}; readonly c: 1 }}", NAMES, inner),
        _of("((d: {}, ...e: any[]) => {})", inner, inner),
        _of("[{}, {}?]", inner, inner),
        _of("keyof ({})", inner),
        _of("({} extends infer U ? U : never)", inner),
    )


TYPES = st.recursive(st.sampled_from(["string", "B", "'x'", "typeof a", "void", "b.C", "this"]), _types, max_leaves=3)


def _values(inner: Texts) -> Texts:
    return st.one_of(
        _of("({} as {})", inner, TYPES),
        _of("({} satisfies {})", inner, TYPES),
        _of("({})!", inner),
        _of("f<{}>({})", TYPES, inner),
        _of("new B<{}>({}).c!", TYPES, inner),
        _of("(({}: {}): {} => ({}))", NAMES, TYPES, TYPES, inner),
        _of("(async <T extends {}>(d?: T) => {})", TYPES, inner),
        _of("[{}, {{ g: {} }}]", inner, inner),
        _of("({} {} {})", inner, OPERATORS, inner),
        _of("({} ? {} : 0)", inner, inner),
        _of("`${{{}}}`", inner),
    )


VALUES = st.recursive(st.sampled_from(["1", "a", "'b: c'", "/d<e>/", "f<B>()", "b?.c!"]), _values, max_leaves=4)


def _statements(inner: Texts) -> Texts:
    return st.one_of(
        _of("let h{}:{}{} = {}", SPACES, SPACES, TYPES, VALUES),
        _of("function f<T = {}>(this: B, d?: {}) {{ {} }}", TYPES, TYPES, inner),
        _of("abstract class B<T> implements C<{}> {{ private readonly c?: {} = {} }}", TYPES, TYPES, VALUES),
        _of("class B {{ declare a: 1; static async *c(d: {}): any {{ {} }} }}", TYPES, inner),
        _of("class B extends C<{}> {{ get e(): {} {{ return {} }} }}", TYPES, TYPES, VALUES),
        _of("type{}T<U> = {};", SPACES, TYPES),
        _of("interface I<T> extends J {{ c(): {}; [k: string]: any }}", TYPES),
        _of("for (const i of {}) {{ {} }}", VALUES, inner),
        _of("if ({}) {{ {} }} else {{}}", VALUES, inner),
        _of("{}{}{}", inner, LINE_ENDS, inner),
        _of("g({})", VALUES),
    )


PROGRAMS = st.recursive(st.sampled_from(["a();", "declare const a: b;", ""]), _statements, max_leaves=4)

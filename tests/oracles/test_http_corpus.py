# SPDX-License-Identifier: Apache-2.0
"""The app's HTTP server against gunicorn's collection of requests: where the two differ, it is said why."""

from urllib.parse import unquote, urlsplit

import pytest

from tests.oracles import http_corpus
from tests.unit.runtime.http_outcome import Outcome, cuts

BODY_LIMIT = 2**20

REFUSED_BY_US = {
    "005": "a target has no fragment",
    "013": "llhttp takes no space within a chunk extension",
    "025": "chunked is the only coding",
    "025_line": "chunked is the only coding",
    "028": "no space before a colon, whatever the settings",
    "029": "chunked is the only coding",
    "030": "chunked is the only coding",
    "031": "llhttp knows the registered methods",
    "031compat": "llhttp knows the registered methods",
    "031compat2": "llhttp knows the registered methods",
    "099": "its body is shorter than it says",
    "compat_obs_fold": "no folded fields, whatever the settings",
    "compat_obs_fold_huge": "no folded fields, whatever the settings",
    "pp_01": "no PROXY protocol",
    "pp_02": "no PROXY protocol",
    "pp_04": "no PROXY protocol",
    "pp_05": "no PROXY protocol",
    "rfc9112_smuggle_gzip_chunked_01": "chunked is the only coding",
    "rfc9112_smuggle_te_identity_chunked_01": "chunked is the only coding",
    "rfc9112_target_absolute_userinfo_01": "no user in a target",
    "rfc9112_target_authority_connect_01": "no proxy",
    "rfc9112_target_authority_ipv6_01": "no proxy",
}
ENDED_BY_US = {"022": "an HTTP/1.0 connection ends after its first request, whatever it asks for"}
SERVED_BY_US = {
    "006": "our limit of a target is larger",
    "007": "our limit of a field is larger",
    "008": "our limit of a field is larger",
    "009": "our limit of the number of fields is larger",
    "010": "a limit of its settings",
    "011": "a limit of its settings",
    "012": "a limit of its settings",
    "017": "our limit of a field is larger",
    "019": "forwarded schemes mean nothing here",
    "040": "names are not mapped to environment variables, so an underscore is no hyphen",
    "041": "a repeated Content-Type is the app's business",
    "chunked_07": "names are not mapped to environment variables, so an underscore is no hyphen",
    "limit_header_default_01": "our limit of a field is larger",
    "rfc9110_trailer_forbidden_host_01": "trailers are dropped, whatever is in them",
    "rfc9112_leading_crlf_02": "two empty lines before a request are as good as one",
}


@pytest.mark.timeout(300)
async def test_good_requests_are_served_as_they_are_described() -> None:
    refused, told_apart = set(), {}
    for entry in http_corpus.entries("valid"):
        outcome = Outcome([entry.sent], BODY_LIMIT)
        if set(outcome.statuses) != {200}:
            refused.add(entry.name)
            continue
        wanted = [(request["method"], _path(request["uri"]), _body(request["body"])) for request in entry.requests]
        found = [
            (method, path, body if described[2] is not None else None)
            for (method, path, body), described in zip(outcome.seen, wanted, strict=False)
        ]
        if found != wanted:
            told_apart[entry.name] = found, wanted
    assert refused == set(REFUSED_BY_US)
    assert set(told_apart) == set(ENDED_BY_US)


async def test_bad_requests_do_not_reach_the_app() -> None:
    served = {entry.name for entry in http_corpus.entries("invalid") if Outcome([entry.sent], BODY_LIMIT).requests}
    assert served == set(SERVED_BY_US)


@pytest.mark.parametrize("kind", ["valid", "invalid"])
async def test_cuts_do_not_matter(kind: str) -> None:
    for entry in http_corpus.entries(kind):
        whole, *others = [Outcome(pieces, BODY_LIMIT) for pieces in cuts(entry.sent)]
        assert all(whole == other for other in others), entry.name


def _path(target: str) -> str:
    return unquote(urlsplit(target).path if "://" in target else target.partition("?")[0]) or "/"


def _body(body: bytes | str | None) -> bytes | None:
    return body.encode() if isinstance(body, str) else body

# SPDX-License-Identifier: Apache-2.0
"""CORS: which pages of other origins may read an app's answers in a browser."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from genapps.api.fields import SET, Duration, Form, HeaderName, UserModel, duration_within, rules

ANY = "*"
_ORIGIN = r"^([*]|https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?)$"
HAS_ANY = "has(self.allowedOrigins) && '*' in self.allowedOrigins"
"""In CEL."""
_ALONE = "spec.ingress.cors.allowedOrigins: '*' stands alone"
_NO_CREDENTIALS = "spec.ingress.cors.allowCredentials: name the origins; with '*' every page could act as the caller"

Origin = Annotated[
    str, Field(max_length=268), Form(_ORIGIN, "write an origin, such as https://app.example.com, or '*' for all")
]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Cors(UserModel):
    """The runtime answers preflights by it, and replaces what the app says of CORS."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (f"!({HAS_ANY}) || size(self.allowedOrigins) == 1", _ALONE),
            (f"!({HAS_ANY}) || !has(self.allowCredentials) || !self.allowCredentials", _NO_CREDENTIALS),
        )
    )

    allowed_origins: Annotated[tuple[Origin, ...], Field(max_length=32, json_schema_extra=SET)] = ()
    """Scheme, host and port as browsers send them in Origin; or '*' for all. Absent: none."""
    allowed_methods: Annotated[tuple[Method, ...], Field(max_length=6, json_schema_extra=SET)] = ("GET", "HEAD", "POST")
    """What pages may call with. Absent: GET, HEAD and POST."""
    allowed_headers: Annotated[tuple[HeaderName, ...], Field(max_length=32, json_schema_extra=SET)] = ()
    """Headers that pages may send beside those that browsers allow always. JSON needs Content-Type."""
    exposed_headers: Annotated[tuple[HeaderName, ...], Field(max_length=32, json_schema_extra=SET)] = ()
    """Headers of answers that pages may read beside those that browsers allow always."""
    allow_credentials: bool = False
    """Whether browsers send cookies with such calls. Never with '*'."""
    max_age: Annotated[Duration, duration_within("0s", "24h")] | None = None
    """How long a browser may remember a preflight. Absent: as long as it likes, which is a few seconds."""

    @model_validator(mode="after")
    def _check_any(self) -> Self:
        if ANY in self.allowed_origins and len(self.allowed_origins) > 1:
            raise ValueError(_ALONE)
        if ANY in self.allowed_origins and self.allow_credentials:
            raise ValueError(_NO_CREDENTIALS)
        return self

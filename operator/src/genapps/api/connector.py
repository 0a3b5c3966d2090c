# SPDX-License-Identifier: Apache-2.0
"""Connector: a service that apps may call, and how. What a schema cannot say, `core/contracts` checks."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from genapps.api.envelope import RiskClass
from genapps.api.fields import (
    NAME_RULE,
    SCHEMA,
    SET,
    DnsLabel,
    Duration,
    Form,
    HeaderName,
    Key,
    Money,
    ObjectMeta,
    ObjectName,
    OwnModel,
    Rule,
    UserModel,
    defaulted,
    duration_within,
    rules,
)

JsonSchemaDocument = Annotated[
    dict[str, Any], Field(max_length=64, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]
_PUBLIC_HOST = "([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
_PUBLIC_URL = f"^https://{_PUBLIC_HOST}(:[0-9]{{1,5}})?(/[-._~%/A-Za-z0-9]*)?$"
_INSIDE = "^https://[^:/]*[.](svc|local|localhost|localdomain|internal)([:/]|$)"


class ServiceEndpoint(UserModel):
    """A Service of the cluster. The gateway connects to the addresses in its EndpointSlices only."""

    namespace: DnsLabel
    """Its namespace."""
    name: DnsLabel
    """Its name."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Its port."""


class Endpoint(UserModel):
    """The address of the connector."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.url) != has(self.service)", "spec.endpoint: give either url or service"),
        )
    )

    url: (
        Annotated[
            str,
            Field(max_length=512),
            Form(_PUBLIC_URL, "write https:// and a public host name in lower case: no address, no user, no query"),
            Rule(
                f"!self.matches('{_INSIDE}')",
                "a name inside the cluster or its network is no public host: for a Service use spec.endpoint.service",
            ),
        ]
        | None
    ) = None
    """A public https URL. It must not resolve to a private, node, pod or service address."""
    service: ServiceEndpoint | None = None
    """A Service of the cluster."""


class BasicUse(UserModel):
    """HTTP basic authentication; the credential is the password."""

    username_key: Key = defaulted("username")
    """The key of the Secret that holds the user name."""


class CredentialUse(UserModel):
    """How the credential is sent."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.header), has(self.query), has(self.basic)].filter(x, x).size() == 1",
                "spec.credential.as: give one of header, query and basic",
            ),
            ("!has(self.prefix) || has(self.header)", "spec.credential.as.prefix stands before a header's value only"),
        )
    )

    header: HeaderName | None = None
    """The header that carries it."""
    prefix: Annotated[str, Field(max_length=64), Form("^[ -~]*$", "write printable ASCII")] | None = None
    """Text before the credential, such as "Bearer "."""
    query: (
        Annotated[
            str, Field(min_length=1, max_length=64), Form("^[-._~A-Za-z0-9]+$", "write letters, digits and '-._~'")
        ]
        | None
    ) = None
    """The parameter of the query that carries it. Servers write queries into their logs: use a header if you can."""
    basic: BasicUse | None = None
    """As the password of HTTP basic authentication."""


class OAuthClient(UserModel):
    """OAuth 2 client credentials: the Secret holds the client's secret, and calls carry the token it brings."""

    token_url: Annotated[
        str,
        Field(max_length=512),
        Form(_PUBLIC_URL, "write https:// and a public host name in lower case: no address, no user, no query"),
    ] = Field(alias="tokenURL")
    """Where tokens are fetched. The Secret's annotation genapps.dev/hosts must name its host, too."""
    client_id: Annotated[
        str, Field(min_length=1, max_length=256), Form("^[!-~]+$", "write printable ASCII without blanks")
    ] = Field(alias="clientID")
    """The client."""
    scopes: Annotated[
        tuple[Annotated[str, Field(max_length=128), Form("^[!-~]+$", "write printable ASCII without blanks")], ...],
        Field(max_length=16, json_schema_extra=SET),
    ] = ()
    """The scopes to ask for."""
    audience: Annotated[str, Field(max_length=512), Form("^[!-~]+$", "write printable ASCII without blanks")] | None = (
        None
    )
    """The audience to ask for, where the server wants one."""


class Credential(UserModel):
    """A Secret of the namespace genapps-credentials, labelled genapps.dev/credential-for: <connector>, and annotated
    genapps.dev/hosts with the hosts that it may be sent to, separated by commas."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.as) != has(self.oauth)", "spec.credential: give either as or oauth"))
    )

    secret_name: ObjectName
    """The Secret."""
    key: Key
    """Its key."""
    as_: CredentialUse | None = Field(default=None, alias="as")
    """How it is sent."""
    oauth: OAuthClient | None = None
    """It is a client's secret, and buys tokens."""


class StepToken(UserModel):
    """Each call carries a token of the gateway that says which call it is, and for whom it was made."""

    audience: Annotated[
        str, Field(min_length=1, max_length=256), Form("^[!-~]+$", "write printable ASCII without blanks")
    ]
    """By what name the connector knows itself: it refuses tokens for others."""


class IdempotencyHeader(UserModel):
    """The connector honours a key in a header of its own."""

    header: HeaderName
    """The header."""


class ToolCost(UserModel):
    """What one call costs."""

    usd: Money
    """US dollars."""


ToolEffect = Literal["Read", "Write"]
ArgumentName = Annotated[str, Field(min_length=1, max_length=63)]


class ArgumentHeader(UserModel):
    """An argument that is sent in a header."""

    argument: ArgumentName
    """The argument, a scalar."""
    header: HeaderName
    """The header. Headers that the gateway sets itself are refused."""


class Tool(UserModel):
    """One operation of the connector."""

    name: Annotated[
        str, Field(min_length=1, max_length=63), Form("^[a-zA-Z]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$", "begin with a letter")
    ]
    """The name by which apps call the tool."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What it does, for people and models."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None = None
    """The HTTP method (type HTTP)."""
    path: Annotated[str, Field(max_length=512), Form("^/[!-~]*$", "begin with /, such as /v1/{currency}")] | None = None
    """The path, with arguments in braces (type HTTP)."""
    query: Annotated[tuple[ArgumentName, ...], Field(max_length=32, json_schema_extra=SET)] = ()
    """Arguments that go into the query (type HTTP). For GET, HEAD and DELETE all go there that have no other place."""
    headers: Annotated[
        tuple[ArgumentHeader, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["argument"]},
        ),
    ] = ()
    """Arguments that go into headers (type HTTP). Of type MCP: those that the server wants in Mcp-Param-<name>, too."""
    body: ArgumentName | None = None
    """The argument that is the JSON body (POST, PUT, PATCH). Default: an object of those that have no other place."""
    effect: ToolEffect
    """Whether the tool changes anything. A Write is journalled and sent at most once."""
    idempotency: Annotated[
        Literal["None", "Key"] | IdempotencyHeader | None,
        # A word or an object has no type in a CRD: what holds for either stands here, the model refuses the rest
        Field(
            json_schema_extra={
                SCHEMA: {
                    "x-kubernetes-preserve-unknown-fields": True,
                    "pattern": "^(None|Key)$",
                    "required": ["header"],
                    "maxProperties": 1,
                }
            }
        ),
    ] = None
    """Whether repeated calls with the same key have one effect: None, Key (Idempotency-Key; type MCP: in _meta), or
    {header: X}."""
    input: JsonSchemaDocument | None = None
    """JSON Schema 2020-12 of the arguments, of type object. Absent: the tool takes none."""
    output: JsonSchemaDocument | None = None
    """JSON Schema 2020-12 of the result; with stream: Lines, of each line. Absent: any JSON value."""
    stream: Literal["Lines", "Text"] | None = None
    """Whether apps take the answer while it comes, and only so (type HTTP, effect Read): Lines are JSON, one value a
    line; Text is UTF-8. Absent: it comes whole."""
    timeout: Annotated[Duration, duration_within("1s", "600s")] | None = None
    """The longest a call may take. Default: 10s."""
    cache: Annotated[Duration, duration_within("1s", "24h")] | None = None
    """How long a result may be reused. Absent: results are not reused."""
    cost: ToolCost | None = None
    """The cost of one call. It overrides the prices of the budget."""


class LimitsPerApp(UserModel):
    """What one app may do with the connector."""

    calls_per_minute: Annotated[int, Field(ge=1, le=100_000)] = defaulted(600)
    """The most calls in a minute; a sixth of them may come at once."""
    concurrency: Annotated[int, Field(ge=1, le=1_000)] = defaulted(8)
    """The most calls at the same time."""


class ConnectorLimits(UserModel):
    """What all apps together may do with the connector. Each replica of the gateway counts for itself."""

    calls_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = defaulted(6_000)
    """The most calls in a minute; a sixth of them may come at once."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = defaulted(64)
    """The most calls at the same time."""
    per_app: LimitsPerApp = defaulted(LimitsPerApp())
    """What one app may do with it."""


class ConnectorSpec(UserModel):
    """What the connector is and who may use it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.type != 'HTTP' || !has(self.tools) || self.tools.all(t, has(t.method) && has(t.path))",
                "spec.tools: each tool of type HTTP needs method and path",
            ),
            (
                "(self.type == 'Model') == (has(self.models) && size(self.models) > 0)",
                "spec.models: name the models of a connector of type Model, and none otherwise",
            ),
        )
    )

    type: Literal["HTTP", "Model", "MCP"]
    """HTTP, Model (OpenAI-compatible) or MCP (streamable HTTP, tools only)."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What it is, for people and models."""
    endpoint: Endpoint
    """The address of the connector."""
    namespaces: Annotated[tuple[DnsLabel, ...], Field(max_length=64, json_schema_extra=SET)]
    """The namespaces whose apps may use it."""
    minimum_risk_class: RiskClass = defaulted(RiskClass.LOW)
    """The minimum effective risk class of apps that use the connector."""
    credential: Credential | None = None
    """The credential that the gateway adds to calls. Apps never see it."""
    step_token: StepToken | None = None
    """Proof for the connector of what each call is, in the header Txn-Token. Absent: none is sent."""
    limits: ConnectorLimits = defaulted(ConnectorLimits())
    """How often it may be called."""
    models: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(max_length=32, json_schema_extra=SET)
    ] = ()
    """The models that may be used (type Model)."""
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """The most tokens of one call (type Model)."""
    tools: Annotated[
        tuple[Tool, ...],
        Field(
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """The operations of the connector."""


class Connector(OwnModel):
    """A service that apps may call through the gateway, with the tools listed here only."""

    model_config = ConfigDict(json_schema_extra=rules(NAME_RULE))

    metadata: ObjectMeta
    spec: ConnectorSpec

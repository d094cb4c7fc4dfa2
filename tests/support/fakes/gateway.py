"""API Gateway REST proxy events, and answers to them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The stack's own key, as events/ has it.
API_KEY_ID = "exampleid1"
_CONTEXT = {
    "accountId": "123456789012",
    "apiId": "example",
    "domainName": "example.execute-api.us-east-1.amazonaws.com",
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "stage": "v1",
}


def call(
    method: str,
    resource: str,
    body: object = None,
    *,
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str | list[str]] | None = None,
    query: Mapping[str, str | list[str]] | None = None,
    base64_encoded: bool = False,
    caller: str = API_KEY_ID,
) -> dict[str, Any]:
    """One call. A body that is neither text nor bytes nor None is sent as JSON.

    A list is what came more than once: of that the gateway's single values have the last.
    """
    path = resource
    for name, value in (parameters or {}).items():
        path = path.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    sent = _several({"Content-Type": "application/json", **(headers or {})})
    asked = _several(query or {})
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in sent.items()},
        "multiValueHeaders": sent,
        "queryStringParameters": {name: values[-1] for name, values in asked.items()} or None,
        "multiValueQueryStringParameters": asked or None,
        "pathParameters": dict(parameters) if parameters else None,
        "stageVariables": None,
        "requestContext": _CONTEXT
        | {
            "httpMethod": method,
            "identity": {"apiKeyId": caller, "sourceIp": "192.0.2.1"},
            "path": f"/v1{path}",
            "resourcePath": resource,
        },
        "body": _encoded(body, base64_encoded),
        "isBase64Encoded": base64_encoded,
    }


def _encoded(body: object, base64_encoded: bool) -> str | None:
    """The body as the gateway has it."""
    if body is None:
        return None
    if isinstance(body, bytes):
        return base64.b64encode(body).decode() if base64_encoded else body.decode()
    raw = body if isinstance(body, str) else json.dumps(body)
    return base64.b64encode(raw.encode()).decode() if base64_encoded else raw


def _several(values: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    return {name: value if isinstance(value, list) else [value] for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answered."""

    status: int
    # Any: a JSON body.
    fields: dict[str, Any]
    headers: dict[str, str]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Reply":
        """From what the handler gave to the gateway."""
        fields = json.loads(answer["body"])
        assert isinstance(fields, dict)
        return cls(int(answer["statusCode"]), fields, dict(answer["headers"]))

"""What the deployed API does before any function of ours is asked."""

import httpx
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

ROUTES_WITH_KEY = [
    ("POST", "/sms/send"),
    ("POST", "/sms/queue"),
    ("POST", "/sms/preview"),
    ("DELETE", "/sms/queue"),
    ("DELETE", "/sms/queue/00000000-0000-0000-0000-000000000000"),
    ("POST", "/sms/queue/process"),
    ("GET", "/sms/status/00000000-0000-0000-0000-000000000000"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES_WITH_KEY)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "not-a-key"}])
def test_a_route_without_a_valid_key_is_refused_in_our_error_shape(
    anyone: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = anyone.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"error": "Send a valid API key in the x-api-key header.", "code": "forbidden"}


@pytest.mark.parametrize(("method", "path"), ROUTES_WITH_KEY)
def test_a_route_with_the_key_reaches_its_function(api: httpx.Client, method: str, path: str) -> None:
    answer = api.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code != 403
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/health"), ("POST", "/webhooks/message"), ("POST", "/webhooks/message/some-id")],
)
def test_health_and_webhooks_need_no_key(anyone: httpx.Client, method: str, path: str) -> None:
    assert anyone.request(method, path).status_code != 403

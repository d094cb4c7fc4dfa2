"""What a client is made with: where its address and key come from, and where the key never goes."""

import logging
import os
import subprocess
import sys

import httpx
import pytest

from longcode.client import AsyncClient, Client, LongcodeError
from tests.chance import showing
from tests.support.api_bridge import KEY, URL
from tests.support.fakes import ROOT, THEIRS


def answering(answer: httpx.Response | Exception) -> Client:
    """A client whose every request is answered so."""

    def answer_to(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Client(URL, KEY, transport=httpx.MockTransport(answer_to), patience_s=0)


def test_the_address_and_the_key_come_from_arguments_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "healthy"})

    monkeypatch.setenv("LONGCODE_URL", "https://env.invalid/v1/")
    monkeypatch.setenv("LONGCODE_KEY", "key-of-the-environment")
    Client(transport=httpx.MockTransport(answer)).health()
    Client("http://127.0.0.1:4000/v1", "a-key", transport=httpx.MockTransport(answer)).health()
    assert [(str(one.url), one.headers["x-api-key"]) for one in asked] == [
        ("https://env.invalid/v1/health", "key-of-the-environment"),
        ("http://127.0.0.1:4000/v1/health", "a-key"),
    ]
    for name in ("LONGCODE_URL", "LONGCODE_KEY"):
        with monkeypatch.context() as without:
            without.delenv(name)
            with pytest.raises(ValueError, match=name):
                Client()


def test_what_can_be_no_address_or_key_is_refused_without_a_word_of_the_key() -> None:
    wrong: tuple[str, ...] = (
        "",
        "ftp://api.invalid",
        "api.invalid/v1",
        "https://",
        "https://me:secret-4711@api.invalid",
    )
    wrong += (
        "https://api.invalid/v1?x-api-key=secret-4711",
        "https://api.invalid/#a",
        "https://[::1",
        "http://b.invalid",
    )
    for url in wrong:
        with showing(url), pytest.raises(ValueError, match=r"base_url") as refused:
            Client(url, "a-key")
        assert "4711" not in str(refused.value)
    for key in ("", "secret-4711\n", "secret 4711", "secret-4711\N{EURO SIGN}", "secret-4711\r\nx: y"):
        for kind in (Client, AsyncClient):
            with showing(repr(key)), pytest.raises(ValueError, match="key") as refused:
                kind(URL, key)
            assert "4711" not in str(refused.value)
    for url in ("http://localhost:1/v1", "http://[::1]:1", "http://127.9.9.9"):
        with Client(url, "a-key") as client:
            assert client.base_url == url


def test_the_key_is_in_no_repr_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers: tuple[httpx.Response | Exception, ...] = (
        httpx.Response(403, json={"error": "No.", "code": "forbidden"}),
        httpx.Response(200, text="<html>"),
        httpx.ConnectError("refused"),
        httpx.LocalProtocolError("no such header"),
    )
    said = [repr(AsyncClient(URL, KEY))]
    for answer in answers:
        client = answering(answer)
        with pytest.raises(LongcodeError) as failed:
            client.send(THEIRS, "Hello")
        error: BaseException | None = failed.value
        said += [repr(client), str(client)]
        while error is not None:
            said += [repr(error), str(error), repr(vars(error))]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert KEY not in "".join(said) + caplog.text
    assert f"Client({URL!r})" in said


def test_the_environments_proxies_are_used_only_if_that_is_asked_for() -> None:
    # Another process: what httpx reads of the environment, it reads when a client is made.
    program = """
import httpx
from longcode.client import Client
for trust_env in (False, True):
    made = Client("https://api.invalid/v1", "a-key", trust_env=trust_env)
    transports = made._http._mounts.values()
    print(sum(transport is not None for transport in transports))
"""
    environment = {"PYTHONPATH": str(ROOT / "layers/longcode/python"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"HTTPS_PROXY": "http://proxy.invalid:3128"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.split(), done.stderr) == (["0", "1"], "")


def test_a_redirect_does_not_take_the_key_elsewhere() -> None:
    client = answering(httpx.Response(307, headers={"location": "https://elsewhere.invalid/"}))
    with pytest.raises(LongcodeError) as failed:
        client.send(THEIRS, "Hello")
    assert failed.value.code == "http_307"


def test_the_package_needs_nothing_of_the_service_and_the_service_nothing_of_it() -> None:
    program = "import sys, longcode.client.webhooks; print([one for one in sys.modules if 'longcode' in one])"
    environment = {"PYTHONPATH": str(ROOT / "layers/longcode/python"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout
    assert "longcode.client.webhooks" in loaded
    assert not any(name in loaded for name in ("domain", "use_cases", "aws", "telnyx", "entrypoints"))


def test_a_message_id_that_would_be_another_path_stays_a_part() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"number": "x", "message_id": "x", "status": "held", "tag": "x"})

    client = Client(URL, KEY, transport=httpx.MockTransport(answer))
    client.opt_out_of("ACME Inc/2")
    client.tag("50% off?#")
    client.status("../../other")
    for nothing in ("", ".", ".."):
        with showing(nothing), pytest.raises(ValueError, match="part of a path"):
            client.cancel(nothing)
    assert asked == [
        "/v1/sms/optouts/ACME%20Inc%252F2",
        "/v1/sms/tags/50%25%20off%3F%23",
        "/v1/sms/status/..%252F..%252Fother",
    ]

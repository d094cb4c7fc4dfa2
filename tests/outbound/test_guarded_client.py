"""The guarded client over real connections: where it goes, what it sends, how long it waits, what it keeps."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from longcode.outbound.client import GuardedClient
from longcode.use_cases.outbound_ports import CallFailed, UrlRefused
from tests.chance import showing
from tests.outbound.server import Authority, Receiver, authority, plain, receiver

NAME = "hooks.example.com"
PUBLIC, INSIDE, HERE = "93.184.215.14", "10.0.0.1", "127.0.0.1"


@pytest.fixture
def here() -> Iterator[Receiver]:
    """A receiver without TLS."""
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
def secure(vouched: Authority) -> Iterator[Receiver]:
    """A receiver that is `NAME`."""
    with receiver(vouched.server) as made:
        yield made


def leading(*addresses: list[str]) -> Callable[[str, int], list[str]]:
    """A look-up that answers these in turn, and then the last of them."""
    left = list(addresses)
    return lambda _host, _port: left.pop(0) if len(left) > 1 else left[0]


_MADE: list[GuardedClient] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _MADE:
        _MADE.pop().close()


# Any: whatever the client takes.
def guarded(**more: Any) -> GuardedClient:
    """A client that is closed when the test ends."""
    _MADE.append(GuardedClient(**more))
    return _MADE[-1]


def local(**more: Any) -> GuardedClient:
    """The same that may call this machine."""
    return guarded(allow_loopback=True, **more)


def at(made: Receiver, path: str = "/", host: str = HERE, scheme: str = "http") -> str:
    return f"{scheme}://{host}:{made.port}{path}"


# ------------------------------------------------------------------------------------------ where it goes


def test_a_name_that_leads_inside_once_it_was_checked_is_not_called(secure: Receiver, vouched: Authority) -> None:
    url = at(secure, "/hook", NAME, "https")
    for second in ([HERE], ["::ffff:127.0.0.1"], [PUBLIC, HERE], [HERE, PUBLIC], ["169.254.169.254"], [INSIDE]):
        with showing(second):
            client = guarded(resolve=leading([PUBLIC], second), ssl_context=vouched.trusted)
            client.check(url)
            with pytest.raises(UrlRefused) as refused:
                client.call("POST", url, headers={}, content=b"{}")
            assert "not public" in str(refused.value)
            assert NAME not in str(refused.value)
    assert (secure.connections, secure.asked) == (0, [])


def test_a_url_is_looked_at_by_its_form_again_when_it_is_called(here: Receiver) -> None:
    client = guarded(resolve=leading([HERE]))
    forms = (at(here), at(here, host="localhost"), at(here, host="user@127.0.0.1"), "ftp://127.0.0.1/", "")
    # Of these the name is none, however it is spelled.
    for url in (*forms, "https://xn--/", "https://xn--a/", "https://a.xn--zzzzzz/"):
        with pytest.raises(UrlRefused):
            client.call("GET", url, headers={})
        with pytest.raises(UrlRefused):
            client.check(url)
    assert here.connections == 0


def test_what_was_connected_to_is_one_of_the_addresses_that_were_checked(
    secure: Receiver, vouched: Authority
) -> None:
    # A second look-up would lead elsewhere.
    client = local(resolve=leading([HERE], [INSIDE]), ssl_context=vouched.trusted)

    answer = client.call("POST", at(secure, "/a?b=c", NAME, "https"), headers={"x-a": "b"}, content=b"{}")

    assert (answer.status, answer.body) == (200, b"ok")
    (asked,) = secure.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/a?b=c", b"{}")


def test_a_connection_that_is_kept_needs_no_look_up_and_goes_where_it_went(
    secure: Receiver, vouched: Authority
) -> None:
    client = local(resolve=leading([HERE], [INSIDE]), ssl_context=vouched.trusted)
    for _ in range(3):
        assert client.call("GET", at(secure, "/", NAME, "https"), headers={}).status == 200
    assert (secure.connections, len(secure.asked)) == (1, 3)


def test_no_redirect_is_followed(here: Receiver) -> None:
    with receiver() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            here.answer = plain(status, b"", location=at(elsewhere))
            answer = local().call("POST", at(here), headers={}, content=b"{}")
            assert (answer.status, answer.headers["location"]) == (status, at(elsewhere))
        assert elsewhere.connections == 0
    assert len(here.asked) == 5


def test_no_proxy_of_the_machine_is_asked(here: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, at(proxy))
        assert local().call("GET", at(here), headers={}).status == 200
        assert proxy.connections == 0


def test_an_address_of_ipv6_can_be_called_by_number_and_by_name() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with receiver(host="::1") as six:
        assert local().call("GET", at(six, host="[::1]"), headers={}).status == 200
        # The first address of the name does not answer, the second does.
        client = local(resolve=leading([HERE, "::1"]))
        assert client.call("GET", at(six, host="localhost"), headers={}).status == 200
        hosts = [asked.header("host") for asked in six.asked]
    assert hosts == [[f"[::1]:{six.port}"], [f"localhost:{six.port}"]]


# ------------------------------------------------------------------------------------------------- whom it trusts


def test_a_certificate_is_held_against_the_name_in_the_url(secure: Receiver, vouched: Authority) -> None:
    client = local(resolve=leading([HERE]), ssl_context=vouched.trusted)
    assert client.call("GET", at(secure, "/", NAME, "https"), headers={}).status == 200
    for host in ("other.example.com", HERE):
        with pytest.raises(CallFailed, match="certificate"):
            client.call("GET", at(secure, "/", host, "https"), headers={})
    assert len(secure.asked) == 1


def test_a_certificate_of_no_one_known_or_of_yesterday_is_none(
    secure: Receiver, vouched: Authority, tmp_path: Path
) -> None:
    with pytest.raises(CallFailed, match="certificate"):
        local(resolve=leading([HERE])).call("GET", at(secure, "/", NAME, "https"), headers={})
    past = authority(tmp_path, NAME, days=-1)
    with receiver(past.server) as ended, pytest.raises(CallFailed, match="certificate"):
        local(resolve=leading([HERE]), ssl_context=past.trusted).call(
            "GET", at(ended, "/", NAME, "https"), headers={}
        )
    assert secure.asked == ended.asked == []


# ------------------------------------------------------------------------------------------------- what it sends


def test_the_host_is_that_of_the_url_and_nothing_is_sent_that_was_not_asked_for(here: Receiver) -> None:
    local().call("POST", at(here, "/x"), headers={"user-agent": "long-code-sms/1", "x-a": "b"}, content=b"body")
    (asked,) = here.asked
    assert sorted(name.lower() for name, _ in asked.headers) == ["content-length", "host", "user-agent", "x-a"]
    assert asked.header("host") == [f"127.0.0.1:{here.port}"]
    assert (asked.header("content-length"), asked.header("user-agent")) == (["4"], ["long-code-sms/1"])


def test_no_cookie_is_kept(here: Receiver) -> None:
    here.answer = plain(200, b"", set_cookie="session=1; Path=/")
    client = local()
    for _ in range(2):
        client.call("GET", at(here), headers={})
    assert [asked.header("cookie") for asked in here.asked] == [[], []]


def test_a_header_that_would_be_two_is_refused(here: Receiver) -> None:
    for value in ("a\r\nx-b: c", "a\nb", "a\x00"):
        with pytest.raises((CallFailed, UrlRefused)):
            local().call("GET", at(here), headers={"x-a": value})
    assert here.asked == []


# ------------------------------------------------------------------------------------------------- what it reads


def test_no_more_than_the_beginning_of_an_answer_is_read(here: Receiver) -> None:
    for length, at_most, truncated in ((10, 10, False), (11, 10, True), (0, 10, False), (500_000, 4096, True)):
        here.answer = plain(200, b"x" * length)
        answer = local().call("GET", at(here), headers={}, at_most=at_most)
        assert (len(answer.body), answer.truncated) == (min(length, at_most), truncated)


def test_an_answer_without_an_end_is_read_to_the_limit(here: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        while not here.over.is_set():
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    here.answer = endless
    answer = local().call("GET", at(here), headers={}, at_most=3000)
    assert (answer.body, answer.truncated) == (b"x" * 3000, True)


def test_what_is_packed_stays_packed(here: Receiver) -> None:
    # A few kilobytes that would be gigabytes.
    packed = gzip.compress(b"0" * 1_000_000)
    here.answer = plain(200, packed, content_encoding="gzip")
    answer = local().call("GET", at(here), headers={}, at_most=100_000)
    assert (answer.body, answer.headers["content-encoding"]) == (packed, "gzip")
    assert not answer.truncated


# ----------------------------------------------------------------------------------------------- how long it waits


def test_a_receiver_that_drips_is_over_by_the_limit(here: Receiver) -> None:
    def in_the_body(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        drip(handler, b"x")

    def in_the_headers(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        drip(handler, b"x-a: b\r\n")

    def drip(handler: BaseHTTPRequestHandler, what: bytes) -> None:
        while not here.over.wait(0.02):
            handler.wfile.write(what)
            handler.wfile.flush()

    def never(_: BaseHTTPRequestHandler) -> None:
        here.over.wait(10)

    for answer in (in_the_body, in_the_headers, never):
        here.answer = answer
        began = time.monotonic()
        with pytest.raises(CallFailed, match=r"^timed out$"):
            local().call("POST", at(here), headers={}, content=b"{}", timeout_s=0.3, at_most=10_000_000)
        assert 0.25 < time.monotonic() - began < 2


def test_a_receiver_that_takes_no_bytes_or_never_greets_is_over_by_the_limit(vouched: Authority) -> None:
    with socket.create_server((HERE, 0)) as silent:
        port = silent.getsockname()[1]
        client = local(resolve=leading([HERE]), ssl_context=vouched.trusted)
        for url, content in ((f"https://{NAME}:{port}/", b""), (f"http://{HERE}:{port}/", b"x" * 20_000_000)):
            with pytest.raises(CallFailed, match=r"^timed out$"):
                client.call("POST", url, headers={}, content=content, timeout_s=0.3)


def test_a_failure_is_said_in_a_few_words_without_the_url(here: Receiver) -> None:
    def closing(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    def odd(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        handler.close_connection = True

    def breaking(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx")
        handler.close_connection = True

    for answer in (closing, odd, breaking):
        here.answer = answer
        with pytest.raises(CallFailed) as failed:
            local().call("GET", at(here, "/secret-path"), headers={})
        assert str(failed.value) == "no valid HTTP answer"
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CallFailed, match=r"^no connection$"):
        local().call("GET", f"http://{HERE}:{port}/", headers={})


def test_a_name_without_an_address_is_no_connection_when_it_is_called_and_refused_when_it_is_looked_at() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        return []

    client = guarded(resolve=nowhere)
    with pytest.raises(UrlRefused, match="no address"):
        client.check(f"https://{NAME}/")
    with pytest.raises(CallFailed, match=r"^no connection$"):
        client.call("GET", f"https://{NAME}/", headers={})


def test_the_answer_has_its_headers_by_small_names(here: Receiver) -> None:
    here.answer = plain(410, b"", X_Reason="gone", Retry_After="7")
    answer = local().call("GET", at(here), headers={})
    assert (answer.status, answer.headers["x-reason"], answer.headers["retry-after"]) == (410, "gone", "7")


def test_the_names_that_the_operating_system_knows_are_looked_up_by_default(here: Receiver) -> None:
    with pytest.raises(UrlRefused):
        guarded().check("https://localhost/")
    local().check(at(here, host="localhost"))
    for url in ("https://hooks..example.com/", f"https://{'x' * 70}.example.com/"):
        with pytest.raises(UrlRefused):
            local().check(url)
    assert httpx.URL(at(here)).port == here.port

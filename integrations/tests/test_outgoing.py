import socket
import threading
import time
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations import outgoing
from integrations.outgoing import PartnerRefused, PartnerUnavailable, transport
from integrations.tests.partner import Heard, Partner, Reply
from integrations.tests.sending import ask, resolving_to, why_not
from registry.tests.factories import NOW

pytestmark = pytest.mark.usefixtures("_loopback")


def test_the_bytes_arrive_as_they_are(partner: Partner, session: outgoing.Session) -> None:
    partner.answer = lambda _: Reply(200, {"X-Held": "7"}, b"thanks")
    headers = {"webhook-id": "evt_1"}

    sending = outgoing.send(
        session, "PUT", f"{partner.url}/a?b=c", body=b"\x00 {}", headers=headers
    )
    answer = session.run(sending)

    assert (answer.status, answer.headers["x-held"], answer.body) == (200, "7", b"thanks")
    (heard,) = partner.heard
    assert (heard.method, heard.path, heard.body) == ("PUT", "/a?b=c", b"\x00 {}")
    assert heard.headers["webhook-id"] == "evt_1"
    assert heard.headers["host"] == partner.url.removeprefix("http://")


def test_a_connection_is_used_again(partner: Partner, session: outgoing.Session) -> None:
    partner.answer = lambda _: Reply(200, body=b"thanks")

    ask(session, partner.url)
    ask(session, partner.url)

    assert len({heard.client for heard in partner.heard}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    partner: Partner, session: outgoing.Session, status: int
) -> None:
    partner.answer = lambda _: Reply(status, {"Location": "/elsewhere"})

    assert why_not(session, partner.url) == f"http_{status}"
    assert len(partner.heard) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PartnerRefused),
        (404, PartnerRefused),
        (410, PartnerRefused),
        (429, PartnerUnavailable),
        (500, PartnerUnavailable),
        (503, PartnerUnavailable),
    ],
)
def test_the_error_says_whether_trying_again_can_help(
    partner: Partner,
    session: outgoing.Session,
    status: int,
    error: type[outgoing.PartnerError],
) -> None:
    partner.answer = lambda _: Reply(status, {"Retry-After": "7"})

    with pytest.raises(error) as caught:
        ask(session, partner.url)

    assert caught.value.status == status
    if isinstance(caught.value, PartnerUnavailable):
        assert caught.value.retry_after == "7"


def test_proxies_of_the_environment_are_not_used(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    ask(session, partner.url)

    assert len(partner.heard) == 1


def test_cookies_are_not_kept(partner: Partner, session: outgoing.Session) -> None:
    partner.answer = lambda _: Reply(204, {"Set-Cookie": "a=b"})

    ask(session, partner.url)
    ask(session, partner.url)

    assert "cookie" not in partner.heard[1].headers


def test_at_most_8_kib_are_read(partner: Partner, session: outgoing.Session) -> None:
    partner.answer = lambda _: Reply(200, body=b"x" * 100_000)

    assert len(ask(session, partner.url).body) == 8192


def test_a_long_header_spoils_no_answer(partner: Partner, session: outgoing.Session) -> None:
    partner.answer = lambda _: Reply(200, {"Set-Cookie": "x" * 32_000}, b"thanks")

    assert ask(session, partner.url).body == b"thanks"


def test_dripping_bytes_do_not_extend_the_deadline(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.5)
    partner.answer = lambda _: Reply(200, body=b"x" * 1000, drip=0.05)
    began = time.monotonic()

    assert why_not(session, partner.url) == "timeout"
    assert time.monotonic() - began < 1


def test_silence_ends_at_the_deadline(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.3)

    def say_nothing(_: Heard) -> Reply:
        partner.over.wait(5)
        return Reply()

    partner.answer = say_nothing

    assert why_not(session, partner.url) == "timeout"


def test_a_request_whose_time_is_over_is_not_begun(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0)

    assert why_not(session, partner.url) == "timeout"
    assert partner.heard == []


def test_a_connection_that_is_not_taken_ends_in_time(
    session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client_socket in waiting:
            client_socket.settimeout(0)
            client_socket.connect_ex(full.getsockname())

        reason = why_not(session, f"http://127.0.0.1:{full.getsockname()[1]}")

        for client_socket in waiting:
            client_socket.close()
    assert reason == "timeout"


def test_who_leaves_does_not_wait_for_what_is_under_way(partner: Partner) -> None:
    began = time.monotonic()
    is_heard = threading.Event()

    def say_nothing(_: Heard) -> Reply:
        is_heard.set()
        partner.over.wait(5)
        return Reply()

    partner.answer = say_nothing

    with outgoing.new_session() as session:
        session.start([outgoing.send(session, "POST", partner.url, body=b"{}", headers={})])
        assert is_heard.wait(5)

    assert time.monotonic() - began < 4


def test_a_closed_port_is_told(session: outgoing.Session) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert why_not(session, f"http://127.0.0.1:{port}") == "connection_refused"


def test_a_name_that_does_not_resolve_is_told(
    session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert why_not(session, "https://insurer.example") == "dns_error"


def test_a_resolver_that_hangs_is_not_waited_for(
    session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: Any, **__: Any) -> None:
        time.sleep(0.5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(transport, "RESOLVE_SECONDS", 0.1)
    began = time.monotonic()

    assert why_not(session, "https://insurer.example") == "dns_error"
    assert time.monotonic() - began < 0.4


def test_the_next_address_is_tried_when_one_refuses(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.2", "127.0.0.1"))

    ask(session, partner.url.replace("127.0.0.1", "insurer.example"))

    assert len(partner.heard) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("soon", None),
        ("120", timedelta(minutes=2)),
        ("0", timedelta(seconds=1)),
        ("9" * 30, timedelta(hours=24)),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), timedelta(minutes=5)),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), timedelta(seconds=1)),
        ("Mon, 23 Nov 2026 03:31:00 -0000", timedelta(minutes=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(
    text: str | None, expected: timedelta | None
) -> None:
    assert outgoing.wait_asked(text, at=NOW) == expected

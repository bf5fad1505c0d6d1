"""Each way in which a call can fail, told apart; and the key, which no message ever holds."""

import logging
import threading
import traceback

import pytest

from etsy_assets.catalog.records import CallOutcome, QuotaReading
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import DailyQuotaExhausted, OffsetCeiling, RequestRefused
from etsy_assets.etsy.transport import RetryPolicy
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer, answering

QUICK = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.05, throttle_wait=0.01)
KEY, SECRET = "k3ystring0f0urs", "sh4reds3cret"
GOOD = Answer(api.page(api.listing(1)))
PER_SECOND = Answer({"error": "Exceeded per second rate limit"}, 429, {"X-Remaining-This-Second": "0"})
HTML = Answer(b"<html><h1>We'll be right back</h1></html>", 200, {"Content-Type": "text/html"})


class CountingGate:
    """Lets every call in, and keeps what became of them."""

    def __init__(self) -> None:
        self.entered = 0
        self.left: list[tuple[CallOutcome, QuotaReading | None]] = []

    def enter(self) -> None:
        self.entered += 1

    def leave(self, outcome: CallOutcome, reading: QuotaReading | None, retry_after: float | None) -> None:
        self.left.append((outcome, reading))


def client_of(server, **options) -> EtsyClient:
    return EtsyClient(server.url, KEY, SECRET, **({"retries": QUICK, "timeout": 5} | options))


@pytest.mark.parametrize(
    "fault",
    [
        PER_SECOND,
        Answer({"error": "Slow down"}, 429, {"Retry-After": "0"}),
        Answer({"error": "Server Error"}, 500),
        Answer(b"<html>502 Bad Gateway</html>", 502),
        Answer({"error": "busy"}, 503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        HTML,
        Answer(b"<html>not found</html>", 404),
        Answer(b""),
        Answer(b'{"count": 1, "resu'),
        Answer(b"[" * 100_000),
        Answer(api.page(api.listing(1)), drop=True),
    ],
    ids=lambda answer: f"{answer.status}-{str(answer.body)[:12]}",
)
def test_a_fault_that_passes_is_retried_and_the_call_succeeds(fault: Answer):
    with answering(fault, GOOD) as server, client_of(server) as client:
        assert client.active_listings().count == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [PER_SECOND, Answer({"error": "Server Error"}, 500), HTML])
def test_a_fault_that_stays_is_a_passing_fault_after_a_bounded_number_of_tries(fault: Answer):
    with answering(fault) as server, client_of(server) as client, pytest.raises(PassingFault, match="GET /v3/app"):
        client.active_listings()
    assert len(server.requests) == QUICK.attempts


def test_a_server_that_does_not_answer_in_time_is_a_passing_fault():
    with (
        answering(Answer({}, pause=threading.Event())) as server,
        client_of(server, timeout=0.05) as client,
        pytest.raises(PassingFault, match="Timeout"),
    ):
        client.ping()


def test_a_server_that_is_not_there_is_a_passing_fault():
    with answering(GOOD) as server:
        pass
    with client_of(server) as client, pytest.raises(PassingFault, match=r"got no answer from http://127\.0\.0\.1"):
        client.ping()


def test_a_wait_longer_than_the_policy_allows_is_left_to_the_caller():
    with (
        answering(Answer({"error": "maintenance"}, 503, {"Retry-After": "3600"})) as server,
        client_of(server) as client,
        pytest.raises(PassingFault) as fault,
    ):
        client.ping()
    assert (fault.value.retry_after, len(server.requests)) == (3600, 1)


@pytest.mark.parametrize(
    "spent",
    [
        Answer({"error": "Too many"}, 429, {"X-Remaining-Today": "0", "retry-after": "86400"}),
        Answer({"error": "Exceeded daily rate limit"}, 429, {"retry-after": "86400"}),
    ],
)
def test_a_spent_daily_quota_ends_the_call_at_once(spent: Answer):
    with answering(spent) as server, client_of(server) as client, pytest.raises(DailyQuotaExhausted) as fault:
        client.active_listings()
    assert (fault.value.retry_after, len(server.requests)) == (86400, 1)


@pytest.mark.parametrize(
    "refusal",
    [
        Answer({"error": "Shared secret is required in x-api-key header."}, 403),
        Answer({"error": "Invalid API key: should be in the format 'keystring:shared_secret'."}, 403),
        Answer({"error": f"Unknown key {KEY}:{SECRET}, API key refused"}, 401),
    ],
)
def test_a_refused_key_is_a_configuration_error_at_once(refusal: Answer):
    with (
        answering(refusal) as server,
        client_of(server) as client,
        pytest.raises(ConfigurationError, match="Set the keystring and the shared secret"),
    ):
        client.listing(5)
    assert len(server.requests) == 1


def test_a_forbidden_listing_is_not_a_bad_key():
    with (
        answering(Answer({"error": "You do not own this listing"}, 403)) as server,
        client_of(server) as client,
        pytest.raises(RequestRefused, match="You do not own this listing") as refusal,
    ):
        client.listing_images(5)
    assert (refusal.value.status, len(server.requests)) == (403, 1)


def test_the_offset_ceiling_is_told_from_other_refusals():
    ceiling = Answer({"error": "Offset provided is greater than the maximum offset allowed."}, 400)
    odd_enum = Answer([{"path": "state", "type": "enum", "message": "Invalid value (asd) for enum"}], 400)
    with answering(ceiling, odd_enum) as server, client_of(server) as client:
        with pytest.raises(OffsetCeiling):
            client.active_listings(100, 12_001)
        with pytest.raises(RequestRefused, match="Invalid value") as refusal:
            client.active_listings()
    assert not isinstance(refusal.value, OffsetCeiling)
    assert len(server.requests) == 2


def test_a_redirect_is_not_followed_for_it_would_carry_the_key_away():
    with (
        answering(GOOD) as elsewhere,
        answering(Answer({}, 302, {"Location": elsewhere.url})) as server,
        client_of(server) as client,
        pytest.raises(ConfigurationError, match="base URL"),
    ):
        client.ping()
    assert elsewhere.requests == []


def test_the_rate_headers_of_every_answer_are_read_in_any_case():
    gate = CountingGate()
    first = {"X-LIMIT-PER-SECOND": "10", "x-remaining-this-second": "9", "X-Limit-Per-Day": "5000"}
    answers = (
        Answer({"error": "Server Error"}, 500, first | {"x-remaining-today": "4999"}),
        Answer({}, 200, {"X-Remaining-Today": "soon"}),
    )
    with answering(*answers) as server, client_of(server, gate=gate) as client:
        client.ping()
    assert [(outcome, reading is not None) for outcome, reading in gate.left] == [
        ("server_trouble", True),
        ("ok", False),
    ]
    reading = gate.left[0][1]
    assert (reading.limit_per_second, reading.remaining_this_second) == (10, 9)
    assert (reading.limit_per_day, reading.remaining_today) == (5000, 4999)
    assert reading.read_at.tzinfo is not None


@pytest.mark.parametrize(
    ("keystring", "secret"), [("", "s"), ("k", " \n"), ("k:y", "s"), ("k", "s p"), ("k", "s\x00"), ("ké", "s")]
)
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(keystring: str, secret: str):
    with pytest.raises(ConfigurationError, match="set both the keystring and the shared secret") as refusal:
        EtsyClient("http://127.0.0.1:1", keystring, secret)
    assert all(len(given) < 2 or given not in str(refusal.value) for given in (keystring, secret))


@pytest.mark.parametrize(
    "url", ["", "openapi.etsy.com", "ftp://x", "https://", "http://[::1", "http://h:99999", "http://a:b@h"]
)
def test_a_base_url_that_is_none_is_refused(url: str):
    with pytest.raises(ConfigurationError, match=r"like https://openapi\.etsy\.com"):
        EtsyClient(url, "k", "s")


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"error": f"Invalid API key {KEY}:{SECRET}"}, 403),
        Answer({"error": f"{SECRET} is not allowed here"}, 400),
        Answer({"error": SECRET}, 500, {"x-etsy-request-uuid": SECRET}),
        Answer({"error": "x"}, 429, {"x-remaining-today": "0", "x-etsy-request-uuid": KEY}),
        Answer(SECRET.encode(), 200, {"Content-Type": SECRET}),
        None,
    ],
)
def test_neither_key_nor_secret_is_ever_in_a_message_a_log_or_a_repr(answer: Answer | None, caplog):
    caplog.set_level(logging.DEBUG)
    with answering(answer or GOOD) as server:
        client = client_of(server)
        if answer is not None:
            with pytest.raises((ConfigurationError, PassingFault, RequestRefused)) as failure:
                client.listing(5)
    if answer is None:
        with pytest.raises(PassingFault) as failure:
            client.listing(5)
    shown = "".join(traceback.format_exception(failure.value)) + repr(failure.value) + repr(client)
    shown += repr(vars(failure.value)) + repr(client._transport) + caplog.text
    assert "GET" in shown
    assert SECRET not in shown
    assert KEY not in shown
    client.close()

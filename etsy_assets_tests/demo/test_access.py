"""Keys and the two rate limits, on a clock of the test's own."""

import pytest

from etsy_assets.demo.api.access import Quota, key_refusal

KEYS = frozenset({"key:secret"})
SHARED_SECRET = "Shared secret is required in x-api-key header."
FORMAT = "Invalid API key: should be in the format 'keystring:shared_secret'."


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_good_key_is_not_refused() -> None:
    assert key_refusal("key:secret", KEYS) is None


@pytest.mark.parametrize(
    ("header", "message"),
    [(None, FORMAT), ("", FORMAT), ("key", SHARED_SECRET), ("key:", FORMAT), (":secret", FORMAT), ("a:b:c", FORMAT)],
)
def test_a_malformed_key_is_refused_in_the_words_of_etsy(header: str | None, message: str) -> None:
    assert key_refusal(header, KEYS) == message


def test_a_wrong_secret_is_told_apart_from_a_malformed_key() -> None:
    assert "incorrect shared secret" in (key_refusal("key:wrong", KEYS) or "")


def test_the_second_is_refused_beyond_its_limit_and_refills() -> None:
    clock = Clock()
    quota = Quota(2, 100, clock)
    first, second, third = quota.spend(), quota.spend(), quota.spend()
    assert (first.refusal, first.headers["x-remaining-this-second"]) == (None, "1")
    assert (second.refusal, second.headers["x-remaining-this-second"]) == (None, "0")
    assert third.refusal == "Exceeded per second rate limit"
    assert "retry-after" not in third.headers
    clock.now += 1.0
    assert quota.spend().refusal is None


def test_the_day_slides_and_its_refusal_asks_for_a_day_of_patience() -> None:
    clock = Clock()
    quota = Quota(10, 2, clock)
    quota.spend()
    clock.now += 50_000
    quota.spend()
    refused = quota.spend()
    assert refused.refusal == "Exceeded daily rate limit"
    assert (refused.headers["retry-after"], refused.headers["x-remaining-today"]) == ("86400", "0")
    assert refused.headers["x-remaining-this-second"] != "0"
    clock.now += 40_000  # the first call is now more than a day old, the second is not
    assert quota.spend().refusal is None
    assert quota.spend().refusal == "Exceeded daily rate limit"


def test_refused_calls_cost_nothing() -> None:
    clock = Clock()
    quota = Quota(1, 100, clock)
    for _ in range(5):
        quota.spend()
    clock.now += 1.0
    assert quota.spend().headers["x-remaining-today"] == "98"

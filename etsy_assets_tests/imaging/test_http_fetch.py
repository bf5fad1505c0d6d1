import email.utils
import socket
import time
from contextlib import closing

import pytest

from etsy_assets.errors import PassingFault
from etsy_assets.imaging.http_fetch import DownloadOptions, FetchFailure, ImageFetcher, parse_retry_after
from etsy_assets_tests.imaging.image_server import Answer, running_image_server
from etsy_assets_tests.imaging.pictures import encoded, jpeg, photo

GOOD = jpeg()


@pytest.fixture
def server():
    with running_image_server() as running:
        yield running


def fetch(server, *answers, path="/a.jpg", **options):
    server.serve(path, *answers)
    chosen = {"backoff_seconds": 0.001, "max_backoff_seconds": 0.002, "read_timeout": 5.0} | options
    with closing(ImageFetcher(DownloadOptions(**chosen))) as fetcher:
        return fetcher.fetch(f"{server.url}{path}").data


def failure(server, *answers, **options):
    with pytest.raises(FetchFailure) as caught:
        fetch(server, *answers, **options)
    return caught.value.code, sum(server.requests.values())


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(500, b"oops"),
        Answer(502, b"<html>bad gateway</html>"),
        Answer(429, b"", {"Retry-After": "0"}),
        Answer(403, b"slow down"),
        Answer(200, b"<!doctype html><html>try later</html>"),
        Answer(200, GOOD[:1000], announced=len(GOOD)),
        Answer(200, GOOD[:1000]),
        Answer(200, b""),
        Answer(200, b"not gzip", {"Content-Encoding": "gzip"}),
        Answer(reset=True),
        Answer(200, GOOD, delay=0.6),
    ],
    ids=["500", "502", "429", "403", "html", "short", "truncated", "empty", "encoding", "reset", "silent"],
)
def test_a_passing_fault_is_tried_again_until_the_picture_comes(server, trouble):
    assert fetch(server, trouble, trouble, Answer(body=GOOD), read_timeout=0.3) == GOOD
    assert server.requests["/a.jpg"] == 3


@pytest.mark.parametrize(
    ("answer", "code", "tries"),
    [
        (Answer(404), "http_404", 1),
        (Answer(410), "http_404", 1),
        (Answer(451), "http_451", 1),
        (Answer(204), "http_204", 1),
        (Answer(301, headers={"Location": "/a.jpg"}), "too_many_redirects", 6),
        (Answer(503), "http_503", 3),
        (Answer(body=b"<html></html>"), "html_body", 3),
        (Answer(body=GOOD, announced=len(GOOD) + 1), "truncated_body", 3),
        (Answer(body=encoded(photo(width=50), "PNG")), "too_small", 1),
        (Answer(body=GOOD * 20), "body_too_large", 1),
        (Answer(body=GOOD[:2000], drip=0.2), "too_slow", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_after_the_last_try_the_reason_is_known(server, answer, code, tries):
    assert failure(server, answer, max_tries=3, max_bytes=30_000, max_seconds=0.3) == (code, tries)


def test_a_refused_connection_is_a_connection_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/a.jpg"
        options = DownloadOptions(max_tries=2, backoff_seconds=0.001)
        with closing(ImageFetcher(options)) as fetcher, pytest.raises(FetchFailure, match="connection_error"):
            fetcher.fetch(address)


@pytest.mark.parametrize(
    "url", ["", "/images/a.jpg", "ftp://127.0.0.1/a.jpg", "http://", "http://[", "http://" + "a" * 99]
)
def test_a_url_that_can_not_be_requested_says_so_without_a_second_try(url):
    with closing(ImageFetcher(DownloadOptions(backoff_seconds=60))) as fetcher, pytest.raises(FetchFailure) as caught:
        fetcher.fetch(url)
    assert caught.value.code == "bad_url"


def test_a_pause_too_long_to_sit_out_is_a_passing_fault_that_says_how_long(server):
    with pytest.raises(PassingFault, match="86400") as caught:
        fetch(server, Answer(429, b"", {"Retry-After": "86400"}))
    assert caught.value.retry_after == 86400
    assert server.requests["/a.jpg"] == 1


def test_the_cdn_is_asked_for_jpeg_before_webp_and_over_one_connection(server):
    options = DownloadOptions(user_agent="tests/1")
    with closing(ImageFetcher(options)) as fetcher:
        for number in range(5):
            server.serve(f"/{number}.jpg", GOOD)
            fetcher.fetch(f"{server.url}/{number}.jpg")
    assert {headers["Accept"] for headers in server.headers_seen} == {"image/jpeg,image/png;q=0.9,*/*;q=0.1"}
    assert {headers["User-Agent"] for headers in server.headers_seen} == {"tests/1"}
    assert server.connections == 1


def test_retry_after_is_read_as_seconds_or_as_a_date():
    assert parse_retry_after("120") == 120
    assert 50 < parse_retry_after(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 61
    assert [parse_retry_after(text) for text in (None, "", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT")] == [0] * 5


def test_the_proxy_that_the_environment_names_is_used_except_for_hosts_it_leaves_out(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.serve("http://images.example/a.jpg", GOOD)
    with closing(ImageFetcher(DownloadOptions())) as fetcher:
        assert fetcher.fetch("http://images.example/a.jpg").data == GOOD
    assert fetch(server, GOOD, path="/direct.jpg") == GOOD
    assert set(server.requests) == {"http://images.example/a.jpg", "/direct.jpg"}

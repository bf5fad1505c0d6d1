"""The pace at which a host is asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

from etsy_assets.imaging.http_fetch import DownloadOptions, ImageFetcher
from etsy_assets.imaging.pace import HostPace
from etsy_assets_tests.imaging.image_server import running_image_server
from etsy_assets_tests.imaging.pictures import jpeg


def test_requests_to_one_host_are_spaced_and_those_to_another_do_not_wait():
    waits: list[float] = []
    pace = HostPace(10, waits.append)
    for host in ("a", "a", "b", "a"):
        pace.keep(host)
    assert [round(wait, 1) for wait in waits] == [0.0, 0.1, 0.0, 0.2]


def test_without_a_pace_nobody_waits():
    pace = HostPace(None, lambda seconds: 1 // 0)
    for _ in range(3):
        pace.keep("a")


def test_threads_keep_one_pace_together():
    waits: list[float] = []
    pace = HostPace(100, waits.append)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: pace.keep("a"), range(50)))
    assert len(waits) == 50
    # The last of fifty has its turn half a second after the first, less what the threads took.
    assert max(waits) <= 0.49


def test_one_host_never_has_more_connections_than_it_is_allowed():
    with running_image_server() as server:
        for number in range(24):
            server.serve(f"/{number}.jpg", jpeg(number))
        fetcher = ImageFetcher(DownloadOptions(concurrency=8, per_host=2))
        with ThreadPoolExecutor(8) as threads:
            pictures = list(threads.map(lambda n: fetcher.fetch(f"{server.url}/{n}.jpg"), range(24)))
        fetcher.close()
    assert len(pictures) == 24
    assert server.connections <= 2


def test_whoever_waits_for_the_pace_is_ended_by_a_stop():
    with running_image_server() as server:
        server.serve("/a.jpg", jpeg(1))
        fetcher = ImageFetcher(DownloadOptions(per_second=0.01))
        fetcher.fetch(f"{server.url}/a.jpg")
        ended = threading.Event()

        def wait_for_the_pace() -> None:
            try:
                fetcher.fetch(f"{server.url}/a.jpg")
            except Exception:
                ended.set()

        thread = threading.Thread(target=wait_for_the_pace)
        thread.start()
        fetcher.stop()
        thread.join(10)
        fetcher.close()
    assert ended.is_set()

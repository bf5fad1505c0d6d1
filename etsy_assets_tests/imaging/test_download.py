import json
import signal
import socket
import subprocess
import sys

import pytest

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.errors import PassingFault
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_index import index_path
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets_tests.imaging.image_server import Answer, running_image_server
from etsy_assets_tests.imaging.pictures import encoded, jpeg, photo

FAST = DownloadOptions(concurrency=4, max_tries=3, backoff_seconds=0.001, max_backoff_seconds=0.002)


@pytest.fixture
def server():
    with running_image_server() as running:
        yield running


@pytest.fixture
def tar(tmp_path):
    return tmp_path / "images" / "batch-000001.tar"


def path_of(image_id: int, size: str = "fullxfull") -> str:
    return f"/77/r/il/abcdef/{image_id}/il_{size}.{image_id}_ab12.jpg"


def image(server, image_id, listing_id=1, rank=None, url=None):
    return ImageRecord(listing_id, image_id, rank, url or server.url + path_of(image_id), 77, "abcdef", "ab12")


def shop(server, count=12, per_listing=3):
    """`count` images with a good JPEG each."""
    for image_id in range(1, count + 1):
        server.serve(path_of(image_id), jpeg(image_id))
    return [image(server, n, listing_id=1 + (n - 1) // per_listing, rank=n) for n in range(1, count + 1)]


def stored(tar_path):
    with ImageArchive.open(tar_path) as archive:
        return {entry.image_id: archive.read(entry) for entry in archive.ok_entries()}


def reasons(report):
    return {o.image_id: (o.status, (o.reason or "").partition(":")[0]) for o in report.outcomes if o.status != "ok"}


def test_an_upright_rgb_jpeg_is_stored_as_it_came_and_all_else_as_jpeg(server, tar):
    images = shop(server, 4)
    server.serve(path_of(2), encoded(photo(2), "PNG"))
    server.serve(path_of(3), encoded(photo(3).convert("L"), "JPEG"))
    report = download_batch(images, tar, FAST)
    pictures = stored(tar)
    assert pictures[1] == jpeg(1) and pictures[4] == jpeg(4)
    assert pictures[2].startswith(b"\xff\xd8\xff")
    with ImageArchive.open(tar) as archive:
        assert [entry.format for entry in archive] == ["jpeg", "png", "jpeg", "jpeg"]
        assert {(entry.width, entry.height) for entry in archive} == {(160, 120)}
    assert (report.done, report.reused, report.failed) == (4, 0, 0)
    assert report.bytes_written == sum(map(len, pictures.values()))
    assert {(o.stage, o.status, o.reason) for o in report.outcomes} == {("download", "ok", None)}


def test_bad_images_are_recorded_with_their_reasons_and_never_stop_the_good_ones(server, tar):
    images = shop(server, 30)
    server.serve(path_of(3), Answer(404))
    server.serve(path_of(7), Answer(500))
    server.serve(path_of(11), b"<html>gone fishing</html>")
    server.serve(path_of(13), encoded(photo(width=120).convert("1").resize((120, 120)), "PNG")[:90])
    server.serve(path_of(17), encoded(photo().resize((9, 9)).resize((170, 135), 0).quantize(2), "PNG"))
    server.serve(path_of(19), jpeg(19, width=80))
    server.serve(path_of(23), Answer(500), Answer(429), Answer(body=jpeg(23)))
    seen = []
    report = download_batch(images, tar, FAST, on_item=lambda entry: seen.append(entry.image_id))
    assert reasons(report) == {
        3: ("failed", "http_404"),
        7: ("failed", "http_500"),
        11: ("failed", "html_body"),
        13: ("failed", "truncated"),
        17: ("failed", "placeholder"),
        19: ("failed", "too_small"),
    }
    assert stored(tar) == {n: jpeg(n) for n in range(1, 31) if n not in reasons(report)}
    assert (report.done, report.failed) == (24, 6)
    assert sorted(seen) == list(range(1, 31))
    assert server.requests[path_of(3)] == 1 and server.requests[path_of(7)] == 3


def test_a_second_run_downloads_nothing_and_touches_nothing(server, tar):
    images = shop(server)
    download_batch(images, tar, FAST)
    before = [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (tar, index_path(tar))]
    requests = server.requests.total()
    report = download_batch(list(reversed(images)), tar, FAST)
    assert (report.done, report.reused, report.failed, report.bytes_written) == (0, 12, 0, 0)
    assert len(report.outcomes) == 12
    assert server.requests.total() == requests
    assert [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (tar, index_path(tar))] == before


def test_a_second_run_tries_each_failure_again_and_keeps_the_rest(server, tar):
    images = shop(server)
    server.serve(path_of(2), Answer(404), Answer(404), Answer(body=jpeg(2)))
    server.serve(path_of(5), Answer(404))
    assert download_batch(images, tar, FAST).failed == 2
    first = tar.read_bytes(), index_path(tar).read_bytes()
    assert download_batch(images, tar, FAST).failed == 2
    assert (tar.read_bytes(), index_path(tar).read_bytes()) == first
    report = download_batch(images, tar, FAST)
    assert (report.done, report.reused, report.failed) == (1, 10, 1)
    assert stored(tar) == {n: jpeg(n) for n in range(1, 13) if n != 5}
    assert max(server.requests[path_of(n)] for n in range(1, 13) if n not in (2, 5)) == 1
    assert server.requests[path_of(5)] == 3


def test_an_image_that_moved_to_another_host_or_version_is_not_downloaded_again(server, tar):
    images = shop(server)
    download_batch(images, tar, FAST)
    with running_image_server() as other:
        moved = [
            image(other, i.image_id, i.listing_id, i.rank, f"{other.url}{path_of(i.image_id)}?version=9")
            for i in images
        ]
        assert download_batch(moved, tar, FAST).reused == 12
        assert other.requests.total() == 0


def test_a_new_url_replaces_the_picture_and_a_removed_image_goes(server, tar):
    images = shop(server, 3)
    download_batch(images, tar, FAST)
    server.serve("/77/r/il/abcdef/2/il_fullxfull.2_zz99.jpg", jpeg(99))
    changed = [images[0], image(server, 2, rank=2, url=f"{server.url}/77/r/il/abcdef/2/il_fullxfull.2_zz99.jpg")]
    assert (report := download_batch(changed, tar, FAST)).done == 1 and report.reused == 1
    assert stored(tar) == {1: jpeg(1), 2: jpeg(99)}


def test_the_configured_size_is_asked_for_and_fullxfull_where_the_cdn_lacks_it(server, tar):
    images = shop(server, 3)
    server.serve(path_of(1, "794xN"), jpeg(101))
    server.serve(path_of(2, "794xN"), Answer(500))
    report = download_batch(images, tar, DownloadOptions(size="794xN", max_tries=2, backoff_seconds=0.001))
    assert stored(tar) == {1: jpeg(101), 3: jpeg(3)}
    assert reasons(report) == {2: ("failed", "http_500")}
    assert server.requests[path_of(1)] == server.requests[path_of(2)] == 0


def test_an_image_of_another_kind_of_shop_is_downloaded_from_its_url_as_it_is(server, tar):
    server.serve("/files/chair.png", encoded(photo(5), "PNG"))
    download_batch([image(server, 5, url=f"{server.url}/files/chair.png?v=2")], tar, FAST)
    with ImageArchive.open(tar) as archive:
        assert [(entry.status, entry.source_key) for entry in archive] == [("ok", "/files/chair.png?v=2")]


def test_the_url_of_another_image_is_never_stored_under_this_one(server, tar):
    images = [*shop(server, 2), image(server, 3, url=server.url + path_of(1))]
    assert reasons(download_batch(images, tar, FAST)) == {3: ("failed", "url_of_another_image")}
    assert server.requests[path_of(1)] == 1


def test_an_image_named_twice_is_downloaded_once(server, tar):
    images = shop(server, 3)
    assert download_batch([*images, *images], tar, FAST).done == 3
    assert server.requests.total() == 3


def test_the_primary_image_is_the_lowest_rank_then_id_and_unknown_ranks_come_last(server, tar):
    for image_id in range(1, 6):
        server.serve(path_of(image_id), jpeg(image_id))
    images = [image(server, 1), image(server, 2, rank=1), image(server, 3, rank=1), image(server, 4, rank=2)]
    download_batch([*images, image(server, 5, listing_id=2)], tar, FAST)
    with ImageArchive.open(tar) as archive:
        assert [entry.key for entry in archive if entry.is_primary] == [(1, 2), (2, 5)]


def test_a_batch_without_images_is_finished_too(tar):
    assert download_batch([], tar, FAST).outcomes == []
    assert stored(tar) == {}


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_server_that_is_down_is_a_passing_fault_and_no_batch_of_failures(tar, count):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        images = [ImageRecord(1, n, n, url + path_of(n), 77, "abcdef", "ab12") for n in range(1, count + 1)]
        with pytest.raises(PassingFault, match="down or refuses us"):
            download_batch(images, tar, FAST)
    assert not tar.exists() and not index_path(tar).exists()


def test_a_server_that_dies_half_way_is_a_passing_fault_that_keeps_what_was_done(server, tar):
    images = shop(server, 40)
    for dead in range(21, 41):
        server.serve(path_of(dead), Answer(503))
    options = DownloadOptions(
        concurrency=2, max_tries=3, backoff_seconds=0.001, max_backoff_seconds=0.002, give_up_after=8
    )
    with pytest.raises(PassingFault, match="http_503"):
        download_batch(images, tar, options)
    assert not tar.exists()
    for revived in range(21, 41):
        server.serve(path_of(revived), jpeg(revived))
    assert download_batch(images, tar, options).failed == 0
    assert stored(tar) == {n: jpeg(n) for n in range(1, 41)}
    assert max(server.requests[path_of(n)] for n in range(1, 21)) == 1


def test_one_bad_host_among_good_ones_is_only_that_images_failure(server, tar):
    images = shop(server)
    download_batch(images, tar, FAST)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = image(server, 99, url=f"http://127.0.0.1:{unused.getsockname()[1]}{path_of(99)}")
        report = download_batch([*images, dead], tar, FAST)
    assert reasons(report) == {99: ("failed", "connection_error")}


SCRIPT = """
import json, sys
from pathlib import Path
from etsy_assets.catalog.records import ImageRecord
from etsy_assets.imaging.download import DownloadOptions, download_batch

images = [ImageRecord(**record) for record in json.load(sys.stdin)]
print("ready", flush=True)
options = DownloadOptions(concurrency=3)
download_batch(images, Path(sys.argv[1]), options, on_item=lambda entry: print(entry.image_id, flush=True))
"""


def test_a_killed_download_fetches_no_finished_image_twice_and_ends_in_the_same_bytes(server, tar, tmp_path):
    images = shop(server, 40)
    server.serve(path_of(9), Answer(404))
    server.serve(path_of(12), encoded(photo(12), "PNG"))
    for script in server.answers.values():
        script[0] = Answer(script[0].status, script[0].body, delay=0.02)
    records = json.dumps([{name: getattr(i, name) for name in ImageRecord.__slots__} for i in images])
    finished: set[str] = set()
    for kill_after in (7, 13, 5):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tar)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        process.stdin.write(records)
        process.stdin.close()
        assert process.stdout.readline() == "ready\n"
        before = server.requests.copy()
        lines = [process.stdout.readline().strip() for _ in range(kill_after)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().split()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        assert not tar.exists() and lines
        assert not any((server.requests - before)[path_of(int(image_id))] for image_id in finished)
        finished.update(lines)

    asked_before_the_last_run = server.requests.copy()
    report = download_batch(images, tar, FAST)
    asked = server.requests - asked_before_the_last_run
    assert not any(asked[path_of(int(image_id))] for image_id in finished)
    assert report.reused >= len(finished - {"9"})
    # At most the items in hand when each of the three kills came (three downloads at once) were asked for again.
    assert server.requests.total() <= 40 + 3 * 2 * 3

    undisturbed = tmp_path / "undisturbed" / tar.name
    download_batch(images, undisturbed, FAST)
    assert {p.name: p.read_bytes() for p in tar.parent.iterdir() if not p.name.startswith(".")} == {
        p.name: p.read_bytes() for p in undisturbed.parent.iterdir()
    }

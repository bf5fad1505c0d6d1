import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsy_assets.errors import BadQuery
from etsy_assets.search.query import MAX_QUERY_BYTES, QueryKind, load_query, without_secrets


def jpeg(width: int = 200, height: int = 150) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {
            "/chair.jpg": jpeg(),
            "/page.jpg": b"<html>Not here</html>",
            "/large.jpg": b"\xff" * (MAX_QUERY_BYTES + 1),
        }
        content = body.get(self.path.partition("?")[0])
        self.send_response(404 if content is None else 200)
        self.end_headers()
        try:
            self.wfile.write(content or b"")
        except OSError:
            return  # the reader had enough

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_an_image_file_becomes_a_query(tmp_path: Path) -> None:
    path = tmp_path / "chair.jpg"
    path.write_bytes(jpeg())

    query = load_query(image_path=path)

    assert (query.kind, query.label) == (QueryKind.image, str(path))
    assert query.image is not None
    assert (query.image.mode, query.image.size) == ("RGB", (200, 150))


def test_an_image_url_becomes_a_query_whose_label_has_no_secrets(server: str) -> None:
    query = load_query(image_url=f"{server}/chair.jpg?token=secret")

    assert query.image is not None
    assert query.label == f"{server}/chair.jpg"


def test_a_listing_id_and_a_text_become_queries() -> None:
    assert load_query(listing_id=17).listing_id == 17
    assert load_query(text="  oak\n chair ").text == "oak chair"


@pytest.mark.parametrize("given", [{}, {"listing_id": 1, "text": "chair"}, {"image_path": "", "image_url": None}])
def test_exactly_one_kind_of_query_is_asked_for(given) -> None:
    with pytest.raises(BadQuery, match="Give exactly one of image_path, image_url, listing_id and text"):
        load_query(**given)


def test_what_is_no_query_is_one_clear_sentence(tmp_path: Path, server: str) -> None:
    note = tmp_path / "note.jpg"
    note.write_text("not a picture")
    cut_off = tmp_path / "cut-off.jpg"
    cut_off.write_bytes(jpeg()[:2000])
    tiny = tmp_path / "tiny.jpg"
    tiny.write_bytes(jpeg(40, 40))
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(MAX_QUERY_BYTES + 1)
    for given, message in [
        ({"image_path": tmp_path / "nothing.jpg"}, "nothing.jpg does not exist"),
        ({"image_path": tmp_path}, "is a folder"),
        ({"image_path": note}, "note.jpg is no image to search with"),
        ({"image_path": cut_off}, "cut-off.jpg is no image to search with"),
        ({"image_path": tiny}, "tiny.jpg is no image to search with"),
        ({"image_path": huge}, "huge.jpg is larger than 32 MB"),
        ({"image_url": f"{server}/gone.jpg"}, "gone.jpg answers with status 404"),
        ({"image_url": f"{server}/page.jpg"}, "page.jpg is no image to search with"),
        ({"image_url": f"{server}/large.jpg"}, "large.jpg is larger than 32 MB"),
        ({"image_url": "http://127.0.0.1:9/chair.jpg?token=secret"}, "does not answer"),
        ({"image_url": "http://[chair"}, "does not answer"),
        ({"image_url": "/chair.jpg"}, "is no web address"),
        ({"listing_id": 0}, "0 is no listing id"),
        ({"listing_id": -3}, "-3 is no listing id"),
        ({"text": "  "}, "The text is blank"),
        ({"text": "x" * 501}, "The text has 501 characters"),
    ]:
        with pytest.raises(BadQuery, match=message) as caught:
            load_query(**given)
        said = str(caught.value)
        assert said.endswith(".")
        assert "\n" not in said
        assert "secret" not in said


def test_a_url_is_shown_without_user_password_query_and_fragment() -> None:
    assert without_secrets("https://me:pass@host.org/a.jpg?key=1#x") == "https://host.org/a.jpg"

"""Bad inputs 29 to 32: bytes that are no picture, half a picture, an odd one, or one that is there already."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets_tests.encoders.projection import ProjectionEncoder
from etsy_assets_tests.imaging.image_server import Answer, ImageServer, running_image_server
from etsy_assets_tests.imaging.pictures import encoded, jpeg, photo

FAST = DownloadOptions(concurrency=4, max_tries=2, backoff_seconds=0.001, max_backoff_seconds=0.002)


def url_of(image_id: int) -> str:
    return f"/77/r/il/abcdef/{image_id}/il_fullxfull.{image_id}_ab12.jpg"


def downloaded(tmp_path: Path, *answers: Answer | bytes, listing_ids: tuple[int, ...] = ()) -> ImageArchive:
    """An archive of one image for each answer, from 1 on."""
    with running_image_server() as server:
        images = []
        for number, answer in enumerate(answers, start=1):
            server.serve(url_of(number), answer)
            images.append(record(server, number, listing_ids[number - 1] if listing_ids else 1))
        download_batch(images, tmp_path / "batch-000001.tar", FAST)
    return ImageArchive.open(tmp_path / "batch-000001.tar")


def record(server: ImageServer, image_id: int, listing_id: int) -> ImageRecord:
    return ImageRecord(listing_id, image_id, image_id, server.url + url_of(image_id), 77, "abcdef", "ab12")


def png_stub() -> bytes:
    """As the CDN gives for removed listings: a tiny PNG, a few pixels of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(file, "PNG")
    return file.getvalue()


def test_bad_input_29_a_stub_is_told_by_its_bytes_and_pixels_and_an_honest_thumbnail_is_kept(tmp_path: Path):
    thumbnail = encoded(photo(3).resize((170, 135)), "JPEG", quality=25)
    assert len(thumbnail) < 2000
    stub = Answer(body=png_stub(), headers={"Content-Type": "image/png"})
    with downloaded(tmp_path, stub, jpeg(2), thumbnail) as archive:
        found = {entry.image_id: (entry.status, entry.reason) for entry in archive.entries}
    assert found[1][0] == "failed"
    assert (found[2], found[3]) == (("ok", None), ("ok", None))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (Answer(body=jpeg(1)[:2000], announced=len(jpeg(1))), "truncated"),
        (jpeg(1)[: len(jpeg(1)) // 2], "truncated"),
        (Answer(body=b"<html><h1>Sorry</h1></html>", headers={"Content-Type": "image/jpeg"}), "html_body"),
    ],
    ids=["shorter than promised", "cut off", "an error page"],
)
def test_bad_input_30_half_a_picture_and_an_error_page_are_never_stored(tmp_path: Path, body, reason: str):
    with downloaded(tmp_path, body, jpeg(2)) as archive:
        bad, good = archive.entries
        assert (bad.status, good.status) == ("failed", "ok")
        assert bad.reason.startswith(reason)
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def sixteen_bits() -> bytes:
    """A PNG of 16 bits a sample."""
    rows = b"".join(b"\0" + struct.pack(">200H", *(300 * x * y % 65_536 for x in range(200))) for y in range(200))
    header = struct.pack(">IIBBBBB", 200, 200, 16, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(photo(4).resize((300, 200)), "JPEG", exif=exif)


def animated() -> bytes:
    file = io.BytesIO()
    photo(5).save(file, "WEBP", save_all=True, append_images=[photo(6)], duration=100)
    return file.getvalue()


def test_bad_input_31_cmyk_16_bit_rotated_and_animated_pictures_become_upright_rgb_jpegs(tmp_path: Path):
    cmyk = encoded(photo(1).convert("CMYK"), "JPEG")
    bodies = (cmyk, sixteen_bits(), rotated(), animated(), encoded(Image.effect_noise((3000, 3000), 50), "JPEG"))
    with downloaded(tmp_path, *bodies) as archive:
        assert {entry.status for entry in archive.entries} == {"ok"}
        pictures = {entry.image_id: Image.open(io.BytesIO(archive.read(entry))) for entry in archive.entries}
        assert {(picture.format, picture.mode) for picture in pictures.values()} == {("JPEG", "RGB")}
    assert pictures[3].size == (200, 300)
    assert pictures[5].size == (3000, 3000)


def test_bad_input_32_the_same_photo_under_two_ids_is_embedded_once_and_both_rows_are_kept(tmp_path: Path):
    same, vectors = jpeg(9), tmp_path / "projection" / "batch-000001.safetensors"
    with downloaded(tmp_path, same, jpeg(2), same, listing_ids=(1, 1, 2)) as archive:
        hashes = {(entry.listing_id, entry.image_id): entry.sha256 for entry in archive.entries}
        report = embed_batch(archive, {"projection": ProjectionEncoder()}, {"projection": vectors})
    assert len(hashes) == 3
    assert hashes[1, 1] == hashes[2, 3] != hashes[1, 2]
    assert (report.encoders["projection"].new, report.encoders["projection"].reused) == (2, 1)
    stored = read_embeddings(vectors)
    assert list(zip(stored.listing_ids, stored.image_ids, strict=True)) == [(1, 1), (1, 2), (2, 3)]

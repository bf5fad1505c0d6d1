import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from etsy_assets.imaging.thumbnails import markdown_contact_sheet, thumbnail_data_uri
from etsy_assets.imaging.validation import InvalidImage
from etsy_assets_tests.imaging.pictures import jpeg, photo


def picture_of(uri: str) -> Image.Image:
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")


def test_a_thumbnail_is_a_small_square_with_the_whole_picture_on_white():
    wide = picture_of(thumbnail_data_uri(Image.new("RGB", (400, 100), "red")))
    assert wide.size == (112, 112)
    assert np.asarray(wide)[2, 56].min() > 245
    assert wide.getpixel((3, 56))[0] > 240 and wide.getpixel((3, 56))[1] < 30


def test_the_worst_picture_still_makes_a_thumbnail_of_at_most_six_kilobytes():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    assert len(thumbnail_data_uri(noise)) <= 6_000
    assert picture_of(thumbnail_data_uri(noise, side=96)).size == (96, 96)


def test_bytes_and_picture_give_the_same_thumbnail_and_the_picture_is_left_alone():
    data = jpeg(3)
    with Image.open(io.BytesIO(data)) as opened:
        assert thumbnail_data_uri(opened) == thumbnail_data_uri(data)
        assert opened.size == (160, 120)


def test_bytes_that_are_no_picture_are_invalid():
    with pytest.raises(InvalidImage):
        thumbnail_data_uri(b"<html></html>")


def cells_of(sheet: str) -> list[list[str]]:
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in sheet.splitlines() if line.startswith("|")]


def test_a_contact_sheet_is_a_markdown_table_with_each_picture_above_its_caption():
    sheet = markdown_contact_sheet([(f"data:image/jpeg;base64,{n}", f"chair {n}") for n in range(5)], columns=3)
    rows = [[cell.strip() for cell in row] for row in cells_of(sheet)]
    assert rows[1] == ["---"] * 3
    assert rows[2:] == [
        ["![](data:image/jpeg;base64,0)", "![](data:image/jpeg;base64,1)", "![](data:image/jpeg;base64,2)"],
        ["chair 0", "chair 1", "chair 2"],
        ["![](data:image/jpeg;base64,3)", "![](data:image/jpeg;base64,4)", ""],
        ["chair 3", "chair 4", ""],
    ]


def test_a_caption_can_not_break_out_of_its_cell():
    sheet = markdown_contact_sheet([("data:x", "a | b\n\n![](http://evil)\\| <script>")], columns=4)
    rows = cells_of(sheet)
    assert [len(row) for row in rows] == [1, 1, 1, 1]
    assert "<script>" not in sheet and "![](http" not in sheet


def test_a_contact_sheet_leaves_out_what_would_make_it_too_large_and_says_so():
    uri = thumbnail_data_uri(photo())
    sheet = markdown_contact_sheet([(uri, f"image {n}") for n in range(500)], columns=6)
    shown = sheet.count("](data:")
    assert 150_000 < len(sheet) <= 200_000
    assert sheet.endswith(f"and {500 - shown} more.")


def test_no_pictures_make_a_sentence():
    assert markdown_contact_sheet([]) == "No pictures."

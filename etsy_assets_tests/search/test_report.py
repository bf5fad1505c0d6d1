import base64
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from etsy_assets.search.cards import ListingCard, data_uri
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.gallery import gallery_html, listings_shown
from etsy_assets.search.markdown_gallery import escape_markdown, markdown_gallery
from etsy_assets.search.options import SearchOptions
from etsy_assets.search.query import Query, QueryKind, load_query
from etsy_assets.search.report import SCHEMA, results_document, write_report
from etsy_assets.search.results import SearchResult
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import ENCODERS, PHOTOS

HOSTILE_TITLE = '<img src=x onerror=alert(1)> | [click](javascript:alert(1)) "chair" &amp; `x`\nnew *line*'


class Page(HTMLParser):
    """What a browser would make of the page: its elements and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]


def noisy_jpeg(side: int = 500) -> bytes:
    """A picture that compresses badly, so that limits on size are put to the test."""
    file = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def engine(home: Home, published: Snapshot) -> SearchEngine:
    return SearchEngine(home, ENCODERS.__getitem__)


@pytest.fixture
def result(engine: SearchEngine) -> SearchResult:
    query = Query(QueryKind.image, "photos/red.jpg", image=PHOTOS[11, 110].image, cutout=PHOTOS[11, 110].image)
    return engine.search(query, SearchOptions(k=3))


@pytest.fixture
def cards() -> dict[int, ListingCard]:
    """One for each listing of the corpus but 21; that of 11 is hostile, that of 31 has a broken picture."""
    fetched = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    made = {
        listing_id: ListingCard(
            listing_id,
            title=f"Chair {listing_id}",
            price="EUR 120.00",
            url=f"https://shop.example/listing/{listing_id}",
            shop_name="Lark & Oak",
            thumbnail=noisy_jpeg(),
            primary_image_id=10 * listing_id,
            fetched_at=fetched,
        )
        for listing_id in {listing_id for listing_id, _ in PHOTOS} - {21}
    }
    made[11] = ListingCard(11, HOSTILE_TITLE, url="javascript:alert(1)", shop_name="<b>|shop", thumbnail=noisy_jpeg())
    made[31] = ListingCard(31, "Broken", thumbnail=b"\xff\xd8\xff not a picture")
    return made


def test_the_results_file_holds_every_match_with_ranks_and_the_listing(
    tmp_path: Path, result: SearchResult, cards: dict[int, ListingCard]
) -> None:
    files = write_report(tmp_path / "queries" / "run", result, cards)

    document = json.loads(files.results.read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps(results_document(result, cards)))
    assert document["schema"] == SCHEMA
    assert document["snapshot"] == result.snapshot
    assert document["corpus"] == {"listings": 9, "images": 11}
    assert [match["position"] for match in document["matches"]] == [1, 2, 3]
    first = document["matches"][0]
    assert (first["listing_id"], first["image_id"], first["agreeing"]) == (11, 110, 2)
    assert first["ranks"] == {"coarse": 1, "fine": 1}
    assert first["title"] == HOSTILE_TITLE
    assert first["url"] is None
    assert set(document["by_channel"]) == {"coarse", "fine"}
    assert len(document["by_channel"]["fine"]) == 3


def test_a_corpus_listing_that_the_catalog_lost_is_shown_by_its_id(result: SearchResult) -> None:
    assert results_document(result, {})["matches"][0]["title"] == "Listing 11"
    assert "Listing 11" in Page(gallery_html(result, {})).text


def test_the_gallery_shows_titles_literally_and_links_only_to_web_pages(
    result: SearchResult, cards: dict[int, ListingCard]
) -> None:
    page = Page(gallery_html(result, cards))

    assert HOSTILE_TITLE in page.text
    assert not page.all("img", src="x")
    assert not page.all("b", **{"class": "shop"})
    assert all((link["href"] or "").startswith("https://shop.example/") for link in page.all("a"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert len(page.all("script")) == 1


def test_the_gallery_needs_nothing_but_itself(result: SearchResult, cards: dict[int, ListingCard]) -> None:
    html = gallery_html(result, cards)
    page = Page(html)

    sources = [value for _, attributes in page.elements for name, value in attributes.items() if name == "src"]
    assert sources
    assert all((source or "").startswith("data:image/jpeg;base64,") for source in sources)
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert "@import" not in html
    assert "url(" not in html
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert (policy["content"] or "").startswith("default-src 'none'; img-src data:;")


def test_the_gallery_has_a_tab_for_the_ensemble_and_one_for_each_encoder(
    result: SearchResult, cards: dict[int, ListingCard]
) -> None:
    page = Page(gallery_html(result, cards))

    tabs, panels = page.all("button", role="tab"), page.all("section", role="tabpanel")
    assert len(tabs) == len(panels) == 3
    assert [tab["aria-controls"] for tab in tabs] == [panel["id"] for panel in panels]
    assert [panel["aria-labelledby"] for panel in panels] == [tab["id"] for tab in tabs]
    assert [tab["aria-selected"] for tab in tabs] == ["true", "false", "false"]
    cards_shown = [attributes for attributes in page.all("li") if (attributes.get("class") or "").startswith("card ")]
    assert len(cards_shown) == 9


def test_matches_that_all_encoders_agree_on_are_marked(engine: SearchEngine, cards: dict[int, ListingCard]) -> None:
    query = Query(QueryKind.image, "photo", image=PHOTOS[11, 110].image)
    result = engine.search(query, SearchOptions(k=9, per_encoder=2))
    page = Page(gallery_html(result, cards))

    marked = len(page.all("li", **{"class": "card all"}))
    shown = [*result.matches, *(match for matches in result.by_channel.values() for match in matches)]
    assert marked == sum(match.agreeing == 2 for match in shown) > 0
    assert "all 2 agree" in page.text


def test_the_gallery_of_a_listing_and_of_a_text_show_what_was_asked(
    engine: SearchEngine, cards: dict[int, ListingCard]
) -> None:
    by_listing = engine.search(load_query(listing_id=12))
    assert 12 in listings_shown(by_listing)
    listing_page = Page(gallery_html(by_listing, cards))
    assert len(listing_page.all("img", alt="Chair 12")) == 1

    text_page = Page(gallery_html(engine.search(load_query(text="a <b>red</b> chair")), cards))
    assert "a <b>red</b> chair" in text_page.text
    assert "fine · titles" in text_page.text


def test_pictures_are_made_small_and_a_broken_one_is_left_out() -> None:
    uri = data_uri(noisy_jpeg(900), 96)
    assert uri is not None
    content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        assert max(image.size) == 96
    assert data_uri(b"no picture", 96) is None
    assert data_uri(None, 96) is None


def test_the_markdown_gallery_is_one_table_that_shows_text_literally(
    result: SearchResult, cards: dict[int, ListingCard]
) -> None:
    text = markdown_gallery(result, cards)

    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}
    assert "![query](data:image/jpeg;base64," in text
    assert "](javascript:" not in text
    assert not re.search(r"(?<!\\)<img", text)
    assert "\\<img src=x" in text


def test_the_markdown_gallery_keeps_to_its_size(engine: SearchEngine, cards: dict[int, ListingCard]) -> None:
    query = Query(QueryKind.image, "photo", image=PHOTOS[11, 110].image)
    result = engine.search(query, SearchOptions(k=9))
    assert len(markdown_gallery(result, cards)) < 200_000

    small = markdown_gallery(result, cards, max_bytes=8_000)

    assert len(small.encode()) <= 8_000
    left = sum(line.startswith(("| 1", "| 2", "| 3", "| 4", "| 5")) for line in small.splitlines())
    assert f"{9 - left} more are in gallery.html" in small


def test_markdown_marks_are_escaped() -> None:
    assert escape_markdown("a|b\n*c* [d](e) <f>") == r"a\|b \*c\* \[d\]\(e\) \<f\>"


def test_a_listing_that_was_read_too_long_ago_to_be_displayed_is_marked_everywhere(
    result: SearchResult, cards: dict[int, ListingCard]
) -> None:
    first, second = (match.listing_id for match in result.matches[:2])
    now = datetime.now(UTC)
    cards[first] = replace(cards[first], show_until=now - timedelta(minutes=1), fetched_at=now - timedelta(hours=6))
    cards[second] = replace(cards[second], show_until=now + timedelta(hours=1))

    matches = {match["listing_id"]: match["outdated"] for match in results_document(result, cards)["matches"]}
    assert (matches[first], matches[second]) == (True, False)
    page = Page(gallery_html(result, cards))
    marked = [item for item in page.all("li") if "outdated" in (item.get("class") or "").split()]
    assert {item["data-show-until"] for item in marked} == {cards[first].show_until.isoformat()}
    assert "1 of the matches was read longer ago than Etsy's terms let them be displayed" in page.text
    table = markdown_gallery(result, cards)
    assert table.count("⚠ outdated") == 2
    assert "1 of these were read longer ago" in table
    fresh = {listing_id: replace(card, show_until=None) for listing_id, card in cards.items()}
    assert "outdated" not in markdown_gallery(result, fresh)

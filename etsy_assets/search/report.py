"""A search's report: results.json for programs and gallery.html for people, both in the query's folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etsy_assets.search.cards import ListingCard, unknown_listing
from etsy_assets.search.gallery import gallery_html
from etsy_assets.search.results import Match, SearchResult
from etsy_assets.storage import write_text

SCHEMA = "etsy-assets/search-results/1"
"""Changes when a key is removed or changes its meaning; keys may be added under the same name."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report was written."""

    results: Path
    gallery: Path


def write_report(folder: Path, result: SearchResult, cards: Mapping[int, ListingCard]) -> ReportFiles:
    """Writes results.json and gallery.html, each whole or not at all. cards: by listing_id, see listings_shown.

    Raises ConfigurationError when the disk is full.
    """
    files = ReportFiles(results=folder / "results.json", gallery=folder / "gallery.html")
    write_text(files.results, json.dumps(results_document(result, cards), indent=2, ensure_ascii=False) + "\n")
    write_text(files.gallery, gallery_html(result, cards))
    return files


def results_document(result: SearchResult, cards: Mapping[int, ListingCard]) -> dict[str, Any]:
    """results.json.

    schema            this format's name and version
    query             kind (image, listing, text), label, cutout_fallback (why the image was not cut out, or null)
    snapshot          version of the corpus searched; corpus: {listings, images} in it
    method, k, per_encoder, weights {channel: share}, candidates (listings compared), seconds {stage: seconds}
    channels          what was asked: an encoder's images by its name, a text encoder's listing texts as text_<encoder>
    matches           best first: position, listing_id, image_id (its image most like the query), score (higher is
                      better, its range depends on the method), agreeing (channels that have it among their best k),
                      ranks {channel: 1 = best, null = not among its top images}, similarities {channel: cosine},
                      title, price, url, shop_name, primary_image_id, fetched_at (ISO 8601); null where not known;
                      outdated (was read longer ago than may be displayed, when this was written)
    by_channel        {channel: its own best k, in the same form; score is the cosine}
    """
    return {
        "schema": SCHEMA,
        "query": {
            "kind": str(result.query.kind),
            "label": result.query.label,
            "cutout_fallback": result.query.cutout_fallback,
        },
        "snapshot": result.snapshot,
        "corpus": {"listings": result.corpus_listings, "images": result.corpus_images},
        "method": str(result.method),
        "k": result.k,
        "per_encoder": result.per_encoder,
        "weights": dict(result.weights),
        "candidates": result.candidates,
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
        "channels": list(result.channels),
        "matches": _matches(result.matches, cards),
        "by_channel": {channel: _matches(matches, cards) for channel, matches in result.by_channel.items()},
    }


def _matches(matches: tuple[Match, ...], cards: Mapping[int, ListingCard]) -> list[dict[str, Any]]:
    return [_match(position, match, cards) for position, match in enumerate(matches, start=1)]


def _match(position: int, match: Match, cards: Mapping[int, ListingCard]) -> dict[str, Any]:
    card = cards.get(match.listing_id) or unknown_listing(match.listing_id)
    return {
        "position": position,
        "listing_id": match.listing_id,
        "image_id": match.image_id,
        "score": round(match.score, 6),
        "agreeing": match.agreeing,
        "ranks": dict(match.ranks),
        "similarities": {channel: round(similarity, 6) for channel, similarity in match.similarities.items()},
        "title": card.title,
        "price": card.price,
        "url": card.link,
        "shop_name": card.shop_name,
        "primary_image_id": card.primary_image_id,
        "fetched_at": card.fetched_at.isoformat() if card.fetched_at else None,
        "outdated": card.is_outdated,
    }

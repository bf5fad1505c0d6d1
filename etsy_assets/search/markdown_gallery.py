"""The matches as markdown, for the metadata of a Dagster run: small pictures in a table, within a size limit."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from etsy_assets.search.cards import MARKDOWN_SIDES, ListingCard, data_uri, unknown_listing
from etsy_assets.search.results import Match, SearchResult

MAX_BYTES = 200_000
"""What the Dagster UI was seen to show without delay in one metadata value (docs/architecture.md)."""

OUTDATED = "⚠ outdated"

_QUALITIES = (80, 65, 45)
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$])")


def markdown_gallery(result: SearchResult, cards: Mapping[int, ListingCard], max_bytes: int = MAX_BYTES) -> str:
    """A table of the matches with the pictures as data URIs, at most max_bytes of UTF-8.

    Pictures become smaller and coarser first; after that the last matches are left out, which the text then says.
    """
    shown = list(result.matches)
    while True:
        for side, quality in ((side, quality) for side in MARKDOWN_SIDES for quality in _QUALITIES):
            text = _table(result, shown, cards, side, quality)
            if len(text.encode()) <= max_bytes or not shown:
                return text
        shown.pop()


def escape_markdown(text: str) -> str:
    """The text as markdown that shows it literally, on one line: titles are the sellers' own."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _table(result: SearchResult, shown: list[Match], cards: Mapping[int, ListingCard], side: int, quality: int) -> str:
    lines = [
        f"**{len(result.matches)} matches** for {escape_markdown(result.query.label)} · method {result.method} · "
        f"{result.corpus_listings} listings, {result.corpus_images} images · snapshot {result.snapshot}",
        "",
    ]
    pictures = [
        picture
        for source in (result.query.image, result.query.cutout)
        if (picture := data_uri(source, side, quality)) is not None
    ]
    if pictures:
        lines += [" → ".join(f"![query]({picture})" for picture in pictures), ""]
    channels = [escape_markdown(channel) for channel in result.channels]
    lines.append(f"| # | photo | listing | price | score | agree | {' | '.join(channels)} |")
    lines.append("| --: | :-: | --- | --- | --: | :-: |" + " --: |" * len(channels))
    for position, match in enumerate(shown, start=1):
        lines.append(_row(position, match, result, cards.get(match.listing_id), side, quality))
    outdated = sum((cards.get(match.listing_id) or unknown_listing(match.listing_id)).is_outdated for match in shown)
    if outdated:
        lines += ["", f"{OUTDATED}: {outdated} of these were read longer ago than Etsy's terms let them be displayed."]
    if len(shown) < len(result.matches):
        lines += ["", f"{len(result.matches) - len(shown)} more are in gallery.html."]
    return "\n".join(lines) + "\n"


def _row(position: int, match: Match, result: SearchResult, card: ListingCard | None, side: int, quality: int) -> str:
    card = card or unknown_listing(match.listing_id)
    picture = data_uri(card.thumbnail, side, quality)
    title = escape_markdown(card.title)
    shop = f" — {escape_markdown(card.shop_name)}" if card.shop_name else ""
    # Escaped more strictly than a URL needs: a bracket or a bar would end the link or the cell.
    linked = f"[{title}](<{quote(card.link, safe=':/?&=%#~.,-_@')}>)" if card.link else title
    agreement = f"{match.agreeing}/{len(result.channels)}"
    ranks = (str(rank) if (rank := match.ranks[channel]) else "-" for channel in result.channels)
    cells = [
        str(position),
        f"![{match.listing_id}]({picture})" if picture else "",
        linked + shop + (f" {OUTDATED}" if card.is_outdated else ""),
        # No line break between currency and amount: the column is narrow.
        escape_markdown(card.price or "-").replace(" ", "\u00a0"),
        f"{match.score:.3f}",
        f"**{agreement}**" if match.agreeing > 1 else agreement,
        *ranks,
    ]
    return f"| {' | '.join(cells)} |"

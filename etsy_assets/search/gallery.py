"""gallery.html: the matches as one page that needs nothing but itself, the ensemble beside each encoder's own list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from etsy_assets.search.cards import GALLERY_SIDE, ListingCard, data_uri, unknown_listing
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.results import Match, SearchResult

NOTICE = (
    "The term 'Etsy' is a trademark of Etsy, Inc. This Application uses Etsy's API, "
    "but is not endorsed or certified by Etsy."
)
"""Etsy's API terms ask for this line."""

_HUES = (212, 24, 152, 280, 340, 48, 190, 100, 310, 0)
"""Degrees on the colour circle, neighbours far apart: an encoder has the same colour on every card."""

_METHODS = {
    FusionMethod.zscore: "mean of standardised similarities",
    FusionMethod.weighted: "weighted mean of similarities",
    FusionMethod.rrf: "reciprocal rank fusion",
    FusionMethod.rank_sum: "sum of ranks",
    FusionMethod.consensus: "number of encoders that list it",
    FusionMethod.hybrid: "ranks and similarities, half each",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """name: as in the results. label: as people read it. hue: of its colour, degrees. weight: its share in per cent."""

    name: str
    label: str
    hue: int
    weight: int


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one channel says of one match. bar: the similarity as a length, per cent."""

    channel: Channel
    rank: int | None
    similarity: float
    bar: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """One match as it is shown. agreement: "all", "several", "one" or "none"."""

    position: int
    match: Match
    card: ListingCard
    picture: str | None
    score: str
    agreement: str
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One tab. score: what the number on its cards is."""

    label: str
    hue: int | None
    lead: str
    score: str
    tiles: tuple[Tile, ...]


def gallery_html(result: SearchResult, cards: Mapping[int, ListingCard], notice: str = NOTICE) -> str:
    """The page. cards: by listing_id, of all that listings_shown names; a missing one is shown by its id."""
    channels = [
        Channel(name, _label(name), _HUES[number % len(_HUES)], round(100 * result.weights.get(name, 0.0)))
        for number, name in enumerate(result.channels)
    ]
    pictures = {
        listing_id: data_uri(cards[listing_id].thumbnail, GALLERY_SIDE)
        for listing_id in listings_shown(result)
        if listing_id in cards
    }

    def tiles(matches: Iterable[Match], form: str) -> tuple[Tile, ...]:
        return tuple(
            _tile(position, match, result.k, channels, cards, pictures, form)
            for position, match in enumerate(matches, start=1)
        )

    best = tiles(result.matches, "{:.2f}" if result.method is FusionMethod.zscore else "{:.3f}")
    together = f"All {len(channels)} together" if len(channels) > 1 else "Only one encoder was asked"
    panels = [
        Panel("Ensemble", None, f"{together}, by the {_METHODS[result.method]}.", "score", best),
        *(
            Panel(channel.label, channel.hue, f"What {channel.label} finds by itself.", "similarity", found)
            for channel in channels
            for found in [tiles(result.by_channel[channel.name], "{:.3f}")]
        ),
    ]
    environment = Environment(
        loader=PackageLoader("etsy_assets.search"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("gallery.html").render(
        result=result,
        found="One listing that looks" if len(best) == 1 else f"{len(best)} listings that look",
        channels=channels,
        panels=panels,
        method=_METHODS[result.method],
        agreed_by_all=sum(tile.agreement == "all" for tile in best),
        query_image=data_uri(result.query.image, 2 * GALLERY_SIDE),
        query_cutout=data_uri(result.query.cutout, 2 * GALLERY_SIDE),
        query_card=_query_card(result, cards),
        query_listing_image=pictures.get(result.query.listing_id) if result.query.listing_id else None,
        seconds=sum(result.seconds.values()),
        oldest=_oldest(cards, listings_shown(result)),
        outdated=sum(tile.card.is_outdated for tile in best),
        made_at=datetime.now(UTC),
        notice=notice,
    )
    return page + "\n"


def listings_shown(result: SearchResult) -> tuple[int, ...]:
    """Every listing that a report of this result shows, the query's own included: those whose cards it needs."""
    shown = {match.listing_id for matches in (result.matches, *result.by_channel.values()) for match in matches}
    if result.query.listing_id is not None:
        shown.add(result.query.listing_id)
    return tuple(sorted(shown))


def _tile(
    position: int,
    match: Match,
    k: int,
    channels: list[Channel],
    cards: Mapping[int, ListingCard],
    pictures: Mapping[int, str | None],
    form: str,
) -> Tile:
    opinions = []
    for channel in channels:
        rank, similarity = match.ranks[channel.name], match.similarities[channel.name]
        bar = round(100 * min(max(similarity, 0.0), 1.0), 1)
        opinions.append(Opinion(channel, rank, similarity, bar, rank is not None and rank <= k))
    by_all = match.agreeing == len(channels) > 1
    agreement = "all" if by_all else ("none", "one", "several")[min(match.agreeing, 2)]
    return Tile(
        position=position,
        match=match,
        card=cards.get(match.listing_id) or unknown_listing(match.listing_id),
        picture=pictures.get(match.listing_id),
        score=form.format(match.score),
        agreement=agreement,
        opinions=tuple(opinions),
    )


def _label(channel: str) -> str:
    return f"{channel.removeprefix('text_')} · titles" if channel.startswith("text_") else channel


def _query_card(result: SearchResult, cards: Mapping[int, ListingCard]) -> ListingCard | None:
    listing_id = result.query.listing_id
    return None if listing_id is None else cards.get(listing_id) or unknown_listing(listing_id)


def _oldest(cards: Mapping[int, ListingCard], shown: Iterable[int]) -> datetime | None:
    fetched = [cards[listing].fetched_at for listing in shown if listing in cards]
    return min((moment for moment in fetched if moment is not None), default=None)

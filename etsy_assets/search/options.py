"""How a search is to be run, checked as soon as it is said."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from etsy_assets.errors import BadQuery
from etsy_assets.search.fusion import FusionMethod, channel_weights

DEFAULT_MATCHES = 12
DEFAULT_PER_ENCODER = 100
MAX_PER_ENCODER = 10_000


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """k: listings to return. per_encoder: images that each encoder contributes. method: also by its name.

    score_all: every candidate is scored by every encoder, also by those that did not find it.

    weights: by encoder; one that is not named has 1, and a text_<encoder> that is not named has its encoder's.
    encoders: those to ask, None = every one of the corpus that understands the query.
    Raises BadQuery when a value is not acceptable.
    """

    k: int = DEFAULT_MATCHES
    per_encoder: int = DEFAULT_PER_ENCODER
    method: FusionMethod = FusionMethod.zscore
    weights: Mapping[str, float] | None = None
    encoders: Collection[str] | None = None
    score_all: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadQuery(f"k is {self.k}: ask for at least 1 match.")
        if not 1 <= self.per_encoder <= MAX_PER_ENCODER:
            raise BadQuery(f"per_encoder is {self.per_encoder}: give a number from 1 to {MAX_PER_ENCODER}.")
        if self.method not in list(FusionMethod):
            raise BadQuery(f"There is no fusion method {self.method!r}: choose one of {', '.join(FusionMethod)}.")
        object.__setattr__(self, "method", FusionMethod(self.method))
        if self.encoders is not None and not self.encoders:
            raise BadQuery("The list of encoders is empty: name at least one, or leave it out to ask all.")

    def chosen_encoders(self, available: Collection[str], query_kind: str) -> tuple[str, ...]:
        """The encoders to ask, in the order of `available`: those of the corpus that understand the query.

        Raises BadQuery, naming what there is, for an encoder that is not among them, or when there is none.
        """
        there = ", ".join(available) or "none"
        if unknown := [name for name in self.encoders or () if name not in available]:
            raise BadQuery(
                f"No encoder {unknown[0]!r} in this corpus understands a query by {query_kind}: choose from {there}."
            )
        if not available:
            raise BadQuery(f"No encoder of this corpus understands a query by {query_kind}: ask with an image instead.")
        return tuple(name for name in available if self.encoders is None or name in self.encoders)

    def weights_of(
        self, channels: Collection[str], known: Collection[str], defaults: Mapping[str, float]
    ) -> dict[str, float]:
        """The share of each channel in the ensemble; they sum to 1. defaults: used when this search gives no weights.

        known: every name that may be weighted; another one is a BadQuery, as are weights that are negative or all zero.
        """
        weights = dict(defaults if self.weights is None else self.weights)
        if unknown := sorted(set(weights) - set(known)):
            raise BadQuery(f"There is no encoder {unknown[0]!r} to weight: choose from {', '.join(known)}.")
        own = {name: weights.get(name, weights.get(name.removeprefix("text_"), 1.0)) for name in channels}
        return dict(zip(own, channel_weights(tuple(own), own), strict=True))

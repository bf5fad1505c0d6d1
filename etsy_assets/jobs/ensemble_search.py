"""The job that an analyst launches: find the listings that look like a photo, a listing or a text."""

from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from etsy_assets.assets.failures import failing_clearly
from etsy_assets.jobs.pipeline import JOB_TAG
from etsy_assets.resources.ensemble_search import EnsembleSearch
from etsy_assets.search.engine import SearchedQuery, SearchEngine, rank
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.options import DEFAULT_MATCHES, DEFAULT_PER_ENCODER, SearchOptions
from etsy_assets.search.query import Query
from etsy_assets.search.query import load_query as read_query
from etsy_assets.search.query_embedding import EmbeddedQuery
from etsy_assets.search.results import SearchResult


class SearchConfig(dg.Config):
    """What to look for, and how. Give one of image_path, image_url, listing_id and text; none runs an example."""

    image_path: str = Field(default="", description="A JPEG, PNG, WebP or GIF on this machine.")
    image_url: str = Field(default="", description="The address of such an image.")
    listing_id: int = Field(default=0, description="A listing of the corpus: finds what looks like it.")
    text: str = Field(default="", description="Words, such as: walnut chair with green fabric. CLIP encoders only.")
    k: int = Field(default=DEFAULT_MATCHES, description="How many listings to return.")
    per_encoder: int = Field(
        default=DEFAULT_PER_ENCODER, description="How many images each encoder contributes to the ensemble."
    )
    method: FusionMethod = Field(
        default=FusionMethod.zscore, description="How the encoders' scores become one; type the name."
    )
    encoders: list[str] = Field(default=[], description="The encoders to ask; empty asks all.")
    weights: dict[str, float] = Field(
        default={}, description="How much an encoder counts; empty takes the fitted weights."
    )

    score_all: bool = Field(
        default=True, description="Every candidate is scored by every encoder; if not, only by those that found it."
    )

    @property
    def options(self) -> SearchOptions:
        """Raises BadQuery when a value is not acceptable."""
        return SearchOptions(
            k=self.k,
            per_encoder=self.per_encoder,
            method=self.method,
            weights=self.weights or None,
            encoders=self.encoders or None,
            score_all=self.score_all,
        )

    @property
    def is_empty(self) -> bool:
        return not (self.image_path or self.image_url or self.listing_id or self.text)


@dataclass(frozen=True)
class Search:
    """A search on its way through the ops. The engine keeps to one snapshot from the first op to the last."""

    engine: SearchEngine
    options: SearchOptions


@dataclass(frozen=True)
class LoadedSearch(Search):
    query: Query


@dataclass(frozen=True)
class EmbeddedSearch(Search):
    embedded: EmbeddedQuery


@dataclass(frozen=True)
class GatheredSearch(Search):
    gathered: SearchedQuery


@dataclass(frozen=True)
class FusedSearch(Search):
    result: SearchResult


@dg.op
def load_query(config: SearchConfig, ensemble_search: EnsembleSearch) -> LoadedSearch:
    """Reads and checks the query and the options."""
    with failing_clearly():
        engine, options = ensemble_search.engine(), config.options
        if config.is_empty:
            query = ensemble_search.example_query(engine)
        else:
            query = read_query(config.image_path, config.image_url, config.listing_id or None, config.text)
    return LoadedSearch(engine, options, query)


@dg.op
def embed_query(search: LoadedSearch) -> EmbeddedSearch:
    """Removes the background of a query photo and embeds it with every encoder."""
    with failing_clearly():
        return EmbeddedSearch(search.engine, search.options, search.engine.embed(search.query, search.options))


@dg.op
def search_encoders(search: EmbeddedSearch) -> GatheredSearch:
    """Each encoder finds its nearest images; all of them score the union of what was found."""
    with failing_clearly():
        return GatheredSearch(search.engine, search.options, search.engine.gather(search.embedded, search.options))


@dg.op
def fuse(search: GatheredSearch) -> FusedSearch:
    """Keeps the best image of each listing and makes one ranking of the encoders' scores."""
    with failing_clearly():
        return FusedSearch(search.engine, search.options, rank(search.gathered, search.options))


@dg.op
def report(context: dg.OpExecutionContext, search: FusedSearch, ensemble_search: EnsembleSearch) -> dict[str, Any]:
    """Writes results.json and gallery.html, and shows the matches in this run's page."""
    result = search.result
    with failing_clearly():
        found = ensemble_search.report(result, search.engine.corpus, context.run_id)
    context.add_output_metadata(
        {
            "gallery": dg.MetadataValue.md(found.markdown),
            "gallery_file": dg.MetadataValue.path(str(found.gallery)),
            "results_file": dg.MetadataValue.path(str(found.results)),
            "snapshot": result.snapshot,
            "matches": len(result.matches),
            "candidates": result.candidates,
            **{f"{stage}_seconds": round(seconds, 3) for stage, seconds in result.seconds.items()},
        }
    )
    return {"gallery": str(found.gallery), "results": str(found.results), "top_matches": found.top_matches}


@dg.job(
    name="ensemble_search",
    executor_def=dg.in_process_executor,
    # A person is waiting: one photo is embedded beside a batch, not after it, and so the op has no pool either.
    tags={JOB_TAG: "ensemble_search", "dagster/priority": "10"},
)
def ensemble_search() -> None:
    """Finds the furniture that looks like a photo, a listing or a text. Launch it as it is to see an example."""
    report(fuse(search_encoders(embed_query(load_query()))))

import threading
from dataclasses import dataclass, replace

import pytest
from PIL import Image

from etsy_assets.errors import BadQuery, ConfigurationError, CorruptArtifact
from etsy_assets.search.engine import SearchEngine, rank
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.options import SearchOptions
from etsy_assets.search.query import Query, QueryKind, load_query
from etsy_assets.search.results import SearchResult
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import (
    ENCODERS,
    PHOTOS,
    TWO_SEGMENTS,
    build_segment,
    photo,
)


@pytest.fixture
def engine(home: Home, published: Snapshot) -> SearchEngine:
    return SearchEngine(home, ENCODERS.__getitem__)


def image_query(key: tuple[int, int]) -> Query:
    return Query(QueryKind.image, "a photo", image=PHOTOS[key].image)


def found(result: SearchResult) -> list[int]:
    return [match.listing_id for match in result.matches]


@pytest.mark.parametrize("method", list(FusionMethod))
def test_a_photo_of_the_corpus_finds_its_own_listing_first(engine: SearchEngine, method: FusionMethod) -> None:
    for listing_id, image_id in PHOTOS:
        best = engine.search(image_query((listing_id, image_id)), SearchOptions(method=method, k=3)).matches[0]

        assert (best.listing_id, best.image_id) == (listing_id, image_id)
        assert best.ranks == {"coarse": 1, "fine": 1}
        assert best.agreeing == 2


def test_matches_of_one_colour_come_from_every_segment(engine: SearchEngine) -> None:
    assert set(found(engine.search(image_query((11, 110)), SearchOptions(k=3)))) == {11, 21, 31}


def test_every_listing_comes_once_with_every_encoders_similarity(engine: SearchEngine) -> None:
    result = engine.search(image_query((11, 110)), SearchOptions(per_encoder=2))

    assert len(set(found(result))) == len(found(result)) == result.candidates
    for match in result.matches:
        assert set(match.similarities) == {"coarse", "fine"}
        assert match.agreeing == sum(rank is not None and rank <= 12 for rank in match.ranks.values())
        expected = {
            name: max(
                float(encoder.embed_images([PHOTOS[11, 110].image])[0] @ encoder.embed_images([item.image])[0])
                for item in PHOTOS.values()
                if item.listing_id == match.listing_id
            )
            for name, encoder in ENCODERS.items()
        }
        assert all(similarity <= expected[name] + 0.01 for name, similarity in match.similarities.items())
    assert result.matches[0].similarities == pytest.approx({"coarse": 1, "fine": 1}, abs=0.001)


def test_each_encoders_own_list_is_in_its_own_order(engine: SearchEngine) -> None:
    result = engine.search(image_query((22, 220)), SearchOptions(k=4))

    for name, matches in result.by_channel.items():
        assert [match.ranks[name] for match in matches] == [1, 2, 3, 4]
        assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)


def test_k_beyond_the_corpus_returns_all_of_it(engine: SearchEngine) -> None:
    assert len(engine.search(image_query((11, 110)), SearchOptions(k=500)).matches) == 9


def test_a_subset_of_encoders_is_asked_alone(engine: SearchEngine) -> None:
    result = engine.search(image_query((11, 110)), SearchOptions(encoders=["fine"]))

    assert result.channels == ("fine",)
    assert [match.ranks["fine"] for match in result.matches] == list(range(1, 10))


def test_a_listing_is_searched_with_its_primary_image_and_does_not_find_itself(home: Home, published: Snapshot) -> None:
    engine = SearchEngine(home, ENCODERS.__getitem__, primary_image={11: 111}.get)

    by_listing = engine.search(load_query(listing_id=11))
    by_photo = engine.search(image_query((11, 111)))

    assert 11 not in found(by_listing)
    assert by_listing.matches[0].similarities == pytest.approx(
        next(match for match in by_photo.matches if match.listing_id == found(by_listing)[0]).similarities, abs=0.001
    )
    assert set(found(by_listing)[:2]) == {21, 31}


def test_a_text_is_searched_among_images_and_texts(engine: SearchEngine) -> None:
    result = engine.search(load_query(text="something red"), SearchOptions(k=3))

    assert result.channels == ("coarse", "fine", "text_coarse", "text_fine")
    assert set(found(result)) == {11, 21, 31}
    assert all(set(match.ranks) == set(result.channels) for match in result.matches)


def test_a_listing_that_only_its_text_finds_is_scored_by_its_images_too(home: Home) -> None:
    chair = photo(51, "green")
    batches = {"batch-000000": [replace(chair, title="a red chair"), *TWO_SEGMENTS["segment-0001"]["batch-000002"]]}
    publish(home, {"segment-0000": build_segment(home, "segment-0000", batches)})
    engine = SearchEngine(home, ENCODERS.__getitem__)

    result = engine.search(load_query(text="red"), SearchOptions(per_encoder=2))

    match = next(match for match in result.matches if match.listing_id == 51)
    assert match.ranks["text_fine"] is not None
    assert match.ranks["fine"] is None
    vector = ENCODERS["fine"].embed_images([chair.image])[0]
    assert match.similarities["fine"] == pytest.approx(ENCODERS["fine"].embed_texts(["red"])[0] @ vector, abs=0.01)


def test_text_without_a_text_encoder_is_a_bad_query(home: Home, published: Snapshot) -> None:
    snapshot = published
    publish(home, snapshot.segment_versions, text_encoders=[])
    engine = SearchEngine(home, ENCODERS.__getitem__)

    with pytest.raises(BadQuery, match="No encoder of this corpus understands a query by text: ask with an image"):
        engine.search(load_query(text="red"))


def test_the_query_image_is_cut_out_as_the_corpus_was(home: Home, published: Snapshot) -> None:
    @dataclass(frozen=True)
    class Cutout:
        image: Image.Image
        fallback_reason: str | None = None

    wall = Image.new("RGB", (96, 96), (90, 120, 130))
    wall.paste(PHOTOS[13, 130].image, (32, 32))
    engine = SearchEngine(home, ENCODERS.__getitem__, cut_out=lambda image: Cutout(image.crop((32, 32, 64, 64))))

    result = engine.search(Query(QueryKind.image, "a room", image=wall))

    assert result.query.cutout is not None
    assert result.matches[0].similarities["fine"] == pytest.approx(1, abs=0.001)
    assert found(result)[0] == 13


def test_the_stages_one_by_one_give_what_the_search_gives(engine: SearchEngine) -> None:
    options = SearchOptions(k=4, per_encoder=3)
    query = image_query((22, 221))

    searched = engine.gather(engine.embed(query, options), options)

    assert rank(searched, options).matches == engine.search(query, options).matches


def test_default_weights_are_used_unless_the_search_gives_its_own(home: Home, published: Snapshot) -> None:
    engine = SearchEngine(
        home, ENCODERS.__getitem__, default_weights={"fine": 3.0, "coarse": 1.0, "not_published": 9.0}
    )

    assert engine.search(image_query((11, 110))).weights == {"coarse": 0.25, "fine": 0.75}
    own = engine.search(image_query((11, 110)), SearchOptions(weights={"coarse": 3.0}))
    assert own.weights == {"coarse": 0.75, "fine": 0.25}


def test_a_text_channel_has_the_weight_of_its_encoder(engine: SearchEngine) -> None:
    result = engine.search(load_query(text="red"), SearchOptions(weights={"coarse": 3.0, "fine": 1.0}))

    assert result.weights == {"coarse": 0.375, "fine": 0.125, "text_coarse": 0.375, "text_fine": 0.125}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0: ask for at least 1 match"),
        ({"k": -1}, "k is -1"),
        ({"per_encoder": 0}, "per_encoder is 0: give a number from 1 to 10000"),
        ({"method": "magic"}, "no fusion method 'magic': choose one of zscore, weighted"),
        ({"encoders": []}, "The list of encoders is empty"),
        ({"encoders": ["clip"]}, "No encoder 'clip' in this corpus .* choose from coarse, fine"),
        ({"weights": {"clip": 1.0}}, "no encoder 'clip' to weight: choose from coarse, fine"),
        ({"weights": {"fine": -1.0}}, "must be finite and not negative"),
    ],
)
def test_an_option_that_can_not_be_served_is_one_clear_sentence(engine: SearchEngine, options, message) -> None:
    with pytest.raises(BadQuery, match=message) as caught:
        engine.search(image_query((11, 110)), SearchOptions(**options))
    assert str(caught.value).endswith(".")


def test_a_listing_that_the_corpus_does_not_hold_is_a_bad_query(engine: SearchEngine) -> None:
    with pytest.raises(BadQuery, match=r"Listing 99 is not among the 9 listings of the snapshot .* such as 11"):
        engine.search(load_query(listing_id=99))


def test_an_empty_corpus_is_a_bad_query(home: Home) -> None:
    engine = SearchEngine(home, ENCODERS.__getitem__)
    with pytest.raises(BadQuery, match="no snapshot was published yet"):
        engine.search(image_query((11, 110)))

    publish(home, {"segment-0000": build_segment(home, "segment-0000", {"batch-000000": []})})
    with pytest.raises(BadQuery, match="holds no image"):
        engine.search(image_query((11, 110)))


def test_a_query_encoder_that_is_not_the_corpus_encoder_is_refused(home: Home, published: Snapshot) -> None:
    engine = SearchEngine(home, lambda name: replace(ENCODERS[name], fingerprint="colours-2"))

    with pytest.raises(ConfigurationError, match=r"another model under the name coarse .*colours-1.*colours-2"):
        engine.search(image_query((11, 110)))


def test_a_new_snapshot_is_searched_after_refresh_and_not_before(home: Home, engine: SearchEngine) -> None:
    first = engine.corpus.snapshot
    white = photo(41, "white")
    batches = {**TWO_SEGMENTS["segment-0001"], "batch-000003": [white]}
    second = publish(home, {**first.segment_versions, "segment-0001": build_segment(home, "segment-0001", batches)})
    query = Query(QueryKind.image, "new", image=white.image)

    assert engine.search(query).snapshot == first.version
    engine.refresh()
    result = engine.search(query)

    assert result.snapshot == second.version
    assert found(result)[0] == 41


def test_a_damaged_snapshot_is_refused_and_the_one_in_use_stays(home: Home, engine: SearchEngine) -> None:
    first = engine.corpus.snapshot
    version = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})
    publish(home, {**first.segment_versions, "segment-0001": version})
    (path,) = home.segment("segment-0001", version).glob("fine.*.faiss")
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(CorruptArtifact, match=path.name):
        engine.refresh()

    assert engine.search(image_query((11, 110))).snapshot == first.version


def test_threads_that_search_while_snapshots_change_never_see_a_mixture(home: Home, engine: SearchEngine) -> None:
    first = engine.corpus.snapshot
    batches = {**TWO_SEGMENTS["segment-0001"], "batch-000003": [photo(41, "white")]}
    second_versions = {**first.segment_versions, "segment-0001": build_segment(home, "segment-0001", batches)}
    sizes: dict[str, set[int]] = {}
    failures: list[Exception] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            try:
                result = engine.search(image_query((32, 320)), SearchOptions(k=100))
                sizes.setdefault(result.snapshot, set()).add(len(result.matches))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    versions = {}
    for number in range(6):
        snapshot = publish(home, second_versions if number % 2 == 0 else first.segment_versions)
        versions[snapshot.version] = snapshot.counts.listings
        engine.refresh()
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []
    versions[first.version] = first.counts.listings
    assert all(found == {versions[version]} for version, found in sizes.items())

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.errors import BadQuery
from etsy_assets.search.background import Background
from etsy_assets.search.candidates import ImageCandidates, ListingCandidates, best_image_per_listing
from etsy_assets.search.fusion import FusionMethod, best_first, fuse, standardise

METHODS = list(FusionMethod)
SCORE_METHODS = [FusionMethod.zscore, FusionMethod.weighted]
COSINES = st.integers(-1000, 1000).map(lambda thousandths: thousandths / 1000)


def candidates(similarities, found=None, listing_ids=None, depth=10, backgrounds=None) -> ImageCandidates:
    """One image for each row of `similarities`; by default every listing has one image, and every channel found it."""
    scores = np.array(similarities, dtype=np.float64)
    images, channels = scores.shape
    listings = np.arange(1, images + 1) if listing_ids is None else np.array(listing_ids)
    return ImageCandidates(
        channels=tuple(f"encoder_{number}" for number in range(channels)),
        depth=depth,
        listing_ids=listings.astype(np.int64),
        image_ids=np.arange(100, 100 + images, dtype=np.int64),
        similarities=scores,
        found=np.ones(scores.shape, dtype=bool) if found is None else np.array(found),
        backgrounds=tuple(backgrounds or [Background(0.1, 0.2)] * channels),
    )


@st.composite
def many_candidates(draw) -> ImageCandidates:
    channels = draw(st.integers(1, 4))
    images = draw(st.integers(1, 8))
    matrix = st.lists(st.lists(COSINES, min_size=channels, max_size=channels), min_size=images, max_size=images)
    flags = st.lists(st.lists(st.booleans(), min_size=channels, max_size=channels), min_size=images, max_size=images)
    background = st.builds(Background, COSINES, st.sampled_from([0.0, 1e-9, 0.05, 0.3]))
    return candidates(
        draw(matrix),
        found=draw(flags),
        listing_ids=draw(st.lists(st.integers(1, 5), min_size=images, max_size=images)),
        backgrounds=draw(st.lists(background, min_size=channels, max_size=channels)),
    )


def ranking(images: ImageCandidates, method: FusionMethod, weights=None) -> list[int]:
    listings = best_image_per_listing(images)
    return listings.listing_ids[best_first(fuse(listings, method, weights), listings.listing_ids)].tolist()


@given(many_candidates(), st.sampled_from(METHODS))
def test_scores_are_always_finite(images, method) -> None:
    assert np.isfinite(fuse(best_image_per_listing(images), method)).all()


@given(many_candidates(), st.sampled_from(METHODS), st.randoms())
def test_the_order_of_candidates_and_encoders_does_not_matter(images, method, random) -> None:
    rows = random.sample(range(len(images.image_ids)), len(images.image_ids))
    columns = random.sample(range(len(images.channels)), len(images.channels))
    weights = {channel: 1.0 + number for number, channel in enumerate(images.channels)}
    shuffled = ImageCandidates(
        channels=tuple(images.channels[column] for column in columns),
        depth=images.depth,
        listing_ids=images.listing_ids[rows],
        image_ids=images.image_ids[rows],
        similarities=images.similarities[rows][:, columns],
        found=images.found[rows][:, columns],
        backgrounds=tuple(images.backgrounds[column] for column in columns),
    )

    before = fuse(best_image_per_listing(images), method, weights)
    after = fuse(best_image_per_listing(shuffled), method, weights)

    assert before.tolist() == after.tolist()
    assert ranking(images, method, weights) == ranking(shuffled, method, weights)


@given(many_candidates(), st.sampled_from(SCORE_METHODS), st.data())
def test_a_higher_similarity_never_lowers_a_listing(images, method, data) -> None:
    row = data.draw(st.integers(0, len(images.image_ids) - 1))
    column = data.draw(st.integers(0, len(images.channels) - 1))
    listing = images.listing_ids[row]
    raised = images.similarities.copy()
    raised[row, column] += 0.25
    higher = ImageCandidates(
        images.channels, images.depth, images.listing_ids, images.image_ids, raised, images.found, images.backgrounds
    )

    assert ranking(higher, method).index(listing) <= ranking(images, method).index(listing)


@given(st.permutations(range(6)), st.sampled_from(METHODS), st.integers(0, 5))
def test_a_better_rank_never_lowers_a_listing(order, method, chosen) -> None:
    """Against a second encoder of a fixed opinion, the listing is moved to the first place of the first encoder."""
    second = np.linspace(0.9, 0.4, 6)
    first = np.array([0.9 - 0.1 * place for place in order])
    promoted = first.copy()
    promoted[chosen] = 0.95
    before = ranking(candidates(np.stack([first, second], axis=1)), method)
    after = ranking(candidates(np.stack([promoted, second], axis=1)), method)

    assert after.index(chosen + 1) <= before.index(chosen + 1)


@given(st.permutations(range(8)), st.sampled_from(METHODS))
def test_one_encoder_alone_keeps_its_own_order(order, method) -> None:
    similarities = [[0.9 - 0.1 * place] for place in order]

    assert ranking(candidates(similarities), method) == [order.index(place) + 1 for place in range(8)]


@pytest.mark.parametrize("method", METHODS)
def test_equal_listings_come_in_the_order_of_their_ids(method) -> None:
    """Each is first in one encoder and second in the other, so no method can tell them apart."""
    images = candidates([[0.8, 0.7], [0.7, 0.8]], listing_ids=[9, 4])

    assert ranking(images, method) == [4, 9]


@pytest.mark.parametrize("method", METHODS)
def test_the_best_in_every_encoder_is_the_best(method) -> None:
    assert ranking(candidates([[0.2, 0.3], [0.9, 0.8], [0.5, 0.4]]), method)[0] == 2


def test_an_encoder_that_tells_nothing_apart_does_not_decide() -> None:
    images = candidates([[0.5, 0.2], [0.5, 0.6]], backgrounds=[Background(0.5, 0.0), Background(0.1, 0.1)])

    assert fuse(best_image_per_listing(images), FusionMethod.zscore).tolist() == pytest.approx([0.5, 2.5])


def test_zscore_compares_with_the_corpus_and_not_with_the_other_candidates() -> None:
    assert standardise(np.array([0.7, 0.1]), Background(0.1, 0.2)).tolist() == pytest.approx([3.0, 0.0])


def test_zscore_lets_a_sure_encoder_outvote_an_unsure_one_where_rrf_does_not() -> None:
    images = candidates(
        [[0.95, 0.30], [0.40, 0.31]], backgrounds=[Background(0.1, 0.1), Background(0.1, 0.1)], listing_ids=[2, 1]
    )

    assert ranking(images, FusionMethod.zscore) == [2, 1]
    assert ranking(images, FusionMethod.rrf) == [1, 2]


def test_weights_decide_between_encoders_that_disagree() -> None:
    images = candidates([[0.9, 0.1], [0.1, 0.9]])

    assert ranking(images, FusionMethod.zscore, {"encoder_0": 2.0}) == [1, 2]
    assert ranking(images, FusionMethod.zscore, {"encoder_1": 2.0}) == [2, 1]


def test_consensus_counts_encoders_before_likeness() -> None:
    images = candidates([[0.99, 0.2], [0.3, 0.3]], found=[[True, False], [True, True]])

    assert ranking(images, FusionMethod.consensus) == [2, 1]


def test_rrf_is_the_published_formula() -> None:
    images = candidates([[0.9, 0.2], [0.8, 0.7]], found=[[True, False], [True, True]])

    scores = fuse(best_image_per_listing(images), FusionMethod.rrf)

    assert scores.tolist() == pytest.approx([(1 / 61 + 0) / 2, (1 / 62 + 1 / 61) / 2])


def test_rank_sum_is_1_for_the_first_everywhere_and_0_for_what_nobody_lists() -> None:
    images = candidates([[0.9, 0.9], [0.1, 0.1]], found=[[True, True], [False, False]])

    assert fuse(best_image_per_listing(images), FusionMethod.rank_sum).tolist() == [1.0, 0.0]


def test_the_best_image_of_a_listing_stands_for_it_in_each_encoder() -> None:
    images = candidates([[0.5, 0.9], [0.8, 0.1], [0.6, 0.2]], listing_ids=[7, 7, 3])

    listings: ListingCandidates = best_image_per_listing(images)

    assert listings.listing_ids.tolist() == [3, 7]
    assert listings.similarities.tolist() == [[0.6, 0.2], [0.8, 0.9]]
    assert listings.best_images.tolist() == [[102, 102], [101, 100]]
    assert listings.ranks.tolist() == [[2, 2], [1, 1]]


@given(many_candidates())
@settings(max_examples=50)
def test_each_encoder_ranks_what_it_found_without_gaps(images) -> None:
    listings = best_image_per_listing(images)

    for channel in range(len(images.channels)):
        ranks = listings.ranks[:, channel]
        assert sorted(ranks[ranks > 0]) == list(range(1, len(set(images.listing_ids[images.found[:, channel]])) + 1))


@pytest.mark.parametrize(
    "weights", [{"encoder_0": -1.0}, {"encoder_0": float("nan")}, {"encoder_0": 0, "encoder_1": 0}]
)
def test_weights_that_make_no_sense_are_refused(weights) -> None:
    with pytest.raises(BadQuery, match="encoder_0"):
        fuse(best_image_per_listing(candidates([[0.9, 0.1]])), FusionMethod.zscore, weights)


def test_without_scoring_all_an_encoder_knows_only_what_it_found() -> None:
    """The first image is far ahead in the one encoder that found it; the other, if asked, finds it unlike the query."""
    images = candidates([[0.9, -0.8], [0.5, 0.6], [0.4, 0.5]], found=[[True, False], [True, True], [False, True]])

    alone = images.found_alone()

    assert alone.similarities.tolist() == [[0.9, 0.5], [0.5, 0.6], [0.5, 0.5]]
    assert ranking(images, FusionMethod.weighted) == [2, 3, 1]
    assert ranking(alone, FusionMethod.weighted) == [1, 2, 3]


@given(many_candidates(), st.sampled_from(METHODS))
def test_scores_without_scoring_all_are_finite_too(images, method) -> None:
    assert np.isfinite(fuse(best_image_per_listing(images.found_alone()), method)).all()

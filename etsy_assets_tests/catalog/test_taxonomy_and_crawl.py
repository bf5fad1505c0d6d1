"""The stored taxonomy and the crawl's memory."""

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import TaxonomyNodeRecord

TREE = [
    TaxonomyNodeRecord(891, "Home & Living", 1, None, (891,)),
    TaxonomyNodeRecord(967, "Furniture", 2, 891, (891, 967)),
    TaxonomyNodeRecord(12455, "Bed Frames", 3, 967, (891, 967, 12455)),
    TaxonomyNodeRecord(971, "Steps & Stools", 3, 967, (891, 967, 971)),
    TaxonomyNodeRecord(66, "Art", 1, None, (66,)),
]


def test_the_taxonomy_comes_back_in_the_order_of_the_source(catalog: Catalog):
    assert catalog.taxonomy() == []
    catalog.replace_taxonomy(TREE)
    assert catalog.taxonomy() == TREE


def test_a_new_taxonomy_replaces_the_one_before(catalog: Catalog):
    catalog.replace_taxonomy(TREE)
    catalog.replace_taxonomy(TREE[:2])
    assert catalog.taxonomy() == TREE[:2]


def test_an_empty_taxonomy_is_a_failed_read_and_changes_nothing(catalog: Catalog):
    catalog.replace_taxonomy(TREE)
    with pytest.raises(ValueError, match="failed read"):
        catalog.replace_taxonomy([])
    assert catalog.taxonomy() == TREE


def test_a_subtree_is_a_node_with_all_its_descendants(catalog: Catalog):
    catalog.replace_taxonomy(TREE)
    assert catalog.taxonomy_subtree_ids(967) == [967, 12455, 971]
    assert catalog.taxonomy_subtree_ids(66) == [66]
    with pytest.raises(LookupError, match="Taxonomy node 5 is not in the stored tree of 5 nodes"):
        catalog.taxonomy_subtree_ids(5)


def test_crawl_state_keeps_any_json_value_under_its_key(catalog: Catalog):
    assert catalog.crawl_state("newest") is None
    catalog.set_crawl_state("newest", {"offset": 12_000, "done": [1, None]})
    catalog.set_crawl_state("other", 0)
    catalog.set_crawl_state("newest", {"offset": 12_100})
    assert catalog.crawl_state("newest") == {"offset": 12_100}
    assert catalog.crawl_state("other") == 0

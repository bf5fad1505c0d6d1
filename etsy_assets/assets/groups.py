"""The groups of the asset graph, and who answers for its assets."""

LISTINGS, IMAGES, EMBEDDINGS, SEARCH = "listings", "images", "embeddings", "search"
OWNERS = ["team:furniture-search"]

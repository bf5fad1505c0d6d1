"""The groups of the asset graph, and who answers for its assets.

The graph names an asset by the end of its key, which is the encoder for most: a group holds each encoder once.
"""

LISTINGS, IMAGES = "listings", "images"
EMBEDDINGS, TEXT_EMBEDDINGS = "embeddings", "text_embeddings"
INDEX, TEXT_INDEX, SEARCH, UPKEEP = "index", "text_index", "search", "upkeep"
OWNERS = ["team:furniture-search"]

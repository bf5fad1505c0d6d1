"""How sellers and buyers write: titles with search words in them, chatty descriptions, tags and reviews."""

import numpy as np

_OPENINGS = ("", "", "Handmade ", "Vintage ", "Restored ", "One of a Kind ")
# Each holds a character that HTML escapes: some real answers come escaped, and readers must undo it.
_ENDINGS = (
    " | Living Room & Bedroom Decor",
    ", Mother's Day Gift",
    " & Free Local Delivery",
    ", Reader's Nook Furniture",
    ' - Sold "As Pictured"',
    ", New Owner's Housewarming Gift",
)
_REMARKS = (
    "\u2605 Please measure your doorway before you order \u2605",
    "It's been cleaned, oiled & checked by hand.",
    "Colours may differ a little from screen to screen.",
    "We'd love to see it in its new home \u2764\ufe0e",
    "Small marks are part of its story & don't affect its use.",
)
_REVIEWS = {
    3: ("Nice, but smaller than I thought.", "Arrived late; it's fine otherwise."),
    4: ("Lovely piece, a small scratch on one side.", "Just as described & well packed."),
    5: ("Beautiful! It's even better than the photos.", "Exactly what our hall needed.", ""),
}
_LONGEST_TITLE = 140  # Etsy's limit, in characters
_LONGEST_TAG = 20


def title_of(rng: np.random.Generator, words: str) -> str:
    """A title of at most 140 characters, from the caption of the furniture."""
    ending = _ENDINGS[rng.integers(len(_ENDINGS))]
    start = _OPENINGS[rng.integers(len(_OPENINGS))] + words.title()
    return start[: _LONGEST_TITLE - len(ending)].rstrip() + ending


def describe(rng: np.random.Generator, words: str, materials: tuple[str, ...], size: str) -> str:
    """Paragraphs with blank lines between; size: as text with its unit."""
    remarks = [_REMARKS[index] for index in rng.permutation(len(_REMARKS))[:2]]
    return "\n\n".join(
        (
            f"For sale: a {words}.",
            f"Materials: {', '.join(materials)}.\nSize (width x depth x height): {size}",
            *remarks,
            "Questions? Write to us, we're happy to help.",
        )
    )


def tags_of(rng: np.random.Generator, kind: str, style: str, materials: tuple[str, ...]) -> tuple[str, ...]:
    """Search words. Etsy never escapes tags, so the apostrophe stays as it is."""
    candidates = (kind, f"{style} {kind}", *materials, "home decor", "mother's day gift", "small space", "furniture")
    fitting = [tag for tag in candidates if len(tag) <= _LONGEST_TAG]
    chosen = sorted(rng.permutation(len(fitting))[: int(rng.integers(4, 9))])
    return tuple(fitting[index] for index in chosen)


def review_text(rng: np.random.Generator, rating: int) -> str:
    texts = _REVIEWS[rating]
    return texts[rng.integers(len(texts))]

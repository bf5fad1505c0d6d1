"""What furniture can be made of: the words used in captions and the sRGB colours (0 to 255) behind them.

The order of every collection is part of what a seed means: adding or moving an entry changes all listings.
"""

RGB = tuple[float, float, float]

KINDS = ("chair", "stool", "table", "desk", "shelf", "cabinet", "sofa", "lamp", "bed", "bench")
STYLES = ("mid century", "modern", "industrial", "rustic", "traditional", "scandinavian")

WOODS: dict[str, RGB] = {
    "walnut": (98, 66, 46),
    "oak": (188, 148, 100),
    "pine": (224, 188, 132),
    "teak": (164, 104, 56),
    "mahogany": (112, 46, 36),
    "ebony": (52, 44, 40),
    "birch": (228, 206, 168),
    "cherry": (158, 82, 50),
}
PAINTS: dict[str, RGB] = {
    "white": (238, 236, 230),
    "black": (38, 38, 40),
    "grey": (140, 142, 145),
    "sage": (150, 168, 142),
    "blue": (60, 92, 140),
    "yellow": (226, 180, 60),
    "red": (168, 44, 40),
}
FABRIC_COLOURS: dict[str, RGB] = {
    "green": (58, 104, 70),
    "navy": (38, 52, 92),
    "grey": (128, 130, 134),
    "mustard": (204, 154, 44),
    "pink": (218, 158, 160),
    "teal": (34, 120, 124),
    "rust": (172, 82, 44),
    "cream": (230, 220, 200),
    "burgundy": (112, 30, 44),
    "charcoal": (62, 64, 68),
    "tan": (176, 128, 86),
    "light blue": (142, 176, 204),
}
FABRICS = ("fabric", "velvet", "leather", "linen", "boucle")
PATTERNS = ("plain", "striped", "checked")
METALS: dict[str, RGB] = {
    "brass": (196, 160, 84),
    "chrome": (196, 200, 206),
    "black metal": (40, 40, 44),
    "copper": (188, 112, 76),
    "white metal": (232, 232, 230),
}

BACKGROUNDS = ("white", "studio", "room", "clutter", "outdoor")
WALL_COLOURS: tuple[RGB, ...] = (
    (226, 222, 214),
    (206, 212, 214),
    (190, 198, 186),
    (214, 196, 180),
    (172, 182, 196),
    (236, 236, 236),
    (120, 132, 140),
    (196, 160, 140),
)
GROUND_COLOURS: tuple[RGB, ...] = ((96, 124, 66), (150, 148, 140), (186, 160, 122))

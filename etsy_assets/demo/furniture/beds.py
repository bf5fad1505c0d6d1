"""Builder of beds."""

from etsy_assets.demo.furniture import rotation
from etsy_assets.demo.furniture.legs import add_legs
from etsy_assets.demo.furniture.materials import Material
from etsy_assets.demo.furniture.workpiece import SIDES, Workpiece, lerp

_SHEETS = Material((238, 236, 230), "linen", 1.0, 0.04)
_DOUBLE_FROM = 1.25


def build_bed(piece: Workpiece) -> None:
    """A single or double frame with a mattress, a blanket, pillows and a headboard; some have a footboard."""
    width, length = piece.between(2, 0.95, 1.85), piece.between(3, 1.95, 2.1)
    frame = piece.between(4, 0.22, 0.36)
    double = width >= _DOUBLE_FROM
    piece.shape = "double" if double else "single"
    piece.uses_fabric = True
    mesh = piece.mesh
    add_legs(piece, width * 0.96, length * 0.96, frame * 0.5)
    mesh.add_box((0, 0, frame * 0.75), (width, length, frame * 0.5), piece.body)
    mesh.add_cushion((0, -0.01, frame + 0.1), (width * 0.96, length * 0.95, 0.22), _SHEETS, 0.05)
    blanket = piece.between(6, 0.45, 0.75)
    blanket_y = -length / 2 + length * blanket / 2 + 0.01
    mesh.add_cushion((0, blanket_y, frame + 0.125), (width * 1.01, length * blanket, 0.24), piece.fabric, 0.06)
    pillow = (min(0.62, width * 0.44 if double else 0.6), 0.38, 0.14)
    pillow_cover = _SHEETS if piece.gene(12) < 0.6 else piece.fabric
    for side in SIDES if double else (0,):
        place = (side * width * 0.24, length / 2 - 0.28, frame + 0.26)
        mesh.add_cushion(place, pillow, pillow_cover, 0.055, rotation.about_x(0.25))
    _add_headboard(piece, width, length)
    if piece.gene(9) < 0.35:
        mesh.add_box((0, -length / 2 - 0.02, frame * 0.95), (width * 1.03, 0.05, frame * 1.5), piece.body)


def _add_headboard(piece: Workpiece, width: float, length: float) -> None:
    """One board, a cushion, posts under a rail, or two panels."""
    height = piece.between(5, 0.75, 1.25)
    make = piece.one_of(7, 4)
    mesh = piece.mesh
    y = length / 2 + 0.02
    if make == 0:
        mesh.add_box((0, y, height / 2), (width * 1.03, 0.05, height), piece.body)
    elif make == 1:
        mesh.add_cushion((0, length / 2 + 0.03, height / 2), (width * 1.05, 0.1, height), piece.fabric, 0.04)
    elif make == 2:
        posts = 4 + piece.one_of(8, 7)
        for number in range(posts + 1):
            x = lerp(-width / 2, width / 2, number / posts)
            mesh.add_box((x, y, height / 2), (0.035, 0.035, height), piece.body)
        mesh.add_box((0, y, height), (width * 1.04, 0.05, 0.06), piece.body)
    else:
        for side in SIDES:
            mesh.add_box((side * width * 0.255, y, height / 2), (width * 0.5, 0.04, height), piece.body)

"""Builder of sofas and armchairs."""

from etsy_assets.demo.furniture import rotation
from etsy_assets.demo.furniture.legs import add_legs
from etsy_assets.demo.furniture.materials import Material
from etsy_assets.demo.furniture.palette import FABRIC_COLOURS
from etsy_assets.demo.furniture.workpiece import SIDES, Workpiece

_SHAPES = ("arm", "two seat", "three seat")
_ROLLED, _WOODEN = 1, 2
_ARM_WIDTHS = ((0.1, 0.14), (0.16, 0.24), (0.02, 0.04))
_ARM_HEIGHTS = ((0.52, 0.62), (0.55, 0.66), (0.55, 0.62))


def build_sofa(piece: Workpiece) -> None:
    """One to three seats between cushioned, rolled or wooden arms; some have a corner seat or throw pillows."""
    seats = 1 + piece.one_of(2, 3)
    seat_width, depth, seat_height = (
        piece.between(3, 0.56, 0.72),
        piece.between(4, 0.8, 0.98),
        piece.between(5, 0.38, 0.45),
    )
    arm_width = piece.between(7, *_ARM_WIDTHS[piece.one_of(6, 3)])
    width = seats * seat_width + 2 * arm_width
    legs, back = piece.between(8, 0.05, 0.16), piece.between(9, 0.72, 0.95)
    piece.uses_fabric = True
    piece.shape = _SHAPES[seats - 1]
    mesh, fabric = piece.mesh, piece.fabric
    add_legs(piece, width * 0.94, depth * 0.92, legs)
    base = (width - 0.02, depth, seat_height - 0.14 - legs + 0.05)
    mesh.add_cushion((0, 0, legs + (seat_height - 0.14 - legs) / 2 + 0.02), base, fabric, 0.02)
    for seat in range(seats):
        x = -width / 2 + arm_width + (seat + 0.5) * seat_width
        mesh.add_cushion((x, -0.05, seat_height - 0.06), (seat_width - 0.006, depth - 0.18, 0.15), fabric, 0.045)
        if piece.gene(10) < 0.75:
            size = (seat_width - 0.01, 0.17, back - seat_height + 0.02)
            mesh.add_cushion(
                (x, depth / 2 - 0.24, (seat_height + back) / 2), size, fabric, 0.06, rotation.about_x(-0.15)
            )
    mesh.add_cushion((0, depth / 2 - 0.08, (legs + back) / 2), (width - 0.01, 0.16, back - legs - 0.02), fabric, 0.05)
    _add_arms(piece, width, depth, legs, arm_width)
    if seats >= 2 and piece.gene(13) < 0.25:
        piece.shape = "corner"
        side = 1 if piece.gene(14) < 0.5 else -1
        x = side * (width / 2 - arm_width - seat_width / 2)
        foot = (seat_width, 0.62, seat_height - legs - 0.08)
        mesh.add_cushion((x, -depth / 2 - 0.3, (seat_height + legs) / 2 - 0.05), foot, fabric, 0.03)
        mesh.add_cushion((x, -depth / 2 - 0.28, seat_height - 0.06), (seat_width - 0.01, 0.66, 0.15), fabric, 0.045)
    if piece.gene(15) < 0.35:
        colour = tuple(FABRIC_COLOURS.values())[piece.one_of(16, len(FABRIC_COLOURS))]
        pillow = Material(colour, "linen", 1.5, 0.06)
        for side in SIDES if seats > 1 else (1,):
            lean = rotation.about_x(-0.3) @ rotation.about_y(0.1 * side)
            place = (side * (width / 2 - arm_width - 0.24), depth / 2 - 0.38, seat_height + 0.18)
            mesh.add_cushion(place, (0.38, 0.12, 0.36), pillow, 0.05, lean)


def _add_arms(piece: Workpiece, width: float, depth: float, legs: float, arm_width: float) -> None:
    make = piece.one_of(6, 3)
    height = piece.between(11, *_ARM_HEIGHTS[make])
    mesh = piece.mesh
    for side in SIDES:
        x = side * (width / 2 - arm_width / 2)
        if make == _WOODEN:
            mesh.add_box((x, 0, height), (0.06, depth * 0.9, 0.03), piece.body)
            mesh.add_box((x, -depth * 0.4, height / 2), (0.04, 0.04, height), piece.body)
            mesh.add_box((x, depth * 0.4, height / 2), (0.04, 0.04, height), piece.body)
            continue
        bevel = 0.05 if make == _ROLLED else 0.03
        mesh.add_cushion((x, -0.01, (legs + height) / 2), (arm_width, depth, height - legs), piece.fabric, bevel)
        if make == _ROLLED and piece.gene(12) < 0.6:
            x = side * (width / 2 - arm_width * 0.5)
            front, back = (x, -depth / 2 - 0.012, height - 0.02), (x, depth / 2 - 0.02, height - 0.02)
            mesh.add_frustum(front, back, arm_width * 0.62, arm_width * 0.62, piece.fabric, sides=14)

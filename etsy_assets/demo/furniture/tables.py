"""Builders of tables and desks."""

from dataclasses import replace

from etsy_assets.demo.furniture.legs import add_legs
from etsy_assets.demo.furniture.materials import Material, shaded
from etsy_assets.demo.furniture.workpiece import SIDES, Workpiece

_TABLE_TYPES = ("dining", "coffee", "side")
_TABLE_WIDTHS = ((1.2, 2.1), (0.8, 1.3), (0.38, 0.6))
_TABLE_DEPTHS = ((0.75, 1.0), (0.5, 0.8), (0.38, 0.55))
_TABLE_HEIGHTS = ((0.72, 0.78), (0.38, 0.48), (0.5, 0.62))

_DESK_TOP = 0.03
_DESK_ON_LEGS = 3


def build_table(piece: Workpiece) -> None:
    """A dining, coffee or side table, round or rectangular, a fifth of them with a marble top."""
    table_type = piece.one_of(5, 3)
    width = piece.between(2, *_TABLE_WIDTHS[table_type])
    depth = piece.between(3, *_TABLE_DEPTHS[table_type])
    height = piece.between(4, *_TABLE_HEIGHTS[table_type])
    thickness = piece.between(6, 0.02, 0.05)
    piece.shape = _TABLE_TYPES[table_type]
    top = piece.body
    if piece.gene(8) < 0.2:
        top = Material((228, 226, 222), "marble", 0.8, 0.12, 0.4, piece.furniture.texture_offset)
        piece.extra = "marble top"
    if piece.gene(7) < 0.4:
        piece.shape = f"round {piece.shape}"
        radius = width * 0.38 if piece.shape == "round dining" else width / 2
        _add_round_table(piece, radius, height, thickness, top)
        return
    piece.mesh.add_box((0, 0, height - thickness / 2), (width, depth, thickness), top)
    add_legs(piece, width, depth, height - thickness, inset=piece.between(10, 0.04, 0.1))
    if piece.gene(11) < 0.5:
        piece.mesh.add_box((0, 0, height - thickness - 0.04), (width * 0.86, depth * 0.82, 0.07), piece.body)
    if piece.shape != "dining" and piece.gene(12) < 0.5:
        piece.mesh.add_box((0, 0, height * 0.3), (width * 0.84, depth * 0.8, 0.02), piece.body)
        piece.extra = piece.extra or "lower shelf"


def _add_round_table(piece: Workpiece, radius: float, height: float, thickness: float, top: Material) -> None:
    underside = height - thickness
    piece.mesh.add_frustum((0, 0, underside), (0, 0, height), radius, radius, top, sides=26)
    if piece.gene(9) < 0.45:
        piece.mesh.add_frustum((0, 0, 0), (0, 0, 0.03), radius * 0.55, radius * 0.5, piece.body, sides=18)
        piece.mesh.add_frustum((0, 0, 0.03), (0, 0, underside), radius * 0.16, radius * 0.1, piece.body, sides=12)
    else:
        add_legs(piece, radius * 1.35, radius * 1.35, underside, inset=0.02)


def build_desk(piece: Workpiece) -> None:
    """A desk on legs with two shallow drawers, or on one or two pedestals of drawers; a quarter carry a hutch."""
    width, depth, height = piece.between(2, 1.0, 1.6), piece.between(3, 0.5, 0.72), piece.between(4, 0.72, 0.78)
    piece.mesh.add_box((0, 0, height - _DESK_TOP / 2), (width, depth, _DESK_TOP), piece.body)
    dark = shaded(replace(piece.body, gloss=0.1), 0.8)
    piece.extra = "drawers"
    if piece.one_of(5, 4) == _DESK_ON_LEGS:
        _add_desk_legs(piece, width, depth, height, dark)
    else:
        _add_pedestals(piece, width, depth, height, dark)
    if piece.gene(9) < 0.25:
        piece.extra = "hutch"
        _add_hutch(piece, width, depth, height, dark)


def _add_desk_legs(piece: Workpiece, width: float, depth: float, height: float, dark: Material) -> None:
    underside = height - _DESK_TOP
    add_legs(piece, width, depth, underside)
    piece.mesh.add_box((0, 0, underside - 0.05), (width * 0.9, depth * 0.85, 0.09), piece.body)
    for side in SIDES:
        x = side * width * 0.22
        piece.mesh.add_box((x, -depth * 0.43, underside - 0.05), (width * 0.38, 0.012, 0.07), dark)
        piece.mesh.add_sphere((x, -depth * 0.45, underside - 0.05), 0.014, piece.metal, sides=6)


def _add_pedestals(piece: Workpiece, width: float, depth: float, height: float, dark: Material) -> None:
    """Drawers on the right (0), on the left (1) or on both sides (2); a board where there are none."""
    sides = piece.one_of(5, 4)
    underside = height - _DESK_TOP
    pedestal_width = piece.between(6, 0.3, 0.42)
    offset = width / 2 - pedestal_width / 2 - 0.01
    if sides in (0, 2):
        _add_pedestal(piece, offset, pedestal_width, depth, underside, dark)
    if sides in (1, 2):
        _add_pedestal(piece, -offset, pedestal_width, depth, underside, dark)
    if sides == 0:
        piece.mesh.add_box((-width / 2 + 0.02, 0, underside / 2), (0.03, depth * 0.9, underside), piece.body)
    if sides == 1:
        piece.mesh.add_box((width / 2 - 0.02, 0, underside / 2), (0.03, depth * 0.9, underside), piece.body)
    piece.mesh.add_box((0, depth * 0.4, height * 0.7), (width * 0.9, 0.015, height * 0.4), dark)


def _add_pedestal(piece: Workpiece, x: float, width: float, depth: float, underside: float, dark: Material) -> None:
    drawers = 2 + piece.one_of(7, 3)
    foot = 0.02 if piece.furniture.style == "modern" else 0.06
    height = underside - foot
    piece.mesh.add_box((x, 0.01, foot + height / 2), (width, depth * 0.9, height), dark)
    for number in range(drawers):
        z = foot + height * (number + 0.5) / drawers
        piece.mesh.add_box((x, -depth * 0.45, z), (width * 0.93, 0.02, height / drawers * 0.9), piece.body)
        piece.mesh.add_box((x, -depth * 0.45 - 0.015, z), (0.1, 0.012, 0.014), piece.metal)


def _add_hutch(piece: Workpiece, width: float, depth: float, height: float, dark: Material) -> None:
    hutch = piece.between(10, 0.25, 0.45)
    for x in (-width / 2 + 0.015, 0, width / 2 - 0.015):
        piece.mesh.add_box((x, depth / 2 - 0.11, height + hutch / 2), (0.02, 0.2, hutch), piece.body)
    piece.mesh.add_box((0, depth / 2 - 0.11, height + hutch), (width, 0.2, 0.02), piece.body)
    piece.mesh.add_box((0, depth / 2 - 0.11, height + hutch * 0.5), (width, 0.2, 0.016), piece.body)
    piece.mesh.add_box((0, depth / 2 - 0.01, height + hutch / 2), (width, 0.01, hutch), dark)

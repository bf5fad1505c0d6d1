"""The four legs under a piece, one make for each style."""

from collections.abc import Callable
from dataclasses import dataclass

from etsy_assets.demo.furniture.workpiece import CORNERS, SIDES, Workpiece

_TURNED_HEIGHTS = (0, 0.12, 0.2, 0.3, 0.62, 0.7, 1)
_TURNED_RADII = (0.5, 0.9, 0.55, 1.05, 0.6, 1.1, 1.1)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the legs stand, in metres: x and y of the right back leg, the distances between legs, the height."""

    x: float
    y: float
    width: float
    depth: float
    height: float


def add_legs(piece: Workpiece, width: float, depth: float, height: float, inset: float = 0.03) -> None:
    """Legs of the piece's style at the corners of a width x depth rectangle, inset from its edges.

    They use genes 0 and 1 for every kind.
    """
    frame = _Frame(width / 2 - inset, depth / 2 - inset, width - 2 * inset, depth - 2 * inset, height)
    _LEGS_BY_STYLE[piece.furniture.style](piece, frame)


def _add_splayed(piece: Workpiece, frame: _Frame) -> None:
    splay = piece.between(0, 0.02, 0.09) * min(1, frame.height / 0.4)
    for side_x, side_y in CORNERS:
        piece.mesh.add_frustum(
            (side_x * (frame.x + splay * 0.5), side_y * (frame.y + splay * 0.3), 0),
            (side_x * (frame.x - splay), side_y * (frame.y - splay * 0.6), frame.height),
            0.011 + 0.006 * piece.gene(1),
            0.02 + 0.012 * piece.gene(1),
            piece.body,
            sides=8,
        )


def _add_metal_frame(piece: Workpiece, frame: _Frame) -> None:
    for side_x, side_y in CORNERS:
        centre = (side_x * frame.x, side_y * frame.y, frame.height / 2)
        piece.mesh.add_box(centre, (0.028, 0.028, frame.height), piece.metal)
    for side_x in SIDES:
        piece.mesh.add_box((side_x * frame.x, 0, 0.03), (0.026, frame.depth, 0.026), piece.metal)


def _add_hairpins(piece: Workpiece, frame: _Frame) -> None:
    for side_x, side_y in CORNERS:
        foot = (side_x * frame.x, side_y * frame.y, 0)
        for lean_x, lean_y in ((0.05, 0.01), (0.01, 0.06)):
            top = (side_x * (frame.x - lean_x), side_y * (frame.y - lean_y), frame.height)
            piece.mesh.add_frustum(foot, top, 0.007, 0.007, piece.metal, sides=6)


def _add_industrial(piece: Workpiece, frame: _Frame) -> None:
    if piece.gene(1) < 0.5:
        _add_metal_frame(piece, frame)
    else:
        _add_hairpins(piece, frame)


def _add_turned(piece: Workpiece, frame: _Frame) -> None:
    radius = piece.between(0, 0.02, 0.034)
    for side_x, side_y in CORNERS:
        for lower in range(6):
            piece.mesh.add_frustum(
                (side_x * frame.x, side_y * frame.y, frame.height * _TURNED_HEIGHTS[lower]),
                (side_x * frame.x, side_y * frame.y, frame.height * _TURNED_HEIGHTS[lower + 1]),
                radius * _TURNED_RADII[lower],
                radius * _TURNED_RADII[lower + 1],
                piece.body,
                sides=8,
                caps=False,
            )


def _add_beams(piece: Workpiece, frame: _Frame) -> None:
    thickness = piece.between(0, 0.05, 0.085)
    for side_x, side_y in CORNERS:
        centre = (side_x * (frame.x - 0.01), side_y * (frame.y - 0.01), frame.height / 2)
        piece.mesh.add_box(centre, (thickness, thickness, frame.height), piece.body)
    if frame.height > 0.25:
        rail_height = frame.height * 0.25
        piece.mesh.add_box((0, 0, rail_height), (frame.width, 0.03, 0.05), piece.body)
        for side_x in SIDES:
            piece.mesh.add_box((side_x * (frame.x - 0.01), 0, rail_height), (0.03, frame.depth, 0.05), piece.body)


def _add_square(piece: Workpiece, frame: _Frame) -> None:
    thickness = piece.between(0, 0.025, 0.045)
    material = piece.metal if piece.gene(1) < 0.35 else piece.body
    for side_x, side_y in CORNERS:
        centre = (side_x * frame.x, side_y * frame.y, frame.height / 2)
        piece.mesh.add_box(centre, (thickness, thickness, frame.height), material)


_LEGS_BY_STYLE: dict[str, Callable[[Workpiece, _Frame], None]] = {
    "mid century": _add_splayed,
    "scandinavian": _add_splayed,
    "modern": _add_square,
    "industrial": _add_industrial,
    "rustic": _add_beams,
    "traditional": _add_turned,
}

"""One piece of furniture while it is being built: its parts so far and what they turn out to use."""

from dataclasses import dataclass, field

from etsy_assets.demo.furniture.materials import Material, body_material, fabric_material, metal_material
from etsy_assets.demo.furniture.mesh import Mesh
from etsy_assets.demo.furniture.sampling import Furniture

SIDES = (-1, 1)
CORNERS = tuple((side_x, side_y) for side_x in SIDES for side_y in SIDES)


@dataclass(frozen=True, slots=True)
class Traits:
    """What the built piece shows, in the words of a caption.

    shape: the words before the kind ("round dining", "bar") or "". extra: a feature ("marble top", "drawers") or None.
    """

    uses_fabric: bool
    uses_metal: bool
    shape: str
    extra: str | None


@dataclass(slots=True)
class Workpiece:
    """Builders add parts to the mesh, in metres, and note what they used."""

    furniture: Furniture
    mesh: Mesh = field(default_factory=Mesh)
    body: Material = field(init=False)
    fabric: Material = field(init=False)
    metal: Material = field(init=False)
    uses_fabric: bool = False
    uses_metal: bool = False
    shape: str = ""
    extra: str | None = None

    def __post_init__(self) -> None:
        self.body = body_material(self.furniture)
        self.fabric = fabric_material(self.furniture)
        self.metal = metal_material(self.furniture)
        self.uses_metal = self.furniture.style == "industrial"

    def gene(self, number: int) -> float:
        """A shape gene, in [0, 1)."""
        return self.furniture.shape_genes[number]

    def between(self, number: int, low: float, high: float) -> float:
        """A length between two limits, chosen by a gene."""
        return lerp(low, high, self.gene(number))

    def one_of(self, number: int, count: int) -> int:
        """A choice from 0 to count - 1, made by a gene."""
        return int(self.gene(number) * count)

    def traits(self) -> Traits:
        """What has been noted so far."""
        return Traits(self.uses_fabric, self.uses_metal, self.shape, self.extra)


def lerp(start: float, end: float, share: float) -> float:
    """The point that lies the given share of the way from start to end."""
    return start + (end - start) * share

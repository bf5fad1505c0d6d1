"""Rendered furniture: listings sampled from seeds, their captions, and photos of them with exact masks.

    furniture = sample_furniture(17)
    caption(furniture)                      # "scandinavian red painted double bed with cream fabric bedding"
    render(furniture, view=0).image.save("17-0.jpg")

sampling draws a listing, building makes its mesh (one builder for each kind), rendering takes photos of it.
"""

from etsy_assets.demo.furniture.building import FurnitureMesh, build_mesh, dimensions, furniture_traits
from etsy_assets.demo.furniture.captions import caption, furniture_name
from etsy_assets.demo.furniture.palette import BACKGROUNDS, KINDS
from etsy_assets.demo.furniture.rendering import Photo, render
from etsy_assets.demo.furniture.sampling import Furniture, sample_furniture
from etsy_assets.demo.furniture.workpiece import Traits

__all__ = [
    "BACKGROUNDS",
    "KINDS",
    "Furniture",
    "FurnitureMesh",
    "Photo",
    "Traits",
    "build_mesh",
    "caption",
    "dimensions",
    "furniture_name",
    "furniture_traits",
    "render",
    "sample_furniture",
]

"""The seller taxonomy of the simulated shop: Etsy's own node ids and names for furniture, and which leaves sell a kind.

Source: the answer of getSellerTaxonomyNodes of 2025-04-17, of which only Home & Living > Furniture is kept. Real
answers count levels from 1 at the root, although the API document says 0.
"""

from functools import cache

from etsy_assets.demo.payloads import SellerTaxonomyNode

FURNITURE_NODE_ID = 967

_TREE = """
891 Home & Living
  967 Furniture
    968 Bedroom Furniture
      969 Beds & Headboards
        12455 Bed Frames
        12456 Headboards
      970 Dressers & Armoires
      972 Nightstands
      971 Steps & Stools
      12470 Vanity Tables
    973 Dining Room Furniture
      974 Buffets & China Cabinets
      975 Dining Chairs
      976 Dining Sets
      977 Kitchen & Dining Tables
      11837 Kitchen Islands
      978 Stools & Banquettes
    979 Entryway & Mudroom Furniture
      12403 Hall Trees
      12405 Standing Coat Racks
      12406 Umbrella Stands
    980 Kids' Furniture
      981 Bean Bag Chairs
      982 Benches & Toy Boxes
      983 Bookcases
      985 Desks, Tables & Chairs
      986 Dressers & Drawers
      987 Steps & Stools
      988 Toddler Beds
    989 Living Room Furniture
      990 Benches & Trunks
        12369 Benches
        12370 Trunks
      991 Bookshelves
      992 Chairs
      993 Coffee & End Tables
        12371 Coffee Tables
        12372 End Tables
      994 Console Tables & Cabinets
        11355 Console & Sofa Tables
        11356 TV Stands & Media Centers
      998 Couches & Loveseats
      996 Floor Pillows
      12468 Ottomans & Poufs
      12216 Room Dividers
      997 Slipcovers
    999 Office Furniture
      1000 Desk Chairs
      1001 Desks
      12408 Filing Cabinets
"""

# No leaf of Furniture is meant for lamps: such sellers file a lamp with the tables that it stands on.
LEAVES_OF_KIND: dict[str, tuple[int, ...]] = {
    "chair": (975, 992),
    "stool": (978, 971),
    "table": (977, 12371, 12372),
    "desk": (1001,),
    "shelf": (991,),
    "cabinet": (974, 970, 11356),
    "sofa": (998,),
    "lamp": (12372,),
    "bed": (12455,),
    "bench": (12369,),
}


@cache
def seller_taxonomy() -> tuple[SellerTaxonomyNode, ...]:
    """The roots, each with its whole subtree."""
    rows = [_row(line) for line in _TREE.strip().splitlines()]

    def children(start: int, depth: int, path: tuple[int, ...]) -> tuple[SellerTaxonomyNode, ...]:
        nodes = []
        for index in range(start, len(rows)):
            indent, node_id, name = rows[index]
            if indent < depth:
                break
            if indent == depth:
                own_path = (*path, node_id)
                nodes.append(
                    SellerTaxonomyNode(
                        id=node_id,
                        level=len(own_path),
                        name=name,
                        parent_id=path[-1] if path else None,
                        children=children(index + 1, depth + 2, own_path),
                        full_path_taxonomy_ids=own_path,
                    )
                )
        return tuple(nodes)

    return children(0, 0, ())


def _row(line: str) -> tuple[int, int, str]:
    """(indent, id, name) of a line of the tree."""
    node_id, name = line.split(maxsplit=1)
    return len(line) - len(line.lstrip()), int(node_id), name


@cache
def subtree_ids(node_id: int) -> frozenset[int]:
    """The node and everything under it; empty for an id that is not in the tree."""

    def walk(nodes: tuple[SellerTaxonomyNode, ...]) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for node in nodes:
            below = walk(node.children)
            found |= below | {node.id} if node_id in node.full_path_taxonomy_ids else below
        return found

    return walk(seller_taxonomy())

"""The stored taxonomy: the whole seller tree, replaced as a whole."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from etsy_assets.catalog.database import Database
from etsy_assets.catalog.records import TaxonomyNodeRecord
from etsy_assets.catalog.schema import taxonomy_node


class TaxonomyQueries(Database):
    def replace_taxonomy(self, nodes: Sequence[TaxonomyNodeRecord]) -> None:
        """Stores this tree in place of the one before. Raises ValueError for an empty one: that is a failed read."""
        if not nodes:
            raise ValueError("The taxonomy has no nodes: that is a failed read, so the stored tree is kept.")
        now = datetime.now(UTC)
        rows = {
            node.node_id: {
                "node_id": node.node_id,
                "position": position,
                "name": node.name,
                "level": node.level,
                "parent_id": node.parent_id,
                "full_path_ids": list(node.full_path_ids),
                "fetched_at": now,
            }
            for position, node in enumerate(nodes)
        }
        with self._write(alone=True) as connection:
            connection.execute(sa.delete(taxonomy_node))
            connection.execute(sa.insert(taxonomy_node), list(rows.values()))

    def taxonomy(self) -> list[TaxonomyNodeRecord]:
        """All nodes, in the order in which the source gave them; empty before the first replace_taxonomy."""
        with self._read() as connection:
            rows = connection.execute(sa.select(taxonomy_node).order_by(taxonomy_node.c.position)).all()
        return [
            TaxonomyNodeRecord(row.node_id, row.name, row.level, row.parent_id, tuple(row.full_path_ids))
            for row in rows
        ]

    def taxonomy_subtree_ids(self, root_id: int) -> list[int]:
        """The ids of a node and of all its descendants. Raises LookupError when the stored tree lacks the node."""
        nodes = self.taxonomy()
        found = [node.node_id for node in nodes if node.node_id == root_id or root_id in node.full_path_ids]
        if root_id not in found:
            raise LookupError(
                f"Taxonomy node {root_id} is not in the stored tree of {len(nodes)} nodes: fetch the taxonomy again, "
                "or name another node."
            )
        return found

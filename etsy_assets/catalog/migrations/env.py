"""What alembic runs: the migrations, on the connection that migrating.py hands over, inside its transaction.

Logging is left as the program has it.
"""

from alembic import context

from etsy_assets.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()

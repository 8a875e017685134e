"""What Alembic runs: the revisions, inside the transaction that the caller has begun.

The connection comes from ``schema.py``, which also commits: a migration is there as a whole,
header included, or not at all.
"""

from __future__ import annotations

from alembic import context

from watchtower.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

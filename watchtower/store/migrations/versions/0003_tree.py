"""What stands in the journal's tree where entries were pruned.

The tree itself is in the census, which is sealed: it is made when the store has been opened.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, sealed like all others."""
    op.create_table(
        "stumps",
        sa.Column("row", sa.LargeBinary, primary_key=True),
        sa.Column("topic", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )

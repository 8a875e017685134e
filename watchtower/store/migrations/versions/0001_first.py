"""The first format: header and slots, the sealed tables, and their census."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_PLAIN = ("open_channels", "closed_channels", "claims", "pending_claims", "keys", "state", "notes")
_TOPICAL = ("open_attempts", "settled_attempts")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "header",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "slots",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("parameters", sa.LargeBinary, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    for name in (*_PLAIN, *_TOPICAL, "census"):
        _create_sealed(name, sa.LargeBinary, with_rowid=False)
    _create_sealed("journal", sa.Integer, with_rowid=True)
    for name in (*_TOPICAL, "journal"):
        op.create_index(f"{name}_by_topic", name, ["topic"])


def _create_sealed(name: str, row: type[sa.LargeBinary | sa.Integer], *, with_rowid: bool) -> None:
    op.create_table(
        name,
        sa.Column("row", row, primary_key=True),
        sa.Column("topic", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=with_rowid,
    )

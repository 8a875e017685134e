"""How a store of every earlier format becomes one of the present: Alembic's revisions."""

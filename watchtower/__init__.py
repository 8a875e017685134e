"""A watchtower for XRP Ledger payment channels.

The payee never ends below the best claim it was given. ``docs/architecture.md`` is the map.
"""

__version__ = "0.1.0"

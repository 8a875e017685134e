"""The main job, end to end, on an embedded ledger: a story with thieves, told while it happens."""

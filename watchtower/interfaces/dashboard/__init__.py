"""The dashboard: pages that show how the tower is, and change nothing."""

"""Fire drills: a canary channel is closed on purpose, and how soon it is paid is measured."""

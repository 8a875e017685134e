"""Whom we tell: alarms, and how they reach people."""

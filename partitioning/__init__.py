"""Partitioned targets. Not built yet: this room is kept for them."""

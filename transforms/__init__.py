"""Row-wise transforms on Arrow batches, each a function that a plan calls by name (transfer/shaping.py)."""

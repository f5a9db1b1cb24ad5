"""Row-wise transforms on Arrow batches. Not built yet: this room is kept for them."""

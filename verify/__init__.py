"""The proof: checksums on Arrow, and comparing what was read with what the target holds. Never writes."""

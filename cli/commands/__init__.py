"""The commands, one place each: what it takes, the one call of the library that it is, and how the result looks."""

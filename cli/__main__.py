"""`python -m ropeway.cli` is the command `ropeway`."""

from . import main

if __name__ == "__main__":
    main()

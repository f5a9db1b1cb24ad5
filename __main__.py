"""`python -m ropeway` is the command `ropeway`."""

from .cli import main

if __name__ == "__main__":
    main()

"""`python -m vaivem.cli`, which the supervisor uses: it needs no script in the path."""

from vaivem.cli import main

if __name__ == "__main__":
    main()

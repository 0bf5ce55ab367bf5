"""`python -m om_toolkit` runs the command `om-toolkit`."""

import sys

from om_toolkit.cli import main

if __name__ == "__main__":
    sys.exit(main())

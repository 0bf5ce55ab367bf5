"""The logger `om_toolkit`: silent unless the program that uses the package sets up logging."""

import logging
from typing import Final

LOGGER: Final = logging.getLogger("om_toolkit")
"""Gets retries and waits at INFO, long waits and failures at WARNING: order ids, statuses and seconds, nothing else."""

LOGGER.addHandler(logging.NullHandler())

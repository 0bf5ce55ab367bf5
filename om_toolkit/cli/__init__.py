"""The command `om-toolkit`: order ids or saved orders in; key figures, lists and files out.

Results go to stdout; progress, warnings, failures and errors to stderr.
"""

import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper

from om_toolkit.cli.checks import UsageError
from om_toolkit.cli.parser import INTERRUPTED, NOTHING, USAGE, parse
from om_toolkit.errors import OMError, OMWarning
from om_toolkit.support.log import LOGGER


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `om-toolkit --help` lists the codes."""
    # Characters that a console cannot show, such as letters outside a Windows code page, must not end the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # not in a notebook or a doctest
            stream.reconfigure(errors="replace")
    options = parse(arguments)
    try:
        with _messages_on_stderr(is_verbose=options.verbose):
            return _run(options)
    except BrokenPipeError:
        _forget_stdout()
        return NOTHING
    except UsageError as error:
        code, message = USAGE, str(error)
    except (OMError, OSError, ValueError, OverflowError) as error:
        code, message = NOTHING, str(error)
    except KeyboardInterrupt as error:
        code, message = INTERRUPTED, str(error) or "interrupted"
    print(f"om-toolkit: {message}", file=sys.stderr)
    return code


def _run(options: Namespace) -> int:
    """Run the chosen command, and write all of its output while an error can still be reported."""
    from om_toolkit.cli.commands import COMMANDS  # noqa: PLC0415 - loads polars, which `--help` can do without

    code = COMMANDS[options.command](options)
    sys.stdout.flush()
    return code


@contextmanager
def _messages_on_stderr(*, is_verbose: bool) -> Iterator[None]:
    """Print this package's warnings on stderr, and its log as well if that was asked for."""
    log = logging.StreamHandler()
    log.setFormatter(logging.Formatter("om-toolkit: %(message)s"))
    level = LOGGER.level
    if is_verbose:
        LOGGER.addHandler(log)
        LOGGER.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", OMWarning)
            warnings.showwarning = lambda message, *_: print(f"om-toolkit: {message}", file=sys.stderr)
            yield
    finally:
        LOGGER.removeHandler(log)
        LOGGER.setLevel(level)


def _forget_stdout() -> None:
    """Discard what remains to be printed: its reader, such as `head`, has gone, and Python would report that again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""What can go wrong: failures as values, and the exceptions and warnings made of them.

OMError
├── CredentialsMissing      no key or password was given            (ValueError)
├── InvalidSetting          an option that cannot work              (ValueError)
├── ArchiveError            an archive cannot be read or written    (OSError)
├── FailedOrders            raised for a batch; holds .failures
└── FetchError              raised for one order; holds .failure
    ├── InvalidID           400 or INVALID_ORDER_ID                 (ValueError)
    ├── Unauthorized        401                                     (PermissionError)
    ├── Forbidden           403                                     (PermissionError)
    ├── NotFound            404                                     (LookupError)
    ├── RateLimited         429
    ├── ServerError         5xx
    ├── RequestTimeout      no answer in time                       (TimeoutError)
    ├── ConnectionFailed    no connection, or a broken one          (ConnectionError)
    ├── InvalidBody         an answer that is no JSON document      (ValueError)
    ├── InvalidOrder        a document that is no order             (ValueError)
    └── NotRecorded         not in the recording that is replayed   (LookupError)

KeyboardInterrupt
└── Interrupted             a batch was stopped; holds .orders

UserWarning
└── OMWarning
    ├── IncompleteRecording a request that was to be recorded got no answer
    ├── NothingFound        the API knew none of the order ids
    ├── RepeatedOrders      saved answers held an order more than once
    ├── StaleOrders         open orders were last seen long before the instant asked for
    └── UnscrubbedRecording plain vcrpy writes credentials and personal data to its cassette
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


_SHOWN: Final = 5  # failures of a batch, or messages of a failure, that a text spells out


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one order could not be had.

    Attributes:
        order_id: The id that was asked for; for a saved answer without one, where it stood.
        kind: `not_found`, `invalid_id`, `unauthorized`, `forbidden`, `rate_limited`, `server_error`, `timeout`,
            `connection`, `invalid_body`, `invalid_order` or `not_recorded`.
        status: The HTTP status, if there was an answer.
        error_code: The API's `error_code`, such as `NO_SUCH_ORDER`.
        messages: The API's `error_messages`, or ours; free of personal data.
        correlation_id: What the vendor's support asks for.
        attempts: Requests that were sent.
        elapsed: Seconds from the first request to the last answer.
    """

    order_id: str
    kind: str
    status: int | None = None
    error_code: str | None = None
    messages: tuple[str, ...] = ()
    correlation_id: str | None = None
    attempts: int = 0
    elapsed: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        """Tell the failure in one line, with what to do about it."""
        answer = " ".join(filter(None, (str(self.status or ""), self.error_code)))
        facts = [answer, *self.messages[:_SHOWN]]
        if len(self.messages) > _SHOWN:
            facts.append(f"and {len(self.messages) - _SHOWN:,} more")
        told = f"{self.order_id}: {self.kind}"
        if any(facts):
            told += f" ({'; '.join(filter(None, facts))})"
        if self.correlation_id:
            told += f", correlation id {self.correlation_id}"
        return f"{told}. {_ERRORS[self.kind].advice}"

    def error(self) -> FetchError:
        """Return the exception that stands for this failure."""
        return _ERRORS[self.kind](self)


class OMError(Exception):
    """The base of everything this package raises."""


class CredentialsMissing(OMError, ValueError):
    """No API key and no username with password was given, nor found in the environment."""


class InvalidSetting(OMError, ValueError):
    """An option of the client that cannot work, such as an address without HTTPS."""


class ArchiveError(OMError, OSError):
    """An archive that cannot be opened, read or written; what had been stored in it is still there."""


class FailedOrders(OMError):
    """Some orders of a batch failed; `failures` holds each of them."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        super().__init__(self.failures)

    def __str__(self) -> str:
        shown = [f"  {failure}" for failure in self.failures[:_SHOWN]]
        if len(self.failures) > _SHOWN:
            shown.append(f"  and {len(self.failures) - _SHOWN} more")
        return "\n".join([f"{len(self.failures)} order(s) failed:", *shown])


class FetchError(OMError):
    """One order could not be had; `failure` says why. A subclass stands for each kind."""

    advice = ""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure)

    def __str__(self) -> str:
        return str(self.failure)


class InvalidID(FetchError, ValueError):
    """The API refused the order id itself (400, `INVALID_ORDER_ID`)."""

    advice = "Check the id: a line of the list may hold something else than an order id."


class Unauthorized(FetchError, PermissionError):
    """The credentials were refused (401)."""

    advice = "Check the credentials, and that they belong to this host (live or playground)."


class Forbidden(FetchError, PermissionError):
    """The credentials are good, but not for this (403); or a firewall refused the region."""

    advice = "Ask for read access to orders; from a cloud region, try another network."


class NotFound(FetchError, LookupError):
    """The API knows no such order (404): another merchant's, another environment's, or never completed."""

    advice = "Check that host, environment and merchant are the order's own."


class RateLimited(FetchError):
    """Too many requests (429), after every retry."""

    advice = "Lower requests_per_second and fetch the failures again."


class ServerError(FetchError):
    """The service failed (5xx), after every retry."""

    advice = "Fetch the failures again later; support asks for the correlation id."


class RequestTimeout(FetchError, TimeoutError):
    """No answer in time, after every retry."""

    advice = "Fetch the failures again, or raise timeout."


class ConnectionFailed(FetchError, ConnectionError):
    """No connection, or one that broke, after every retry."""

    advice = "Check the network and the address, then fetch the failures again."


class InvalidBody(FetchError, ValueError):
    """The answer is no JSON document: cut short, or a page of something between us and the API."""

    advice = "Fetch it again; if it stays, check which address answers."


class InvalidOrder(FetchError, ValueError):
    """The answer is JSON but no order: the messages name each path and value that cannot be."""

    advice = "Nothing was guessed: the order is left out until its answer is right."


class NotRecorded(FetchError, LookupError):
    """A replay was asked for something that its recording does not hold."""

    advice = "It was not asked of the network: record it first."


class Interrupted(KeyboardInterrupt):
    """A batch was stopped by Ctrl-C or the kernel's interrupt; `orders` holds what had been fetched."""

    def __init__(self, orders: Any) -> None:  # noqa: ANN401 - Orders or Captures, which are made of this module
        self.orders = orders
        super().__init__(orders)

    def __str__(self) -> str:
        return f"interrupted with {len(self.orders)} fetched: they are in the exception's .orders"


class OMWarning(UserWarning):
    """The base of everything this package warns of."""


class IncompleteRecording(OMWarning):
    """A request that was to be recorded got no answer, so the recording lacks it."""


class NothingFound(OMWarning):
    """The API answered 404 to every id of a batch: most likely the wrong host, environment or merchant."""


class RepeatedOrders(OMWarning):
    """Saved answers held an order more than once; the last one counts."""


class StaleOrders(OMWarning):
    """Orders of an archive that can still change were last seen more than a day before the instant spoken of."""


class UnscrubbedRecording(OMWarning):
    """An open cassette of plain vcrpy records the API key and personal data as they are; `om.vcr` replaces them."""


_ERRORS: dict[str, type[FetchError]] = {
    "invalid_id": InvalidID,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "rate_limited": RateLimited,
    "server_error": ServerError,
    "timeout": RequestTimeout,
    "connection": ConnectionFailed,
    "invalid_body": InvalidBody,
    "invalid_order": InvalidOrder,
    "not_recorded": NotRecorded,
}

"""What can go wrong: failures as values, and the exceptions and warnings made of them.

OMError
├── CredentialsMissing      no key or password was given            (ValueError)
├── InvalidSetting          an option that cannot work              (ValueError)
├── ArchiveError            an archive cannot be read or written    (OSError)
├── MissingExtra            a library of an extra is not installed  (ImportError)
├── FailedOrders            raised for a batch; has .failures
└── FetchError              raised for one order; has .failure
    ├── InvalidID           400 or INVALID_ORDER_ID                 (ValueError)
    ├── Unauthorized        401                                     (PermissionError)
    ├── Forbidden           403                                     (PermissionError)
    ├── NotFound            404                                     (LookupError)
    ├── RateLimited         429, or a longer wait than a client makes
    ├── Refused             another 4xx, such as 405 or 451
    ├── ServerError         5xx
    ├── RequestTimeout      no response in time                     (TimeoutError)
    ├── ConnectionFailed    no connection, or a broken one          (ConnectionError)
    ├── InvalidBody         a response that is not JSON             (ValueError)
    ├── InvalidOrder        a document that is not an order         (ValueError)
    └── NotRecorded         not in the recording that is replayed   (LookupError)

KeyboardInterrupt
└── Interrupted             a batch was interrupted; has .orders

UserWarning
└── OMWarning
    ├── ImmatureGroups      orders that are compared are too young
    ├── IncompleteRecording a request to be recorded got no response
    ├── NothingFound        the API knows none of the order ids
    ├── RepeatedOrders      saved responses contain an order more than once
    ├── StaleOrders         open orders were last fetched long before the requested instant
    └── UnscrubbedRecording plain vcrpy writes credentials and personal data to its cassette
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from om_toolkit.support.text import count_of

__all__ = [
    "ArchiveError",
    "ConnectionFailed",
    "CredentialsMissing",
    "FailedOrders",
    "Failure",
    "FetchError",
    "Forbidden",
    "ImmatureGroups",
    "IncompleteRecording",
    "Interrupted",
    "InvalidBody",
    "InvalidID",
    "InvalidOrder",
    "InvalidSetting",
    "MissingExtra",
    "NotFound",
    "NotRecorded",
    "NothingFound",
    "OMError",
    "OMWarning",
    "RateLimited",
    "Refused",
    "RepeatedOrders",
    "RequestTimeout",
    "ServerError",
    "StaleOrders",
    "Unauthorized",
    "UnscrubbedRecording",
]

_MOST_LISTED: Final = 5
"""Failures of a batch, or messages of a failure, that a text lists; the others are counted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one order could not be fetched or read.

    Attributes:
        order_id: The requested id; for a saved document without one, its place.
        kind: The `kind` of the exception that `error` returns, such as `not_found`; `KINDS` lists all.
        status: The HTTP status, if there was a response.
        error_code: The API's `error_code`, such as `NO_SUCH_ORDER`.
        messages: The API's `error_messages`, or this package's: the first ten, shortened, without control characters,
            and withheld where one contains personal data.
        correlation_id: The id that the vendor's support asks for.
        attempts: The number of requests sent.
        elapsed: Seconds from the first request to the last response.
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
        """Describe the failure in one line, with what to do about it."""
        response = " ".join(filter(None, (str(self.status or ""), self.error_code)))
        facts = [response, *self.messages[:_MOST_LISTED]]
        if len(self.messages) > _MOST_LISTED:
            facts.append(f"and {len(self.messages) - _MOST_LISTED:,} more")
        text = f"{self.order_id}: {self.kind}"
        if any(facts):
            text += f" ({'; '.join(filter(None, facts))})"
        if self.correlation_id:
            text += f", correlation id {self.correlation_id}"
        return f"{text}. {KINDS[self.kind].advice}"

    def error(self) -> FetchError:
        """Return the exception for this failure."""
        return KINDS[self.kind](self)


class OMError(Exception):
    """The base of every exception that this package raises."""


class CredentialsMissing(OMError, ValueError):
    """No API key and no username with password was given or found in the environment."""


class InvalidSetting(OMError, ValueError):
    """An option cannot work, such as an address without HTTPS."""


class ArchiveError(OMError, OSError):
    """An archive cannot be opened, read or written; what it already contains is unchanged."""


class MissingExtra(OMError, ImportError):
    """A library that only some functions need is not installed; the message has the command that installs it."""


class FailedOrders(OMError):
    """Some orders of a batch failed; `failures` has one `Failure` for each."""

    def __init__(self, failures: Iterable[Failure]) -> None:
        self.failures = tuple(failures)
        super().__init__(self.failures)

    def __str__(self) -> str:
        lines = [f"  {failure}" for failure in self.failures[:_MOST_LISTED]]
        if len(self.failures) > _MOST_LISTED:
            lines.append(f"  and {len(self.failures) - _MOST_LISTED:,} more")
        return "\n".join([f"{count_of(len(self.failures), 'order')} failed:", *lines])


class FetchError(OMError):
    """One order could not be fetched or read; `failure` says why. There is a subclass for each kind of failure.

    Attributes:
        kind: The name of this kind of failure, in `Failure.kind` and in tables of failures.
        advice: What to do about it.
    """

    kind: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure)

    def __str__(self) -> str:
        return str(self.failure)


class InvalidID(FetchError, ValueError):
    """The API refused the order id itself (400, `INVALID_ORDER_ID`)."""

    kind = "invalid_id"
    advice = "Check the id: it may not be an order id."


class Unauthorized(FetchError, PermissionError):
    """The credentials were refused (401)."""

    kind = "unauthorized"
    advice = "Check the credentials, and that they belong to this host (live or playground)."


class Forbidden(FetchError, PermissionError):
    """The credentials are valid but do not permit this (403), or a firewall refused the region."""

    kind = "forbidden"
    advice = "Ask for read access to orders; from a cloud region, try another network."


class NotFound(FetchError, LookupError):
    """The API knows no such order (404): another merchant's, another environment's, or never completed."""

    kind = "not_found"
    advice = "Check that the host, the environment and the merchant are those of the order."


class RateLimited(FetchError):
    """Too many requests (429), after every retry; or the server asked for a longer wait than a client makes."""

    kind = "rate_limited"
    advice = "Lower requests_per_second and fetch the failures again."


class Refused(FetchError):
    """The request was refused for a reason that has no kind of its own (another 4xx), such as 405 or 451."""

    kind = "refused"
    advice = "Check base_url, and what is between this computer and the API: each request is as documented."


class ServerError(FetchError):
    """The service failed (5xx), after every retry."""

    kind = "server_error"
    advice = "Fetch the failures again later; if they remain, give the correlation id to the vendor's support."


class RequestTimeout(FetchError, TimeoutError):
    """There was no response in time, after every retry."""

    kind = "timeout"
    advice = "Fetch the failures again, or raise timeout."


class ConnectionFailed(FetchError, ConnectionError):
    """There was no connection, or it broke, after every retry."""

    kind = "connection"
    advice = "Check the network and the address, then fetch the failures again."


class InvalidBody(FetchError, ValueError):
    """The response is no JSON document: truncated, without one (204), or from something between client and API."""

    kind = "invalid_body"
    advice = "Fetch it again; if it remains, check which server responds at this address."


class InvalidOrder(FetchError, ValueError):
    """The document is JSON but not an order: the messages name each invalid path and value."""

    kind = "invalid_order"
    advice = "Correct the document or report it to the vendor; until then the order is left out."


class NotRecorded(FetchError, LookupError):
    """A replay was asked for something that is not in its recording."""

    kind = "not_recorded"
    advice = "Record it first; a replay sends no requests."


KINDS: Final[dict[str, type[FetchError]]] = {error.kind: error for error in FetchError.__subclasses__()}
"""The exception for each kind of failure."""


class Interrupted(KeyboardInterrupt):
    """A batch was interrupted by Ctrl-C or by the kernel; `orders` has what was fetched until then."""

    def __init__(self, orders: Any) -> None:  # noqa: ANN401 - Orders or Captures, whose modules import this one
        self.orders = orders
        super().__init__(orders)

    def __str__(self) -> str:
        return f"interrupted with {len(self.orders):,} fetched; use the exception's .orders"


class OMWarning(UserWarning):
    """The base of every warning of this package."""


class ImmatureGroups(OMWarning):
    """Orders that are compared are so young that many of their captures or refunds are still to come."""


class IncompleteRecording(OMWarning):
    """A request that was to be recorded got no response, so it is missing from the recording."""


class NothingFound(OMWarning):
    """The API responded 404 to every id of a batch: most likely the host, environment or merchant is wrong."""


class RepeatedOrders(OMWarning):
    """Saved responses contain an order more than once; the last one counts."""


class StaleOrders(OMWarning):
    """Orders of an archive that can still change were last fetched more than a day before the requested instant."""


class UnscrubbedRecording(OMWarning):
    """An open cassette of plain vcrpy records the API key and personal data as they are; `om.vcr` replaces them."""

"""The sandbox: options of a shop, a server and a client in; a client on the synthetic shop out."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from om_toolkit.api.client import Client
from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import AS_OF, Shop


class _ClientOptions(TypedDict, total=False):
    integrator: str
    timeout: float | tuple[float, float]
    max_retries: int
    deadline: float
    requests_per_second: float | None
    workers: int


class SandboxClient(Client):
    """A client on a synthetic shop; closing it stops the server, too. `sandbox` makes it.

    Attributes:
        server: The server on this computer.
        shop: The shop behind it.
        order_ids: The ids of all orders of the shop, in order of creation.
    """

    def __init__(self, server: Server, **options: Unpack[_ClientOptions]) -> None:
        self.server = server
        self.shop = server.shop
        self.order_ids = server.shop.order_ids
        super().__init__(username=server.username, password=server.password, base_url=server.url, **options)

    def close(self) -> None:
        """Close the connections and stop the server."""
        super().close()
        self.server.close()


def sandbox(  # noqa: PLR0913 - the options of shop, server and client
    orders: int = 300,
    *,
    seed: int = 1,
    as_of: datetime = AS_OF,
    days: int = 90,
    latency: float = 0.0,
    faults: Mapping[str, float] | None = None,
    port: int = 0,
    **client_options: Unpack[_ClientOptions],
) -> SandboxClient:
    """Return a client on a synthetic shop behind a local server: no credentials, no network, no real person.

    Args:
        orders: How many orders; see `Shop`.
        seed: Chooses one of many shops.
        as_of: The time of the responses; aware.
        days: The number of days before `as_of` in which the orders were placed.
        latency: Seconds before each response.
        faults: The share of responses to replace, for each kind of fault; see `Server`.
        port: The port of the server; 0 takes a free one.
        client_options: Options of `Client`. By default there is no rate limit.

    Raises:
        ValueError: If an option cannot work.

    Example:
        >>> with sandbox(orders=25, days=7) as client:
        ...     orders = client.orders(client.order_ids)
        >>> len(orders)
        25
    """
    server = Server(Shop(orders, seed=seed, as_of=as_of, days=days), port=port, latency=latency, faults=faults)
    client_options.setdefault("requests_per_second", None)
    try:
        return SandboxClient(server, **client_options)
    except BaseException:
        server.close()
        raise

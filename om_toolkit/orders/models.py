"""The API's documents as validated, frozen objects with the documented names.

What the API may do is accepted: missing keys, `null`, `""`, unknown keys and vocabulary, numbers where text is
documented. What cannot be right is refused with its path, above all an amount that is not a whole number.

Sources: the API's pages "Get order details" and "List all order captures".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import Field as DataclassField
from dataclasses import make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from om_toolkit.orders.cards import card
from om_toolkit.orders.field_types import Many, Text, Time, Whole
from om_toolkit.privacy.pseudonyms import customer_key
from om_toolkit.tables.from_objects import to_frame
from om_toolkit.tables.schema import columns

if TYPE_CHECKING:
    import polars as pl


class Model(BaseModel):
    """The base of all documents: frozen, unknown fields kept in `model_extra`, nothing personal in the repr.

    Frame libraries read every field of a pydantic model in a list, but of a dataclass only its declared fields, for
    which they look first. Therefore a model declares those that can be shown, as a dataclass would. `model_dump()` has
    all of them.
    """

    model_config = ConfigDict(
        extra="allow", frozen=True, hide_input_in_errors=True, validate_by_name=True, ser_json_inf_nan="constants"
    )

    _shown: ClassVar[tuple[str, ...]] = ()

    __dataclass_fields__: ClassVar[dict[str, DataclassField[Any]]] = {}
    __dataclass_params__: ClassVar[object] = None

    __iter__ = None  # type: ignore[assignment]  # pydantic's yields every value, which pandas takes for a row

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's
        """Declare the fields that a frame library reads by itself."""
        super().__pydantic_init_subclass__(**kwargs)
        names = cls._fields_in_frames()
        declared: Any = make_dataclass(cls.__name__, [name for name in cls.model_fields if name in names])
        cls.__dataclass_fields__ = declared.__dataclass_fields__
        cls.__dataclass_params__ = declared.__dataclass_params__

    @classmethod
    def _fields_in_frames(cls) -> set[str]:
        """Return the names of the fields of the repr, without arrays."""
        return {name for name, field in cls.model_fields.items() if name in cls._shown and field.default is None}

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; make a changed copy with model_copy(update=...)")

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Yield the fields of a repr: none that can name a person, and of an array its length."""
        for name in self._shown:
            value = getattr(self, name)
            yield name, len(value) if isinstance(value, tuple) else value

    def __str__(self) -> str:
        return repr(self)


class Row(Model):
    """A document that is a row of one of the five tables."""

    _table: ClassVar[str] = ""

    @classmethod
    def _fields_in_frames(cls) -> set[str]:
        """Return the names of the columns of `to_polars()`."""
        return {column.name for column in columns(cls._table)} if cls._table else set()

    def to_polars(self, *, personal: bool = False) -> pl.DataFrame:
        """Return a frame with the row of this object; see `Tables` for the columns.

        Args:
            personal: Whether to include the columns that can name a person.
        """
        return to_frame(self._table, [self], personal=personal)


class ApiError(Model):
    """The body of an error."""

    _shown = ("error_code", "correlation_id")

    error_code: Text | None = Field(default=None, description="What went wrong, such as NO_SUCH_ORDER.")
    error_messages: Many[Text] = Field(default=(), description="The same in words.")
    correlation_id: Text | None = Field(default=None, description="What the vendor's support asks for.")


class Address(Model):
    """A billing or shipping address."""

    _shown = ("country",)

    attention: Text | None = Field(default=None, description="'Attn.'")
    city: Text | None = Field(default=None, description="City.")
    country: Text | None = Field(default=None, description="Country, ISO 3166-1 alpha-2, in either case.")
    email: Text | None = Field(default=None, description="E-mail address.")
    family_name: Text | None = Field(default=None, description="Family name.")
    given_name: Text | None = Field(default=None, description="Given name.")
    organization_name: Text | None = Field(default=None, description="Name of the organization, for B2B customers.")
    phone: Text | None = Field(default=None, description="Phone number.")
    postal_code: Text | None = Field(default=None, description="Postal code.")
    region: Text | None = Field(default=None, description="State or region; required in the US.")
    street_address: Text | None = Field(default=None, description="First line of the street address.")
    street_address2: Text | None = Field(default=None, description="Second line of the street address.")
    title: Text | None = Field(default=None, description="Title.")


class ProductIdentifiers(Model):
    """Identifiers of a product outside the shop."""

    _shown = ("brand", "global_trade_item_number")

    brand: Text | None = Field(default=None, description="Brand.")
    category_path: Text | None = Field(default=None, description="Category path of the shop, separated by ' > '.")
    color: Text | None = Field(default=None, description="Color.")
    global_trade_item_number: Text | None = Field(default=None, description="GTIN: an EAN, ISBN or UPC.")
    manufacturer_part_number: Text | None = Field(default=None, description="MPN: unique together with the brand.")
    size: Text | None = Field(default=None, description="Size.")


class OrderLine(Row):
    """One line of an order, a capture or a refund. Amounts are minor units and negative on discounts."""

    _table = "order_lines"
    _shown = ("type", "reference", "name", "quantity", "total_amount")

    reference: Text | None = Field(default=None, description="Article number, SKU or the like.")
    type: Text | None = Field(default=None, description="physical, discount, shipping_fee, digital and so on.")
    name: Text | None = Field(default=None, description="Name of the item.")
    quantity: Whole | None = Field(default=None, description="Quantity.")
    quantity_unit: Text | None = Field(default=None, description="Unit of the quantity, such as pcs.")
    unit_price: Whole | None = Field(default=None, description="Price of a unit with tax, before discounts.")
    tax_rate: Whole | None = Field(default=None, description="Percent with two implied decimals: 2500 is 25 %.")
    total_amount: Whole | None = Field(default=None, description="quantity * unit_price - total_discount_amount.")
    total_discount_amount: Whole | None = Field(default=None, description="Discount, with tax.")
    total_tax_amount: Whole | None = Field(default=None, description="Tax.")
    image_url: Text | None = Field(default=None, description="Address of a picture.")
    product_url: Text | None = Field(default=None, description="Address of the product's page.")
    merchant_data: Text | None = Field(default=None, description="The merchant's own text about the line.")
    product_identifiers: ProductIdentifiers | None = Field(default=None, description="Brand, GTIN and the like.")


class ShippingInfo(Row):
    """One shipment."""

    _table = "shipments"
    _shown = ("shipping_company", "shipping_method", "has_tracking")

    shipping_company: Text | None = Field(default=None, description="Carrier, in free text.")
    shipping_method: Text | None = Field(default=None, description="Home, PickUpPoint, Digital and so on.")
    tracking_number: Text | None = Field(default=None, description="Tracking number.")
    tracking_uri: Text | None = Field(default=None, description="Where the customer can follow the shipment.")
    return_shipping_company: Text | None = Field(default=None, description="Carrier of the return.")
    return_tracking_number: Text | None = Field(default=None, description="Tracking number of the return.")
    return_tracking_uri: Text | None = Field(default=None, description="Where the customer can follow the return.")

    @property
    def has_tracking(self) -> bool:
        """Whether the shipment can be followed: by a number or an address."""
        return bool(self.tracking_number or self.tracking_uri)


class Part(Row):
    """A capture or refund: one of several in an order."""

    @property
    def position(self) -> int | None:
        """Its position in the order's array, from 0; None if it was not read from one."""
        return self.__dict__.get(_STAMPED_POSITION)


class Capture(Part):
    """One capture: a collected part of the authorised amount.

    A capture in the API has no order id and no currency: `order_id` and `purchase_currency` are those of the order it
    was read with.
    """

    _table = "captures"
    _shown = ("capture_id", "purchase_currency", "captured_amount", "refunded_amount", "captured_at", "order_lines")

    order_id: Text | None = Field(default=None, description="The order that was captured.")
    purchase_currency: Text | None = Field(default=None, description="Currency of the amounts, if known.")
    capture_id: Text | None = Field(default=None, description="Id of the capture.")
    klarna_reference: Text | None = Field(default=None, description="Reference for the customer.")
    captured_amount: Whole | None = Field(default=None, description="Captured amount.")
    captured_at: Time = Field(default=None, description="When it was captured.")
    refunded_amount: Whole | None = Field(default=None, description="How much of this capture has been refunded.")
    reference: Text | None = Field(default=None, description="The merchant's reference, in the settlement files too.")
    description: Text | None = Field(default=None, description="Description for the customer.")
    order_lines: Many[OrderLine] = Field(default=(), description="What was captured.")
    shipping_info: Many[ShippingInfo] = Field(default=(), description="How it was shipped.")
    billing_address: Address | None = Field(default=None, description="Billing address.")
    shipping_address: Address | None = Field(default=None, description="Where it was shipped to.")


class Refund(Part):
    """One refund. The API does not say of which capture; `order_id` is that of the order it was read with."""

    _table = "refunds"
    _shown = ("refund_id", "purchase_currency", "refunded_amount", "refunded_at", "order_lines")

    order_id: Text | None = Field(default=None, description="The order that was refunded.")
    purchase_currency: Text | None = Field(default=None, description="Currency of the amount.")
    refund_id: Text | None = Field(default=None, description="Id of the refund.")
    refunded_amount: Whole | None = Field(default=None, description="Refunded amount.")
    refunded_at: Time = Field(default=None, description="When it was refunded.")
    reference: Text | None = Field(default=None, description="The merchant's reference, in the settlement files too.")
    description: Text | None = Field(default=None, description="Description for the customer.")
    order_lines: Many[OrderLine] = Field(default=(), description="What was refunded.")


class Customer(Model):
    """Who ordered."""

    _shown = ("type",)

    type: Text | None = Field(default=None, description="person or organization.")
    date_of_birth: Text | None = Field(default=None, description="Date of birth, as it came.")
    national_identification_number: Text | None = Field(default=None, description="National identification number.")
    vat_id: Text | None = Field(default=None, description="VAT number.")
    organization_entity_type: Text | None = Field(default=None, description="LIMITED_COMPANY, SOLE_TRADER and so on.")
    organization_registration_id: Text | None = Field(default=None, description="Registration number.")


class InitialPaymentMethod(Model):
    """The payment method that the customer chose."""

    _shown = ("type", "number_of_installments")

    type: Text | None = Field(default=None, description="INVOICE, CARD, FIXED_AMOUNT, SWISH and so on.")
    description: Text | None = Field(default=None, description="The same in words.")
    number_of_installments: Whole | None = Field(default=None, description="Number of installments, if any.")


class CarrierProduct(Model):
    """The carrier's product."""

    _shown = ("identifier", "name")

    identifier: Text | None = Field(default=None, description="Id of the product.")
    name: Text | None = Field(default=None, description="Name of the product.")


class Timeslot(Model):
    """A time slot for the delivery."""

    _shown = ("start", "end")

    id: Text | None = Field(default=None, description="Id of the timeslot.")
    start: Text | None = Field(default=None, description="Start, as it came.")
    end: Text | None = Field(default=None, description="End, as it came.")
    cutoff: Text | None = Field(default=None, description="Last moment to order for it, as it came.")
    price: Whole | None = Field(default=None, description="Price of the timeslot.")


class Location(Model):
    """A pick-up location."""

    _shown = ("price",)

    id: Text | None = Field(default=None, description="Id of the location.")
    name: Text | None = Field(default=None, description="Name of the location.")
    price: Whole | None = Field(default=None, description="Price of the location.")
    address: Address | None = Field(default=None, description="Address of the location.")


class SelectedAddon(Model):
    """An addition to the shipping that the customer chose."""

    _shown = ("type", "price")

    type: Text | None = Field(default=None, description="Type, such as sms or entry-code.")
    price: Whole | None = Field(default=None, description="Price.")
    external_id: Text | None = Field(default=None, description="Id given by the shipping system.")
    user_input: Text | None = Field(default=None, description="What the customer typed.")


class SelectedShippingOption(Model):
    """The shipping that the customer chose; the order can be shipped in another way."""

    _shown = ("method", "carrier", "price")

    id: Text | None = Field(default=None, description="Id given by the shipping system.")
    class_: Text | None = Field(default=None, alias="class", description="Class of the option.")
    type: Text | None = Field(default=None, description="Type of the option.")
    method: Text | None = Field(default=None, description="Shipping method.")
    name: Text | None = Field(default=None, description="Name of the option for the customer.")
    carrier: Text | None = Field(default=None, description="Carrier.")
    carrier_product: CarrierProduct | None = Field(default=None, description="The carrier's product.")
    price: Whole | None = Field(default=None, description="Price.")
    tax_amount: Whole | None = Field(default=None, description="Tax on the price.")
    tax_rate: Whole | None = Field(default=None, description="Percent with two implied decimals.")
    location: Location | None = Field(default=None, description="Pick-up location.")
    timeslot: Timeslot | None = Field(default=None, description="Time slot for the delivery.")
    selected_addons: Many[SelectedAddon] = Field(default=(), description="Additions that the customer chose.")
    tms_reference: Text | None = Field(default=None, description="Id of the shipment in the shipping system.")


class Order(Row):
    """One order with its lines, captures and refunds. Amounts are minor units of `purchase_currency`."""

    _table = "orders"
    _shown = (
        "order_id",
        "status",
        "purchase_currency",
        "order_amount",
        "captured_amount",
        "refunded_amount",
        "order_lines",
        "captures",
        "refunds",
    )

    order_id: Text | None = Field(default=None, description="Id of the order; never a UUID to rely on.")
    status: Text | None = Field(default=None, description="AUTHORIZED, PART_CAPTURED, CAPTURED, CANCELLED and so on.")
    fraud_status: Text | None = Field(default=None, description="ACCEPTED, PENDING (cannot be captured), REJECTED.")
    order_amount: Whole | None = Field(default=None, description="Current amount of the order.")
    original_order_amount: Whole | None = Field(default=None, description="Amount of the order when it was placed.")
    captured_amount: Whole | None = Field(default=None, description="Total of all captures.")
    refunded_amount: Whole | None = Field(default=None, description="Total of all refunds.")
    remaining_authorized_amount: Whole | None = Field(default=None, description="What can still be captured.")
    purchase_currency: Text | None = Field(default=None, description="Currency, ISO 4217, in either case.")
    purchase_country: Text | None = Field(default=None, description="Country, ISO 3166-1 alpha-2, in either case.")
    locale: Text | None = Field(default=None, description="Locale of the customer, such as sv-SE.")
    created_at: Time = Field(default=None, description="When it was placed.")
    expires_at: Time = Field(default=None, description="Until when it can be captured.")
    klarna_reference: Text | None = Field(default=None, description="Reference for the customer, shorter than the id.")
    merchant_reference1: Text | None = Field(default=None, description="The merchant's order number.")
    merchant_reference2: Text | None = Field(default=None, description="The merchant's second reference.")
    merchant_data: Text | None = Field(default=None, description="The merchant's own text about the order.")
    initial_payment_method: InitialPaymentMethod | None = Field(default=None, description="Chosen payment.")
    customer: Customer | None = Field(default=None, description="Who ordered.")
    billing_address: Address | None = Field(default=None, description="Billing address.")
    shipping_address: Address | None = Field(default=None, description="Shipping address; undocumented here, but sent.")
    selected_shipping_option: SelectedShippingOption | None = Field(default=None, description="Chosen shipping.")
    selected_shipping_options: Many[SelectedShippingOption] = Field(
        default=(), description="Chosen shipping of each delivery, if there are several; undocumented here, but sent."
    )
    order_lines: Many[OrderLine] = Field(default=(), description="What was ordered.")
    shipping_info: Many[ShippingInfo] = Field(default=(), description="Shipments of the order as a whole.")
    captures: Many[Capture] = Field(default=(), description="The captures, in no particular order.")
    refunds: Many[Refund] = Field(default=(), description="The refunds, in no particular order.")

    @property
    def selected_shipping_options_method(self) -> str | None:
        """The methods of `selected_shipping_options`, one per line; None if there is none."""
        return "\n".join(option.method for option in self.selected_shipping_options if option.method) or None

    @property
    def customer_key(self) -> str | None:
        """A pseudonym that the orders of one customer share; None without a key. See `privacy.customer_key`."""
        address, customer = self.billing_address or Address(), self.customer or Customer()
        return customer_key(
            email=address.email, organization=customer.organization_registration_id, country=address.country
        )

    def _repr_html_(self) -> str:
        return card(self)

    def model_post_init(self, _context: object) -> None:
        """Give captures and refunds the order's id and currency."""
        stamp_parts(self, self.order_id)


_STAMPED_POSITION: Final = "_position"  # no field: pydantic neither writes nor compares it


def stamp_parts(order: Order, order_id: str | None) -> None:
    """Give an order its id, and its parts that id, the currency and their positions.

    They do not count as fields that were set: the document did not contain them.
    """
    order.__dict__["order_id"] = order_id
    stamp(order.captures, order_id, order.purchase_currency)
    stamp(order.refunds, order_id, order.purchase_currency)


def stamp(parts: Iterable[Capture | Refund], order_id: str | None, currency: str | None) -> None:
    """Give the captures or refunds of an order its id and currency, as far as they are known, and their positions."""
    for position, part in enumerate(parts):
        fields = part.__dict__
        fields["order_id"] = order_id or fields["order_id"]
        fields["purchase_currency"] = currency or fields["purchase_currency"]
        fields[_STAMPED_POSITION] = position


def with_currency(capture: Capture, currency: str | None) -> Capture:
    """Return a copy of a capture with a currency that its own document lacks."""
    copy = capture.model_copy()
    copy.__dict__["purchase_currency"] = currency or copy.purchase_currency
    return copy

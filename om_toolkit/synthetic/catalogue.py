"""The data of the synthetic shop: its customers, how they pay and what they buy, and how long everything takes.

A dictionary from names to whole numbers has weights to draw by, unless a comment says otherwise. Rates and amounts are
in minor units, as in the API.
"""

from typing import NamedTuple


class Category(NamedTuple):
    """Products of one kind."""

    path: str
    weight: int
    refunded: float  # share of the orders
    brand: str
    sizes: tuple[str, ...]
    products: dict[str, int]  # name: price in euro cents
    is_digital: bool = False


# Where purchases come from.
COUNTRIES = {"SE": 36, "DE": 18, "FI": 12, "NL": 8, "US": 13, "JP": 7}
CURRENCIES = {"SE": "SEK", "DE": "EUR", "FI": "EUR", "NL": "EUR", "US": "USD", "JP": "JPY"}
LOCALES = {"SE": "sv-SE", "DE": "de-DE", "FI": "fi-FI", "NL": "nl-NL", "US": "en-US", "JP": "ja-JP"}
UTC_OFFSETS = {"SE": 2, "DE": 2, "FI": 3, "NL": 2, "US": -5, "JP": 9}  # hours
TAX_RATES = {"SE": 2500, "DE": 1900, "FI": 2550, "NL": 2100, "US": 0, "JP": 1000}  # 2500 is 25 %
SALES_TAX_RATE = 800  # in the US, as a separate line
PHONES = {"SE": "+467017406", "DE": "+4930231250", "US": "+121255501"}  # two digits follow; reserved for fiction
OTHER_PHONES = "+4477009000"
PLACES = {  # city, postal code, region
    "SE": (("Göteborg", "411 05", ""), ("Stockholm", "111 22", ""), ("Umeå", "903 26", "")),
    "DE": (("Berlin", "10115", ""), ("Köln", "50667", ""), ("München", "80331", "")),
    "FI": (("Helsinki", "00100", ""), ("Jyväskylä", "40100", "")),
    "NL": (("Amsterdam", "1012 AB", ""), ("Utrecht", "3511 CD", "")),
    "US": (("Austin", "78701", "TX"), ("Nashville", "37203", "TN"), ("New York", "10001", "NY")),
    "JP": (("Tokyo", "100-0001", ""), ("大阪市", "530-0001", "")),
}
STREETS = ("Björkvägen", "Gartenweg", "Maple Street", "Molenweg", "桜通り")
GIVEN_NAMES = ("Aino", "Astrid", "Björn", "Chloé", "Emil", "Greta", "Haruka", "Jonas", "Lena", "Noah", "Sanna", "Tom")
FAMILY_NAMES = ("Bergqvist", "Dupré", "Exempelsson", "Hakala", "Jansen", "Miller", "Müller", "Sato", "Testberg")
ENTITIES = {"LIMITED_COMPANY": 60, "SOLE_TRADER": 20, "PUBLIC_INSTITUTION": 12, "GENERAL_PARTNERSHIP": 8}

# How orders are paid and shipped.
PAYMENT_TYPES = {
    "SE": {"INVOICE": 34, "CARD": 24, "SWISH": 22, "FIXED_AMOUNT": 10, "APPLE_PAY_CARD": 6, "BANK_TRANSFER": 4},
    "DE": {"INVOICE": 46, "CARD": 20, "DIRECT_DEBIT": 14, "FIXED_AMOUNT": 12, "GOOGLE_PAY_CARD": 8},
    "FI": {"INVOICE": 34, "CARD": 26, "MOBILEPAY": 22, "BANK_TRANSFER": 18},
    "NL": {"BANK_TRANSFER": 52, "INVOICE": 30, "CARD": 18},
    "US": {"CARD": 42, "PAY_LATER_IN_PARTS": 32, "APPLE_PAY_CARD": 18, "FIXED_AMOUNT": 8},
    "JP": {"CARD": 80, "OTHER": 20},
}
EXPIRY_DAYS = {"APPLE_PAY_CARD": 7, "GOOGLE_PAY_CARD": 7, "INVOICE_BUSINESS": 60, "MOBILEPAY": 14}
OTHER_EXPIRY_DAYS = 28
INSTALMENTS = {"FIXED_AMOUNT": (3, 6, 12), "PAY_LATER_IN_PARTS": (4,)}
DIGITAL_METHOD = "Digital"
METHODS = {
    "SE": {"PickUpPoint": 50, "Home": 20, "BoxReg": 12, "Postal": 10, "ClickCollect": 8},
    "DE": {"Home": 52, "DHLPackstation": 22, "Postal": 13, "PickUpPoint": 8, "Undefined": 5},
    "FI": {"PickUpPoint": 45, "BoxUnreg": 25, "Home": 20, "PickUpStore": 10},
    "NL": {"Home": 70, "PickUpPoint": 22, "PickUpStore": 8},
    "US": {"Home": 76, "PickUpStore": 14, "PickupStore": 4, "PickUpWarehouse": 6},
    "JP": {"Home": 84, "ClickCollect": 16},
}
CARRIERS = {  # in the spellings that shops use
    "SE": {"PostNord": 34, "Postnord": 12, "postnord": 6, "DHL SE": 22, "DHL": 8, "Budbee": 18},
    "DE": {"DHL": 48, "DHL DE": 16, "Hermes": 22, "DPD": 14},
    "FI": {"Posti": 58, "posti": 8, "Matkahuolto": 34},
    "NL": {"PostNL": 70, "DHL NL": 30},
    "US": {"UPS": 44, "FedEx": 30, "USPS": 22, "usps": 4},
    "JP": {"Yamato": 66, "Sagawa": 34},
}
RARELY_TRACKED_METHODS = ("BoxUnreg", "ClickCollect", "Own", "PickUpStore", "PickupStore", "Postal", "Undefined")
ENTRY_CODE = {"type": "entry-code", "price": 0, "external_id": "addon-1", "user_input": "0000"}
METHODS_WITHOUT_CARRIER = ("ClickCollect", "Own", "PickUpStore", "PickUpWarehouse", "PickupStore")
PICKUP_METHODS = ("BoxReg", "ClickCollect", "DHLPackstation", "PickUpPoint", "PickUpStore")

# What customers buy.
_CLOTHES = {"Linen shirt": 4900, "Rain jacket": 12900, "Socks, 3 pairs": 1490, "Wool sweater": 8900}
_SHOES = {"Running shoes": 10900, "Sandals": 5900, "Winter boots": 15900}
_AUDIO = {"Charging cable": 1290, "Headphones": 19900, "Speaker": 7990, "Turntable": 34900}
FURNITURE = {"Armchair": 44900, "Bookshelf": 29900, "Floor lamp": 12900, "Oak table": 69900}
_DIGITAL = {"Audio book": 1990, "E-book": 1290, "Gift card": 5000, "Software licence": 8900}
CATEGORIES = (
    Category("Clothing", 31, 0.40, "Nordvik", ("S", "M", "L", "XL"), _CLOTHES),
    Category("Shoes", 18, 0.34, "Stigfinn", ("38", "40", "42", "44"), _SHOES),
    Category("Electronics > Audio", 26, 0.14, "Lumo", ("",), _AUDIO),
    Category("Home > Furniture", 12, 0.07, "Ekhammar", ("",), FURNITURE),
    Category("Digital", 13, 0.03, "Papervale", ("",), _DIGITAL, is_digital=True),
)
COLOURS = ("black", "forest green", "natural", "sea blue", "white")
BASKET = {1: 32, 2: 30, 3: 21, 4: 12, 5: 5}  # lines per order
QUANTITY = {1: 84, 2: 12, 3: 4}
PARCELS = {1: 84, 2: 12, 3: 4}
PRICES = {
    "EUR": (100, 10),
    "JPY": (160, 10),
    "SEK": (1100, 100),
    "USD": (110, 5),
}  # percent of euro cents; rounding
FEES = {"Home": 790, "PalletDelivery": 4900, "PickUpPoint": 390}  # euro cents
OTHER_FEE = 490
FREE_SHIPPING_FROM = 15000  # euro cents

# How long things take. A duration is given by its values at QUANTILES and interpolated linearly between them, because
# sums and products are the same on every platform, and logarithms and exponentials are not.
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
CAPTURE_HOURS = {
    "BoxReg": (1, 3, 9, 19, 32, 70, 200),
    "ClickCollect": (0.5, 1, 2, 4, 8, 30, 100),
    DIGITAL_METHOD: (0.0001, 0.0002, 0.00025, 0.0003, 0.00035, 0.0006, 0.002),
    "Home": (1, 4, 14, 26, 44, 96, 300),
    "PalletDelivery": (20, 48, 100, 170, 260, 480, 900),
    "PickUpPoint": (1, 3, 10, 20, 34, 72, 240),
    "PickUpStore": (0.5, 1, 3, 6, 16, 48, 150),
}
OTHER_CAPTURE_HOURS = (1, 4, 12, 24, 42, 90, 280)
CAPTURE_DURATION_PERCENT = {"SE": 80, "US": 170, "JP": 150}  # elsewhere 100
BACK_ORDER_HOURS = (24, 72, 168, 336, 600, 1000, 1440)
CANCELLATION_HOURS = (0.1, 0.5, 2, 8, 24, 90, 240)
REFUND_HOURS = (5, 36, 144, 288, 504, 1080, 1920)
WEEKDAYS = (115, 105, 100, 98, 90, 82, 110)  # from Monday
HOURS = (8, 4, 3, 2, 2, 4, 10, 22, 34, 42, 46, 48, 52, 48, 44, 44, 48, 54, 62, 74, 82, 78, 50, 22)  # local time
OPENS, CLOSES, SATURDAY = 7, 18, 5  # working hours in local time
TREND = 0.3  # growth of purchases from the first day to the last
FATES = {"shipped": 863, "abandoned": 62, "cancelled": 45, "pending": 18, "rejected": 12}
FATES_BY_COUNTRY = {"US": FATES | {"shipped": 618, "cancelled": 290}}  # elsewhere FATES
FRAUD_STATUS = {"pending": "PENDING", "rejected": "REJECTED"}
REFUND_STEPS = {("rest",): 42, ("line",): 30, ("line", "line"): 14, ("line", "rest"): 14}
REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

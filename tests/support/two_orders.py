"""Two small orders as documents, together as an array and as NDJSON."""

import json

FIRST = {"order_id": "a-1", "order_amount": 100, "purchase_currency": "sek", "created_at": "2026-10-01T08:00:00Z"}
SECOND = {
    "order_id": "b-2",
    "purchase_currency": "SEK",
    "expires_at": "2030-01-01T00:00:00Z",
    "order_lines": [{"type": "physical", "reference": ""}, {"type": "shipping_fee"}],
    "shipping_info": [{"shipping_method": "Home"}],
    "captures": [
        {
            "capture_id": "c-1",
            "captured_amount": 60,
            "captured_at": "2026-10-02T08:00:00+02:00",
            "order_lines": [{"type": "physical", "total_amount": 60}],
            "shipping_info": [{"tracking_number": "t"}, {"tracking_number": ""}],
        },
        {"capture_id": "c-2"},
    ],
    "refunds": [{"refund_id": "r-1", "refunded_amount": 5, "order_lines": [{"name": "Stol"}]}],
}
BOTH = json.dumps([FIRST, SECOND])
NDJSON = f"{json.dumps(FIRST)}\n\n{json.dumps(SECOND)}\n"

"""The metrics as SQL of DuckDB, in the form that was the fastest of those tried.

Written from the definitions alone. Ids are compared by their hash; sums of squares are floats. What only a few orders
need, such as the sum of captures in place of a missing amount, is computed for those orders only.
"""

# ruff: noqa: S608 - queries built from constant names and numbers

from __future__ import annotations

from datetime import UTC, datetime

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)
NOW = f"TIMESTAMPTZ '{AS_OF.isoformat()}'"
Z = 1.959963984540054


def _reached(q: float) -> str:
    """Return when the captured share and its bounds reach a quantile, hours."""
    scaled = f"ln(-ln({1 - q} + 1e-9))"
    is_reached = (f"s <= ln({1 - q} + 1e-9)", f"middle - half >= {scaled}", f"middle + half >= {scaled}")
    return ", ".join(f"min(t) FILTER ({condition}) / 3600e6" for condition in is_reached)


def _within(hours: int) -> str:
    """Return the share captured within some hours and its bounds."""
    s, v = f"min(s) FILTER (t <= {hours} * 3600e6)", f"max(v) FILTER (t <= {hours} * 3600e6)"
    bounds = ", ".join(f"1 - exp({s} * exp({side} * {Z} * sqrt({v}) / {s}))" for side in (1, -1))
    return f"1 - exp({s}), {bounds}"


LATENCY = f"""
WITH captured AS (
    SELECT hash(order_id) AS k, epoch_us(min(captured_at)) AS c
    FROM captures WHERE captured_at IS NOT NULL AND captured_amount IS DISTINCT FROM 0 GROUP BY k
),
known AS (
    SELECT purchase_country AS g, epoch_us(created_at) AS created, epoch_us(expires_at) AS x, c, status,
        status = 'PART_CAPTURED' AND remaining_authorized_amount = 0 AS is_released,
        epoch_us(TIMESTAMPTZ '{AS_OF.isoformat()}') AS now, epoch_us(seen_at) AS seen
    FROM orders LEFT JOIN captured ON hash(order_id) = k
),
ended AS (
    SELECT g, CASE WHEN c <= now THEN c
        WHEN status IN ('CAPTURED', 'CANCELLED', 'EXPIRED', 'CLOSED') OR is_released THEN now
        ELSE least(now, seen) END - created AS t, CASE WHEN c <= now THEN 0
        WHEN c > now OR status IN ('AUTHORIZED', 'PART_CAPTURED') AND NOT coalesce(is_released, false)
            OR status = 'EXPIRED' AND x > now THEN 1
        WHEN status = 'EXPIRED' THEN 2 WHEN status = 'CANCELLED' THEN 3 ELSE 4 END AS outcome
    FROM known WHERE created <= now
),
keyed AS (SELECT g, greatest(t, 0) * 5 + outcome AS k FROM ended WHERE outcome > 0 OR t >= -60e6),
risked AS (
    SELECT g, k // 5 AS t, k % 5 AS outcome, k, row_number() OVER (PARTITION BY g ORDER BY k DESC) AS r FROM keyed
),
curve AS (
    SELECT g, t, outcome, r,
        sum(CASE WHEN outcome > 0 THEN 0 WHEN r > 1 THEN ln((r - 1) / r) ELSE -1e9 END) OVER so_far AS s,
        sum(CASE WHEN outcome = 0 AND r > 1 THEN 1 / (r * (r - 1)) ELSE 0 END) OVER so_far AS v,
        coalesce(lead(t) OVER so_far <> t, true) AS is_last
    FROM risked WINDOW so_far AS (PARTITION BY g ORDER BY r DESC ROWS UNBOUNDED PRECEDING)
),
bounded AS (
    SELECT *, CASE WHEN is_last AND s < 0 THEN ln(-s) END AS middle, CASE WHEN s < 0 THEN {Z} * sqrt(v) / s END AS half
    FROM curve
)
SELECT g, count(*) FILTER (outcome = 0), count(*) FILTER (outcome = 1), count(*) FILTER (outcome = 2),
    count(*) FILTER (outcome = 3), {_reached(0.5)}, {_reached(0.9)}, {_reached(0.95)}, {_within(24)}, {_within(72)}
FROM bounded GROUP BY g ORDER BY g
"""


def _filled(name: str, table: str) -> str:
    """Return the sum of the captures or refunds of the orders without an amount of their own."""
    amount = f"{name}_amount"
    return f"""
        SELECT order_id, CASE WHEN NOT bool_or({amount} IS NULL) THEN sum({amount}) END::BIGINT AS total
        FROM {table} SEMI JOIN incomplete USING (order_id) GROUP BY order_id"""


_AMOUNTS = f"""
incomplete AS (
    SELECT * FROM orders WHERE captured_amount IS NULL OR refunded_amount IS NULL
),
captured_parts AS ({_filled("captured", "captures")}),
refunded_parts AS ({_filled("refunded", "refunds")}),
amounts AS (
    SELECT order_id, purchase_currency AS g, captured_amount AS x, refunded_amount AS y
    FROM orders WHERE captured_amount IS NOT NULL AND refunded_amount IS NOT NULL
    UNION ALL
    SELECT o.order_id, purchase_currency,
        coalesce(captured_amount, CASE WHEN c.order_id IS NULL THEN 0 ELSE c.total END),
        coalesce(refunded_amount, CASE WHEN r.order_id IS NULL THEN 0 ELSE r.total END)
    FROM incomplete o LEFT JOIN captured_parts c USING (order_id) LEFT JOIN refunded_parts r USING (order_id)
)
"""


def _wilson(share: str, size: str) -> str:
    """Return the bounds of a share of an effective number of orders."""
    middle = f"({share} * {size} + {Z} ^ 2 / 2) / ({size} + {Z} ^ 2)"
    half = f"{Z} * sqrt({size} * {share} * (1 - {share}) + {Z} ^ 2 / 4) / ({size} + {Z} ^ 2)"
    return ", ".join(f"CASE WHEN {share} BETWEEN 0 AND 1 THEN {middle} {sign} {half} END" for sign in "-+")


_SIZE = """least(x::DOUBLE ^ 2 / xx, CASE WHEN q > 0 AND q < 1 AND residuals > 0
        THEN q * (1 - q) * x::DOUBLE ^ 2 / (n / (n - 1)::DOUBLE * residuals) END)"""
REFUNDS = f"""
WITH {_AMOUNTS},
sums AS (
    SELECT g, count(x) FILTER (is_known) AS n, count(*) FILTER (is_known AND y > 0) AS k,
        count(*) FILTER (is_known AND y >= x) AS f, count(*) FILTER (NOT is_known) AS excluded,
        sum(x) FILTER (is_known) AS x, sum(y) FILTER (is_known) AS y, sum(y * y::DOUBLE) FILTER (is_known) AS yy,
        sum(x * y::DOUBLE) AS xy, sum(x * x::DOUBLE) FILTER (is_known) AS xx
    FROM (SELECT *, x IS NOT NULL AND y IS NOT NULL AS is_known FROM amounts WHERE x > 0 OR x IS NULL) GROUP BY g
),
spread AS (SELECT *, y / x::DOUBLE AS q, yy - 2 * q * xy + q * q * xx AS residuals, {_SIZE} AS size FROM sums)
SELECT g, n, k, f, excluded, x::BIGINT, y::BIGINT, q, {_wilson("q", "size")} FROM spread ORDER BY g
"""
CURVE = f"""
WITH captured AS (
    SELECT hash(order_id) AS k, epoch_us(min(captured_at)) AS c, bool_or(captured_at > {NOW}) AS is_later,
        sum(captured_amount) FILTER (captured_at > {NOW} IS NOT TRUE) AS total,
        bool_or(captured_amount IS NULL AND captured_at > {NOW} IS NOT TRUE) AS is_partial
    FROM captures WHERE order_id IS NOT NULL AND captured_amount IS DISTINCT FROM 0 GROUP BY k
),
refunded AS (
    SELECT hash(order_id) AS k, epoch_us(refunded_at) AS t, refunded_amount AS y
    FROM refunds WHERE order_id IS NOT NULL AND refunded_amount IS DISTINCT FROM 0 AND refunded_at > {NOW} IS NOT TRUE
),
totals AS (SELECT k, sum(y) AS y, bool_and(t IS NOT NULL AND y IS NOT NULL) AS is_dated FROM refunded GROUP BY k),
known AS (
    SELECT k, date_trunc('month', created_at)::DATE AS g, purchase_currency AS u, c, seen_at,
        CASE WHEN NOT coalesce(is_partial, false) THEN coalesce(total, 0) END AS total,
        (CASE WHEN is_later THEN total ELSE coalesce(captured_amount, total) END)::BIGINT AS x
    FROM orders JOIN captured ON hash(order_id) = k
),
followed AS (
    SELECT k, g, u, x, c, epoch_us(CASE WHEN coalesce(y, 0) >= x THEN {NOW} ELSE least({NOW}, seen_at) END) - c AS e
    FROM known LEFT JOIN totals USING (k) WHERE x > 0 AND coalesce(is_dated, true)
),
observed AS (SELECT * FROM followed WHERE e >= 0),
reached AS (
    SELECT g, u, k, x, e, y, greatest(t - c, 0) AS a FROM refunded JOIN observed USING (k) WHERE greatest(t - c, 0) <= e
),
ends AS (
    SELECT g, u, e, count(*) OVER later AS n, sum(x) OVER later AS xs, sum(x::DOUBLE * x) OVER later AS xx
    FROM observed WINDOW later AS (PARTITION BY g, u ORDER BY e DESC ROWS UNBOUNDED PRECEDING)
),
risked AS (
    SELECT s.g, s.u, s.a, n, xs, xx FROM (SELECT DISTINCT g, u, a FROM reached) s
    ASOF JOIN (SELECT g, u, e, max(n) AS n, max(xs) AS xs, max(xx) AS xx FROM ends GROUP BY ALL) r
    ON s.g = r.g AND s.u = r.u AND s.a <= r.e
),
parts AS (SELECT g, u, k, a, e, x, y, n, xs, y / xs::DOUBLE AS p FROM reached JOIN risked USING (g, u, a)),
steps AS (
    SELECT *, p * (2 * sum(p) OVER so_far - p) AS own, row_number() OVER so_far = 1 AS is_first
    FROM parts WINDOW so_far AS (PARTITION BY k ORDER BY a ROWS UNBOUNDED PRECEDING)
),
moves AS (
    SELECT g, u, 2 * a AS t, sum(y) AS y, sum(p) AS p, sum(own) AS own, sum(x * p) AS entering,
        count_if(is_first) AS first
    FROM steps GROUP BY ALL
    UNION ALL
    SELECT g, u, 2 * e + 1, NULL, 0, 0, -sum(x * p), -count_if(is_first) FROM steps GROUP BY g, u, e
),
curve AS (
    SELECT m.*, n, xs, xx, coalesce(m.p / xs, 0) AS slope,
        sum(m.p) OVER so_far AS money, sum(entering) OVER so_far AS exposed,
        sum(coalesce(m.p / xs, 0)) OVER so_far AS level, sum(first) OVER so_far AS started
    FROM moves m LEFT JOIN risked r ON m.g = r.g AND m.u = r.u AND m.t = 2 * r.a
    WINDOW so_far AS (PARTITION BY m.g, m.u ORDER BY t ROWS UNBOUNDED PRECEDING)
),
varied AS (
    SELECT *, sum(own - 2 * (slope * (exposed - entering) + CASE WHEN n IS NULL THEN 0 ELSE entering * level END)
            + coalesce(xx, 0) * slope * (2 * level - slope)) OVER so_far AS v,
        sum(CASE WHEN first > 0 THEN ln((n - started) / (n - started + first)) ELSE 0 END) OVER so_far AS s,
        sum(CASE WHEN first > 0 THEN first / ((n - started) * (n - started + first)) ELSE 0 END) OVER so_far AS w
    FROM curve WINDOW so_far AS (PARTITION BY g, u ORDER BY t ROWS UNBOUNDED PRECEDING)
),
shared AS (
    SELECT g, u, t // 2 / 86400e6 AS days, n, xs, y, CASE WHEN abs(money - 1) < 1e-12 THEN 1 ELSE money END AS q,
        least(xs::DOUBLE ^ 2 / xx, CASE WHEN q BETWEEN 1e-12 AND 1 - 1e-12 AND v > 0 THEN q * (1 - q) / v END) AS size,
        s, w
    FROM varied WHERE n IS NOT NULL
)
SELECT g, u, days, n, xs::BIGINT, y::BIGINT, q, {_wilson("q", "size")},
    1 - exp(s), 1 - exp(s * exp({Z} * sqrt(w) / s)), 1 - exp(s * exp(-{Z} * sqrt(w) / s))
FROM shared ORDER BY g, u, days
"""
_GOODS = "('physical', 'digital', 'package')"
PRODUCTS = f"""
WITH {_AMOUNTS},
lined AS (SELECT DISTINCT hash(order_id, capture) AS k FROM order_lines WHERE source = 'capture'),
whole AS (
    SELECT c.order_id FROM captures c JOIN orders o USING (order_id)
    WHERE c.captured_amount = order_amount AND hash(c.order_id, capture) NOT IN (FROM lined) GROUP BY c.order_id
),
sold AS (
    SELECT * FROM order_lines WHERE source IN ('capture', 'refund')
    UNION ALL
    SELECT * FROM order_lines SEMI JOIN whole USING (order_id) WHERE source = 'order'
),
labelled AS (
    SELECT CASE WHEN type NOT IN {_GOODS} THEN '(' || type || ')'
            ELSE nullif(trim(split_part(product_identifiers_category_path, '>', 1)), '') END AS label,
        purchase_currency AS g, hash(order_id) AS k, source <> 'refund' AS is_sold, total_amount AS amount,
        CASE WHEN type NOT IN {_GOODS} THEN 0 ELSE quantity END AS quantity,
        total_discount_amount AS discount, total_tax_amount AS tax
    FROM sold
),
of_orders AS (
    SELECT label, g, k, sum(quantity) FILTER (is_sold) AS sold, coalesce(sum(amount) FILTER (is_sold), 0) AS x,
        sum(quantity) FILTER (NOT is_sold) AS returned, coalesce(sum(amount) FILTER (NOT is_sold), 0) AS y,
        sum(discount) FILTER (is_sold) AS discount, sum(tax) FILTER (is_sold) AS tax
    FROM labelled GROUP BY ALL
),
rows AS (
    SELECT label, g, false AS is_rest, coalesce(sum(sold), 0)::BIGINT AS sold, sum(x)::BIGINT AS x,
        coalesce(sum(returned), 0)::BIGINT AS returned, sum(y)::BIGINT AS y,
        coalesce(sum(discount), 0)::BIGINT AS discount, coalesce(sum(tax), 0)::BIGINT AS tax, count(*) AS n,
        sum(y::DOUBLE * y) AS yy, sum(x::DOUBLE * y) AS xy, sum(x::DOUBLE * x) AS xx, 0 AS excluded
    FROM of_orders GROUP BY label, g
    UNION ALL
    SELECT '(no lines)', a.g, true, NULL, sum(CASE WHEN is_known THEN a.x - coalesce(e.x, 0) ELSE 0 END)::BIGINT, NULL,
        sum(CASE WHEN is_known THEN a.y - coalesce(e.y, 0) ELSE 0 END)::BIGINT, NULL, NULL, NULL, NULL, NULL, NULL,
        count_if(NOT is_known)
    FROM (SELECT *, x IS NOT NULL AND y IS NOT NULL AS is_known FROM amounts) a
    LEFT JOIN (SELECT k, sum(x) AS x, sum(y) AS y FROM of_orders GROUP BY k) e ON hash(order_id) = k GROUP BY a.g
),
spread AS (
    SELECT *, CASE WHEN x > 0 AND NOT is_rest THEN y / x::DOUBLE END AS q, yy - 2 * q * xy + q * q * xx AS residuals,
        {_SIZE} AS size
    FROM rows
)
SELECT label, g, sold, x, returned, y, q, {_wilson("q", "size")}, returned / nullif(sold, 0)::DOUBLE, discount,
    CASE WHEN x > 0 THEN discount / (discount + x)::DOUBLE END, tax, excluded
FROM spread ORDER BY g, is_rest, x DESC, label
"""
_KEY = "nullif(lower(regexp_replace(shipping_method, '\\s', '', 'g')), '')"
SHIPPING = f"""
WITH entries AS (
    SELECT hash(order_id, capture) AS k, min({_KEY}) AS low, max({_KEY}) AS high, bool_or(has_tracking) AS tracked
    FROM shipments WHERE source = 'capture' GROUP BY k
),
of_orders AS (
    SELECT hash(s.order_id) AS k, min({_KEY}) AS low, max({_KEY}) AS high, bool_or(has_tracking) AS tracked
    FROM shipments s ANTI JOIN (SELECT order_id FROM shipments WHERE source = 'capture') c USING (order_id)
    WHERE source = 'order' GROUP BY k
),
shipped AS (
    SELECT hash(order_id) AS o, k, CASE WHEN e.tracked IS NULL THEN r.low ELSE e.low END AS low,
        CASE WHEN e.tracked IS NULL THEN r.high ELSE e.high END AS high, coalesce(e.tracked, r.tracked) AS tracked
    FROM (SELECT order_id, hash(order_id, capture) AS k FROM captures) LEFT JOIN entries e USING (k)
    LEFT JOIN of_orders r ON hash(order_id) = r.k
),
goods AS (
    SELECT hash(order_id, capture) AS k, bool_or(type = 'digital') AND bool_and(coalesce(type IN ('digital', 'discount',
        'sales_tax', 'store_credit', 'gift_card', 'surcharge', 'return_fee'), false)) AS is_digital
    FROM order_lines
    WHERE source = 'capture' AND hash(order_id, capture) IN (SELECT k FROM shipped WHERE tracked IS NULL) GROUP BY 1
),
named AS (
    SELECT purchase_country AS g, tracked, CASE WHEN low <> high THEN '(mixed)' WHEN low IS NOT NULL THEN low
        WHEN tracked IS NULL AND is_digital IS NULL THEN '(unknown)'
        WHEN tracked IS NULL AND is_digital THEN '(digital)' ELSE '(missing)' END AS method
    FROM shipped LEFT JOIN goods USING (k) JOIN (SELECT hash(order_id) AS o, purchase_country FROM orders) USING (o)
)
SELECT g, method, count(*) AS n, count(*) FILTER (tracked) FROM named GROUP BY g, method ORDER BY g, n DESC, method
"""

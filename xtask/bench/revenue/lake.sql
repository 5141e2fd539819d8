-- A subscription company of exactly so many accounts, periods and invoices. Every value follows from the number of its
-- row, so equal sizes give equal rows.
CREATE MACRO dice(row_number, throw) AS (hash(row_number * 64 + throw) % 1000000) / 1e6;

CREATE TEMP TABLE members AS
SELECT
    number AS member,
    printf('acc_%08d', number) AS account_id,
    -- More accounts are old than young, as of a company whose growth slows.
    DATE '{as_of}' - (1095 * dice(number, 1) ** 0.6)::INTEGER AS signed_up_on,
    -- The eighth is missing: of some accounts nobody knows where they came from.
    ['organic', 'paid_search', 'referral', 'paid_social', 'partner', 'outbound', 'event'][
        1 + floor(8 * dice(number, 2) ** 1.3)::INTEGER] AS acquisition_channel,
    ['US', 'DE', 'GB', 'FR', 'IT', 'JP', 'BR', 'IN'][1 + floor(8 * dice(number, 3) ** 2)::INTEGER] AS country
FROM range({accounts}) AS numbers(number);

-- Periods are dealt to accounts, so that some have none and a few have ten; each takes its share of the account's time.
CREATE TEMP TABLE lives AS
SELECT
    number,
    member,
    row_number() OVER so_far AS place,
    count(*) OVER life AS places,
    sum(0.3 + dice(number, 4)) OVER so_far / sum(0.3 + dice(number, 4)) OVER life AS until,
    (0.3 + dice(number, 4)) / sum(0.3 + dice(number, 4)) OVER life AS share,
    sum(CASE WHEN dice(number, 5) < 0.12 THEN 1 WHEN dice(number, 5) < 0.17 THEN -1 ELSE 0 END) OVER so_far AS level,
    sum(CASE
        WHEN dice(number, 6) < 0.45 THEN 1 + floor(8 * dice(number, 7))
        WHEN dice(number, 6) < 0.65 THEN -1 - floor(4 * dice(number, 7))
        ELSE 0 END) OVER so_far AS grown
FROM (SELECT number, (hash(number * 64) % {accounts})::BIGINT AS member FROM range({subscriptions}) AS numbers(number))
WINDOW life AS (PARTITION BY member), so_far AS (PARTITION BY member ORDER BY number);

-- A period is followed by the next one directly or after a gap; of the last ones most are open and some have an end to come.
CREATE TEMP TABLE periods AS
WITH dated AS (
    SELECT
        *,
        DATE '{as_of}' - signed_up_on AS span,
        place > 1 AND dice(number, 8) < 0.05 AS is_add_on,
        place = 1 AND dice(number, 9) < 0.12 AS is_trial,
        signed_up_on + floor(span * (until - share))::INTEGER AS begins,
        signed_up_on + floor(span * until)::INTEGER AS ends
    FROM lives JOIN members USING (member)
),
placed AS (
    SELECT
        *,
        CASE WHEN is_add_on THEN begins - ((begins - signed_up_on) // 4)::INTEGER ELSE begins END AS started_on,
        CASE
            WHEN is_trial THEN least(begins + 14, ends)
            WHEN place < places AND dice(number, 10) < 0.78 THEN ends
            WHEN place < places THEN begins + floor((ends - begins) * (0.3 + 0.6 * dice(number, 11)))::INTEGER
            WHEN dice(number, 10) < 0.72 THEN NULL
            WHEN dice(number, 10) < 0.76 THEN DATE '{as_of}' + 1 + floor(60 * dice(number, 11))::INTEGER
            ELSE begins + floor((ends - begins) * dice(number, 11))::INTEGER
        END AS ended_on,
        1 + floor(2.2 * dice(member, 12))::INTEGER + level::INTEGER AS rung,
        greatest(1, 1 + floor(40 * dice(member, 13) ** 3) + grown)::INTEGER AS seats
    FROM dated
)
SELECT
    number,
    member,
    account_id,
    started_on,
    ended_on,
    ['starter', 'team', 'business', 'enterprise'][greatest(1, least(4, rung))] AS plan,
    seats,
    is_trial,
    is_add_on,
    CASE WHEN dice(number, 14) < 0.03 THEN 0 ELSE round(
        seats * [9.00, 19.50, 34.00, 55.25][greatest(1, least(4, rung))]
        * (1 + 0.04 * (year(started_on) - 2023)) * CASE WHEN is_add_on THEN 0.2 ELSE 1 END, 2) END::DECIMAL(12, 2) AS mrr
FROM placed;

-- Every paid period is billed each month on the day it began.
CREATE TEMP TABLE billed AS
SELECT *, sum(months) OVER (ORDER BY number) - months AS first_invoice
FROM (
    SELECT *, datesub('month', started_on, least(coalesce(ended_on - 1, DATE '{as_of}'), DATE '{as_of}')) + 1 AS months
    FROM periods
    WHERE mrr > 0 AND NOT is_trial AND (ended_on IS NULL OR ended_on > started_on)
);

COPY (SELECT account_id, signed_up_on, acquisition_channel, country FROM members)
TO '{lake}/accounts.parquet' (FORMAT parquet);

COPY (SELECT number AS subscription_id, account_id, started_on, ended_on, mrr, plan, seats, is_trial, is_add_on FROM periods)
TO '{lake}/subscriptions.parquet' (FORMAT parquet);

-- Invoices of periods up to the number asked for; where they are fewer, purchases beside the subscription fill up.
COPY (
    WITH monthly AS (
        SELECT
            account_id, number, first_invoice + month AS invoice, mrr AS amount,
            (started_on + to_months(month::INTEGER))::DATE AS invoiced_on,
            CASE WHEN month < 6 AND dice(number, 15) < 0.18 THEN 0.1 + 0.2 * dice(number, 16) ELSE 0 END AS discount
        FROM (SELECT *, unnest(range(months)) AS month FROM billed)
    ),
    single AS (
        SELECT
            account_id, invoice AS number, invoice, (5 + 495 * dice(invoice, 17) ** 4)::DECIMAL(12, 2) AS amount,
            signed_up_on + floor((DATE '{as_of}' - signed_up_on) * dice(invoice, 18))::INTEGER AS invoiced_on,
            0 AS discount
        FROM range((SELECT coalesce(sum(months), 0)::BIGINT FROM billed), {invoices}) AS numbers(invoice)
        JOIN members ON member = (hash(invoice * 64 + 19) % {accounts})::BIGINT
    ),
    invoices AS (
        FROM monthly WHERE invoice < {invoices} UNION ALL BY NAME FROM single
    )
    SELECT
        invoice::BIGINT AS invoice_id,
        account_id,
        invoiced_on,
        amount,
        (amount * discount)::DECIMAL(12, 2) AS discount_amount,
        CASE WHEN dice(invoice::BIGINT, 20) < 0.01 THEN amount WHEN dice(invoice::BIGINT, 20) < 0.015 THEN (amount / 2)::DECIMAL(12, 2) END
            AS refunded_amount,
        strftime(invoiced_on, '%Y-%m') AS month
    FROM invoices
)
TO '{lake}/invoices' (FORMAT parquet, PARTITION_BY (month));

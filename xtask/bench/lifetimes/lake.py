"""Makes the lake of `bench lifetimes`: `lake.py LAKE AS_OF CUSTOMERS [PURCHASES]`.

Without a file, customers buy as the BG/NBD model says, and spend as the gamma-gamma model says, over the 39 weeks before the
as-of day. With one, purchases are those of the file, up to the as-of day. Subscriptions are made in both cases, one a customer.
Equal arguments make equal rows.
"""

import sys

import numpy as np
import pandas as pd

SEED = 20260531
DAYS = 39 * 7
FIRST_DAYS = 12 * 7
# Rates of buying by the week, the chance to leave after a repeat purchase, and what is spent a purchase.
R, ALPHA, A, B = 0.25, 4.4, 0.8, 2.5
P, Q, V = 6.25, 3.74, 15.4
SUBSCRIBED_DAYS = 1095


def bought(random, customers):
    """Customers and days, from the first day of all, of their purchases: one a day at most."""
    first = random.integers(0, FIRST_DAYS, customers)
    rate = random.gamma(R, 1 / ALPHA, customers) / 7
    leaves = random.beta(A, B, customers)
    buyers, days = [np.arange(customers)], [first]
    alive, at = np.arange(customers), first.astype(float)
    while alive.size:
        at = at + random.exponential(1, alive.size) / np.maximum(rate[alive], 1e-12)
        buys = at < DAYS + 1
        alive, at = alive[buys], at[buys]
        buyers.append(alive)
        days.append(at.astype(np.int64))
        stays = random.random(alive.size) >= leaves[alive]
        alive, at = alive[stays], at[stays]
    rows = np.unique(np.stack([np.concatenate(buyers), np.concatenate(days)], axis=1), axis=0)
    return rows[:, 0], rows[:, 1]


def made(random, as_of, customers):
    buyers, days = bought(random, customers)
    scale = random.gamma(Q, 1 / V, customers)
    amounts = np.maximum(np.round(random.gamma(P, 1, buyers.size) / scale[buyers], 2), 0.01)
    day = np.datetime64(as_of) - DAYS + days
    return pd.DataFrame({"account_id": names(buyers), "ordered_on": day.astype("datetime64[s]"), "amount": amounts})


def read(file, as_of):
    rows = pd.read_parquet(file, columns=["customer_id", "date", "amount"])
    rows = rows[rows.date <= as_of].sort_values(["customer_id", "date"], kind="stable")
    names_of = names(rows.customer_id.to_numpy())
    day = rows.date.to_numpy().astype("datetime64[s]")
    return pd.DataFrame({"account_id": names_of, "ordered_on": day, "amount": rows.amount.to_numpy()})


def subscribed(random, as_of, accounts):
    """Two in five have left: each at a rate of its own, so that the curve flattens."""
    age = random.integers(1, SUBSCRIBED_DAYS + 1, len(accounts))
    stayed = 1 + random.exponential(1, len(accounts)) * 1200 / random.gamma(2, 0.75, len(accounts))
    started = np.datetime64(as_of) - age
    ended = started + np.minimum(stayed, SUBSCRIBED_DAYS + 1).astype(np.int64)
    ended[ended > np.datetime64(as_of)] = np.datetime64("NaT")
    mrr = np.round(10 + random.gamma(2, 20, len(accounts)), 2)
    columns = {"account_id": accounts, "started_on": started, "ended_on": ended, "mrr": mrr}
    return pd.DataFrame({key: value.astype("datetime64[s]") if key.endswith("_on") else value for key, value in columns.items()})


def names(numbers):
    return np.char.mod("acc_%08d", numbers)


def dates(frame):
    return frame.assign(**{key: frame[key].dt.date for key in frame.columns if key.endswith("_on")})


def main(lake, as_of, customers, file=None):
    random = np.random.default_rng(SEED)
    orders = read(file, as_of) if file else made(random, as_of, int(customers))
    first = orders.groupby("account_id", sort=True).ordered_on.min()
    subscriptions = subscribed(random, as_of, first.index.to_numpy())
    signed_up = np.minimum(first.to_numpy(), subscriptions.started_on.to_numpy())
    accounts = pd.DataFrame({"account_id": first.index, "signed_up_on": signed_up})
    for name, rows in [("accounts", accounts), ("orders", orders), ("subscriptions", subscriptions)]:
        dates(rows).to_parquet(f"{lake}/{name}.parquet", index=False, row_group_size=100_000)


main(*sys.argv[1:])

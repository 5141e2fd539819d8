"""Fits and scores with lifetimes, and draws a curve with lifelines: `models.py LAKE AS_OF FOLDER WAY` prints what each step cost.

The way is `customers`, each on a row of its own, as in lifetimes' documentation, or `histories`: customers of one history are a
row with a weight, which lifetimes can fit, and are scored once. Files are written after the cost was taken.
"""

import copy
import json
import sys
import warnings

import lifelines
import lifetimes
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet

from cost import measured

WEEK = 7
YEAR = 365.25
MONTH = YEAR / 12
MONTHS = 12
MONTHLY_DISCOUNT = 0.01
HISTORY = ["repeats", "span", "age"]


def read(file):
    table = parquet.read_table(file, read_dictionary=["account_id"])
    return table.to_pandas(date_as_object=False)


def summary_of(orders, as_of):
    """A row a customer: repeat order days, days to the last and until now, mean value of a repeat order day."""
    # The package's own helper makes an object of every day; this gives the same numbers in a fraction of the time.
    code = orders.account_id.cat.codes.to_numpy().astype(np.int64)
    day = orders.ordered_on.to_numpy().astype("datetime64[D]").astype(np.int64)
    days = pd.DataFrame({"code": code, "day": day, "amount": orders.amount.to_numpy()})
    days = days.groupby(["code", "day"], sort=True, as_index=False).amount.sum()
    by_customer = days.groupby("code", sort=True)
    summary = by_customer.agg(order_days=("day", "size"), first=("day", "min"), last=("day", "max"), total=("amount", "sum"))
    first_value = by_customer.amount.first()
    repeats = summary.order_days - 1
    return pd.DataFrame({
        "account_id": orders.account_id.cat.categories.to_numpy()[summary.index],
        "repeats": repeats.to_numpy(),
        "span": (summary["last"] - summary["first"]).to_numpy(),
        "age": (np.datetime64(as_of).astype(np.int64) - summary["first"]).to_numpy(),
        "value": ((summary.total - first_value) / np.maximum(repeats, 1)).to_numpy(),
    })


def histories_of(summary, way):
    if way == "customers":
        return summary[HISTORY].assign(weight=1)
    return summary.groupby(HISTORY, as_index=False).size().rename(columns={"size": "weight"})


def fit_buying(fitter, histories):
    return fitter.fit(histories.repeats, histories.span / WEEK, histories.age / WEEK, weights=histories.weight)


def fit_order_values(summary):
    again = summary[(summary.repeats > 0) & (summary.value > 0)]
    return lifetimes.GammaGammaFitter().fit(again.repeats, again.value)


def log_likelihood(model, histories):
    """In the unit of time of the rows: the package scales ages to 1, and gives the mean of all customers."""
    scaled = (histories.repeats * histories.weight).sum() * np.log(model._scale)
    return -model._negative_log_likelihood_ * histories.weight.sum() + scaled


def by_months(model):
    """The same model for times in months, which the package takes for one long each."""
    model = copy.copy(model)
    model.params_ = model.params_.copy()
    model.params_["alpha"] *= WEEK / MONTH
    model.predict = model.conditional_expected_number_of_purchases_up_to_time
    return model


def scores_of(buying, spending, summary):
    """As the package's documentation shows."""
    x, span, age = summary.repeats, summary.span / WEEK, summary.age / WEEK
    value = summary.value.where(summary.repeats > 0, 0)
    return pd.DataFrame({
        "account_id": summary.account_id,
        "alive": buying.conditional_probability_alive(x, span, age),
        "expected_12m": buying.conditional_expected_number_of_purchases_up_to_time(YEAR / WEEK, x, span, age),
        "value": spending.conditional_expected_average_profit(x, value),
        "residual": spending.customer_lifetime_value(
            by_months(buying), x, summary.span / MONTH, summary.age / MONTH, value,
            time=MONTHS, discount_rate=MONTHLY_DISCOUNT, freq="M",
        ),
    })


def scores_by_history(buying, spending, summary, histories):
    """Each history scored once, and each month's expectation used for the month that ends and the one that begins."""
    x, span, age = histories.repeats, histories.span / WEEK, histories.age / WEEK
    expect = buying.conditional_expected_number_of_purchases_up_to_time
    before = discounted = 0
    for month in range(1, MONTHS + 1):
        until = expect(month * MONTH / WEEK, x, span, age)
        discounted = discounted + (until - before) / (1 + MONTHLY_DISCOUNT) ** month
        before = until
    scored = histories[HISTORY].assign(
        alive=buying.conditional_probability_alive(x, span, age),
        # Twelve months are the year.
        expected_12m=before,
        discounted=discounted,
    )
    scores = summary.merge(scored, on=HISTORY, how="left")
    value = scores.value.where(scores.repeats > 0, 0)
    scores["value"] = spending.conditional_expected_average_profit(scores.repeats, value)
    scores["residual"] = scores.discounted * scores.value
    return scores[["account_id", "alive", "expected_12m", "value", "residual"]]


def curve_of(subscriptions, as_of):
    left = subscriptions.ended_on.notna()
    days = (subscriptions.ended_on.fillna(pd.Timestamp(as_of)) - subscriptions.started_on).dt.days
    return lifelines.KaplanMeierFitter().fit(days, left)


def main(lake, as_of, folder, way):
    warnings.simplefilter("ignore")
    steps = []

    def step(name, run, rows_of=len):
        given, cost = measured(run)
        steps.append({"name": name, "rows": rows_of(given), **cost})
        return given

    fits = {}
    orders = step("orders", lambda: read(f"{lake}/orders.parquet"))
    summary = step("summary", lambda: summary_of(orders, as_of))
    histories = step("histories", lambda: histories_of(summary, way))
    for name, fitter in [("bg_nbd", lifetimes.BetaGeoFitter()), ("mbg_nbd", lifetimes.ModifiedBetaGeoFitter())]:
        fits[name] = step(name, lambda fitter=fitter: fit_buying(fitter, histories), lambda _: 1)
    spending = step("gamma_gamma", lambda: fit_order_values(summary), lambda _: 1)
    likelihoods = {name: log_likelihood(model, histories) for name, model in fits.items()}
    likelihoods["gamma_gamma"] = -spending._negative_log_likelihood_ * len(spending.data)
    used = max(fits, key=likelihoods.get)
    if way == "customers":
        scores = step("scores", lambda: scores_of(fits[used], spending, summary))
    else:
        scores = step("scores", lambda: scores_by_history(fits[used], spending, summary, histories))
    subscriptions = step("subscriptions", lambda: read(f"{lake}/subscriptions.parquet"))
    curve = step("curve", lambda: curve_of(subscriptions, as_of), lambda curve: len(curve.survival_function_))

    kept = {name: {"parameters": dict(model.params_), "log_likelihood": likelihoods[name]} for name, model in fits.items()}
    kept["gamma_gamma"] = {"parameters": dict(spending.params_), "log_likelihood": likelihoods["gamma_gamma"]}
    with open(f"{folder}/fits.json", "w", encoding="utf-8") as file:
        json.dump({"used": used, "models": kept}, file)
    summary.to_parquet(f"{folder}/summary.parquet", index=False)
    scores.to_parquet(f"{folder}/scores.parquet", index=False)
    steps_of_curve = curve.event_table[["at_risk", "observed", "censored"]].join(curve.survival_function_.iloc[:, 0].rename("survival"))
    steps_of_curve = steps_of_curve.join(curve.confidence_interval_.set_axis(["low", "high"], axis=1))
    steps_of_curve.rename_axis("age").reset_index().to_parquet(f"{folder}/curve.parquet", index=False)
    json.dump({"version": lifetimes.__version__, "steps": steps}, sys.stdout)


main(*sys.argv[1:])

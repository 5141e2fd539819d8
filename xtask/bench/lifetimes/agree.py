"""Sets published models, scores and curves beside those of the packages: `agree.py PUBLISHED AS_OF FOLDER` prints JSON.

`parameters` are shown. Of `checks`, some have to hold, and some show how far the packages' own fits, which stop earlier, carry.
"""

import glob
import json
import sys
import warnings

import lifetimes
import numpy as np
import pandas as pd

WEEK = 7
YEAR = 365.25
MONTH = YEAR / 12
MONTHS = 12
MONTHLY_DISCOUNT = 0.01
SCORES = ["alive", "expected_12m", "value", "residual"]


def published(folder, as_of, table):
    files = sorted(glob.glob(f"{folder}/{table}/as_of_date={as_of}/*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files])


def model_of(name, parameters):
    kinds = {"bg_nbd": lifetimes.BetaGeoFitter, "mbg_nbd": lifetimes.ModifiedBetaGeoFitter, "gamma_gamma": lifetimes.GammaGammaFitter}
    model = kinds[name]()
    model.params_ = pd.Series(parameters)
    return model


def scored_with(buying, spending, rows):
    x, span, age = rows.repeat_order_days, rows.order_span_days / WEEK, rows.order_age_days / WEEK
    expect = buying.conditional_expected_number_of_purchases_up_to_time
    until = [expect(month * MONTH / WEEK, x, span, age) for month in range(MONTHS + 1)]
    discounted = sum((until[at] - until[at - 1]) / (1 + MONTHLY_DISCOUNT) ** at for at in range(1, MONTHS + 1))
    value = spending.conditional_expected_average_profit(x, rows.repeat_order_value_mean.fillna(0))
    scores = {"alive": buying.conditional_probability_alive(x, span, age), "expected_12m": until[-1]}
    return pd.DataFrame({"account_id": rows.account_id, **scores, "value": value, "residual": discounted * value})


def check(what, ours, theirs, tolerance, must_hold):
    """A value that one side lacks differs; numbers below the smallest that is worth a word are the same."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    apart = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-9)
    apart = np.where(np.isnan(ours) & np.isnan(theirs), 0, np.nan_to_num(apart, nan=np.inf))
    return {
        "what": what,
        "rows": int(apart.size),
        "differing": int((apart > tolerance).sum()),
        "tolerance": tolerance,
        "worst": min(float(apart.max(initial=0)), 1e300),
        "must_hold": must_hold,
    }


def parameters_of(folder, as_of, theirs):
    parameters = published(folder, as_of, "model_parameters").set_index(["model", "parameter"]).value
    likelihoods = published(folder, as_of, "model_fits").set_index("model").log_likelihood
    rows = []
    for model, fit in theirs.items():
        for name, value in fit["parameters"].items():
            rows.append({"model": model, "name": name, "ours": parameters[model, name], "theirs": value})
        pair = {"ours": likelihoods[model], "theirs": fit["log_likelihood"]}
        rows.append({"model": model, "name": "log-likelihood", **pair})
    return parameters, rows


def checks_of_scores(folder, as_of, results, used, parameters):
    values = published(folder, as_of, "account_values").query("method == 'order_model'")[["account_id", "residual"]]
    metrics = {"orders_alive_probability": "alive", "orders_expected_12m": "expected_12m", "order_value_expected": "value"}
    ours = published(folder, as_of, "account_metrics").rename(columns=metrics).merge(values, on="account_id")
    ours = ours.sort_values("account_id", ignore_index=True)
    in_order = lambda frame: ours[["account_id"]].merge(frame, on="account_id", how="outer").sort_values("account_id")
    summary = in_order(pd.read_parquet(f"{results}/summary.parquet"))
    # Without repeats there is no mean value.
    mean = summary.value.where(summary.repeats > 0)
    pairs = [("repeat_order_days", summary.repeats), ("order_span_days", summary.span), ("order_age_days", summary.age)]
    checks = [check(name, ours[name], theirs, 0, True) for name, theirs in pairs]
    checks.append(check("repeat_order_value_mean", ours.repeat_order_value_mean, mean, 1e-12, True))
    models = [model_of(name, dict(parameters[name])) for name in (used, "gamma_gamma")]
    same = in_order(scored_with(*models, ours))
    own = in_order(pd.read_parquet(f"{results}/scores.parquet"))
    # Of who came back for nothing the gamma-gamma model says nothing: there is no such order value. Headwater values such a
    # customer like one that never came back, the package at less than anybody else.
    of_model = {name: (summary.repeats == 0) | (summary.value > 0) for name in ("value", "residual")}
    for says, theirs, tolerance, must_hold in [
        ("our parameters in theirs", same, 1e-6, True),
        ("each its own fit", own, 1e-4, False),
    ]:
        for name in SCORES:
            rows = of_model.get(name, slice(None))
            checks.append(check(f"{name}, {says}", ours[name][rows], theirs[name][rows], tolerance, must_hold))
    return checks


def checks_of_curve(folder, as_of, results):
    """Theirs at the last day of each month of age, and who was at risk on its first."""
    ours = published(folder, as_of, "survival_curves").sort_values("age_months")
    steps = pd.read_parquet(f"{results}/curve.parquet")
    # Its first row says that all are there at the start, whether or not one left then.
    steps = steps[(steps.age > 0) | (steps.observed + steps.censored > 0)]
    by_month = steps.groupby(np.floor(steps.age / MONTH).astype(int))
    theirs = by_month.agg(
        at_risk=("at_risk", "max"), churned=("observed", "sum"), censored=("censored", "sum"),
        survival=("survival", "last"), low=("low", "last"), high=("high", "last"),
    )
    both = ours.set_index("age_months").join(theirs, how="outer", rsuffix="_of_theirs")
    counted = [("at_risk", 0), ("churned", 0), ("censored", 0), ("survival", 1e-9), ("low", 1e-9), ("high", 1e-9)]
    return [check(f"curve, {name}", both[name], both[f"{name}_of_theirs"], within, True) for name, within in counted]


def main(folder, as_of, results):
    warnings.simplefilter("ignore")
    with open(f"{results}/fits.json", encoding="utf-8") as file:
        theirs = json.load(file)
    parameters, rows = parameters_of(folder, as_of, theirs["models"])
    checks = checks_of_scores(folder, as_of, results, theirs["used"], parameters)
    checks += checks_of_curve(folder, as_of, results)
    json.dump({"used": theirs["used"], "parameters": rows, "checks": checks}, sys.stdout)


main(*sys.argv[1:])

"""From what is known of a linear model's errors to the tables that people read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import special

from ..arrays import Array
from ..equations import design as designs
from ..equations import inference as equations
from .inference import ENDS, Inference, Refusal
from .summary import Summary, stacked

UNKNOWN = Refusal("expected errors that fit has kept, found none in this model", "infer(X, y) computes them")


CONSTANT = 1e-14
"""Share of its mean by which a constant target seems to vary, as sums are rounded."""


@dataclass(frozen=True)
class Units:
    """What the columns of a model are called, and in which units its weights are to be told.

    Attributes
    ----------
    names : list of str
        Of the columns.
    center, scale : (n,)
        The model was given ``(x - center) / scale`` in place of ``x``.
    y_center, y_scale : float
        And ``(y - y_center) / y_scale`` in place of ``y``.
    labels : list of str
        Of the targets, or of all classes.
    notes : tuple of str
        What there is to say of the columns.
    """

    names: list[str]
    center: Array
    scale: Array
    y_center: float
    y_scale: float
    labels: list[str]
    notes: tuple[str, ...] = ()

    @classmethod
    def own(cls, model: Any) -> Self:
        """Those in which the model was given its data."""
        names = model._column_names()
        if model.of_classes:
            labels = [str(label) for label in model.classes_]
        else:
            labels = [f"y{j}" for j in range(model.network_.sizes[-1])]
        return cls(names, np.zeros(len(names)), np.ones(len(names)), 0.0, 1.0, labels)

    @property
    def is_scaled(self) -> bool:
        """Whether the model was given other numbers than these."""
        return bool((self.center != 0).any() or (self.scale != 1).any())

    def theta(self, W: Array, b: Array, *, intercept: bool) -> Array:
        """``θ = (b, W)`` (k, p) in these units."""
        theta = np.column_stack([b, W]) if intercept else W.copy()
        theta = theta @ designs.outward(self.center, self.scale, intercept=intercept).T * self.y_scale
        theta[:, 0] += self.y_center * intercept
        return theta

    def outward(self, found: Inference, *, intercept: bool) -> Array:
        """``T`` (p, p) that leads from the weights ``φ`` of standardized columns to ``θ / y_scale`` in these units."""
        own = designs.outward(*found.columns, intercept=intercept)
        return designs.outward(self.center, self.scale, intercept=intercept) @ own


def summarize(model: Any, found: Inference | Refusal, level: float, units: Units) -> Summary:
    """The table of a model; without errors where these are refused."""
    intercept = model._has_intercept
    W, b = model._contrasts()
    theta = units.theta(W, b, intercept=intercept)  # (k, p)
    labels = term_labels(model, units)
    name = "Logistic regression" if model.of_classes else "Linear regression"
    if isinstance(found, Refusal):
        note = f"No standard errors: {found.told(units.names)}; {found.hint}."
        return Summary(name, {}, stacked(labels, {"coefficient": theta}), level, (note, *_notes(model, None, units)))
    se = errors(found, units, intercept=intercept)
    is_linear = not model.of_classes
    df = degrees(found, theta.shape[1], is_linear=is_linear)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = theta / se
    half = equations.quantile(level, df) * se
    values = {
        "coefficient": theta,
        "standard error": se,
        "t" if is_linear else "z": t,
        "p": equations.p_value(t, df),
        "lower": theta - half,
        "upper": theta + half,
    }
    if found.profile is not None and found.profile.level == level:
        values |= {end: np.array([getattr(found.profile, end)]) for end in ENDS}
        values = {key: value for key, value in values.items() if key != "z"}
    facts = linear_facts(model, found, units) if is_linear else logistic_facts(model, found)
    if units.is_scaled:
        del facts["condition number"]  # of columns that nobody has seen
    title = f"{name}, {found.kind} standard errors"
    if found.penalized_likelihood is not None:
        title = f"{name} by Firth's penalized likelihood, {_intervals(found, level)} intervals"
    return Summary(title, facts, stacked(labels, values), level, _notes(model, found, units))


def _intervals(found: Inference, level: float) -> str:
    return "profile likelihood" if found.profile is not None and found.profile.level == level else "Wald"


def term_labels(model: Any, units: Units) -> dict[str, list[str]]:
    """The texts that stand before the numbers of each weight."""
    terms = ["intercept"] * model._has_intercept + units.names
    classes = model.of_classes
    several = units.labels[1:] if classes else units.labels
    if len(several) == 1:
        return {"term": terms}
    return {
        "class" if classes else "target": [label for label in several for _ in terms],
        "term": terms * len(several),
    }


def errors(found: Inference, units: Units, *, intercept: bool) -> Array:
    """Standard errors (k, p) of the weights."""
    T = units.outward(found, intercept=intercept)
    return units.y_scale * np.linalg.norm(T @ found.factor.reshape(-1, len(T), found.factor.shape[2]), axis=2)


def degrees(found: Inference, p: int, *, is_linear: bool) -> float:
    """Of freedom of the t distribution; infinite for z."""
    if not is_linear:
        return np.inf
    return found.n_clusters - 1.0 if found.kind == "cluster" else found.n_observations - p


def _notes(model: Any, found: Inference | None, units: Units) -> tuple[str, ...]:
    notes = list(units.notes)
    if model.of_classes:
        first, second = units.labels[0], units.labels[1:]
        if len(second) == 1:
            notes.append(f"coefficients are log odds of {second[0]} against {first}.")
        else:
            notes.append(f"coefficients of a class are log odds of it against {first}.")
    if found is None:
        return tuple(notes)
    if found.weighted:
        means = {
            "precision": "precisions: the variance of a sample is σ²/w",
            "frequency": "frequencies: a sample stands for w equal ones",
        }
        notes.append(f"sample weights are taken as {means[found.meaning]}.")
    if found.kind == "cluster":
        notes.append(f"samples of the same of {found.n_clusters} groups may depend on each other.")
        if has_few_clusters(found, tested(model, found)):
            notes.append("no test of all weights together: it needs more groups than weights.")
    if found.doubtful:
        names = ", ".join(units.names[j] for j in found.doubtful)
        notes.append(
            f"{names} nearly depend on each other (condition number {found.condition[1]:.1e}, standardized): "
            "their weights and errors have lost about half their digits or more."
        )
    if found.penalized_likelihood is not None and found.profile is None:
        notes.append("Wald intervals; those of the profile likelihood: infer(X, y, intervals='profile').")
    if not model.of_classes and does_not_vary(found).any():
        notes.append("the target does not vary: there is nothing to explain, and R² and F say nothing.")
    elif not model.of_classes and (found.fit.deviance <= 1e-24 * found.fit.null_deviance).any():
        notes.append("the model fits exactly, to rounding: the errors say nothing.")
    if not model._has_intercept:
        notes.append("without an intercept, the null model and R² are about zero, not about the mean.")
    return tuple(notes)


def linear_facts(model: Any, found: Inference, units: Units) -> dict[str, Any]:
    """How well linear regression fits."""
    fit, m = found.fit, found.n_observations
    p = len(found.factor[0])
    q, df = tested(model, found), m - p
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - fit.deviance / fit.null_deviance
        adjusted = 1 - (1 - r2) * (m - model._has_intercept) / df
        F = (fit.null_deviance - fit.deviance) / q / fit.sigma2
        r2[does_not_vary(found)] = adjusted[does_not_vary(found)] = F[does_not_vary(found)] = np.nan
    df_F = degrees(found, p, is_linear=True)
    if found.kind != "classical":
        F = _wald_statistics(model, found) / q
    log_likelihood = fit.log_likelihood - m * np.log(units.y_scale)
    with np.errstate(over="ignore", under="ignore"):  # of squares in a unit of 1e200
        deviance, null_deviance = (d * units.y_scale * units.y_scale for d in (fit.deviance, fit.null_deviance))
    return {
        "samples": m,
        "degrees of freedom": q,
        "residual degrees of freedom": df,
        "R²": _one(r2),
        "adjusted R²": _one(adjusted),
        "F": _one(F),
        "p of F": _one(special.fdtrc(q, df_F, F)),
        "σ": _one(np.sqrt(fit.sigma2) * units.y_scale),
        "log-likelihood": _one(log_likelihood),
        "AIC": _one(2 * p - 2 * log_likelihood),
        "BIC": _one(np.log(m) * p - 2 * log_likelihood),
        "deviance": _one(deviance),
        "null deviance": _one(null_deviance),
        "condition number": found.condition[0],
        "condition number, standardized": found.condition[1],
    }


def does_not_vary(found: Inference) -> Array:
    """Of which targets (k,) all values are the same, but for rounding."""
    mean, deviation = found.target
    return deviation <= CONSTANT * np.abs(mean)


def tested(model: Any, found: Inference) -> int:
    """Weights that are zero in the null model, of one target or of all classes but the first."""
    blocks = len(model._contrasts()[1]) if model.of_classes else 1
    return found.factor.shape[1] - int(model._has_intercept) * blocks


def _wald_statistics(model: Any, found: Inference) -> Array:
    """Of the hypothesis that all weights but the intercepts are zero, (k,)."""
    W, b = model._contrasts()
    phi = designs.inward(W, b, *found.columns, intercept=model._has_intercept)
    p, start = phi.shape[1], int(model._has_intercept)
    if model.of_classes:
        keep = np.flatnonzero(np.arange(phi.size) % p >= start)
        pairs = [(phi.ravel()[keep], found.factor[0][keep])]
    else:
        pairs = [(row[start:], F[start:]) for row, F in zip(phi, found.factor, strict=True)]
    if has_few_clusters(found, len(pairs[0][0])):
        return np.full(len(pairs), np.nan)
    return np.array([equations.wald(weights, F) for weights, F in pairs])


def has_few_clusters(found: Inference, q: int) -> bool:
    """Whether the scores of so few clusters cannot span `q` weights, so that these cannot be tested together."""
    return found.kind == "cluster" and found.n_clusters - 1 < q


def logistic_facts(model: Any, found: Inference) -> dict[str, Any]:
    """How well logistic regression fits."""
    fit, m = found.fit, found.n_observations
    P = found.factor.shape[1]
    q = tested(model, found)
    llf, null = float(fit.log_likelihood[0]), float(fit.null_log_likelihood[0])
    facts: dict[str, Any] = {"samples": m, "degrees of freedom": q, "residual degrees of freedom": m - P}
    if found.penalized_likelihood is not None:
        facts["penalized log-likelihood"] = found.penalized_likelihood
    else:
        facts["McFadden's R²"] = 1 - llf / null
        if found.kind == "classical":
            name, chi2 = "likelihood ratio χ²", 2 * (llf - null)
        else:
            name, chi2 = "Wald χ²", float(_wald_statistics(model, found)[0])
        facts |= {name: chi2, "p of χ²": float(special.chdtrc(q, max(chi2, 0.0)))}
        facts |= {"log-likelihood": llf, "null log-likelihood": null}
        facts |= {"AIC": 2 * P - 2 * llf, "BIC": float(np.log(m)) * P - 2 * llf}
    return facts | {
        "deviance": -2 * llf,
        "null deviance": -2 * null,
        "condition number": found.condition[0],
        "condition number, standardized": found.condition[1],
    }


def _one(values: Array) -> Any:
    """A number, or a list of them where there are several targets."""
    values = np.atleast_1d(values)
    return float(values[0]) if len(values) == 1 else [float(value) for value in values]

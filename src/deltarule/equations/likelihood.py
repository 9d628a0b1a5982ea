"""Classical errors of logistic regression from what its cost tells in two places, without another look at the rows.

Where all classes are as likely, at ``φ = 0``, the second derivative of the cost is a multiple of ``AᵀA``, and its
gradient tells how the columns correlate with the classes. At the optimum its second derivative is the information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from ..arrays import Array
from .columns import Columns
from .design import Rows, outward, triangle_of_products
from .inference import FitStatistics, inverse, likelihood_fit

BARELY = 1e-13
"""Reciprocal condition of products that are known to be better: what is known is that of others."""


class Evaluation(NamedTuple):
    """The mean cost of a sample at some ``φ``, its gradient (P,) and its second derivative (P, P)."""

    J: float
    g: Array
    H: Array


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What is left of the rows of a model with an intercept.

    Parameters
    ----------
    zero, here : Evaluation
        The cost at zero, and at the weights of the model.
    columns : Columns
        In which they are; they need not be exactly those of mean 0 and deviation 1.
    totals : (K,)
        Weight of the samples of each class.
    n_rows : int
    weighted : bool
        Whether samples have different weights.
    """

    zero: Evaluation
    here: Evaluation
    columns: Columns
    totals: Array
    n_rows: int
    weighted: bool

    @property
    def own(self) -> slice | Array:
        """Of all parameters those that are told: of all classes but the first; class by class, biases last."""
        K, n = len(self.totals), len(self.columns.scale)
        return slice(None) if K == 2 else np.concatenate([np.arange(n, K * n), np.arange(K * n + 1, K * (n + 1))])

    def distance(self) -> float:
        """From the optimum, squared, in standard errors; infinite where the second derivative has lost too much."""
        R = triangle_of_products(self.information)
        if R is None:
            return np.inf
        step = lapack.dtrtrs(R, self.here.g[self.own], trans=1)[0]
        return float(step @ step) * float(self.totals.sum())

    @property
    def information(self) -> Array:
        """Of a sample, (q p, q p)."""
        return self.here.H[self.own][:, self.own]

    @property
    def first(self) -> Array:
        """The same where all classes are equally likely."""
        return self.zero.H[self.own][:, self.own]

    def statistics(self) -> FitStatistics:
        """What classical errors follow from, in columns of mean 0 and deviation 1, where `distance` is finite.

        Raises
        ------
        numpy.linalg.LinAlgError
            If these columns depend on each other where those of the cost did not.
        """
        q, n, total = len(self.totals) - 1, len(self.columns.scale), self.totals.sum()
        places = np.column_stack([q * n + np.arange(q), np.arange(q * n).reshape(q, n)])  # (q, p), the bias first
        bias_first, every = np.ix_(places[0], places[0]), places.ravel()
        G = self.first[bias_first] * ((q + 1) ** 2 / q)  # it was multiplied by 1/K - 1/K²
        offset = G[0, 1:]
        spread = np.sqrt(G.diagonal()[1:] - np.square(offset))
        T = outward(offset, spread, intercept=True)
        T_all = np.kron(np.eye(q), T)
        information = triangle_of_products(total * (T_all.T @ self.information[np.ix_(every, every)] @ T_all), BARELY)
        R = triangle_of_products(total * (T.T @ G @ T), BARELY)
        if information is None or R is None:
            raise np.linalg.LinAlgError("expected second derivatives of full rank, found others")
        rows = Rows(
            n_rows=self.n_rows,
            weighted=self.weighted,
            columns=np.array([self.columns.mean + self.columns.scale * offset, self.columns.scale * spread]),
            correlations=self._correlations(offset) / spread,
            target=np.array([self._means, np.sqrt(self._means * (1 - self._means))]),
        )
        fit = likelihood_fit(-float(total) * self.here.J, self.totals, intercept=True)
        return FitStatistics(R, rows, inverse(information), fit, float(total), "frequency")

    @property
    def _means(self) -> Array:
        """Of the columns of ``y``, which are zeros and ones: one for two classes, else one a class."""
        shares = self.totals / self.totals.sum()
        return shares[1:] if len(shares) == 2 else shares

    def _correlations(self, offset: Array) -> Array:
        """See `Rows`; of columns of mean `offset` (n,) and deviation 1."""
        mean = self._means
        by_class = self.zero.g[: len(mean) * len(offset)].reshape(len(mean), -1)  # X'ᵀ (1/K - y) / m
        order = np.arange(1.0, len(mean) + 1)
        together = order @ ((1 / len(self.totals) - mean)[:, None] * offset - by_class)
        size = np.sqrt(np.square(order) @ mean - (order @ mean) ** 2)
        return together / (size or 1.0)

"""The cost of a fit with one or two parameters, as a function of them; the package's engine computes it."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import linalg

from ..arrays import Array
from ..cost import Cost
from ..engines import Data, choose
from ..equations import OPTIMIZERS
from ..equations.columns import Columns
from ..equations.exact import least_squares
from ..equations.separation import is_separable
from ..network import Network
from ..run import Plan
from ..training import train

MODELS = {"linear": ("identity", "squared_error"), "logistic": ("sigmoid", "binary_cross_entropy")}
"""Model -> activation and loss of its one layer."""


class Surface:
    """The cost as a function of the parameters that are free.

    Parameters
    ----------
    model : {"linear", "logistic"}
    X : (m, n)
    y : (m,)
    bias : bool
    """

    def __init__(self, model: str, X: Array, y: Array, *, bias: bool) -> None:
        activation, loss = MODELS[model]
        n = X.shape[1]
        self.network = Network.create([n, 1], [activation], loss)
        self.data = Data(np.ascontiguousarray(X, dtype=np.float64), np.ascontiguousarray(y[:, None], dtype=np.float64))
        self.columns = Columns(np.zeros(n), np.ones(n), intercept=bias)
        self.engine = choose("auto", self.network, self.data.X)
        self.cost = Cost(self.network, self.data, {}, self.engine, self.columns)
        self.free = np.append(np.ones(n, bool), bias)

    def theta(self, point: Array) -> Array:
        """All parameters (n + 1,) for those that are free (P,)."""
        theta = np.zeros(len(self.free))
        theta[self.free] = point
        return theta

    def __call__(self, point: Array) -> float:
        """The cost at `point` (P,)."""
        with np.errstate(all="ignore"):
            return self.engine.cost(self.network.with_theta(self.theta(point)), self.data)

    def hessian(self, point: Array) -> Array:
        """The second derivative (P, P)."""
        found: Array = self.cost.hessian(self.theta(point), self.free)
        return found

    def steepest(self) -> float:
        """The largest eigenvalue of the second derivative anywhere: at zero, where σ' is largest."""
        return float(linalg.eigvalsh(self.hessian(np.zeros(self.free.sum())))[-1])

    def roundness(self, point: Array) -> float:
        """The smallest eigenvalue of the second derivative at `point` (P,), divided by the largest anywhere."""
        return float(np.nan_to_num(linalg.eigvalsh(self.hessian(point))[0] / self.steepest()))

    def optimum(self) -> Array:
        """Where the cost is least (P,): in closed form, or by Newton's method."""
        if self.network.loss.name == "squared_error":
            exact = least_squares(self.data.X, self.data.y, intercept=self.columns.intercept)
            theta = np.concatenate([exact.W.ravel(), exact.b])
        else:
            theta = self.network.with_theta(np.zeros(len(self.free))).theta
            plan = Plan(OPTIMIZERS["newton"], epochs=100, tol=1e-12, columns=self.columns)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it reaches is checked below
                train(self.network.with_theta(theta), self.data, plan)
        found: Array = theta[self.free].copy()
        return found

    def walk(self, start: Array, alpha: float, steps: int, optimizer: str) -> tuple[Array, Array]:
        """Points (T + 1, P) and costs (T + 1,) of so many steps; fewer where the cost ceases to be finite."""
        rule = OPTIMIZERS.choose(optimizer)
        theta = self.theta(start)
        moments = rule.start(theta)
        points, costs = [theta[self.free].copy()], []
        with np.errstate(all="ignore"):
            for t in range(1, steps + 2):
                J, g = self.cost.smooth(theta)
                if not (np.isfinite(J) and np.isfinite(g).all()):
                    points.pop()
                    break
                costs.append(J)
                if t > steps:
                    break
                rule.step(theta, g, moments, t, alpha)
                points.append(theta[self.free].copy())
        return np.array(points), np.array(costs)


def separable(surface: Surface) -> bool:
    """Whether some ``Z`` of the model is never on the wrong side, and not always 0 (Konis 2007)."""
    A = np.column_stack([surface.data.X, np.ones(len(surface.data))])[:, surface.free]
    return is_separable(A, surface.data.y)

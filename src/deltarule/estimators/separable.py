"""Are the classes of a logistic regression linearly separable, so that its weights have no finite optimum?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from .. import engines
from ..arrays import Array
from ..engines import Data
from ..engines.threads import usable_threads
from ..equations import design as designs
from ..equations import inference as equations
from ..equations.separation import SECONDS, least_curvature, separation
from ..errors import ModelFileError, SeparationWarning, warn
from ..run import Run
from .firth_inference import FirthInference
from .inference import Refusal

SUSPICIOUS = 0.05
"""A flattest direction below it may be one of separation, which a linear program then decides."""
UNLIKELY = 0.01
"""Of a separated sample the probability of some class is below it, near the optimum."""
OF_TWO = np.array([[-1.0, 1.0]])
"""By which ``Z`` is that of each of two classes."""
FAR = 15.0
"""A margin as large, of any sample, is suspicious where there are too many to look at the curvature."""


class Separable(FirthInference):
    """Looks for linearly separable classes, and says so."""

    _apart: Refusal | None = None
    """That the classes are linearly separable, if they are."""

    def _look_for_separation(self, data: Data, run: Run) -> designs.Design | Refusal | None:
        """Warn where the weights have no finite optimum. Returns the design, if it was needed."""
        if not self._is_small(data) and not self._may_be_separable(data):
            return None
        D = self._design(data)
        if isinstance(D, Refusal):
            return D  # values that are too large to be squared are told by `summary`
        P = self._probabilities(D.A, D)
        at_first = np.full_like(P, 1 / P.shape[1])
        right, least = certainty(P[:, 1:] if P.shape[1] == 2 else P, data.y)
        if right or (
            least < UNLIKELY
            and least_curvature(*(equations.information(D, p[:, 1:])[0] for p in (P, at_first))) < SUSPICIOUS
        ):
            self._warn_of_separation(None if run.interrupted else D, data.y)
        return D

    def _may_be_separable(self, data: Data) -> bool:
        """Whether all predictions are right, or one nearly certain: without that, classes are not separable."""
        engine = engines.choose(self.engine, self.network_, data.X)
        a = engine.predict(self.network_, data.X, threads=usable_threads(self.n_jobs))
        right, least = certainty(a, data.y)
        return right or least < np.exp(-FAR)

    def _warn_of_separation(self, D: designs.Design | Refusal | None, Y: Array) -> None:
        """If there is any; without a design, whoever wants to stop waits for no more."""
        if D is None:
            text = "a fit stopped by Ctrl-C before that was told"
            self._apart = Refusal(f"expected classes that overlap, found {text}", "fit again")
            return
        all_of = self._of_all_classes(Y)
        absent = self.classes_[~all_of.any(axis=0)]
        if len(absent):
            text = f"no sample of positive weight of class {', '.join(map(str, absent))}, which has no finite optimum"
            self._apart = Refusal(f"expected samples of each class, found {text}", "leave the class out, or penalize")
        else:
            self._apart = None if isinstance(D, Refusal) else self._separated(D, all_of[:, 1:])
        if self._apart is not None:
            warn(f"{self._apart.found(self._column_names())}; {self._apart.hint}", SeparationWarning)

    def _separated(self, D: designs.Design, Y: Array) -> Refusal | None:
        """That classes are linearly separable, if so; ``Y`` (m, K - 1) of all but the first."""
        try:
            weights = D.inward(*self._contrasts())
            found = separation(D.A, Y, weights, SECONDS)
        except TimeoutError:
            text = "classes that a linear combination of columns nearly separates, or wholly: it takes too long to tell"
            return Refusal(f"expected classes that overlap, found {text}", self._remedy())
        if found is None:
            return None
        kind = "complete" if found.complete else "quasi-complete"
        exception = "" if found.complete else " (but for samples on it)"
        return Refusal(
            f"expected classes that overlap, found {kind} separation: a linear combination of COLUMNS separates "
            f"classes{exception}, so that the weights have no finite optimum",
            self._remedy(),
            tuple(map(int, np.flatnonzero((found.d[:, int(self._has_intercept) :] != 0).any(axis=0)))),
        )

    def _remedy(self) -> str:
        """What to do about linearly separable classes."""
        return "penalize (a finite C)" + (", or use solver='firth'" if self.network_.sizes[-1] == 1 else "")

    def _probabilities(self, A: Array, D: designs.Design) -> Array:
        """(m, K), computed in float64."""
        W, b = self._contrasts()
        Z = A @ D.inward(W, b).T
        if Z.shape[1] == 1:
            return special.expit(Z * OF_TWO)
        return special.softmax(np.column_stack([np.zeros(len(Z)), Z]), axis=1)

    @staticmethod
    def _of_all_classes(Y: Array) -> Array:
        """Zeros and ones (m, K), also for two classes."""
        return np.concatenate([1 - Y, Y], axis=1) if Y.shape[1] == 1 else Y

    # the model file

    def _own_fields(self) -> dict[str, Any]:
        return super()._own_fields() | {"apart": None if self._apart is None else self._apart.to_json()}

    def _restore_own_fields(self, fields: Any, arrays: Mapping[str, Array]) -> None:
        if not isinstance(fields, Mapping) or "apart" not in fields:
            raise ModelFileError("expected the field apart among those of its own, found none")
        super()._restore_own_fields({name: value for name, value in fields.items() if name != "apart"}, arrays)
        apart = fields["apart"]
        self._apart = None if apart is None else Refusal.from_json(apart, self.network_.n_features)


def certainty(P: Array, Y: Array) -> tuple[bool, float]:
    """Whether the likeliest class is the right one everywhere, and the least probability of any; both (m, n_L)."""
    if P.shape[1] == 1:
        return bool(((P > 0.5) == (Y > 0.5)).all()), float(min(P.min(), 1 - P.max()))
    return bool((P.argmax(axis=1) == Y.argmax(axis=1)).all()), float(P.min())

"""The choices that make a recipe, one after the other, each with its reason."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deltarule.equations import LOSSES, OPTIMIZERS
from deltarule.errors import InvalidOption
from deltarule.layers import count_parameters, make_layers
from deltarule.tabular.advice import FIRTH
from deltarule.tabular.choice import PARAMETERS, Decision, spoken
from deltarule.tabular.memory import memory
from deltarule.tabular.options import Options
from deltarule.tabular.penalty import WHY_FINITE, WHY_L2, default_l2
from deltarule.tabular.target import Task

HIDDEN = (64, 32)
LEARNING_RATE = 0.002
LEARNING_RATES = {"gradient_descent": 0.05, "momentum": 0.01, "nesterov": 0.01}
CONVEX_EPOCHS = 1000
"""Steps over all rows at once."""
MOST_SAMPLES = 30_000_000
"""Epochs times rows, unless asked for: bounds the time on a large table."""
TOLERANCE = 1e-6
"""A validation loss that falls by less has not fallen."""
PATIENCE = 20
"""Epochs without a lower validation loss before training ends."""
_LASSO = "saga"
"""scikit-learn's name of a solver of logistic regression with an L1 penalty; Newton's method all the same."""

_STEPS = ("learning_rate", "schedule", "batch_size", "patience")
"""Options of an optimizer that goes by many small steps."""


@dataclass
class Draft:
    """A recipe while it is made: what it depends on, and the arguments and decisions so far."""

    options: Options
    task: Task
    model: str
    m: int
    n_valid: int
    n_features: int
    n_classes: int
    arguments: dict[str, Any] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def cls(self) -> Any:
        """The class of the estimator."""
        from deltarule import estimators

        if self.model == "mlp":
            return estimators.MLPClassifier if self.task.is_classification else estimators.MLPRegressor
        return estimators.LinearRegression if self.model == "linear" else estimators.LogisticRegression

    @property
    def takes(self) -> set[str]:
        """The parameters of the estimator."""
        return set(inspect.signature(self.cls).parameters)

    def decide(self, what: str, choice: object, why: str, **arguments: Any) -> None:
        """Note a choice, and the parameters of the estimator that follow from it."""
        self.decisions.append(Decision(what, str(choice), why))
        self.arguments |= arguments

    def refuse_foreign(self) -> None:
        """Refuse what was asked for and the model does not have."""
        changed = self.options.changed()
        usual = {"linear": "squared_error", "logistic": "log_loss"}.get(self.model)
        for name in changed.keys() & PARAMETERS.keys():
            if PARAMETERS[name] not in self.takes and not (name == "loss" and self.options.loss == usual):
                self._refuse(name, f"the {self.model} model has none", "leave it out, or use --model mlp")
        if self.options.optimizer == FIRTH and self.model != "logistic":
            raise InvalidOption(f"expected --model logistic with --optimizer {FIRTH}, found the {self.model} model")
        if "class_weight" in changed and not self.task.is_classification:
            self._refuse("class_weight", "a regression has no classes", "leave it out, or name a column of --weights")

    def refuse_steps(self, names: Iterable[str], why: str, hint: str) -> None:
        """Refuse options that would do nothing."""
        for name in names:
            if name in self.options.changed():
                self._refuse(name, why, hint)

    def _refuse(self, name: str, why: str, hint: str) -> None:
        raise InvalidOption(f"{why}: expected no {spoken(name)}, found {self.options.changed()[name]}", hint)

    def choose_network(self) -> None:
        """Layers, activations, dropout."""
        options = self.options
        hidden = tuple(options.hidden or HIDDEN)
        activations = options.activations or ("relu",)
        if len(activations) not in (1, len(hidden)):
            several = f", or {len(hidden)}, one a hidden layer" if len(hidden) > 1 else ""
            raise InvalidOption(
                f"expected one activation{several}, found {len(activations)}",
                "such as --activation tanh, or --hidden 64,32 --activation relu,tanh",
            )
        sizes = [self.n_features, *hidden, self.n_classes if self.n_classes > 2 else 1]
        of_hidden = activations if len(activations) > 1 else activations * len(hidden)
        n_parameters = count_parameters(sizes[0], make_layers(sizes, [*of_hidden, "identity"], 0.0))
        _check_memory(n_parameters, max(hidden), min(self.m, options.batch_size or batch_size(self.m)))
        why = f"{n_parameters:,} parameters; hidden layers {'as asked' if options.hidden else 'enough for most tables'}"
        self.decide("network", " -> ".join(map(str, sizes)), why, hidden_layer_sizes=hidden)
        why = "as asked" if options.activation else "cheap, and trains well in any depth"
        each = list(activations) if len(activations) > 1 else activations[0]
        self.decide("activation", ", ".join(activations), why, activation=each)
        if options.dropout:
            self.decide("dropout", f"{options.dropout:g}", "as asked", dropout=options.dropout)

    def choose_loss(self) -> None:
        """The usual one for the task, or the one asked for if it fits."""
        name = {0: "squared_error", 2: "binary_cross_entropy"}.get(self.n_classes, "categorical_cross_entropy")
        asked = self.options.loss
        if asked == "log_loss" and not self.task.is_classification:
            raise InvalidOption("expected a loss for a regression, found 'log_loss'", "such as squared_error or huber")
        if asked in ("auto", "log_loss"):
            usual = "log_loss" if self.task.is_classification else name
            self.decide("loss", name, f"the usual one for {self.task}", loss=usual)
            return
        loss = LOSSES.choose(asked)
        if loss.task != LOSSES[name].task:
            raise InvalidOption(
                f"expected a loss for {self.task}, found {loss}, which is for {loss.task}",
                f"leave it out, or use {name}",
            )
        self.decide("loss", loss, "as asked", loss=str(loss))

    def choose_convex_steps(self) -> None:
        """A convex cost has one optimum, so training goes on until it is there; the rate follows from the curvature."""
        options = self.options
        self.arguments["max_iter"] = options.epochs or CONVEX_EPOCHS
        if options.optimizer == "auto":
            self._choose_own_solver()
            return
        if options.optimizer == FIRTH and self.model == "logistic":
            self._choose_firth()
            return
        optimizer = OPTIMIZERS.choose(options.optimizer)
        lasso = self.model == "logistic" and options.l1 and optimizer.name == "lbfgs"
        solver = optimizer.as_asked()
        quicker = "as asked: the optimum, by Newton's method where that is quicker; lbfgs(memory=10) insists"
        why = quicker if solver == "lbfgs" else "as asked"
        self.decide("optimizer", solver, why, solver=_LASSO if lasso else solver)
        if optimizer.full_batch:
            self.refuse_steps(_STEPS, f"{optimizer.name} finds its steps by itself", "leave it out")
        else:
            rate = f"{options.learning_rate:g}" if options.learning_rate else "auto"
            why = "as asked" if options.learning_rate else "from the curvature of the cost, or the optimizer's own"
            schedule = options.schedule or "constant"
            self.decide("learning rate", f"{rate}, {schedule}", why, learning_rate=schedule)
            size = min(self.m, options.batch_size) if options.batch_size else "auto"
            why = "as asked" if options.batch_size else "the whole cost in each step"
            self.decide("batch size", (options.batch_size and size) or "all rows", why, batch_size=size)
            self.arguments |= {
                "learning_rate_init": options.learning_rate or "auto",
                "n_iter_no_change": options.patience or PATIENCE,
            }
        self.decide("epochs", self.arguments["max_iter"], "as asked" if options.epochs else "the most")

    def _choose_own_solver(self) -> None:
        """The exact solution, or Newton's method: neither takes small steps."""
        hint = "leave it out, or name an --optimizer"
        exact = self.model == "linear" and not self.options.l1
        way = "is solved in one step" if exact else "is brought to its optimum (Newton's method or L-BFGS)"
        self.refuse_steps(("epochs", *_STEPS) if exact else _STEPS, f"the {self.model} model {way}", hint)
        if exact:
            why = "least squares have a solution in one step; name an optimizer to go there by steps"
            self.decide("optimizer", "exact", why, solver="auto")
            return
        why = "the cost is convex: the quicker one finds the optimum; name an optimizer to go there by other steps"
        lasso = self.model == "logistic" and self.options.l1
        self.decide(
            "optimizer", "newton" if self.options.l1 else "newton or lbfgs", why, solver=_LASSO if lasso else "lbfgs"
        )

    def _choose_firth(self) -> None:
        """Firth's penalized likelihood, which takes no other penalty."""
        if self.n_classes != 2:
            raise InvalidOption(f"expected two classes for --optimizer {FIRTH}, found {self.n_classes}", "use --l2 1")
        for name in ("l1", "l2"):
            if getattr(self.options, name):
                self._refuse(name, "Firth's likelihood has a penalty of its own", "leave it out")
        self.refuse_steps(_STEPS, "Firth's likelihood is brought to its maximum", "leave it out")
        self.decide("optimizer", FIRTH, "as asked: finite weights, and errors, where classes separate", solver=FIRTH)

    def choose_steps(self) -> None:
        """Optimizer, learning rate, batches and epochs of a network."""
        options = self.options
        optimizer = OPTIMIZERS.choose("adam" if options.optimizer == "auto" else options.optimizer)
        why = "robust to the scale of the gradients" if options.optimizer == "auto" else "as asked"
        self.decide("optimizer", optimizer.as_asked(), why, solver=optimizer.as_asked())
        if optimizer.full_batch:
            names = ("dropout", "learning_rate", "schedule", "batch_size")
            self.refuse_steps(names, f"{optimizer.name} steps on all rows by itself", "leave it out, or use adam")
        else:
            size = min(self.m, options.batch_size or batch_size(self.m))
            rate = options.learning_rate or LEARNING_RATES.get(optimizer.name, LEARNING_RATE)
            schedule = options.schedule or "constant"
            why = "as asked" if options.learning_rate else f"suits {optimizer.name}"
            self.decide("learning rate", f"{rate:g}, {schedule}", why, learning_rate_init=rate, learning_rate=schedule)
            why = f"grows with the {self.m:,} training rows, 16 to 1024"
            if options.batch_size:
                why = "as asked" if size == options.batch_size else f"all rows, for {options.batch_size:,} was asked"
            self.decide("batch size", size, why, batch_size=size)
        n_epochs = options.epochs or (CONVEX_EPOCHS if optimizer.full_batch else epochs(self.m))
        why = "as asked" if options.epochs else "the most, early stopping usually ends sooner"
        self.decide("epochs", n_epochs, why, max_iter=n_epochs)

    def choose_stopping(self) -> None:
        """When a network has learned enough."""
        patience = self.options.patience or PATIENCE
        self.arguments |= {"n_iter_no_change": patience, "tol": TOLERANCE}
        if self.n_valid:
            why = f"after {patience} epochs without a lower loss on the validation rows; the best weights are kept"
            self.decide("early stopping", "validation loss", why, early_stopping="validation_loss")
        else:
            self.decide("early stopping", "training loss", "there are no validation rows")

    def choose_penalties(self) -> None:
        """Strengths of the penalties, under the names of all estimators; and the weights of the classes."""
        options = self.options
        l2 = options.l2 if options.l2 is not None else default_l2(options, self.model)
        total = l2 + options.l1
        why = "as asked" if options.l2 is not None else WHY_L2[self.model]
        if options.l2 is None and self.model == "logistic" and l2:
            why = WHY_FINITE
        inverse = 1 / total if total else math.inf
        self.decide("L2 penalty", f"{l2:g}", why, alpha=l2, C=inverse)
        self.arguments |= {"l1": options.l1, "l1_ratio": options.l1 / total if total else 0.0}
        if options.l1:
            self.decide("L1 penalty", f"{options.l1:g}", "as asked")
        if not self.task.is_classification:
            return
        why = "probabilities stay true to the shares of the classes; 'balanced' favors the rare ones"
        if options.class_weight == "balanced":
            why = "as asked; probabilities no longer follow the shares of the classes"
            self.arguments["class_weight"] = "balanced"
        self.decide("class weights", options.class_weight, why)


def _check_memory(n_parameters: int, widest: int, rows: int) -> None:
    """Refuse what the machine cannot hold: weights, gradient, two moments, the best so far, and a batch, in float32."""
    needed = 4 * (6 * n_parameters + 6 * widest * rows)
    there = memory()
    if needed > 0.9 * there:
        raise InvalidOption(
            f"expected a network that fits into the memory of {there / 1e9:.0f} GB, found one of {n_parameters:,} "
            f"parameters that needs {needed / 1e9:,.0f} GB",
            "use smaller hidden layers",
        )


def batch_size(m: int) -> int:
    """Rows of a batch for `m` training rows: a power of two near m / 100, from 16 to 1024."""
    return int(2 ** min(10, max(4, round(math.log2(max(m, 1) / 100)))))


def epochs(m: int) -> int:
    """Most epochs for `m` training rows: 300, fewer when the rows are many."""
    return max(40, min(300, MOST_SAMPLES // max(m, 1)))

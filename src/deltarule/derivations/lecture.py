"""Derivations that people have written: the sigmoid as on the slides, softmax, the losses with their output layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..equations import LOSSES
from .derivation import Derivation, Line, Part
from .register import derive_loss

S = "Sum(exp(Z[k]), (k, 1, K))"


def part(title: str, *lines: tuple[str, ...], where: str = "", note: str = "") -> Part:
    """A part from lines of expression, rule and, for a matrix, shape."""
    return Part(title, tuple(Line(*line) for line in lines), where, note)


def sigmoid() -> Derivation:
    """``σ' = e^{-z} / (1 + e^{-z})² = σ (1 - σ)``, as on the slides, the slip in the fourth line put right."""
    by_chain_rule = part(
        "differentiate",
        ("Derivative(sigma(z), z)",),
        ("Derivative(1 / (1 + exp(-z)), z)", "definition of σ"),
        ("Derivative((1 + exp(-z))**-1, z)", "as a power"),
        ("-(1 + exp(-z))**-2 * Derivative(1 + exp(-z), z)", "chain rule, (uⁿ)' = n uⁿ⁻¹ u'"),
        ("-(1 + exp(-z))**-2 * (0 + Derivative(exp(-z), z))", "sum rule, derivative of a constant"),
        ("-(1 + exp(-z))**-2 * (-exp(-z))", "chain rule, (e^u)' = e^u u' with u = -z"),
        ("exp(-z) / (1 + exp(-z))**2", "multiply out"),
    )
    expanded = part(
        "the other way round: expand σ(1 - σ)",
        ("sigma(z) * (1 - sigma(z))",),
        ("sigma(z) - sigma(z)**2", "expand"),
        ("1 / (1 + exp(-z)) - (1 / (1 + exp(-z)))**2", "definition of σ"),
        ("1 / (1 + exp(-z)) - 1 / (1 + exp(-z))**2", "square of a fraction"),
        ("(1 + exp(-z)) / (1 + exp(-z))**2 - 1 / (1 + exp(-z))**2", "common denominator; misprinted on the slides"),
        ("(1 + exp(-z) - 1) / (1 + exp(-z))**2", "subtract"),
        ("exp(-z) / (1 + exp(-z))**2", "1 - 1 = 0: the result above"),
    )
    both = part(
        "therefore",
        ("Derivative(sigma(z), z)",),
        ("sigma(z) * (1 - sigma(z))", "both are the same"),
        note="With a = σ(z) known from the forward pass, the derivative a(1 - a) costs one multiplication. "
        "At z = 0 it is 1/4, its largest value.",
    )
    return Derivation(
        "sigmoid", "The derivative of the sigmoid", {"sigma(z)": "1 / (1 + exp(-z))"}, (by_chain_rule, expanded, both)
    )


def softmax() -> Derivation:
    """The Jacobian ``a_i (δ_ij - a_j)``, and its product with ``dA``."""
    diagonal = part(
        "for i = j",
        ("Partial(a[i], Z[i])",),
        ("(exp(Z[i]) * S - exp(Z[i]) * Partial(S, Z[i])) / S**2", "quotient rule, (e^u)' = e^u"),
        ("(exp(Z[i]) * S - exp(Z[i]) * exp(Z[i])) / S**2", "of S, only the term k = i depends on Z_i"),
        ("exp(Z[i]) / S * ((S - exp(Z[i])) / S)", "factor out"),
        ("a[i] * (1 - a[i])", "definition of a"),
    )
    off_diagonal = part(
        "for i ≠ j",
        ("Partial(a[i], Z[j])",),
        ("(0 * S - exp(Z[i]) * Partial(S, Z[j])) / S**2", "quotient rule; e^{Z_i} does not depend on Z_j"),
        ("-exp(Z[i]) * exp(Z[j]) / S**2", "of S, only the term k = j depends on Z_j"),
        ("-a[i] * a[j]", "definition of a"),
        where="i != j",
    )
    jacobian = part(
        "both in one: the Jacobian",
        ("Partial(a[i], Z[j])",),
        ("a[i] * (delta[i, j] - a[j])", "δ_ij is 1 for i = j, else 0"),
    )
    back = part(
        "backward",
        ("dZ[j]",),
        ("Sum(dA[i] * Partial(a[i], Z[j]), (i, 1, K))", "chain rule: Z_j is in every a_i"),
        ("Sum(dA[i] * a[i] * (delta[i, j] - a[j]), (i, 1, K))", "insert the Jacobian"),
        ("dA[j] * a[j] - a[j] * Sum(dA[i] * a[i], (i, 1, K))", "δ_ij leaves the term i = j"),
        ("a[j] * (dA[j] - Sum(dA[i] * a[i], (i, 1, K)))", "factor out"),
        note="Before a cross-entropy all of this becomes a - y: deltarule derive categorical_cross_entropy.",
    )
    given = {"a[i]": "exp(Z[i]) / S", "S": S, "dZ[j]": "Sum(dA[i] * Partial(a[i], Z[j]), (i, 1, K))"}
    return Derivation("softmax", "The derivative of softmax", given, (diagonal, off_diagonal, jacobian, back))


def binary_cross_entropy() -> Derivation:
    """``dL/dŷ``, and ``dZ = ŷ - y`` with the sigmoid."""
    chain = part(
        "with the sigmoid before it",
        ("Partial(L, Z)",),
        ("Partial(L, yhat) * Partial(yhat, Z)", "chain rule"),
        ("(yhat - y) / (yhat * (1 - yhat)) * (yhat * (1 - yhat))", "the result above; σ' = σ(1 - σ)"),
        ("yhat - y", "cancel"),
    )
    return _with_output("binary_cross_entropy", "sigma(Z)", chain, {"sigma(x)": "1 / (1 + exp(-x))"})


def squared_error() -> Derivation:
    """``dL/dŷ = ŷ - y``, and linear regression."""
    chain = part(
        "linear regression, ŷ = Z",
        ("Partial(L, Z)",),
        ("Partial(L, yhat) * Partial(yhat, Z)", "chain rule"),
        ("(yhat - y) * 1", "the result above; ŷ = Z"),
        ("yhat - y", "multiply"),
    )
    remark = "The ½ is there to cancel the 2 of the power rule; without it every gradient is twice as large."
    return _with_output("squared_error", "Z", chain, {}, remark)


def poisson_deviance() -> Derivation:
    """``dL/dŷ``, and ``dZ = ŷ - y`` with the exponential."""
    chain = part(
        "with the exponential before it",
        ("Partial(L, Z)",),
        ("Partial(L, yhat) * Partial(yhat, Z)", "chain rule"),
        ("(1 - y / yhat) * yhat", "the result above; (e^u)' = e^u"),
        ("yhat - y", "multiply"),
    )
    return _with_output("poisson_deviance", "exp(Z)", chain, {})


def _with_output(name: str, output: str, chain: Part, functions: dict[str, str], *remarks: str) -> Derivation:
    """The derivative of a loss, through its output layer to the weights of a model with one feature."""
    loss = derive_loss(LOSSES[name])
    weight = part(
        "for the weight",
        ("Partial(J, w)",),
        ("1 / m * Sum(Partial(L[i], w), (i, 1, m))", "definition of J; sum rule"),
        ("1 / m * Sum(Partial(L[i], Z[i]) * Partial(Z[i], w), (i, 1, m))", "chain rule"),
        ("1 / m * Sum((yhat[i] - y[i]) * x[i], (i, 1, m))", "the result above; Z = w x + b"),
    )
    bias = part(
        "for the bias",
        ("Partial(J, b)",),
        ("1 / m * Sum(Partial(L[i], Z[i]) * Partial(Z[i], b), (i, 1, m))", "sum rule, chain rule"),
        ("1 / m * Sum(yhat[i] - y[i], (i, 1, m))", "the result above; Z = w x + b"),
    )
    of_model = {"yhat": output, "Z": "w * x + b", "J": "1 / m * Sum(L[i], (i, 1, m))"}
    return replace(
        loss,
        definitions={**loss.definitions, **of_model, **functions},
        parts=(replace(loss.parts[0], title="by the prediction"), chain, weight, bias),
        remarks=(*loss.remarks, *remarks),
    )


def categorical_cross_entropy() -> Derivation:
    """``dL/da``, and ``dZ = a - y`` with softmax."""
    by_output = part(
        "by the prediction",
        ("Partial(L, a[j])",),
        ("-Sum(y[k] * Partial(log(a[k]), a[j]), (k, 1, K))", "sum rule, constant factors"),
        ("-y[j] / a[j]", "only the term k = j depends on a_j; (ln u)' = 1/u"),
    )
    chain = part(
        "with softmax before it",
        ("Partial(L, Z[j])",),
        ("Sum(Partial(L, a[k]) * Partial(a[k], Z[j]), (k, 1, K))", "chain rule: Z_j is in every a_k"),
        ("-Sum(y[k] / a[k] * (a[k] * (delta[k, j] - a[j])), (k, 1, K))", "the result above; the Jacobian of softmax"),
        ("-Sum(y[k] * (delta[k, j] - a[j]), (k, 1, K))", "cancel"),
        ("-y[j] + a[j] * Sum(y[k], (k, 1, K))", "δ_kj leaves the term k = j"),
        ("a[j] - y[j]", "the targets of a sample sum to 1"),
        where="Sum(y[k], (k, 1, K)) == 1",
    )
    given = {"L": "-Sum(y[k] * log(a[k]), (k, 1, K))", "a[i]": "exp(Z[i]) / S", "S": S}
    return Derivation(
        "categorical_cross_entropy", "The derivative of the cross-entropy with softmax", given, (by_output, chain)
    )


def backprop() -> Derivation:
    """All gradients of a network with one hidden layer, with shapes; the layers below repeat the last parts."""
    output = part(
        "dA[2], the loss by the prediction",
        ("Partial(J, a2[i, k])",),
        ("1 / m * Partial(L(a2[i, k], y[i, k]), a2[i, k])", "of the sum, one term depends on this entry"),
    )
    parts = [output, *_layer(2), _to_inputs(), *_layer(1)]
    given = {
        "Z1": "W1 @ X + b1",
        "a1": "g1(Z1)",
        "Z2": "W2 @ a1 + b2",
        "a2": "g2(Z2)",
        "J": "1 / m * Sum(Sum(L(a2[i, k], y[i, k]), (i, 1, n_2)), (k, 1, m))",
    }
    given |= {f"d{name}": f"Partial(J, {by})" for name, by in GRADIENTS.items()}
    remarks = (
        "The 1/m of J is inside dA[2], and from there in everything below it.",
        "Sigmoid with binary cross-entropy, softmax with cross-entropy, identity with squared error: "
        "dA[2] and g[2]′ cancel, and dZ[2] = (a[2] - y) / m.",
        "A sample is a column here, as on the slides; with samples as rows, as in the code, every line is transposed.",
    )
    return Derivation("backprop", "Backpropagation through two layers", given, tuple(parts), remarks, SHAPES)


SHAPES = {
    "X": "(n_0, m)", "W1": "(n_1, n_0)", "b1": "(n_1, 1)", "Z1": "(n_1, m)", "a1": "(n_1, m)",
    "W2": "(n_2, n_1)", "b2": "(n_2, 1)", "Z2": "(n_2, m)", "a2": "(n_2, m)", "y": "(n_2, m)",
}  # fmt: skip
GRADIENTS = {"A2": "a2", "Z2": "Z2", "A1": "a1", "Z1": "Z1"}


def _layer(l: int) -> Sequence[Part]:
    """``dZ[l]``, ``dW[l]``, ``db[l]`` from ``dA[l]``."""
    Z, a, W, b, dA, dZ = f"Z{l}", f"a{l}", f"W{l}", f"b{l}", f"dA{l}", f"dZ{l}"
    before, n, n_before = ("X" if l == 1 else f"a{l - 1}"), f"n_{l}", f"n_{l - 1}"
    entries = f"Z[{l}]_ik = ∑_j W[{l}]_ij {'X' if l == 1 else f'a[{l - 1}]'}_jk + b[{l}]_i"
    activation = part(
        f"dZ[{l}], backward through the activation",
        (f"Partial(J, {Z}[i, k])",),
        (
            f"Partial(J, {a}[i, k]) * Partial({a}[i, k], {Z}[i, k])",
            f"chain rule: {a[0]}[{l}]_ik depends on Z[{l}]_ik alone",
        ),
        (f"{dA}[i, k] * dg{l}({Z}[i, k])", "definition of dA, derivative of g"),
        (f"hadamard({dA}, dg{l}({Z}))", "all entries at once", f"({n}, m) = ({n}, m) ⊙ ({n}, m)"),
    )
    weights = part(
        f"dW[{l}], backward through the linear function",
        (f"Partial(J, {W}[i, j])",),
        (
            f"Sum(Partial(J, {Z}[i, k]) * Partial({Z}[i, k], {W}[i, j]), (k, 1, m))",
            "chain rule: W_ij is in Z_ik of every sample k",
        ),
        (f"Sum({dZ}[i, k] * {before}[j, k], (k, 1, m))", entries),
        (
            f"{dZ} @ {before}.T",
            "rows times rows: a product with the transpose",
            f"({n}, {n_before}) = ({n}, m) (m, {n_before})",
        ),
    )
    bias = part(
        f"db[{l}]",
        (f"Partial(J, {b}[i])",),
        (
            f"Sum(Partial(J, {Z}[i, k]) * Partial({Z}[i, k], {b}[i]), (k, 1, m))",
            "chain rule: b_i is in Z_ik of every sample k",
        ),
        (f"Sum({dZ}[i, k], (k, 1, m))", "the derivative of Z_ik by b_i is 1", f"({n}, 1): the sum over the samples"),
    )
    return activation, weights, bias


def _to_inputs() -> Part:
    """``dA[1]`` from ``dZ[2]``."""
    return part(
        "dA[1], what layer 2 sends back",
        ("Partial(J, a1[j, k])",),
        (
            "Sum(Partial(J, Z2[i, k]) * Partial(Z2[i, k], a1[j, k]), (i, 1, n_2))",
            "chain rule: a_jk is in Z_ik of every unit i",
        ),
        ("Sum(W2[i, j] * dZ2[i, k], (i, 1, n_2))", "Z[2]_ik = ∑_j W[2]_ij a[1]_jk + b[2]_i"),
        ("W2.T @ dZ2", "columns times columns: a product with the transpose", "(n_1, m) = (n_1, n_2) (n_2, m)"),
    )

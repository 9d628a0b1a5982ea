"""``deltarule inspect MODEL``: what is in a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from deltarule.estimators.summary import Summary
    from deltarule.network import Network
    from deltarule.tabular.model import TabularModel


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model file, of the command line or of an estimator.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show architecture, parameters, preprocessing and training history of a model file."""
    from deltarule.cli.output import show_json
    from deltarule.tabular.load import load
    from deltarule.tabular.model import TabularModel

    found = load(model)
    table = found if isinstance(found, TabularModel) else None
    estimator = table.estimator if table is not None else found
    summary = found.summary() if hasattr(estimator, "summary") else None
    document = _describe(model, estimator, table) | {"summary": None if summary is None else summary.to_dict()}
    if as_json:
        show_json(document)
    else:
        _show(document, table, summary)


def _describe(path: str, estimator: Any, table: TabularModel | None) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    from deltarule.model_file import written_by

    network: Network = estimator.network_
    document: dict[str, Any] = {
        "file": path,
        "versions": written_by(path),
        "estimator": type(estimator).__name__,
        "architecture": {
            "sizes": network.sizes,
            "activations": [str(layer.activation) for layer in network.layers],
            "dropout": [layer.dropout for layer in network.layers],
            "loss": str(network.loss),
            "parameters": network.n_parameters,
            "precision": str(network.theta.dtype),
        },
        "layers": _layers(network),
        "solver": getattr(estimator, "solver_", estimator.solver),
        "history": estimator.history_,
    }
    if table is not None:
        document["target"] = table.outcome.to_json()
        document["weights"] = table.weights
        document["preprocessing"] = table.preprocessing.to_json()
        document["features"] = table.preprocessing.feature_names
        document["training"] = table.report
    return document


def _layers(network: Network) -> list[dict[str, Any]]:
    """Each layer with the size and spread of its parameters."""
    return [
        {
            "layer": l,
            "W": list(W.shape),
            "activation": str(network.layers[l - 1].activation),
            "parameters": W.size + network.b[l].size + (network.p[l].size if l in network.p else 0),
            "mean of W": float(W.mean(dtype=float)),
            "spread of W": float(W.std(dtype=float)),
            "largest of W": float(abs(W).max()),
        }
        for l, W in network.W.items()
    ]


def _show(document: dict[str, Any], table: TabularModel | None, summary: Summary | None) -> None:
    from deltarule.cli.output import show_metrics, show_summary, show_table
    from deltarule.tabular.metrics import number
    from deltarule.tabular.wording import count

    shape = document["architecture"]
    chain = " -> ".join(map(str, shape["sizes"]))
    rows = [
        ("estimator", document["estimator"]),
        ("architecture", chain),
        ("parameters", f"{shape['parameters']:,} in {shape['precision']}"),
        ("loss", shape["loss"]),
        ("written by", ", ".join(f"{name} {version}" for name, version in document["versions"].items())),
    ]
    if document["summary"] is not None:
        rows.insert(1, ("solved by", document["solver"]))
    if table is not None:
        rows.insert(0, ("target", table.outcome.describe()))
    show_table(f"Model {document['file']}", rows)
    layers = [
        (
            str(x["layer"]),
            "x".join(map(str, x["W"])),
            x["activation"],
            f"{x['parameters']:,}",
            number(x["mean of W"]),
            number(x["spread of W"]),
            number(x["largest of W"]),
        )
        for x in document["layers"]
    ]
    show_table("Layers", layers, ("layer", "W", "activation", "parameters", "mean of W", "spread of W", "largest of W"))
    if table is not None:
        show_table("Preprocessing", [line.split(": ", 1) for line in table.preprocessing.describe()])
        decisions = [(d["what"], d["choice"], d["why"]) for d in table.report["decisions"]]
        show_table("Choices", decisions, ("what", "choice", "because"))
    if summary is not None:
        show_summary(summary)
    _show_history(document["history"], table)
    if table is not None and table.report["test"] is not None:
        report = table.report
        title = f"Test, on {count(report['rows'].get('test', 0), 'row')}{table.weighting}"
        show_metrics(title, report["test"], report["baseline"] or {}, report["baseline_is"])


def _show_history(history: dict[str, list[float]], table: TabularModel | None) -> None:
    from deltarule.cli.output import say, show_table, sparkline
    from deltarule.tabular.metrics import number
    from deltarule.tabular.wording import count

    curves = {name: values for name, values in history.items() if name != "seconds" and values}
    if not curves:
        return
    n_epochs = max(map(len, curves.values()))
    rows = [
        (name.replace("_", " "), number(values[0]), sparkline(values), number(values[-1]))
        for name, values in curves.items()
        if name in ("loss", "validation_loss", "validation_score")
    ]
    show_table(f"History of {count(n_epochs, 'epoch')}", rows, ("value", "first", "", "last"))
    if table is not None and table.report["stopped"]:
        say(table.report["stopped"])

"""The options of ``deltarule train``, as its help lists them."""

from __future__ import annotations

from typing import Annotated

import typer

_DATA, _MODEL, _STEPS, _OUTPUT = "Table", "Model", "Training", "Output"

Table = Annotated[
    str,
    typer.Argument(metavar="FILE", help="CSV, TSV, Parquet, Arrow or NDJSON, also .gz; - reads standard input."),
]
Target = Annotated[
    str | None,
    typer.Option("--target", "-t", metavar="COLUMN", help="The column to be predicted.", show_default=False),
]
Formula = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Such as 'y ~ x + log(z) + C(group)', for a linear or logistic model.",
        show_default=False,
    ),
]
Output = Annotated[
    str, typer.Option("-o", "--output", metavar="MODEL", help="Where the model goes.", rich_help_panel=_OUTPUT)
]
Task = Annotated[str, typer.Option(metavar="TASK", help="auto, regression, binary, multiclass.", rich_help_panel=_DATA)]
Drop = Annotated[
    list[str] | None, typer.Option(metavar="COLUMNS", help="Leave out, separated by commas.", rich_help_panel=_DATA)
]
Categorical = Annotated[
    list[str] | None, typer.Option(metavar="COLUMNS", help="Use as categories.", rich_help_panel=_DATA)
]
Numeric = Annotated[list[str] | None, typer.Option(metavar="COLUMNS", help="Use as numbers.", rich_help_panel=_DATA)]
Weights = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of the sample weights.", rich_help_panel=_DATA)
]
Split = Annotated[
    str, typer.Option(metavar="A,B,C", help="Percent for training, validation and test.", rich_help_panel=_DATA)
]
Scale = Annotated[str, typer.Option(metavar="HOW", help="standard, robust, none.", rich_help_panel=_DATA)]
Model = Annotated[
    str,
    typer.Option(metavar="MODEL", help="auto: mlp or the simple one; linear, logistic, mlp.", rich_help_panel=_MODEL),
]
Hidden = Annotated[
    str | None,
    typer.Option(metavar="UNITS", help="Units of each hidden layer, such as 64,32.", rich_help_panel=_MODEL),
]
Activation = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES", help="Of the hidden layers, one for all or one each: relu,tanh.", rich_help_panel=_MODEL
    ),
]
Loss = Annotated[str, typer.Option(metavar="NAME", help="Follows the task by default.", rich_help_panel=_MODEL)]
Dropout = Annotated[
    float, typer.Option(metavar="SHARE", help="Of the hidden units left out in a step.", rich_help_panel=_MODEL)
]
L1 = Annotated[float, typer.Option("--l1", metavar="STRENGTH", help="L1 penalty.", rich_help_panel=_MODEL)]
L2 = Annotated[float | None, typer.Option("--l2", metavar="STRENGTH", help="L2 penalty.", rich_help_panel=_MODEL)]
ClassWeight = Annotated[
    str, typer.Option(metavar="HOW", help="none, or balanced: rare classes count as much.", rich_help_panel=_MODEL)
]
Optimizer = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto: adam for a network, what finds the optimum for the others; firth for a logistic model.",
        rich_help_panel=_STEPS,
    ),
]
LearningRate = Annotated[float | None, typer.Option(metavar="RATE", rich_help_panel=_STEPS, show_default=False)]
Schedule = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of the learning rate; constant by default.", rich_help_panel=_STEPS),
]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="The most.", rich_help_panel=_STEPS)]
BatchSize = Annotated[int | None, typer.Option(metavar="ROWS", rich_help_panel=_STEPS, show_default=False)]
Patience = Annotated[
    int | None,
    typer.Option(metavar="N", help="Epochs without a lower validation loss; 20 by default.", rich_help_panel=_STEPS),
]
Seed = Annotated[int, typer.Option(metavar="N", help="The same seed gives the same model.", rich_help_panel=_STEPS)]
Engine = Annotated[str, typer.Option(metavar="NAME", help="Who computes.", rich_help_panel=_STEPS)]
Checkpoint = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Write the state of the training after each epoch.", rich_help_panel=_STEPS),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.", rich_help_panel=_STEPS)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.", rich_help_panel=_OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but notes and errors.", rich_help_panel=_OUTPUT)]

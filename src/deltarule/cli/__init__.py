"""The command ``deltarule``: one module a command, one place where every error becomes one line.

Nothing heavy is imported here, so that ``deltarule --help`` answers at once: each command imports what it needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.main import get_command

from deltarule.cli import (
    check,
    derive,
    diagnose,
    evaluate,
    exercise,
    inspect,
    plot,
    predict,
    sample,
    table,
    trace,
    train,
)
from deltarule.cli.output import INTERRUPTED

BAD_INPUT = 2
BROKEN_PIPE = 141  # what a shell reports of a program that a closed pipe has ended

app = typer.Typer(
    name="deltarule",
    help="Train linear regression, logistic regression and neural networks on a table, and use them.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module, _cls in (
    (train, train.TrainCommand),
    *((module, None) for module in (predict, evaluate, diagnose, inspect, sample, trace, check, derive, table)),
    (exercise, exercise.ExerciseCommand),
):
    app.command(name=_module.__name__.rpartition(".")[2], cls=_cls)(_module.command)
app.add_typer(plot.group)


def _show_version(asked: bool) -> None:
    if asked:
        from deltarule import __version__

        print(f"deltarule {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Say which version this is.", callback=_show_version, is_eager=True
    ),
) -> None:
    """Train linear regression, logistic regression and neural networks on a table, and use them."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code.

    It is 0, 1 for a check that failed, 2 for bad input, 130 after Ctrl-C, 141 after a closed pipe.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Raises
    ------
    SystemExit
        Always.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell has closed it: >&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as the process lives
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; every error is one line on standard error, and the answer is the exit code."""
    try:
        with _one_line_notes():
            command = get_command(app)
            with command.make_context("deltarule", arguments) as context:
                code = command.invoke(context)
            sys.stdout.flush()
        return int(code or 0)
    except KeyboardInterrupt:
        return _fail("interrupted: nothing was written", INTERRUPTED)
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except (Exception, SystemExit) as error:
        if _is_broken_pipe(error):
            return _leave_quietly()
        if os.environ.get("DELTARULE_DEBUG") or isinstance(error, SystemExit):
            raise
        return _fail(_explain(error, arguments))


def _explain(error: Exception, arguments: list[str]) -> str:
    """One line for any error."""
    from deltarule.errors import DeltaruleError

    if isinstance(error, DeltaruleError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"expected enough memory, found too little ({_line(error) or 'it is all in use'}); use fewer rows, "
            "smaller layers or smaller batches"
        )
    if hasattr(error, "format_message"):  # of the option parser, which some versions of typer bring along
        return _explain_usage(error, arguments)
    if isinstance(error, OSError):
        where = error.filename or "a file or standard output"
        return f"cannot read or write {where}: {error.strerror or _line(error)}; check the path and the disk"
    if isinstance(error, ValueError):
        return _line(error)
    return (
        f"unexpected {type(error).__name__}: {_line(error)}; set DELTARULE_DEBUG=1 to see where, and please report it"
    )


def _explain_usage(error: Any, arguments: list[str]) -> str:
    """A line for an option that cannot be understood, with what was found, which the parser does not say."""
    parameter, reason = getattr(error, "param", None), _line(getattr(error, "message", "")).rstrip(".")
    see = " ".join(["see deltarule", *_command_of(arguments), "--help"])
    if getattr(parameter, "name", "") == "target" and not reason:
        return f"expected the column to be predicted, found no --target; {see}"
    for name in getattr(parameter, "opts", ()):
        for given, value in zip(arguments, [*arguments[1:], ""], strict=True):
            found = value if given == name else given.partition("=")[2] if given.startswith(f"{name}=") else ""
            if found:
                return f"expected a value that {name} takes, found {found!r} ({reason}); {see}"
    text = _line(error.format_message()).rstrip(".")
    return f"{text or 'expected a command'}; {see}"


def _command_of(arguments: list[str]) -> list[str]:
    """The name of the command, and of the command within it."""
    group: Any = get_command(app)
    found: list[str] = []
    for name in arguments:
        group = getattr(group, "commands", {}).get(name)
        if group is None:
            break
        found.append(name)
    return found


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _fail(text: str, code: int = BAD_INPUT) -> int:
    sys.stderr.write(
        f"deltarule: {text}\n".encode(sys.stderr.encoding or "utf-8", "replace").decode(sys.stderr.encoding or "utf-8")
    )
    return code


def _leave_quietly() -> int:
    """Nobody listens any more, which is no fault; what is still in a buffer has no place to go."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return BROKEN_PIPE


def _is_broken_pipe(error: BaseException | None) -> bool:
    """Whether a closed pipe is at the bottom of this error."""
    while error is not None:
        if isinstance(error, BrokenPipeError):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _one_line_notes() -> Iterator[None]:
    """Show each warning as one line on standard error, as soon as it is given; the same one once."""
    import warnings

    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        from deltarule.cli.output import note

        text = " ".join(str(message).split())
        if text in said:
            return
        said.add(text)
        if category.__name__ == "ConvergenceWarning":  # of scikit-learn, which is not imported to be asked
            note("the epochs were used up while there was still something to gain; --epochs gives it more")
        elif issubclass(category, UserWarning):
            note(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield

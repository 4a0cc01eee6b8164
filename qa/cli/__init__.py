"""The command line: ``qa ask``, ``qa search``, ``qa serve`` and the rest.

Results go to stdout, all else to stderr. Exit codes: 0 done, 1 failed with one line that says what
to do, 2 wrong use, 130 interrupted. Everything heavy is imported inside the commands, so that
``--help`` is there at once. A module with commands holds an ``app`` and has one line in ``_MODULES``.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from qa.cli import api, ask, corpus, doctor, documents, evaluation, index, research, serve, user
from qa.cli.options import CorpusFolder, IndexFolder, LibraryFolder
from qa.errors import QAError

__all__ = ["app", "main"]

# In the order of the overview.
_MODULES = (
    serve,
    ask,
    research,
    documents,
    evaluation,
    doctor,
    index,
    corpus,
    user,
    api,
)

_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1  # what a shell reports for it

# Typer keeps its own copy of click; its usage errors are the parents of the one that it shows.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="qa",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in _MODULES:
    app.add_typer(_module.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the words after "qa"; those of the process where None.
    """
    _quiet()
    try:
        result = app(list(sys.argv[1:] if arguments is None else arguments), prog_name="qa", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except _UsageError as error:
        return _usage(error)
    except QAError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Python flushes stdout once more at exit; what is left must not go to the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}; correct that and run the command again")


def _quiet() -> None:
    """Keep the model libraries' notes off the user's terminal; must run before they are imported."""
    for name, value in {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())  # else Python itself prints warnings that nobody handles
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _complain(message: str, code: int = 1) -> int:
    sys.stderr.write(f"qa: {' '.join(message.split())}\n")
    return code


def _usage(error: Exception) -> int:
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help, already shown
        return 2
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None else "qa"
    if "extra argument" in message:
        message = message.rstrip(". ") + "; put a question of several words in quotes"
    return _complain(f"{message.rstrip('. ')}. See: {path} --help", 2)


def _version(asked: bool) -> None:
    if asked:
        import qa

        sys.stdout.write(f"qa {qa.__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog='Example: qa ask "How small is the MMLU gap between US and Chinese models?"')
def root(
    context: typer.Context,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
    library: LibraryFolder = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Cited answers to questions about China's AI progress."""
    context.obj = {"index": index, "corpus": corpus, "library": library}
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)

"""Options that many commands share, and what they become.

``@command(app, ...)`` registers a function and gives it the folder options, which
``settings_of(context)`` turns into settings. A parameter named ``filters`` stands for the options of
the scope; the function receives them as one ``Filters``. Modules with commands don't postpone the
evaluation of annotations: Typer reads them.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qa.retrieval.filters import Filters
    from qa.settings import Settings


class Language(StrEnum):
    """A language of documents."""

    en = "en"
    zh = "zh"


_SHARED = "Options of every command"
IndexFolder = Annotated[Path | None, typer.Option("--index", metavar="DIR", help="Folder of the index.", rich_help_panel=_SHARED)]
CorpusFolder = Annotated[Path | None, typer.Option("--corpus", metavar="DIR", help="Folder of the corpus.", rich_help_panel=_SHARED)]
LibraryFolder = Annotated[
    Path | None, typer.Option("--library", metavar="DIR", help="Folder of your own documents.", rich_help_panel=_SHARED)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only documents on this topic; repeatable.")]
Languages = Annotated[list[Language] | None, typer.Option("--language", help="Only documents in this language; repeatable.")]
Documents = Annotated[list[str] | None, typer.Option("--document", metavar="ID", help="Only this document; repeatable.")]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", metavar="NAME", help="Only documents of this collection, or of the corpus; repeatable.")
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents as of this date (YYYY, YYYY-MM or YYYY-MM-DD) or later.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents as of this date or earlier.")]

_FOLDERS: dict[str, Any] = {"index": IndexFolder, "corpus": CorpusFolder, "library": LibraryFolder}
_SCOPE: dict[str, Any] = {
    "topic": Topics,
    "language": Languages,
    "since": Since,
    "until": Until,
    "document": Documents,
    "collection": Collections,
}


def command(app: typer.Typer, name: str | None = None, *, epilog: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command that takes the shared options; its first parameter is the context.

    Args:
        app: what to register it with.
        name: the function's where None.
        epilog: an example of its use.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function).parameters
        scope = _SCOPE if "filters" in own else {}
        parameters: dict[str, inspect.Parameter] = {}
        for parameter in own.values():
            named = {parameter.name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)}
            parameters |= _options(scope) if parameter.name == "filters" else named
        parameters |= _options(_FOLDERS)

        @functools.wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            shared = context.find_root().obj
            shared.update({key: folder for key in _FOLDERS if (folder := values.pop(key)) is not None})
            if scope:
                values["filters"] = filters_of(**{key: values.pop(key) for key in scope})
            function(context, **values)

        vars(run).pop("__wrapped__")  # Typer would read the annotations of the function behind it
        vars(run)["__signature__"] = inspect.Signature(list(parameters.values()))
        run.__annotations__ = {key: p.annotation for key, p in parameters.items()}
        app.command(name, epilog=epilog)(run)
        return run

    return register


def _options(types: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
    return {key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=value) for key, value in types.items()}


def settings_of(context: typer.Context, **values: Any) -> Settings:
    """Return the settings with the folders that the command line names.

    Args:
        context: of the command.
        values: further settings from the command line; None leaves a setting as it is.

    Raises:
        SettingsError: a value is unknown or out of range.
    """
    from qa.settings import load_settings

    return load_settings(**context.find_root().obj, **values)


def filters_of(
    topic: list[str] | None,
    language: list[Language] | None,
    since: str | None,
    until: str | None,
    document: list[str] | None,
    collection: list[str] | None,
) -> Filters:
    """Return the scope that the options describe.

    Raises:
        typer.BadParameter: a topic is unknown, or a date is none.
    """
    from qa.documents.model import TOPICS
    from qa.retrieval.filters import Filters

    for name in topic or ():
        if name not in TOPICS:
            raise typer.BadParameter(f"unknown topic {name!r}; use one of {', '.join(TOPICS)}", param_hint="--topic")
    for hint, date in (("--since", since), ("--until", until)):
        if date is not None:
            check_date(date, hint)
    return Filters(
        topics=tuple(topic or ()),
        languages=tuple(x.value for x in language or ()),
        documents=tuple(document or ()),
        collections=tuple(collection or ()),
        since=since,
        until=until,
    )


def check_date(date: str, hint: str, *, whole: bool = False) -> None:
    """Refuse what is no date of the form that documents have.

    Args:
        date: what was given.
        hint: the option.
        whole: a year or a month alone is not enough.

    Raises:
        typer.BadParameter: it is none; the message names the option.
    """
    if whole and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        raise typer.BadParameter(f"{date!r} is not a date like 2025-03-31", param_hint=hint)
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", date):
        raise typer.BadParameter(f"{date!r} is not a date like 2025, 2025-03 or 2025-03-31", param_hint=hint)

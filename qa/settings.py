"""One settings object: environment variables ``QA_...``, then ``qa.toml``, then the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from qa.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parent


def default_corpus() -> Path:
    """Return the corpus beside the package in a checkout, else the one shipped inside it."""
    checkout = _PACKAGE.parent / "corpus"
    return checkout if (_PACKAGE.parent / "pyproject.toml").exists() and checkout.is_dir() else _PACKAGE / "_corpus"


def default_index() -> Path:
    """Return ``index/`` in a checkout, else a folder in the user's data folder."""
    if (_PACKAGE.parent / "pyproject.toml").exists():
        return _PACKAGE.parent / "index"
    return Path(platformdirs.user_data_dir("qa", appauthor=False)) / "index"


class Settings(BaseSettings):
    """Values with ranges; builds nothing."""

    model_config = SettingsConfigDict(env_prefix="QA_", toml_file="qa.toml", extra="forbid", frozen=True)

    corpus: Path = Field(default_factory=default_corpus, description="folder of the source documents")
    index: Path = Field(default_factory=default_index, description="folder of the built index")
    model: str = Field(
        default="all-MiniLM-L6-v2",
        min_length=1,
        description="the embedded all-MiniLM-L6-v2, or the name or folder of any sentence-transformers model",
    )
    max_tokens: int = Field(default=200, ge=32, le=2000, description="upper size of a passage in model tokens")
    threads: int = Field(default=2, ge=1, le=64, description="processor threads for encoding questions")
    max_question_chars: int = Field(default=2000, ge=20, le=20_000, description="longest question, in characters")
    max_sentences: int = Field(default=3, ge=1, le=10, description="most sentences of a plain answer")
    host: str = Field(default="127.0.0.1", description="address that the page is served on")
    port: int = Field(default=7860, ge=1, le=65_535, description="first port to try")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put explicit values before the environment, and the environment before qa.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**values: Any) -> Settings:
    """Make the settings, with explicit values first.

    Raises:
        SettingsError: a value is unknown or out of range; the message names it.
    """
    try:
        return Settings(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        raise SettingsError(
            f"setting {name!r}: {first['msg']} (from an argument, the variable QA_{name.upper()} or qa.toml)"
        ) from error
    except ValueError as error:  # a qa.toml that is not TOML
        raise SettingsError(f"qa.toml cannot be read: {error}; correct it or remove it") from error

"""One settings object: environment variables ``QA_...``, then ``qa.toml``, then the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

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


def default_library() -> Path:
    """Return the folder of the user's own documents: in the user's data folder, in a checkout as well."""
    return Path(platformdirs.user_data_dir("qa", appauthor=False)) / "library"


def default_milvus() -> str:
    """Return a folder in the user's data folder, which milvus-lite serves."""
    return str(Path(platformdirs.user_data_dir("qa", appauthor=False)) / "milvus.db")


class Quirks(BaseModel):
    """What a language model accepts and how it answers. Fields that a table leaves out keep the preset's value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reasoning: Literal["field", "tags"] = Field(
        default="field",
        description="where the reasoning stands: in a field of its own, or in the text before </think>, with or without an opening <think>",
    )
    system: bool = Field(default=True, description="takes a system message; else the rules stand above the question")
    sampling: bool = Field(default=True, description="takes temperature; it is then 0")
    seed: bool = Field(default=False, description="takes a seed")
    usage: bool = Field(default=True, description="takes stream_options, and then reports token counts at the end of a stream")
    max_tokens: int = Field(default=1500, ge=64, le=200_000, description="longest reply in tokens, reasoning included")
    max_tokens_param: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: dict[str, Any] = Field(default={}, description="further fields of the request's body")


class Provider(Quirks):
    """A server of language models: the table [llm.NAME] of qa.toml. Its quirks hold for all its models."""

    base_url: str = Field(default="", description="address up to and with /v1")
    key_env: str = Field(default="", description="environment variable that holds the key; a server of your own may need none")
    timeout_s: float = Field(default=60, gt=0, le=3600, description="longest wait for the next piece of an answer")
    total_s: float = Field(default=300, gt=0, le=3600, description="longest wait for a whole answer")
    retries: int = Field(default=2, ge=0, le=8, description="further tries after 429, 5xx or a lost connection, with growing pauses")
    models: dict[str, Quirks] = Field(default={}, description="name or pattern (* and ?) of a model to its own quirks; the first name is used")


class Settings(BaseSettings):
    """Values with ranges; builds nothing."""

    # A rejected value may be a key that was put in the wrong place: error texts leave it out.
    model_config = SettingsConfigDict(env_prefix="QA_", toml_file="qa.toml", extra="forbid", frozen=True, hide_input_in_errors=True)

    corpus: Path = Field(default_factory=default_corpus, description="folder of the source documents")
    index: Path = Field(default_factory=default_index, description="folder of the built index")
    library: Path = Field(default_factory=default_library, description="folder of your own documents and their index")
    model: str = Field(
        default="all-MiniLM-L6-v2",
        min_length=1,
        description="the embedded all-MiniLM-L6-v2, or the name or folder of any sentence-transformers model",
    )
    max_tokens: int = Field(default=200, ge=32, le=2000, description="upper size of a passage in model tokens")
    threads: int = Field(default=2, ge=1, le=64, description="processor threads for encoding questions")
    search_memory_mb: int = Field(
        default=600, ge=16, le=1_000_000, description="memory for the codes of dense search in a large index, in 1,000,000 bytes; read by a build"
    )
    store: Literal["local", "milvus"] = Field(default="local", description="what finds passages: the index's own files, or Milvus")
    milvus_uri: str = Field(default_factory=default_milvus, description="address of a Milvus cluster, or a local folder")
    milvus_token: str = Field(default="", description="user:password or API key for Milvus")
    max_question_chars: int = Field(default=2000, ge=20, le=20_000, description="longest question, in characters")
    max_sentences: int = Field(default=3, ge=1, le=10, description="most sentences of a plain answer")
    host: str = Field(default="127.0.0.1", description="address that the page is served on")
    port: int = Field(default=7860, ge=1, le=65_535, description="first port to try")
    auth: Path | None = Field(default=None, description="file of the users who may log in; everyone may use the page without one")
    insecure: bool = Field(default=False, description="allow an address that other machines reach without a log-in")
    allowed_hosts: tuple[str, ...] = Field(default=(), description="names under which a proxy on this machine passes requests on")
    read_only: bool = Field(default=False, description="nobody adds or removes documents in the page")
    session_hours: float = Field(default=12, ge=0.1, le=24 * 30, description="how long a log-in lasts")
    requests_per_minute: int = Field(default=600, ge=10, le=1_000_000, description="requests of one user or address")
    uploads_at_once: int = Field(default=3, ge=1, le=50, description="uploads that the server receives at the same time")
    max_files: int = Field(default=20, ge=1, le=500, description="files of one upload")
    max_file_mb: int = Field(default=50, ge=1, le=100, description="largest file of an upload, in 1,000,000 bytes")
    max_library_mb: int = Field(default=2000, ge=1, le=1_000_000, description="size of all uploaded files together, in 1,000,000 bytes")
    api_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="tokens of programs that may use the HTTP and MCP interfaces, separated by commas or spaces"
    )
    api_token_file: Path | None = Field(default=None, description="file with the digests of further tokens; see qa token add")
    api_llm: tuple[str, ...] = Field(default=(), description="language models that programs may name, as for --llm")
    page_llm: tuple[str, ...] = Field(
        default=(), description="language models that the page offers, as for --llm; on this machine alone those with a key or in qa.toml, if empty"
    )
    llm: dict[str, Provider] = Field(default={}, description="servers of language models, over and above the presets")

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Read several tokens from one variable."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

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

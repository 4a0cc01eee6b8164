"""Ask a language model over the OpenAI protocol: streaming, waits, retries, and errors in plain words."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa.answering.answer import Usage
from qa.errors import BadReply, LanguageModelError, MissingExtra, ModelRefuses, ModelUnreachable
from qa.llm.presets import Target
from qa.llm.thinking import ThinkingFilter

if TYPE_CHECKING:
    import openai

SEED = 20_260_701  # any fixed number: with temperature 0 it makes answers as repeatable as the provider allows
CONNECT_S = 10.0  # a server that takes longer to accept a connection is not there
LONGEST_REPLY = 200_000  # characters; a reply that is longer is not an answer
_SAID = 200  # characters of a server's own words in an error
_QUOTA = re.compile(r"quota|balance|billing|credit|arrear|overdue|insufficient|欠费|余额|额度", re.IGNORECASE)
_THOUGHTS = ("reasoning_content", "reasoning")  # names of the field that holds reasoning


def visible(text: str) -> str:
    """Return a text without control, format and broken characters: they could steer a terminal or hide words."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: str
    content: str


class Reply:
    """A streamed reply: iterate over it for pieces of text, then read the rest.

    Attributes:
        text: the whole answer without reasoning; complete when the iteration has ended.
        thought: characters of reasoning so far.
        usage: token counts, where the server gives them.
        refused: the model declined in the protocol's own field for that.
        cut: the reply reached its longest length before it ended.
    """

    def __init__(self, model: LanguageModel, messages: Sequence[Message]) -> None:
        self._model, self._messages = model, messages
        self._filter = ThinkingFilter(model.target.quirks.reasoning == "tags")
        self._thought_apart = 0
        self.usage: Usage | None = None
        self.refused = False
        self.cut = False

    @property
    def text(self) -> str:
        """The answer so far, without reasoning."""
        return self._filter.answer.strip()

    @property
    def thought(self) -> int:
        """Characters of reasoning so far."""
        return self._filter.hidden + self._thought_apart

    def __iter__(self) -> Iterator[str]:
        """Yield pieces of the answer; an empty piece means that the model is still reasoning.

        Raises:
            LanguageModelError: see ``qa.errors``; the pieces until then stay in ``text``.
        """
        finish = ""
        for chunk in self._model.chunks(self._messages):
            self._count(chunk.usage)
            if not chunk.choices:
                continue
            choice = chunk.choices[0]
            finish = choice.finish_reason or finish
            delta = choice.delta
            if delta is None:
                continue
            thought = next((t for t in (getattr(delta, name, None) for name in _THOUGHTS) if isinstance(t, str) and t), "")
            if thought:
                self._filter.release()
                self._thought_apart += len(thought)
            self.refused = self.refused or bool(getattr(delta, "refusal", None))
            piece = self._filter.feed(visible(delta.content)) if isinstance(delta.content, str) else ""
            if piece or thought or self._filter.hidden:
                yield piece
            if len(self._filter.answer) + self.thought > LONGEST_REPLY:
                raise BadReply(f"{self._model.label} does not stop writing; name another model")
        self.cut = finish == "length"
        rest = self._filter.close(complete=not self.cut)
        if rest:
            yield rest
        self._judge(finish)

    def _judge(self, finish: str) -> None:
        label = self._model.label
        if finish == "content_filter":
            raise BadReply(f"{label}: the provider's filter stopped the answer; ask in other words or name another model")
        if not finish:
            # The protocol names a reason at the end of every stream; without one the connection was cut.
            ended = "broke off in the middle of its answer; try again" if self.text or self.thought else (
                "sent no answer; check that the address ends in /v1 and speaks the OpenAI protocol"
            )
            raise BadReply(f"{label} {ended}")
        if not self.text and not self.refused:
            why = "all its tokens went into reasoning; raise max_tokens in qa.toml" if self.thought or self.cut else "name another model"
            raise BadReply(f"{label} sent an empty answer: {why}")

    def _count(self, usage: Any) -> None:
        if usage is None:
            return
        details = getattr(usage, "completion_tokens_details", None)
        self.usage = Usage(
            prompt_tokens=int(usage.prompt_tokens or 0),
            completion_tokens=int(usage.completion_tokens or 0),
            reasoning_tokens=int(getattr(details, "reasoning_tokens", None) or 0),
        )


class LanguageModel:
    """A model on a server that speaks the OpenAI chat protocol; holds a connection, nothing else."""

    def __init__(self, target: Target) -> None:
        """Prepare a client; nothing is sent yet.

        Raises:
            MissingExtra: the package "openai" is not installed.
        """
        try:
            import openai
        except ImportError as error:
            raise MissingExtra('language models need the package openai; run: pip install "china-ai-qa[llm]"') from error
        self.target = target
        self._openai = openai
        self._model = target.model
        provider = target.provider
        self._client = openai.OpenAI(
            base_url=provider.base_url,
            api_key=target.key or "none",  # the package insists on one; servers without keys ignore it
            timeout=openai.Timeout(provider.timeout_s, connect=min(CONNECT_S, provider.timeout_s)),
            max_retries=provider.retries,
            # A redirect would send evidence and question to an address that nobody named.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    @property
    def label(self) -> str:
        """The provider's name, with the model's where it is known."""
        return f"{self.target.name}:{self._model}" if self._model else self.target.name

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Return the reply to a chat; it is fetched while iterated over."""
        return Reply(self, messages)

    def complete(self, messages: Sequence[Message]) -> str:
        """Return the whole text of a reply.

        Raises:
            LanguageModelError: see ``qa.errors``.
        """
        reply = self.ask(messages)
        for _ in reply:
            pass
        return reply.text

    def chunks(self, messages: Sequence[Message]) -> Iterator[Any]:
        """Yield the raw chunks of a stream, within the time for a whole answer.

        Raises:
            LanguageModelError: see ``qa.errors``.
        """
        until = time.monotonic() + self.target.provider.total_s
        with self._plain_errors():
            stream = self._client.chat.completions.create(**self._request(messages))
            with stream:
                for chunk in stream:
                    if time.monotonic() > until:
                        raise ModelUnreachable(f"{self.label} took longer than {self.target.provider.total_s:g} s; raise total_s in qa.toml")
                    # A server's error inside a stream that the package does not know by its form.
                    if getattr(chunk, "object", None) == "error" or not hasattr(chunk, "choices"):
                        raise BadReply(f"{self.label} broke off: {self._said(getattr(chunk, 'message', '') or 'no reason given')}")
                    yield chunk

    def _request(self, messages: Sequence[Message]) -> dict[str, Any]:
        quirks = self.target.quirks
        listed = [{"role": m.role, "content": m.content} for m in messages]
        if not quirks.system:
            listed = [{"role": "user", "content": "\n\n".join(m.content for m in messages)}]
        request: dict[str, Any] = {"model": self._named(), "messages": listed, "stream": True, quirks.max_tokens_param: quirks.max_tokens}
        if quirks.usage:
            request["stream_options"] = {"include_usage": True}
        if quirks.sampling:
            request["temperature"] = 0
        if quirks.seed:
            request["seed"] = SEED
        if quirks.extra:
            request["extra_body"] = quirks.extra
        return request

    def _named(self) -> str:
        """Return the model's name, the first that the server lists where none was given."""
        if not self._model:
            self._model = next((str(m.id) for m in self._client.models.list()), "")
            if not self._model:
                raise ModelRefuses(f"{self.target.name} has no model; load one, or name it: --llm {self.target.name}:MODEL")
        return self._model

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Turn the package's errors into this package's: one sentence, what to do next, never a key."""
        openai = self._openai
        try:
            yield
        except LanguageModelError:
            raise
        except openai.APITimeoutError:
            wait = self.target.provider.timeout_s
            raise ModelUnreachable(f"{self.label} did not answer within {wait:g} s; try again, or raise timeout_s in qa.toml") from None
        except openai.APIConnectionError:
            where = self.target.provider.base_url
            raise ModelUnreachable(f"{self.label} cannot be reached at {where}; check the address and that the server runs") from None
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except (openai.OpenAIError, json.JSONDecodeError, UnicodeDecodeError, TypeError, ValueError, AttributeError) as error:
            # Besides its own errors the package passes on what its parser of malformed events raises.
            raise BadReply(f"{self.label} sent what is no answer: {self._said(str(error))}") from None

    def _refusal(self, error: openai.APIStatusError) -> LanguageModelError:
        body = error.body if isinstance(error.body, dict) else {}
        status, said = error.status_code, self._said(str(body.get("message") or error.message))
        variable = self.target.provider.key_env
        if status in (401, 403):
            what = f"check the key in {variable}" if variable else "the server asks for a key: set key_env in qa.toml"
            return ModelRefuses(f"{self.label} refuses the key (status {status}); {what}")
        if status == 402 or (status == 429 and _QUOTA.search(said)):
            return ModelRefuses(f"{self.label}: the quota is used up ({said}); top up the account or name another model")
        if status == 404:
            name = self.target.name
            return ModelRefuses(f"{name} knows no model {self._model!r} at its address ({said}); name another: --llm {name}:MODEL")
        if status == 429:
            return ModelUnreachable(f"{self.label} takes no more requests for now (status 429); try again later")
        if status >= 500:
            return ModelUnreachable(f"{self.label} fails on its side (status {status}: {said}); try again later")
        return ModelRefuses(f"{self.label} refuses the request (status {status}: {said}); adjust [llm.{self.target.name}] in qa.toml")

    def _said(self, text: str) -> str:
        """Return a server's own words on one line, shortened and without the key."""
        if self.target.key:
            text = text.replace(self.target.key, "***")
        text = re.sub(r"\b(?:sk|bce-v3)[-/][\w/*.-]{4,}", "***", text)
        flat = " ".join(visible(text).split())
        return flat if len(flat) <= _SAID else flat[:_SAID] + " ..."

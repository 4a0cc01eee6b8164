"""The client against a server that speaks the real protocol, and misbehaves."""

import logging
import time

import pytest
from llm_server import Fails, Says, Server

from qa.errors import BadReply, LanguageModelError, ModelRefuses, ModelUnreachable
from qa.llm import LanguageModel, resolve
from qa.llm.client import Message
from qa.settings import Provider

KEY = "sk-0123456789abcdefSECRET"
CHAT = [Message("system", "the rules"), Message("user", "the question")]


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def model(server, monkeypatch):
    """Return a function that makes a client of the server with the given settings."""
    monkeypatch.setenv("TEST_KEY", KEY)

    def make(name="test", **values):
        provider = Provider(**{"base_url": server.url, "key_env": "TEST_KEY", "timeout_s": 0.5, "total_s": 5, "retries": 0} | values)
        return LanguageModel(resolve(name, {"test": provider}))

    return make


def test_a_reply_is_streamed_with_its_token_counts(server, model):
    server.says(Says("The answer is forty-two."))
    reply = model().ask(CHAT)
    pieces = list(reply)
    assert len(pieces) > 2
    assert "".join(pieces) == reply.text == "The answer is forty-two."
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, 6)


def test_the_request_is_deterministic_and_carries_the_key_as_a_token(server, model):
    server.says("fine")
    model(seed=True).complete(CHAT)
    asked = server.asked[0]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["temperature"] == 0
    assert isinstance(asked.body["seed"], int)
    assert asked.body["stream"] is True
    assert asked.body["messages"] == [{"role": "system", "content": "the rules"}, {"role": "user", "content": "the question"}]


def test_quirks_shape_the_request(server, model):
    server.says("fine")
    quirks = {"system": False, "sampling": False, "usage": False, "max_tokens": 99, "max_tokens_param": "max_completion_tokens"}
    model(**quirks, extra={"enable_thinking": False}).complete(CHAT)
    body = server.asked[0].body
    assert body["messages"] == [{"role": "user", "content": "the rules\n\nthe question"}]
    assert not {"temperature", "seed", "stream_options", "max_tokens"} & body.keys()
    assert (body["max_completion_tokens"], body["enable_thinking"]) == (99, False)


def test_the_servers_first_model_is_used_where_none_is_named(server, model):
    server.says("fine")
    client = model()
    client.complete(CHAT)
    assert (server.asked[0].body["model"], client.label) == ("test-model", "test:test-model")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_in_a_field_is_counted_and_not_shown(server, model, name):
    server.says(Says("Answer.", reasoning="secret thoughts", reasoning_field=name))
    reply = model(reasoning="tags").ask(CHAT)
    assert "".join(reply) == reply.text == "Answer."
    assert reply.thought == len("secret thoughts")
    assert reply.usage.reasoning_tokens == 3


@pytest.mark.parametrize("text", ["<think>secret</think>Answer.", "secret</think>Answer."])
def test_reasoning_between_tags_is_not_shown(server, model, text):
    server.says(Says(text, size=3))
    reply = model(reasoning="tags").ask(CHAT)
    assert "".join(reply) == reply.text == "Answer."


def test_a_reply_of_nothing_but_reasoning_is_no_answer(server, model):
    server.says(Says("<think>secret", finish="length"))
    with pytest.raises(BadReply, match="went into reasoning; raise max_tokens") as caught:
        model().complete(CHAT)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("step", "kind", "message"),
    [
        (Fails(401, f"Incorrect API key provided: {KEY}"), ModelRefuses, r"refuses the key \(status 401\); check the key in TEST_KEY"),
        (Fails(403), ModelRefuses, "refuses the key"),
        (Fails(404, "no such model"), ModelRefuses, r"knows no model 'test-model' at its address \(no such model\); name another"),
        (Fails(402, "Insufficient Balance"), ModelRefuses, "quota is used up"),
        (Fails(429, "You exceeded your current quota"), ModelRefuses, "quota is used up"),
        (Fails(429, "too fast"), ModelUnreachable, r"takes no more requests for now \(status 429\)"),
        (Fails(500, "boom"), ModelUnreachable, r"fails on its side \(status 500: boom\)"),
        (Fails(400, f"bad field in {KEY} and sk-another-key-12345"), ModelRefuses, r"status 400: bad field in \*\*\* and \*\*\*\)"),
        (Fails(302, headers={"Location": "http://127.0.0.1:9/"}), ModelRefuses, "status 302"),
        (Fails(200, raw=b"<html>a page</html>"), BadReply, r"check that the address ends in /v1"),
        (Says("", finish="stop"), BadReply, "empty answer"),
        (Says("half an answer", finish="content_filter"), BadReply, "filter stopped"),
        (Says("half an answer", finish=None), BadReply, "broke off in the middle"),
        (Says("half an answer and more", breaks="drop"), BadReply, "broke off in the middle"),
        (Says("half an answer and more", breaks="error"), BadReply, "the engine is overloaded"),
        (Says("half an answer and more", breaks="garbage"), BadReply, "sent what is no answer"),
        (Says("half an answer and more", breaks="silence"), ModelUnreachable, r"did not answer within 0.5 s"),
    ],
    ids=str,
)
def test_each_failure_is_said_in_plain_words_without_the_key(server, model, step, kind, message, caplog):
    caplog.set_level(logging.DEBUG)
    server.says(step)
    with pytest.raises(kind, match=message) as caught:
        model().complete(CHAT)
    assert isinstance(caught.value, LanguageModelError)
    assert KEY not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None, "the cause holds the request and its key"


def test_a_server_that_is_not_there_is_named_by_its_address(model):
    with pytest.raises(ModelUnreachable, match=r"cannot be reached at http://127\.0\.0\.1:9/v1; check the address"):
        model("test:x", base_url="http://127.0.0.1:9/v1").complete(CHAT)


def test_an_answer_that_drips_for_ever_is_ended(server, model):
    server.says(Says("word " * 40, size=1, pause_s=0.05))
    began = time.monotonic()
    with pytest.raises(ModelUnreachable, match=r"took longer than 0\.3 s"):
        model("test:x", total_s=0.3).complete(CHAT)
    assert time.monotonic() - began < 3


def test_a_busy_server_is_asked_again_after_the_pause_that_it_names(server, model):
    server.says(Fails(429, "slow down", {"Retry-After": "0.3"}), Fails(503), Says("at last"))
    began = time.monotonic()
    assert model("test:x", retries=2).complete(CHAT) == "at last"
    assert time.monotonic() - began >= 0.3
    assert len(server.asked) == 3


def test_tries_are_bounded(server, model):
    server.says(Fails(503, headers={"Retry-After": "0.01"}))
    with pytest.raises(ModelUnreachable, match="status 503"):
        model("test:x", retries=1).complete(CHAT)
    assert len(server.asked) == 2


def test_a_wrong_key_is_not_tried_again(server, model):
    server.says(Fails(401))
    with pytest.raises(ModelRefuses):
        model("test:x", retries=3).complete(CHAT)
    assert len(server.asked) == 1


def test_a_model_that_never_stops_is_stopped(server, model, monkeypatch):
    monkeypatch.setattr("qa.llm.client.LONGEST_REPLY", 100)
    server.says(Says("word " * 100))
    with pytest.raises(BadReply, match="does not stop writing"):
        model("test:x").complete(CHAT)

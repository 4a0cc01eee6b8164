"""Names of models: presets, tables of qa.toml, keys."""

import re
import subprocess
import sys
from importlib import resources

import pytest

from qa.errors import MissingExtra, SettingsError
from qa.llm import LanguageModel, names, resolve
from qa.llm.presets import presets
from qa.settings import Provider, Quirks, load_settings

HOSTED = {
    "deepseek": ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "qwen": ("https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    "ernie": ("https://qianfan.baidubce.com/v2", "QIANFAN_API_KEY"),
    "hunyuan": ("https://api.hunyuan.cloud.tencent.com/v1", "HUNYUAN_API_KEY"),
    "kimi": ("https://api.moonshot.cn/v1", "MOONSHOT_API_KEY"),
    "glm": ("https://open.bigmodel.cn/api/paas/v4", "ZHIPUAI_API_KEY"),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
}
KEY = "sk-0123456789abcdefSECRET"


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_preset_has_its_address_its_key_and_a_model(name, monkeypatch):
    url, variable = HOSTED[name]
    monkeypatch.setenv(variable, KEY)
    target = resolve(name, {})
    assert (target.provider.base_url, target.key) == (url, KEY)
    assert target.model
    assert target.label == f"{name}:{target.model}"


@pytest.mark.parametrize(("name", "port"), [("ollama", 11434), ("vllm", 8000), ("llamacpp", 8080), ("lmstudio", 1234)])
def test_a_local_preset_needs_no_key_and_stays_on_this_machine(name, port):
    target = resolve(f"{name}:some-model", {})
    assert target.provider.base_url == f"http://127.0.0.1:{port}/v1"
    assert (target.key, target.model) == ("", "some-model")


def test_every_preset_names_the_page_that_its_facts_come_from():
    text = (resources.files("qa.llm") / "presets.toml").read_text(encoding="utf-8")
    for name in presets():
        before = text[: text.index(f"\n[{name}]\n")]
        comment = re.search(r"((?:^#.*\n?)+)\Z", before, re.MULTILINE)
        assert comment, name
        assert "https://" in comment.group(), name


@pytest.mark.parametrize(
    ("name", "quirk", "value"),
    [
        ("deepseek:deepseek-reasoner", "sampling", False),
        ("deepseek:deepseek-v4-flash", "extra", {"thinking": {"type": "disabled"}}),
        ("qwen:qwq-32b", "system", False),
        ("qwen:qwen3-32b", "extra", {"enable_thinking": False}),
        ("qwen:qwen3-235b-a22b-thinking-2507", "extra", {}),
        ("openai:gpt-5-mini", "sampling", False),
        ("openai:gpt-4.1-mini", "max_tokens_param", "max_completion_tokens"),
        ("ollama:deepseek-r1:8b", "reasoning", "tags"),
        ("ollama:qwen3:8b", "reasoning", "field"),
        ("ollama:qwen3:8b", "seed", True),
        ("kimi:kimi-k2.6", "sampling", False),
    ],
)
def test_a_models_quirks_lie_over_those_of_its_provider(name, quirk, value, monkeypatch):
    for _, variable in HOSTED.values():
        monkeypatch.setenv(variable, KEY)
    assert getattr(resolve(name, {}).quirks, quirk) == value


def test_a_model_of_ones_own_comes_from_qa_toml(tmp_path, monkeypatch):
    (tmp_path / "qa.toml").write_text(
        '[llm.mine]\nbase_url = "http://127.0.0.1:9999/v1"\nseed = true\n[llm.mine.models.one]\n[llm.mine.models."two*"]\nreasoning = "tags"\n'
        '[llm.qwen]\nbase_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    own = load_settings().llm
    assert resolve("mine", own).model == "one"
    assert resolve("mine:two-b", own).quirks == Quirks(seed=True, reasoning="tags")
    intl = resolve("qwen", own)
    assert intl.provider.base_url.startswith("https://dashscope-intl.")
    assert intl.quirks.extra == {"enable_thinking": False}, "what a table leaves out stays the preset's"
    assert names(own)[-1] == "mine"


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("nobody", {}, r"no language model is called 'nobody'; name one of deepseek, "),
        ("deepseek", {}, r"deepseek needs a key; set the environment variable DEEPSEEK_API_KEY"),
        ("mine", {"mine": Provider()}, r"\[llm\.mine\] in qa\.toml has no base_url"),
        ("mine", {"mine": Provider(base_url="localhost:8000")}, r"is no address"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(name, own, message, monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    with pytest.raises(SettingsError, match=message):
        resolve(name, own)


def test_a_key_never_travels_unencrypted_to_another_machine(monkeypatch):
    monkeypatch.setenv("MINE", KEY)
    with pytest.raises(SettingsError, match=r"unencrypted to example\.org") as caught:
        resolve("mine", {"mine": Provider(base_url="http://example.org/v1", key_env="MINE")})
    assert KEY not in str(caught.value)
    assert resolve("mine", {"mine": Provider(base_url="http://192.168.1.5:8000/v1", key_env="MINE")}).key == KEY


def test_a_key_in_qa_toml_is_refused_and_not_repeated(tmp_path, monkeypatch):
    (tmp_path / "qa.toml").write_text(f'[llm.mine]\nbase_url = "http://127.0.0.1:1/v1"\napi_key = "{KEY}"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="api_key") as caught:
        load_settings()
    assert KEY not in str(caught.value) + str(caught.value.__cause__)


def test_a_key_is_not_part_of_what_a_target_shows(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    assert KEY not in repr(resolve("deepseek", {}))


def test_without_the_package_the_install_command_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r'pip install "china-ai-qa\[llm\]"'):
        LanguageModel(resolve("ollama:x", {}))


def test_the_package_is_loaded_only_for_a_model():
    code = "import sys, qa.assistant; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

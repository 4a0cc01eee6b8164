import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.text.quantities import dates, quantities, years


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("on 20 January 2025", 20250120, "date"),
        ("on January 20, 2025", 20250120, "date"),
        ("in Sept. 2025", 20250900, "date"),
        ("2025-01-20", 20250120, "date"),
        ("in 2025", 20250000, "year"),
        ("2025年1月20日", 20250120, "date"),
        ("2025年1月", 20250100, "date"),
        ("2025年底", 20250000, "year"),
    ],
)
def test_reads_dates(text, value, kind):
    assert [(d.value, d.kind) for d in dates(text)] == [(value, kind)]


@pytest.mark.parametrize("text", ["2025 million yuan", "2,025 papers", "20250", "2025亿元", "2025%"])
def test_a_number_that_is_no_year(text):
    assert dates(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "value", "unit"),
    [
        ("USD 294,000", "money", 294_000, "USD"),
        ("$5.6 million", "money", 5.6e6, "USD"),
        ("811 billion yuan", "money", 811e9, "CNY"),
        ("8110亿元", "money", 811e9, "CNY"),
        ("17.5 percentage points", "points", 17.5, "pp"),
        ("0.3个百分点", "points", 0.3, "pp"),
        ("69.7%", "percent", 69.7, "%"),
        ("69.7 percent", "percent", 69.7, "%"),
        ("38,210 patents", "count", 38_210, "patents"),
        ("4500家企业", "count", 4500, "家企"),
        ("40 billion US dollars", "money", 40e9, "USD"),
        ("HK$3 billion", "money", 3e9, "HKD"),
    ],
)
def test_reads_quantities(text, kind, value, unit):
    (found,) = quantities(text)
    assert (found.kind, found.unit) == (kind, unit)
    assert found.value == pytest.approx(value)


def test_dates_are_no_quantities_and_model_names_no_numbers():
    assert quantities("on 20 January 2025") == []
    assert quantities("QwQ-32B and GPT-4") == []


def test_years_of_full_dates_count():
    assert years("from 2023 to 5 May 2025") == {2023, 2025}


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0123456789.,%$¥年月日亿万元 JanMay-")), max_size=120))
def test_spans_lie_inside_the_text_and_never_overlap(text):
    found = sorted([*dates(text), *quantities(text)], key=lambda q: (q.start, q.end))
    position = 0
    for quantity in found:
        assert 0 <= quantity.start < quantity.end <= len(text)
    for quantity in dates(text):
        assert quantity.start >= position
        position = quantity.end

"""The words of a brief in both languages."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "brief": "Research brief", "summary": "Summary", "main": "What the evidence says", "year": "Year by year", "figures": "Figures",
        "timeline": "Timeline", "charts": "Charts", "conflicts": "Where sources disagree", "gaps": "What was not found", "references": "References",
        "asked": "What was searched", "what": "What", "value": "Value", "unit": "Unit", "date": "Date", "source": "Source",
        "until": "Evidence up to {}.", "counts": "Questions searched: {}. Quotes: {}. Gaps: {}.",
        "stopped": "Stopped before the end: what had been found until then is kept.",
        "nothing": "No evidence was found for this question.", "missing": "not in the evidence: {}", "join": ", ",
        "newer": "newer", "primary": "counted by the source itself",
        "by model": "The summary was written by {} and checked against its quotes sentence by sentence.",
        "extractive": "Every sentence is a quote. No language model took part.",
        "planned by model": "A language model chose the sub-questions.",
        "no plan": "The model made no plan ({}); the sub-questions were chosen by rules.",
        "no summary": "The model wrote no summary ({}); it is made of quotes.",
        "unsupported": "no sentence of it is supported by the evidence",
        "as of": "as of", "page": "p. {}", "found": "{} new", "none": "nothing new", "round": "round {}",
        "partly": "only partly supported",
    },
    "zh": {
        "brief": "研究简报", "summary": "摘要", "main": "证据所述", "year": "逐年情况", "figures": "数据", "timeline": "时间线", "charts": "图表",
        "conflicts": "来源说法不一之处", "gaps": "未找到的内容", "references": "参考文献", "asked": "检索的问题", "what": "内容", "value": "数值",
        "unit": "单位", "date": "日期", "source": "来源", "until": "证据截至{}。", "counts": "检索问题{}个，引文{}条，空缺{}处。",
        "stopped": "提前停止：保留了此前找到的内容。", "nothing": "没有找到与该问题有关的证据。", "missing": "证据中没有：{}",
        "join": "、", "newer": "较新", "primary": "由来源自行统计",
        "by model": "摘要由{}撰写，并已逐句与引文核对。", "extractive": "每句话都是引文，没有使用语言模型。",
        "planned by model": "子问题由语言模型选定。",
        "no plan": "模型没有给出计划（{}）；子问题按规则选定。", "no summary": "模型没有写出摘要（{}）；摘要由引文组成。",
        "unsupported": "其中没有一句得到证据支持",
        "as of": "截至", "page": "第{}页", "found": "新增{}句", "none": "没有新内容", "round": "第{}轮", "partly": "仅部分得到支持",
    },
}  # fmt: skip

ABOUT = {"en": "What is known about {s}?", "zh": "关于{s}有哪些情况？"}
YEAR = {"en": "What happened with {s} in {y}?", "zh": "{y}年{s}的情况如何？"}
NAME = {"en": "What is known about {n} and {s}?", "zh": "{n}与{s}有什么关系？"}
AI = {"en": "AI {}", "zh": "人工智能{}"}
JOIN = {"en": " and ", "zh": "与"}
PLACE = {"en": "{s} in {p}", "zh": "{p}的{s}"}

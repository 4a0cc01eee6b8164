"""What a brief looks into: the aspects of a subject, as data.

Each aspect has a question in both languages, a second wording for when the first finds nothing, the
topics of documents that call for it, and a pattern that tells whether a sentence speaks of it. The
pattern decides what joins a section: an answer to "what does it cost" that names no cost does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Needs = Literal["", "figure", "date"]


@dataclass(frozen=True)
class Aspect:
    """One side of a subject.

    Attributes:
        key: its name in the brief's data.
        heading: of its section, English and Chinese.
        ask: its question with {s} for the subject, English and Chinese.
        again: the second wording.
        topics: topics of documents that call for it; empty for those that always fit.
        kinds: kinds of names that it fits; empty for all, and for subjects without a name.
        cue: what a sentence of its section holds.
        needs: what the sentence must hold besides: a figure or a date.
    """

    key: str
    heading: tuple[str, str]
    ask: tuple[str, str]
    again: tuple[str, str]
    topics: frozenset[str]
    kinds: frozenset[str]
    cue: re.Pattern[str]
    needs: Needs = ""


def _aspect(key: str, headings: str, ask: str, again: str, topics: str, kinds: str, cue: str, needs: Needs = "") -> Aspect:
    def both(text: str) -> tuple[str, str]:
        english, chinese = text.split(" | ")
        return english, chinese

    words = frozenset(topics.split()), frozenset(kinds.split())
    return Aspect(key, both(headings), both(ask), both(again), *words, re.compile(cue, re.IGNORECASE), needs)


_FIRMS = "company lab organisation"
_MAKES = "model product chip programme"

ASPECTS = (
    _aspect(
        "origin", "Origin and people | 起源与人物", "Who founded {s}? | {s}由谁创立？", "Who leads {s}, and since when? | {s}的负责人是谁？",
        "", _FIRMS,
        r"\bfound(?:ed|er|ers|ing)\b|\bset up\b|\bestablish|\bled by\b|\bheads?\b|\bchief|\bCEO\b|\bstart-?up\b|\bheadquarter|"
        r"创立|创办|创始|成立|首席|总部",
    ),
    _aspect(
        "release", "Release | 发布", "When was {s} released? | {s}何时发布？", "When did {s} appear? | {s}什么时候推出？",
        "", _MAKES,
        r"\breleas|\blaunch|\bpresent|\bunveil|\bannounc|\bintroduc|\bpublish|\bopen-sourc|\bappear|\bpreview|发布|推出|上线|开源|亮相|公布", "date",
    ),
    _aspect(
        "rules", "Rules and policy | 规则与政策", "Which rules and policies apply to {s}? | {s}有哪些规定和政策？",
        "What did the government decide on {s}? | 政府对{s}作出了哪些决定？",
        "policy regulation cities driving society cooperation education", "",
        r"\blaws?\b|\brules?\b|\bregulat|\bpolic(?:y|ies)\b|\bministr|\bmeasures?\b|\bguideline|\bpermits?\b|\blicen[cs]|\bapprov|"
        r"\bState Council\b|\bbann?|"
        r"\bplan\b|法|规定|办法|政策|部门?|国务院|条例|许可|备案|批准|规划|禁",
    ),
    _aspect(
        "controls", "Export controls | 出口管制", "How do export controls affect {s}? | 出口管制对{s}有何影响？",
        "Which export restrictions concern {s}? | {s}受到哪些出口限制？",
        "export-controls chips", "",
        r"\bexport|\bsanction|\bEntity List\b|\bsmuggl|\brestrict|\blicen[cs]|\bBIS\b|\bNvidia\b|管制|制裁|实体清单|禁令|许可",
    ),
    _aspect(
        "size", "Size and growth | 规模与增长", "How large is {s}, and how fast does it grow? | {s}的规模有多大，增长多快？",
        "How many {s} are there? | {s}的数量是多少？",
        "market investment robotics driving compute chips society applications cities open-source models", "",
        r"\bbillion|\bmillion|\btrillion|\bgrew\b|\bgrow|\brose\b|\bshare\b|\bparameters?\b|\bfleet\b|\bshipment|\boutput\b|"
        r"\bmarket\b|\bcapacity\b|\bdownload|"
        r"亿|万|增长|规模|占|份额|参数|出货|产量|下载", "figure",
    ),
    _aspect(
        "use", "Use and users | 应用与用户", "How many people use {s}, and where is it used? | {s}有多少用户，用在哪里？",
        "Which companies and places use {s}? | 哪些企业和地方使用{s}？",
        "applications society market driving robotics agents open-source", "company lab product model programme",
        r"\busers?\b|\buse[sd]?\b|\busing\b|\bcustomers?\b|\bdeploy|\badopt|\bdownload|\brides?\b|\bhospital|\bfactor(?:y|ies)\b|用户|应用|使用|"
        r"部署|下载|医院|工厂|客户",
    ),
    _aspect(
        "performance", "Performance | 性能", "How does {s} perform in tests and benchmarks? | {s}在测试和基准中表现如何？",
        "What score does {s} reach? | {s}的得分是多少？",
        "performance models agents research compute chips robotics", "company lab model product chip",
        r"\bscor|\bbenchmark|\bMMLU\b|\bSWE-bench\b|\bpoints?\b|\bArena\b|\bHumanEval\b|\bAIME\b|\bGAIA\b|\brank|\baccura|\bTFLOPS\b|"
        r"\bperform|\btests?\b|"
        r"\bsolve|\bElo\b|得分|基准|测试|排名|性能|分数|准确率", "figure",
    ),
    _aspect(
        "cost", "Cost and price | 成本与价格", "How much does {s} cost? | {s}的成本和价格是多少？", "What is the price of {s}? | {s}售价多少？",
        "models performance chips compute market agents driving robotics", "company lab model product chip",
        r"\bcost|\bprice|\bcheap|\bexpensive|\bper million\b|\btokens?\b|\bbudget|成本|价格|售价|费用|便宜|每百万", "figure",
    ),
    _aspect(
        "money", "Money | 资金", "How much money was invested in {s} or earned by it? | {s}获得多少投资或收入？",
        "What are the revenue and the valuation of {s}? | {s}的营收和估值是多少？",
        "investment market", "company lab organisation product",
        r"\brevenue|\bprofit|\bloss|\bvaluation|\bvalued\b|\binvest|\bfund|\braised?\b|\blist(?:ed|ing)\b|\bIPO\b|\bcapital|\bspend|营收|收入|"
        r"利润|亏损|估值|投资|融资|上市|资本|基金",
        "figure",
    ),
    _aspect(
        "research", "Research and talent | 研究与人才", "What does research and talent look like for {s}? | {s}的研究和人才情况如何？",
        "How many papers, patents and researchers stand behind {s}? | {s}有多少论文、专利和研究人员？",
        "research talent", "company lab organisation programme place",
        r"\bpapers?\b|\bpatent|\bpublication|\bcitation|\bresearcher|\btalent|\bgraduat|\bstudent|\bengineer|\buniversit|论文|专利|研究人员|人才|毕业|学生|大学|引用",
    ),
    _aspect(
        "comparison", "Against the United States and others | 与美国等的比较",
        "How does {s} compare with the United States? | {s}与美国相比如何？", "How far is {s} behind or ahead? | {s}领先还是落后多少？",
        "performance investment compute research talent chips models open-source", "",
        r"\bUS\b|\bUnited States\b|\bAmerica|\bOpenAI\b|\bNvidia\b|\bGoogle\b|\bAnthropic\b|\bMeta\b|\bbehind\b|\bahead\b|\blag|\bgap\b|"
        r"\bthan\b|\bworld|"
        r"美国|差距|落后|领先|相比|高于|低于|全球|英伟达|谷歌",
    ),
    _aspect(
        "limits", "Limits, risks and criticism | 局限、风险与批评", "What are the limits, risks and criticism of {s}? | {s}有哪些局限、风险和批评？",
        "What goes wrong with {s}? | {s}存在哪些问题？",
        "", "",
        r"\blimit(?!ed liability)|\brisk|\bcritici|\bcritics\b|\bproblem|\bconcern|\bfail|\bweak|\black|\bbehind\b|\bshortage|"
        r"\bbottleneck|\baccus|\bdoubt|\bwarn|\bban(?:s|ned)?\b|"
        r"\bidle\b|\bbubble\b|\bnot (?:yet|count|settled|verified|independent)|\bonly\b|\bhowever\b|\bcaution|\bnegative|\bhallucinat|"
        r"\baccident|\bsuspend|\bdeficit|"
        r"局限|风险|批评|问题|担忧|不足|失败|薄弱|缺乏|落后|短缺|瓶颈|指控|质疑|警告|禁止|闲置|泡沫|尚未|仅|事故|暂停",
    ),
    _aspect(
        "outlook", "Plans and outlook | 计划与前景", "What is planned or forecast for {s}? | {s}有哪些计划和预测？",
        "Which targets are set for {s} by 2030? | {s}到2030年有哪些目标？",
        "policy market investment robotics compute chips cities driving", "",
        r"\bforecast|\bplan(?:s|ned)?\b|\btarget|\bgoals?\b|\bexpect|\baims?\b|\bproject(?:ed|ion)|\bby (?:20[23]\d)\b|\bwill\b|"
        r"\bwould reach\b|预测|计划|目标|预计|到20[23]\d年|将",
    ),
)  # fmt: skip

GENERIC = frozenset(
    "China|United States|AI|artificial intelligence|industry|comparison|technology|model|company|government|world|research|development|"
    "progress|use|application|market|cost|price|policy|regulation|limit|risk|benchmark|performance|criticism|growth|report|data".split("|")
)
"""English forms of glossary entries that narrow nothing down in this corpus or that name an aspect."""

MORE_NAMES = frozenset("company lab model product chip law programme person agency".split())
"""Kinds of names that a second round may follow."""

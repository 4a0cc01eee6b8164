"""What tests of the user's documents share: texts, and how they are written."""

from __future__ import annotations

from reader_files import column, pdf

NOTE = "# The Zanzibar project\n\nThe Zanzibar project of Acme started on 3 May 2024 with 17 engineers. It is led by Wilma Quartz.\n"
NEWER = NOTE.replace("3 May 2024", "9 July 2024")
CHINESE = "飞鸟公司2024年的营业收入为12.5亿元。公司总部位于杭州。\n"
QUESTION = "When did the Zanzibar project start?"


def write(path, text=NOTE):
    path.write_text(text, encoding="utf-8")
    return path


def write_pdf(path):
    first = ["The lighthouse of Port Ellery was built by the harbour company in 1874.", "It is 41 metres high and stands on a rock."]
    second = ["The bridge of Kolmar was opened in the spring of 1931 after five years.", "It carries two tracks and a road."]
    path.write_bytes(pdf([column(first), column(second)]))
    return path


def own(assistant):
    return [d for d in assistant.documents if d.collection != "corpus"]

// The interface's words in both languages.

const en = {
  title: "China’s AI, cited",
  motto: "Every answer rests on quotes, and every quote has its source.",
  skip: "Skip to the question",
  sections: "Sections",
  nav_ask: "Ask", nav_explore: "Explore", nav_library: "Library",
  theme_dark: "Dark", theme_light: "Light", theme_label: "Change to the {0} theme",
  loading: "Loading the model and the index…", building: "Building the index: {0} of {1} passages",
  ready: "", failed: "Not available",
  conversations: "Conversations", new: "New", rename: "Rename", remove: "Delete", save: "Save", cancel: "Cancel",
  remove_confirm: "Delete for good?", title_label: "Title of the conversation", no_conversations: "Your questions will be kept here.",
  export: "Export", export_markdown: "Markdown", export_json: "JSON", export_bibtex: "BibTeX",
  question: "Your question", placeholder: "Ask in English or Chinese…", ask: "Ask", stop: "Stop", scope: "Scope",
  editing: "Editing an earlier question; those after it will be replaced.", too_long: "{0} characters too many",
  welcome: "What would you like to know?",
  welcome_lede: "Answers are sentences from {0} documents about China’s progress in AI, with the publications they rest on. Nothing is generated, and where the documents don’t answer, the page says so.",
  welcome_lede_loading: "Answers are sentences from a checked collection about China’s progress in AI, with the publications they rest on. Nothing is generated, and where the documents don’t answer, the page says so.",
  welcome_lede_model: "Answers rest on {0} documents about China’s progress in AI. {1} writes them; every sentence is checked against its quotes, and what they do not support is marked.",
  examples: "Questions by topic",
  understood: "Understood as",
  searching: "Searching…", waiting: "Waiting for the model to load…", waiting_build: "The index is being built ({0} of {1} passages); the answer follows.",
  stopped: "Stopped.", busy: "Many people are asking right now. Please try again in a moment.", failed_answer: "This did not work.", unexpected: "Something unexpected went wrong while answering; the server’s log says more.",
  connection: "The server cannot be reached. Is it still running?",
  searched: "Searched {0} passages in {1}", steps_read: "{0} passages read closely",
  step_analyse: "Reading the question", step_retrieve: "Searching", step_select: "Choosing sentences", step_compose: "Writing and checking", step_total: "In all", step_rank: "Ranking", step_verify: "Checking",
  confidence: "Confidence", confidence_high: "high", confidence_medium: "medium", confidence_low: "low",
  citation: "Citation {0}: {1}", partly: "partly supported", unsupported: "not supported",
  copy: "Copy with references", copied: "Copied", link: "Copy link", retry: "Ask again", edit: "Edit",
  good: "Good answer", bad: "Bad answer", reason_good: "What was good? (optional)", reason_bad: "What was wrong? (optional)", send: "Send", thanks: "Thank you, noted.",
  reasons_bad: ["Wrong", "Does not answer the question", "Outdated", "Source does not fit"], reasons_good: ["Right", "Clear", "Good source"],
  next: "You could ask next", answer_ready: "The answer is there, with {0} sources.", answer_none: "The corpus does not answer this.",
  partly_told: "Some of this sentence’s figures, dates or names are not in its quotes.", unsupported_told: "Nothing in the evidence supports this sentence.",
  older: "older figure, see", newer: "newer", primary: "primary source", notes: "Notes",
  research: "Research", research_hint: "Ask from many sides and write a brief; every sentence cited", research_placeholder: "What should be researched?",
  quotes_only: "Quotes only", written_by: "Written by {0}", written_with: "Written by {0}, checked against the quotes", answers_are: "Answers are", tokens: "{0} tokens read, {1} written",
  leaves_host: "Your question and the passages found for it go to {0}. Passages of your own documents may be among them.", leaves_nothing: "The model runs on the computer that serves this page; nothing leaves it.",
  model_reads: "{0} passages found. The model is reading…", model_thinks: "{0} passages found. The model is thinking…", draft: "Draft, not checked yet", draft_evidence: "The numbered passages that the model was given",
  step_model: "Model", step_check: "Checking its sentences",
  researching: "Question {0} of {1}", planning: "Planning the questions…", writing_brief: "Writing the brief…", brief_found: "{0} sentences found", brief_gaps: "{0} without an answer so far", brief_conflicts: "{0} disagreements",
  brief: "Research brief", brief_by: "{0} questions searched, {1} quotes", brief_until: "evidence up to {0}", brief_stopped: "Stopped early: this is what had been found.", brief_none: "The documents hold nothing on this question.",
  summary: "Summary", what: "What", brief_figures: "Figures", brief_charts: "Charts", gaps: "What was not found", gap_lacks: "not in the evidence: {0}", asked: "What was searched", found_n: "{0} new", found_none: "nothing new",
  references_n: "{0} references",
  download_markdown: "Markdown", download_html: "HTML page", download: "Download", stopping: "Stopping; the brief is made of what was found…", brief_ready: "The brief is there, with {0} quotes.",
  evidence: "Evidence", evidence_empty: "The passages behind an answer appear here, each with the quote marked.", evidence_for: "For “{0}”",
  as_of: "As of {0}", relevance: "Relevance", signals: "Signals", rank: "Rank in the search", read: "Read in document", back_to_mark: "Back to citation {0} in the answer",
  sources: "Sources", no_sources: "No source is given for this sentence.", undated: "undated",
  signal_dense: "Passage meaning", signal_sentence: "Sentence meaning", signal_lexical: "Shared words", signal_late: "Word-by-word match",
  abstained: "No answer in the corpus", missing: "Not found", nearest: "Nearest passages",
  conflict: "Sources disagree", conflict_about: "About: {0}", value: "Value", date: "Date", source: "Source",
  comparison: "Side by side", side: "Side", figures: "Figure",
  chart: "Over time", chart_note: "Figures as the cited sentences give them.",
  scope_topics: "Topics", scope_language: "Language of the documents", scope_period: "Documents as of", scope_since: "from", scope_until: "to", scope_clear: "Clear scope", scope_documents: "Documents",
  any: "Any", english: "English", chinese: "Chinese", remove_chip: "Remove {0}", since_chip: "from {0}", until_chip: "to {0}", close: "Close",
  explore_heading: "The record in figures and dates", explore_lede: "Series, dated statements, topics and names of the corpus, each with its source.",
  series: "Series", series_none: "The corpus holds no series yet; its dated statements are below.", series_pick: "Choose one or several", values: "Values as a table", ask_about: "Ask about this", series_question: "How did {0} develop?",
  timeline: "Timeline", timeline_lede: "{0} dated statements", name: "Name or word", topic: "Topic", language: "Language", since: "From", until: "To", more: "Show more", none_found: "Nothing matches. Remove a filter.", reset: "Remove filters", year_bars: "Statements by year",
  topics_names: "Topics and names", documents_n: "{0} documents", documents_1: "1 document", see_timeline: "Timeline", see_documents: "Documents", names: "Names", pick_hint: "Choose a topic or a name to see questions, dates and documents.", about_question: "What is known about {0}?",
  library_heading: "The documents", library_lede: "All that the answers rest on. Open one to read it, or choose some to ask only them.",
  search: "Search titles", col_title: "Title", col_topic: "Topic", col_language: "Language", col_as_of: "As of", col_sources: "Sources", col_passages: "Passages", choose: "Choose {0}", ask_chosen: "Ask {0} chosen", shown: "{0} of {1} documents", sort_by: "Sort by {0}",
  index: "Index", index_generation: "Generation", index_model: "Model", index_documents: "Documents", index_passages: "Passages", index_sentences: "Sentences", index_built: "Built",
  reader_ask: "Ask only this document", footnote: "Source {0}", not_ready: "This appears once the index is loaded.",
  corpus_heading: "The corpus", own_heading: "Your own documents", own_lede: "Add files or pages from the web: they are searched and cited like the corpus, and stay on this server.", own_lede_closed: "Documents that were added to this server. Adding and removing is switched off here.",
  own_none: "Nothing yet. What you add is listed here.", own_search: "Search your documents", own_remove: "Remove", own_remove_one: "Remove {0}", own_confirm: "Remove for good?", own_removed: "{0} was removed.",
  col_collection: "Collection", col_added: "Added", col_size: "Size", pages_n: "{0} pages", page_n: "Page {0}", added_on: "added {0}", choose_none: "Choose none",
  drop_title: "Drop files here, or", drop_choose: "choose them", drop_kinds: "PDF, Word, PowerPoint, Excel, CSV, EPUB, HTML, Markdown, text, JSON Lines; up to {0} MB each",
  add_address: "Add from the web", add: "Add", collection: "Collection", not_address: "An address begins with http:// or https:// and has no spaces.",
  up_sending: "Sending, {0}", up_fetching: "Fetching the page…", up_waiting: "Waiting for another upload to finish…", up_reading: "Reading…", up_indexing: "Reading and indexing, {0}", up_done: "{0} of {1} are in the library",
  up_added: "Added, {0} passages", up_updated: "New version, {0} passages", up_added_1: "Added, 1 passage", up_updated_1: "New version, 1 passage", up_unchanged: "Unchanged: this very version is there already", up_duplicate: "Already there as “{0}”", up_read: "Read",
  refused_format: "This format cannot be read; those that can are named above.", refused_size: "It is larger than {0} MB.", refused_empty: "The file is empty.", refused_full: "The library is full. Remove something first.",
  too_big: "It has {0}; the limit is {1} MB.", too_much: "That is more than this server takes at once.", too_fast: "That was a little fast. Please wait a moment and go on.", logged_out: "Your log-in has ended.",
  reader_text: "Text", reader_views: "Show", page_picture: "Page {0} of {1} as a picture", page_none: "This page cannot be shown as a picture.", page_before: "Page before", page_after: "Next page", page_of: "Page {0} of {1}",
  reader_changed: "This document has changed since the answer was given, and the quote no longer stands in it.",
  scope_collections: "Collections", corpus_name: "Corpus", library_name: "Library", log_out: "Log out",
  seconds: "{0} s", milliseconds: "{0} ms",
};

const zh = {
  title: "中国人工智能，句句有据",
  motto: "每个回答都有原文引用，每条引用都有出处。",
  skip: "跳到提问框",
  sections: "栏目",
  nav_ask: "提问", nav_explore: "探索", nav_library: "文库",
  theme_dark: "深色", theme_light: "浅色", theme_label: "切换为{0}主题",
  loading: "正在加载模型和索引……", building: "正在建立索引：{0}/{1}段",
  ready: "", failed: "无法使用",
  conversations: "对话", new: "新对话", rename: "重命名", remove: "删除", save: "保存", cancel: "取消",
  remove_confirm: "确定删除？", title_label: "对话标题", no_conversations: "您的提问会保存在这里。",
  export: "导出", export_markdown: "Markdown", export_json: "JSON", export_bibtex: "BibTeX",
  question: "您的问题", placeholder: "用中文或英文提问……", ask: "提问", stop: "停止", scope: "范围",
  editing: "正在修改之前的问题；其后的内容将被替换。", too_long: "超出{0}个字符",
  welcome: "您想了解什么？",
  welcome_lede: "回答取自{0}份关于中国人工智能进展的文档，均为原句并附出版来源。不生成任何文字；文档没有答案时，页面会如实说明。",
  welcome_lede_loading: "回答取自经过核对的中国人工智能文档，均为原句并附出版来源。不生成任何文字；文档没有答案时，页面会如实说明。",
  welcome_lede_model: "回答依据{0}份关于中国人工智能进展的文档，由{1}撰写；每句话都与引文核对，缺乏支持的内容会标明。",
  examples: "按主题提问",
  understood: "理解为",
  searching: "正在检索……", waiting: "正在等待模型加载……", waiting_build: "正在建立索引（{0}/{1}段），完成后即作答。",
  stopped: "已停止。", busy: "目前提问的人较多，请稍后再试。", failed_answer: "未能完成。", unexpected: "回答时出现意外错误，详情见服务器日志。",
  connection: "无法连接服务器，它是否仍在运行？",
  searched: "检索了{0}个段落，用时{1}", steps_read: "细读{0}个段落",
  step_analyse: "分析问题", step_retrieve: "检索", step_select: "选择句子", step_compose: "组织与核对", step_total: "合计", step_rank: "排序", step_verify: "核对",
  confidence: "可信度", confidence_high: "高", confidence_medium: "中", confidence_low: "低",
  citation: "引用{0}：{1}", partly: "部分支持", unsupported: "缺乏支持",
  copy: "复制（含引用）", copied: "已复制", link: "复制链接", retry: "重新提问", edit: "修改",
  good: "回答得好", bad: "回答不好", reason_good: "好在哪里？（选填）", reason_bad: "问题在哪里？（选填）", send: "提交", thanks: "谢谢，已记录。",
  reasons_bad: ["有错误", "答非所问", "信息过时", "来源不符"], reasons_good: ["正确", "清楚", "来源可靠"],
  next: "还可以问", answer_ready: "回答已给出，附{0}条来源。", answer_none: "文档没有回答这个问题。",
  partly_told: "此句的部分数字、日期或名称不在引文中。", unsupported_told: "证据中没有内容支持此句。",
  older: "旧数据，见", newer: "较新", primary: "一手来源", notes: "说明",
  research: "研究", research_hint: "从多个方面提问并写成简报，句句有引用", research_placeholder: "要研究什么问题？",
  quotes_only: "仅用引文", written_by: "由{0}撰写", written_with: "由{0}撰写，并与引文核对", answers_are: "回答方式", tokens: "读取{0}个词元，写出{1}个",
  leaves_host: "您的问题和检索到的段落会发送至{0}，其中可能包括您自己文档中的段落。", leaves_nothing: "模型运行在提供本页面的计算机上，内容不会外传。",
  model_reads: "找到{0}个段落，模型正在阅读……", model_thinks: "找到{0}个段落，模型正在思考……", draft: "草稿，尚未核对", draft_evidence: "提供给模型的编号段落",
  step_model: "模型", step_check: "核对句子",
  researching: "第{0}个问题，共{1}个", planning: "正在规划问题……", writing_brief: "正在撰写简报……", brief_found: "已找到{0}句", brief_gaps: "{0}个问题暂无答案", brief_conflicts: "{0}处说法不一",
  brief: "研究简报", brief_by: "检索了{0}个问题，引文{1}条", brief_until: "证据截至{0}", brief_stopped: "提前停止：以下是此前找到的内容。", brief_none: "文档中没有与该问题有关的内容。",
  summary: "摘要", what: "内容", brief_figures: "数据", brief_charts: "图表", gaps: "未找到的内容", gap_lacks: "证据中没有：{0}", asked: "检索的问题", found_n: "新增{0}句", found_none: "没有新内容",
  references_n: "{0}条参考文献",
  download_markdown: "Markdown", download_html: "HTML网页", download: "下载", stopping: "正在停止，将用已找到的内容写成简报……", brief_ready: "简报已完成，附{0}条引文。",
  evidence: "证据", evidence_empty: "回答所依据的段落会显示在这里，引文加以标示。", evidence_for: "针对“{0}”",
  as_of: "截至{0}", relevance: "相关度", signals: "检索信号", rank: "检索名次", read: "在文档中阅读", back_to_mark: "回到答案中的引用{0}",
  sources: "来源", no_sources: "此句未注明来源。", undated: "无日期",
  signal_dense: "段落语义", signal_sentence: "句子语义", signal_lexical: "共有词语", signal_late: "逐词匹配",
  abstained: "文档中没有答案", missing: "未找到", nearest: "最接近的段落",
  conflict: "来源说法不一", conflict_about: "关于：{0}", value: "数值", date: "日期", source: "来源",
  comparison: "对照", side: "对象", figures: "数据",
  chart: "随时间变化", chart_note: "数据取自所引句子。",
  scope_topics: "主题", scope_language: "文档语言", scope_period: "文档日期", scope_since: "自", scope_until: "至", scope_clear: "清除范围", scope_documents: "文档",
  any: "不限", english: "英文", chinese: "中文", remove_chip: "移除{0}", since_chip: "自{0}", until_chip: "至{0}", close: "关闭",
  explore_heading: "数字与日期中的进程", explore_lede: "文档中的数据序列、带日期的陈述、主题与名称，均附来源。",
  series: "数据序列", series_none: "目前没有数据序列；下面是带日期的陈述。", series_pick: "选择一项或多项", values: "以表格查看数值", ask_about: "就此提问", series_question: "{0}如何变化？",
  timeline: "时间线", timeline_lede: "{0}条带日期的陈述", name: "名称或词语", topic: "主题", language: "语言", since: "自", until: "至", more: "显示更多", none_found: "没有符合的内容，请减少筛选条件。", reset: "清除筛选", year_bars: "各年陈述数",
  topics_names: "主题与名称", documents_n: "{0}份文档", documents_1: "1份文档", see_timeline: "时间线", see_documents: "文档", names: "名称", pick_hint: "选择主题或名称，查看相关问题、日期和文档。", about_question: "关于{0}有哪些信息？",
  library_heading: "文档", library_lede: "所有回答的依据。点开即可阅读，也可选择若干份，只向它们提问。",
  search: "搜索标题", col_title: "标题", col_topic: "主题", col_language: "语言", col_as_of: "截至", col_sources: "来源", col_passages: "段落", choose: "选择{0}", ask_chosen: "向所选{0}份提问", shown: "{1}份中的{0}份", sort_by: "按{0}排序",
  index: "索引", index_generation: "版本", index_model: "模型", index_documents: "文档", index_passages: "段落", index_sentences: "句子", index_built: "建立时间",
  reader_ask: "只向此文档提问", footnote: "来源{0}", not_ready: "索引加载后显示。",
  corpus_heading: "内置文档", own_heading: "您自己的文档", own_lede: "添加文件或网页后，它们会与内置文档一样被检索和引用，且只保存在这台服务器上。", own_lede_closed: "已添加到这台服务器的文档。此处不能添加或移除。",
  own_none: "还没有文档。您添加的内容会列在这里。", own_search: "搜索您的文档", own_remove: "移除", own_remove_one: "移除{0}", own_confirm: "确定移除？", own_removed: "已移除{0}。",
  col_collection: "文档集", col_added: "添加时间", col_size: "大小", pages_n: "{0}页", page_n: "第{0}页", added_on: "添加于{0}", choose_none: "取消选择",
  drop_title: "将文件拖到此处，或", drop_choose: "选择文件", drop_kinds: "支持PDF、Word、PowerPoint、Excel、CSV、EPUB、HTML、Markdown、文本、JSON Lines；每个不超过{0} MB",
  add_address: "添加网页", add: "添加", collection: "文档集", not_address: "网址须以http://或https://开头，且不含空格。",
  up_sending: "正在发送，{0}", up_fetching: "正在获取网页……", up_waiting: "正在等待另一项上传完成……", up_reading: "正在读取……", up_indexing: "正在读取并建立索引，{0}", up_done: "{1}项中有{0}项已在文库中",
  up_added: "已添加，{0}个段落", up_updated: "已更新版本，{0}个段落", up_added_1: "已添加，1个段落", up_updated_1: "已更新版本，1个段落", up_unchanged: "没有变化：文库中已有这一版本", up_duplicate: "文库中已有，名为“{0}”", up_read: "阅读",
  refused_format: "无法读取这种格式；支持的格式见上方。", refused_size: "文件大于{0} MB。", refused_empty: "文件是空的。", refused_full: "文库已满，请先移除一些文档。",
  refused_scanned: "这是没有文字的扫描件；请先做文字识别（OCR），再添加结果。", refused_encrypted: "文件已加密；请另存为无密码的副本。", refused_protected: "文件受版权保护（DRM）；请添加未受保护的副本。", refused_text: "文件中没有文字。",
  refused_damaged: "文件已损坏；请重新保存或下载。", refused_archive: "这是压缩包；请解压后添加其中的文件。", refused_large: "文件过大；请拆分后再添加。", refused_slow: "读取此文件超出了时间或内存限制；请拆分或换一种格式。",
  too_big: "文件大小为{0}，上限为{1} MB。", too_much: "超出了服务器一次可接收的大小。", too_fast: "操作有点快，请稍候再继续。", logged_out: "登录已失效。",
  reader_text: "文本", reader_views: "显示方式", page_picture: "{1}第{0}页的图像", page_none: "此页无法显示为图像。", page_before: "上一页", page_after: "下一页", page_of: "第{0}页，至第{1}页",
  reader_changed: "回答之后，此文档已有改动，引文已不在其中。",
  scope_collections: "文档集", corpus_name: "内置文档", library_name: "文库", log_out: "退出登录",
  seconds: "{0}秒", milliseconds: "{0}毫秒",
};

en.language_label = "切换为中文";
zh.language_label = "Change to English";

const topics = {
  performance: ["Performance", "性能"], models: ["Models", "模型"], agents: ["Agents", "智能体"], "open-source": ["Open source", "开源"],
  policy: ["Policy", "政策"], regulation: ["Regulation", "监管"], cities: ["Cities", "城市"], investment: ["Investment", "投资"],
  market: ["Market", "市场"], research: ["Research", "科研"], talent: ["Talent", "人才"], chips: ["Chips", "芯片"], compute: ["Compute", "算力"],
  "export-controls": ["Export controls", "出口管制"], robotics: ["Robotics", "机器人"], driving: ["Driving", "自动驾驶"],
  applications: ["Applications", "应用"], society: ["Society", "社会"], cooperation: ["Cooperation", "合作"],
};

const units = {
  percent: "%", "percentage points": "百分点", "billion yuan": "十亿元", "million yuan": "百万元", "billion US dollars": "十亿美元", "million US dollars": "百万美元",
  robots: "台", models: "个模型", "million users": "百万用户", factories: "家工厂", "yuan per million tokens": "元/百万词元", "wafers per month": "片晶圆/月", vehicles: "辆",
  universities: "所高校", "trillion tokens per day": "万亿词元/日", "trillion tokens": "万亿词元", "thousand cards": "千张", services: "项服务", "percent of tasks solved": "任务完成率%",
  papers: "篇论文", minutes: "分钟", "million standard racks": "百万标准机架", "million rides": "百万单", "million developers": "百万开发者", million: "百万", families: "项专利族",
  "data sets": "个数据集", companies: "家企业", "billion kilowatts": "十亿千瓦", "Arena points": "竞技场分",
};

export const language = () => (document.documentElement.dataset.language === "zh" ? "zh" : "en");

/** Say a phrase: t("as_of", "2025"). */
export function t(key, ...values) {
  const phrase = (language() === "zh" ? zh : en)[key] ?? en[key] ?? key;
  return typeof phrase === "string" ? phrase.replace(/\{(\d)\}/g, (_, n) => values[n] ?? "") : phrase;
}

export const topicName = (topic) => (topics[topic] ? topics[topic][language() === "zh" ? 1 : 0] : topic);
export const collectionName = (name) => (name === "corpus" || name === "library" ? t(name + "_name") : name);
export const unitName = (unit) => (language() === "zh" && units[unit]) || unit;
export const languageName = (code) => (code === "zh" ? t("chinese") : t("english"));
export const number = (value, options) => new Intl.NumberFormat(language() === "zh" ? "zh-CN" : "en", options).format(value);
export const duration = (ms) => (ms >= 1000 ? t("seconds", number(ms / 1000, { maximumFractionDigits: 1 })) : t("milliseconds", number(ms, { maximumFractionDigits: 0 })));

/** Write a number of bytes in the unit that keeps it short. */
export function size(bytes) {
  const [value, unit] = bytes >= 1e6 ? [bytes / 1e6, "megabyte"] : [Math.ceil(bytes / 1000), "kilobyte"];
  return number(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "megabyte" ? 1 : 0 });
}

/** Write the day of a moment in ISO form, in the reader's own time zone. */
export function day(moment) {
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { year: "numeric", month: language() === "zh" ? "long" : "short", day: "numeric" }).format(date);
}

/** Write YYYY, YYYY-MM or YYYY-MM-DD as a reader would. */
export function dateText(date) {
  const parts = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/.exec(date ?? "");
  if (!parts) return date === "n.d." ? t("undated") : date ?? "";
  const [, year, month, day] = parts;
  if (!month) return language() === "zh" ? year + "年" : year;
  const when = new Date(Date.UTC(+year, +month - 1, day ? +day : 1));
  const options = { timeZone: "UTC", year: "numeric", month: language() === "zh" ? "long" : "short", ...(day ? { day: "numeric" } : {}) };
  return new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", options).format(when);
}

/** Tell whether the language has a phrase of its own. */
export const has = (key) => key in (language() === "zh" ? zh : en);

/** Set the words of every element that names a phrase. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
  for (const element of root.querySelectorAll("[data-t-placeholder]")) element.placeholder = t(element.dataset.tPlaceholder);
}

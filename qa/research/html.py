"""A brief"""
def to_html(brief): return ""

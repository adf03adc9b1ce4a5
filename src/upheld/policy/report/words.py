"""Fixed words of what the command line prints, in English and Japanese."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "ja")

SECTION_TITLES: Mapping[str, Mapping[str, str]] = {
    "policy": {"en": "Who we are", "ja": "事業者"},
    "notice": {"en": "How we tell you", "ja": "通知・公表"},
    "collection": {"en": "What we collect", "ja": "取得する情報"},
    "basis": {"en": "Legal bases", "ja": "法的根拠"},
    "security": {"en": "Security", "ja": "安全管理措置"},
    "country": {"en": "Countries", "ja": "外国の制度"},
    "services": {"en": "Services", "ja": "委託先"},
    "recipients": {"en": "Recipients", "ja": "提供先"},
    "retention": {"en": "How long we keep it", "ja": "保存期間"},
    "rights": {"en": "Your rights", "ja": "開示等の請求"},
    "contact": {"en": "Contact", "ja": "問い合わせ先"},
    "amendment": {"en": "Changes", "ja": "改定"},
    "transfers": {"en": "Transfers", "ja": "外国への移転"},
    "cookies": {"en": "Cookies and tags", "ja": "Cookie・タグ"},
    "statements": {"en": "Statements", "ja": "記述のみの条項"},
    "evidence": {"en": "Evidence", "ja": "裏付け"},
    "mappings": {"en": "Mappings", "ja": "対応表"},
}

SEVERITIES: Mapping[str, Mapping[str, str]] = {
    "error": {"en": "error", "ja": "エラー"},
    "warning": {"en": "warning", "ja": "警告"},
    "note": {"en": "note", "ja": "参考"},
    "accepted": {"en": "accepted", "ja": "受容"},
}

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {"under": "under", "law": "law", "next": "next", "until": "until"},
    "ja": {"under": "場所", "law": "法令", "next": "対応", "until": "期限"},
}

AT_THE_CARET: Mapping[str, Mapping[str, str]] = {
    "PP002": {"en": "first at line {line}", "ja": "先に{line}行目にある"},
    "PP004": {"en": "`{suggestion}`?", "ja": "`{suggestion}`？"},
    "PP006": {"en": "lacks `{key}`", "ja": "`{key}`がない"},
    "PP007": {"en": "`{suggestion}`?", "ja": "`{suggestion}`？"},
    "PP107": {"en": "needs `{field}`", "ja": "`{field}`を要する"},
    "PP802": {"en": "no `{language}` text", "ja": "`{language}`の文がない"},
}
"""What stands behind the carets; a code that is not here has only its first line."""

START_WORDS: Mapping[str, Mapping[str, str]] = {
    "last_contact": {"en": "last contact", "ja": "最後の接触"},
    "last_visit": {"en": "last visit", "ja": "最後の訪問"},
    "contract_end": {"en": "end of the contract", "ja": "契約の終了"},
    "account_closed": {"en": "closing of the account", "ja": "アカウントの閉鎖"},
    "decision": {"en": "decision", "ja": "採否の決定"},
    "relationship_end": {"en": "relationship end", "ja": "関係の終了"},
    "recorded": {"en": "the day it was recorded", "ja": "記録の日"},
    "last_use": {"en": "last use", "ja": "最後の利用"},
    "closing": {"en": "closing of the request", "ja": "請求の完了"},
}

UNITS: Mapping[str, tuple[str, str, str]] = {
    "D": ("day", "days", "日"),
    "W": ("week", "weeks", "週間"),
    "M": ("month", "months", "か月"),
    "Y": ("year", "years", "年"),
}

CLASS_TITLES: Mapping[str, str] = {
    "wording": "文言",
    "narrowing": "縮小",
    "within_relevance": "関連性のある範囲",
    "longer_period": "期間の延長",
    "less_protection": "保護の低下",
    "new_field": "項目の追加",
    "new_country": "国の追加",
    "new_recipient": "相手先の追加",
    "beyond": "範囲を超える変更",
}


def section_title(section: str, lang: str) -> str:
    """Give the heading of a section; an unknown section is its own word."""
    title = SECTION_TITLES.get(section, {})
    return title.get(lang) or title.get("en") or section


def severity_word(severity: str, lang: str) -> str:
    """Give the word for a severity."""
    word = SEVERITIES[severity]
    return word.get(lang) or word["en"]


def label(name: str, lang: str) -> str:
    """Give the word before one line of a finding."""
    return LABELS.get(lang, LABELS["en"])[name]


def counted(number: int, one: str, many: str) -> str:
    """Count a thing in English: `1 error`, `2 errors`."""
    return f"{number} {one if number == 1 else many}"

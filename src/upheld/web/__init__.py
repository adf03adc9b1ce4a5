"""Pages: the kit every room builds its pages and its API with. Promises one look, one language per response, strict headers and refusals that say what to do.

A room makes its handlers in `web.py` as a function of what it needs (`routes(pages, shelf, ...)`), keeps its
templates in `templates/` and, where it has words of its own, `words/{en,ja,de}.toml`. `app.py` gives all
handlers to `make_app`.
"""

from upheld.web.assets import Assets
from upheld.web.forms import Entry, Fault, Form, Option, entry_for, faults_of
from upheld.web.headers import CSP, allow_framing, csp, keep_private, speak_for
from upheld.web.language import Choice, choose
from upheld.web.pages import Frame, Pages
from upheld.web.refusals import STATUS, Refusal, problem, status_of
from upheld.web.shell import make_app
from upheld.web.wire import Closed, decode
from upheld.web.words import Words, words

__all__ = [
    "CSP",
    "STATUS",
    "Assets",
    "Choice",
    "Closed",
    "Entry",
    "Fault",
    "Form",
    "Frame",
    "Option",
    "Pages",
    "Refusal",
    "Words",
    "allow_framing",
    "choose",
    "csp",
    "decode",
    "entry_for",
    "faults_of",
    "keep_private",
    "make_app",
    "problem",
    "speak_for",
    "status_of",
    "words",
]

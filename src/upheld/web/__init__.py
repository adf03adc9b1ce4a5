"""Pages: the kit every room builds its pages and its API with. Promises one look, one language per response, strict headers and refusals that say what to do.

A room makes its handlers in `web.py` as a function of what it needs (`routes(pages, shelf, ...)`), keeps its
templates in `templates/` and, where it has words of its own, in `words/{en,ja,de}.toml`. `app.py` gives all
handlers to `shell.make_app`. Nothing is gathered here, so that a rule that refuses something
(`from upheld.web.refusals import Refusal`) does not load a web server.
"""

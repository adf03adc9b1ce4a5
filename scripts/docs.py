"""Write the generated reference pages from the code; `--check` only tells which are out of date."""

from __future__ import annotations

import ast
import csv
import inspect
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
POLICY = ROOT / "policies" / "primenumber"
MADE = "<!-- Made from the code by `make docs`. Change the code, not this page. -->\n\n"

CLAUSES_HEAD = """# Clause map

Which function carries out which clause, and the law it names. A function says it in its docstring
(`Clause: retention.ceiling (APPI 22)`). The clauses are those of the reference policy; one that no function names
falls under the nearest one above it. A test compares both ways.
"""
DIAGNOSTICS_HEAD = """# Diagnostics

What `upheld check` can find. The digit after PP tells the subject: 0 syntax and references, 1 notice and collection,
2 purposes and bases, 3 security, 4 services and transfers, 5 retention, 6 rights, 7 contact, publication and amendment,
8 languages, 9 cookies and tags. An error stops publication, a warning does not, a note only tells.

| Code | Severity | Title | 題名 | Can be accepted |
|-|-|-|-|-|
"""
KEYS_HEAD = """# Keys

Every key that a policy folder may carry. `<x>` is an id that the company chooses, `<regime>` a regime of `law.reach`,
`[]` an item of a list. *Absent* says what a missing key means; a code is that finding. *Asked* names the regimes whose
law asks for the key; `all` is every policy. *Clause* is the id of the clause that the key belongs to. *Worse* is the diff
class of a change towards less protection: w wording, x within relevance or beyond, b beyond, f new field, r new
recipient, c new country, l longer period, p less protection. Every section may also carry `text`.

Types: `T` a text in every language of the policy, `str` words, `id` an id, `ids:x` a list of ids of the list x, `strs` a
list of words, `int` a whole number, `yn` yes or no, `date` YYYY-MM-DD, `P` a period such as P3Y, P13M or P30D, `cc` a
country, `ccs` countries, `areas` areas, `start` a start word, `path` a file under `documents/`, `a/b` one of these words,
`map` a mapping whose keys follow.
"""
API_HEAD = """# HTTP API

Calls take and give JSON. A call that writes carries an `Idempotency-Key` header, new for each write. Programs show who
they are with `Authorization: Bearer KEY`. What is refused comes as a problem with one of the [refusals](refusals.md).
The same as OpenAPI 3.1 stands at `/openapi.json`.
"""
REFUSALS_HEAD = """# Refusals

What a form, the API or the command line answers when it does not do what was asked. A code never changes its meaning.
Over HTTP it comes as `application/problem+json` (RFC 9457) and is explained at `/problems/{code}`. The command line
prints code, clause and next step, and leaves with 1, or with 2 where a later try may help.
"""
CLI_HEAD = """# Command line

Data goes to stdout, everything else to stderr. Exit codes: 0 clean or allowed; 1 errors found, refused or different;
2 could not run; 130 interrupted; 141 the reader of a pipe went away. `NO_COLOR` is honoured. Nothing asks.
"""


# --- clauses -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Citation:
    """A function that says which clause it carries out, and under which law."""

    clause: str
    law: str
    where: str


def citations(package: Path = ROOT / "src" / "upheld") -> tuple[Citation, ...]:
    """Read every `Clause:` line of the package's docstrings, without importing anything."""
    found: list[Citation] = []
    for path in sorted(package.rglob("*.py")):
        module = ".".join((package.name, *path.relative_to(package).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        found += _of_node(ast.parse(path.read_text(encoding="utf-8")), module)
    return tuple(found)


def _of_node(node: ast.AST, name: str) -> Iterator[Citation]:
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        for clause, law in cited(ast.get_docstring(node) or ""):
            yield Citation(clause, law, name)
    for child in ast.iter_child_nodes(node):
        yield from _of_node(child, f"{name}.{child.name}" if hasattr(child, "name") else name)


def cited(docstring: str) -> Iterator[tuple[str, str]]:
    """Take `clause (law)` out of a docstring: `Clause: retention.ceiling (APPI 22)`; the line may be broken."""
    for match in re.finditer(r"Clause: ((?:.+\n?)+)", docstring):
        line = " ".join(match[1].split()).removesuffix(".")
        clause, _, law = line.partition(" ")
        yield clause, law.removeprefix("(").removesuffix(")")


def clause_ids(root: Path = POLICY) -> tuple[str, ...]:
    """Give every clause id of a policy folder in the order in which it is written."""
    from upheld.policy.findings import clause_id
    from upheld.policy.keys import UNPROMISED
    from upheld.policy.source import plain, read_folder

    ids: dict[str, None] = {}
    for section, tree in read_folder(root).sections.items():
        if section not in UNPROMISED:
            for path in _paths(plain(tree), (section,)):
                ids.setdefault(clause_id(path))
    return tuple(ids)


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _paths(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            if isinstance(child, str):  # `purposes: [analyse]`: the item is a clause of its own
                yield (*path, child)
            else:
                named = isinstance(child, dict) and isinstance(child.get("id"), str)
                yield from _paths(child, (*path, child["id"] if named else place))


def families() -> frozenset[str]:
    """Give sections, and sections with one of their keys: what a function may name for all clauses below it."""
    from upheld.policy.keys import SECTIONS, table

    out = set(SECTIONS)
    for key in table():
        out |= {f"{key.section}.{step.strip('[]')}" for step in key.path.split(".") if not step.startswith("<")}
    return frozenset(out)


def carried_by(clause: str, known: frozenset[str]) -> str | None:
    """Give the citation that a clause falls under: its own, a pattern's, its family's, its section's."""
    from upheld.policy.findings import MAIN_LIST

    steps = clause.split(".")
    tries = [".".join(steps[:length]) for length in range(len(steps), 1, -1)]
    if len(steps) > 2:
        tries.append(f"{steps[0]}.{steps[2]}")  # services.marketo.transfer falls under services.transfer
    tries += [f"{steps[0]}.{MAIN_LIST.get(steps[0], '')}", steps[0]]
    return next((name for name in tries if name in known), None)


def clauses_page() -> str:
    """Write the clause map: which function carries out which clause, under which law, both ways."""
    by_clause: dict[str, list[Citation]] = defaultdict(list)
    for one in citations():
        by_clause[one.clause].append(one)
    ids, known = clause_ids(), frozenset(by_clause)
    sections = list(dict.fromkeys(clause.split(".")[0] for clause in ids))
    under: dict[str, list[str]] = defaultdict(list)
    for clause in ids:
        if (carrier := carried_by(clause, known)) and carrier != clause:
            under[carrier].append(clause)
    parts = [CLAUSES_HEAD]
    for section in [*sections, *sorted({name.split(".")[0] for name in known} - set(sections))]:
        parts.append(f"## {section}\n\n| Clause | Carried out by | Law |\n|-|-|-|")
        for clause in sorted(name for name in known if name.split(".")[0] == section):
            rows = [f"`{one.where.removeprefix('upheld.')}` | {one.law} |" for one in by_clause[clause]]
            parts += [f"| {f'`{clause}`' if place == 0 else ''} | {row}" for place, row in enumerate(rows)]
        parts.append("")
        below = sorted(name for name in under if name.split(".")[0] == section)
        parts += [f"Under `{name}`: {', '.join(f'`{one}`' for one in under[name])}.\n" for name in below]
    bare = [clause for clause in ids if carried_by(clause, known) is None]
    if bare:
        parts.append(f"## Named by no function\n\n{', '.join(f'`{one}`' for one in bare)}\n")
    return "\n".join(parts)


# --- diagnostics, keys, refusals ---------------------------------------------------------------------------


def diagnostics() -> Iterator[tuple[str, str]]:
    """Write one page a code, and their index."""
    from upheld.policy.catalogue import catalogue, explain_markdown

    rows = []
    for code in catalogue().values():
        yield f"diagnostics/{code.code}.md", explain_markdown(code)
        may = "yes" if code.acceptable else "no"
        rows.append(
            f"| [{code.code}]({code.code}.md) | {code.severity} | {code.title['en']} | {code.title['ja']} | {may} |"
        )
    yield "diagnostics/index.md", DIAGNOSTICS_HEAD + "\n".join(rows) + "\n"


def keys_page() -> str:
    """Write the key table of the policy language."""
    from upheld.policy.findings import clause_id
    from upheld.policy.keys import SECTIONS, table

    parts = [KEYS_HEAD]
    for section in SECTIONS:
        parts.append(f"## {section}\n\n| Key | Type | Absent | Asked | Clause | Worse |\n|-|-|-|-|-|-|")
        for key in (row for row in table() if row.section == section):
            steps = [step for part in key.path.split(".") for step in _steps(part)]
            cells = (f"`{key.path}`", key.type, key.absent, ", ".join(key.asked) or "-")
            clause = clause_id((section, *steps))
            parts.append(f"| {' | '.join(cells)} | `{clause}` | {key.worse} |")
        parts.append("")
    return "\n".join(parts)


def _steps(part: str) -> list[str]:
    return [part.removesuffix("[]"), "<id>"] if part.endswith("[]") else [part]


def refusals_page() -> str:
    """Write every refusal with its status, meaning and next step in both languages."""
    from upheld.web.refusals import STATUS
    from upheld.web.words import words

    parts = [REFUSALS_HEAD]
    for status in sorted(set(STATUS.values())):
        parts.append(f"## {status}\n\n| Code | Means | Next | 意味 | 次に |\n|-|-|-|-|-|")
        for code in (name for name, number in STATUS.items() if number == status):
            cells = []
            for lang in ("en", "ja"):
                said = words(lang)[f"refusal.{code}"]
                cells += [f"**{said['title']}** {said['about']}", said.get("next_plain", said["next"])]
            parts.append(f'| <a id="{code}"></a>`{code}` | ' + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join(parts)


# --- commands, API, acceptance -----------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Give every command with its full name, groups before what they hold."""
    from upheld.cli import cli

    top = click.Context(cli, info_name="upheld", **{**cli.context_settings, "terminal_width": 100})
    yield "upheld", cli, top
    yield from _below(cli, top)


def _below(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None:
            message = f"{ctx.command_path} lists {name} and has no such command"
            raise LookupError(message)
        inner = click.Context(
            command, parent=ctx, info_name=name, **{**command.context_settings, "terminal_width": 100}
        )
        yield inner.command_path, command, inner
        if isinstance(command, click.Group):
            yield from _below(command, inner)


def cli_page() -> str:
    """Write the help of every command."""
    parts = [CLI_HEAD]
    for name, command, ctx in commands():
        level = "##" if name.count(" ") < 2 else "###"
        parts.append(f"{level} {name}\n\n```text\n{command.get_help(ctx).rstrip()}\n```\n")
    return "\n".join(parts)


def api_page() -> str:
    """Write the calls of the API with their members, and every other address the application answers."""
    from upheld.app import Settings, create_app, open_house

    with tempfile.TemporaryDirectory() as folder:
        house = open_house(Path(folder) / "data")
        app = create_app(Settings(data=house.folder), house)
        schema = app.openapi_schema.to_schema()
        house.close()
    said = {
        (method, route.path_format): inspect.getdoc(handler.fn) or ""
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
    }
    parts = [API_HEAD]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            words = _sentence(said.get((method.upper(), path), ""))
            statuses = ", ".join(code for code in operation["responses"] if code.startswith("2"))
            parts.append(f"## {method.upper()} {path}\n\n{words} Answers {statuses}.\n")
            parts += _members(operation, schema["components"]["schemas"])
    own = {(method.upper(), path) for path, operations in schema["paths"].items() for method in operations}
    parts.append("## Pages and files\n\n| Method | Address | Does |\n|-|-|-|")
    rest = sorted((path, method) for method, path in said if (method, path) not in own and not path.startswith("/schema"))
    parts += [f"| {method} | `{path}` | {_sentence(said[method, path])} |" for path, method in rest]
    return "\n".join(parts) + "\n"


def _sentence(doc: str) -> str:
    return " ".join(doc.partition("\n\n")[0].split()).replace("|", "\\|")


def _members(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[str]:
    """List the members of a JSON body; the ones without a default are required."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is None:
        return []
    name = body["$ref"].rpartition("/")[2]
    shape = schemas[name]
    rows = [
        f"| `{member}` | {_type(value)} | {'required' if member in shape.get('required', ()) else 'optional'} |"
        for member, value in shape["properties"].items()
    ]
    return ["| Member | Type | |\n|-|-|-|", *rows, ""]


def _type(shape: Mapping[str, Any]) -> str:
    choices = [_type(one) for one in shape.get("oneOf", shape.get("anyOf", ())) if one.get("type") != "null"]
    if choices:
        return " or ".join(choices)
    if shape.get("type") == "array":
        return f"list of {_type(shape.get('items', {}))}"
    return str(shape.get("format") or shape.get("type", "any"))


def acceptance_page() -> str:
    """Write the acceptance rows with the tests that show them."""
    shown = row_tests()
    with (ROOT / "tests" / "acceptance.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    done = sum(1 for row in rows if shown.get(row["id"]))
    head = (
        f"# Acceptance\n\n{len(rows)} behaviours that make the reference policy true; {done} are shown by a test, the"
        " others are open. `make rows` runs the tests and prints the results."
    )
    parts = [head, "\n| Row | Behaviour | Given | When | Then | Tests |\n|-|-|-|-|-|-|"]
    for row in rows:
        tests = "<br>".join(f"`{test}`" for test in shown.get(row["id"], [])) or "open"
        cells = [row["id"], *(row[name].replace("|", "\\|") for name in ("behaviour", "given", "when", "then"))]
        parts.append(f"| {' | '.join(cells)} | {tests} |")
    return "\n".join(parts) + "\n"


def row_tests() -> dict[str, list[str]]:
    """Find the tests marked with a row, by reading them only."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for row in sorted({row for decorator in node.decorator_list for row in _rows(decorator)}):
                found[row].append(f"{path.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def _rows(decorator: ast.expr) -> Iterator[str]:
    for call in ast.walk(decorator):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "row":
            yield from (argument.value for argument in call.args if isinstance(argument, ast.Constant))


# --- writing -----------------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Make every generated page: path below docs/reference -> text."""
    from upheld.policy.law import law_reference_md

    made = dict(diagnostics())
    made |= {
        "keys.md": keys_page(),
        "law.md": law_reference_md(),
        "refusals.md": refusals_page(),
        "clauses.md": clauses_page(),
        "cli.md": cli_page(),
        "api.md": api_page(),
        "acceptance.md": acceptance_page(),
    }
    return {path: MADE + text.rstrip() + "\n" for path, text in made.items()}


def differing(made: dict[str, str]) -> list[str]:
    """Name the pages that are missing, left over, or not what the code says."""
    there = {path.relative_to(REFERENCE).as_posix() for path in REFERENCE.rglob("*.md")}
    by_hand = {"index.md", "policy-folder.md"}
    left = sorted(there - made.keys() - by_hand)
    return left + [
        path
        for path, text in made.items()
        if path not in there or (REFERENCE / path).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write what differs, remove what no code stands behind; with `--check` tell only."""
    made = pages()
    wrong = differing(made)
    for path in wrong:
        print(path)
        if "--check" in sys.argv[1:]:
            continue
        if path in made:
            (REFERENCE / path).parent.mkdir(parents=True, exist_ok=True)
            (REFERENCE / path).write_text(made[path], encoding="utf-8")
        else:
            (REFERENCE / path).unlink()
    return 1 if wrong and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())

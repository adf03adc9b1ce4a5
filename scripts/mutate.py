"""Change the code one small step at a time and see whether a test notices: `mutate.py [FILE …]`.

Without files: every `rules.py` and the whole ledger. Results stay in `build/mutation.json`, by the hash of the source, so
that a run that was ended goes on; `--again` asks the survivors once more, after tests were added.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "upheld"
KEPT = ROOT / "build" / "mutation.json"

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One change: where it is and what it does, for people, and the function whose code it changes.

    `within` is empty where more than the code of one function changes: a constant of the file, a default, a decorator.
    """

    file: Path
    key: str
    line: int
    told: str
    within: str
    at: tuple[int, int]
    text: str

    @property
    def name(self) -> str:
        """Give the file as `ledger/tree.py`."""
        return self.file.relative_to(SOURCE).as_posix()

    def tree(self) -> ast.Module:
        """Give the file with the change in it."""
        tree = ast.parse(self.text)
        number, step = self.at
        _, parent, member, place, old = next(islice(places(tree), number, None))
        new = list(steps(old))[step][1]
        if place is None:
            setattr(parent, member, new)
        else:
            getattr(parent, member)[place] = new
        return ast.fix_missing_locations(tree)

    def code(self) -> CodeType | None:
        """Give the changed code of its function; None where it has none of its own."""
        waiting = [compile(self.tree(), str(self.file), "exec", dont_inherit=True)]
        while waiting:
            code = waiting.pop()
            if self.within and code.co_qualname == self.within:
                return code
            waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
        return None


def steps(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give every small change of one node, as (what it does, the node instead)."""
    def but(told: str, **fields: object) -> tuple[str, ast.AST]:
        other = copy.copy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return told, other

    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            if type(op) in SWAPS:
                ops = [*node.ops[:at], SWAPS[type(op)](), *node.ops[at + 1 :]]
                yield but(f"{type(op).__name__} to {type(ops[at]).__name__}", ops=ops)
    elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in SWAPS:
        yield but(f"{type(node.op).__name__} to {SWAPS[type(node.op)].__name__}", op=SWAPS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield but(f"{node.value} flipped", value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield but(f"{node.value} plus one", value=node.value + 1)
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom)):
        yield "call removed", ast.copy_location(ast.Pass(), node)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield but("returns None", value=ast.copy_location(ast.Constant(None), node))


def places(node: ast.AST, within: str = "", inside: bool = False) -> Iterator[tuple[str, ast.AST, str, int | None, ast.AST]]:
    """Walk what is evaluated: (function or nothing, parent, member, place in its list, node); annotations are left out."""
    for member, value in ast.iter_fields(node):
        if member in {"annotation", "returns"}:
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            name, deep = within, inside
            if not inside and isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                name = f"{within}.{child.name}".lstrip(".")
            if isinstance(node, FUNCTIONS) and not inside:
                deep = member == "body"
            yield name if deep else "", node, member, at, child
            yield from places(child, name, deep)


def mutants(file: Path) -> list[Mutant]:
    """Give every mutant of a file."""
    text = file.read_text(encoding="utf-8")
    stamp = hashlib.sha256(text.encode()).hexdigest()[:12]
    found: list[Mutant] = []
    for number, (within, _, _, _, node) in enumerate(places(ast.parse(text))):
        for step, (told, _) in enumerate(steps(node)):
            key = f"{stamp}:{number}:{step}:{told}"
            found.append(Mutant(file, key, getattr(node, "lineno", 0), told, within, (number, step), text))
    return found


def report(files: list[Path], known: dict[str, str], *, lines: bool) -> None:
    """Print the score of each file, and its survivors."""
    together = [0, 0]
    for file in files:
        every = mutants(file)
        results = [(one, known[one.key]) for one in every if one.key in known]
        if not results:
            continue
        lived = [one for one, said in results if said == "survived"]
        together = [together[0] + len(results) - len(lived), together[1] + len(results)]
        rate = 1 - len(lived) / len(results)
        waits = f"  {len(every) - len(results)} not judged" if len(results) < len(every) else ""
        print(f"{lived[0].name if lived else results[0][0].name:<24} {len(results) - len(lived):>4} of {len(results):>4} noticed  {rate:6.1%}{waits}")
        text = file.read_text(encoding="utf-8").splitlines()
        for one in lived if lines else ():
            print(f"    {one.line:>4}  {one.told:<20} {text[one.line - 1].strip()[:110]}")
    if together[1]:
        print(f"{'together':<24} {together[0]:>4} of {together[1]:>4} noticed  {together[0] / together[1]:6.1%}")


def main() -> None:
    """Judge mutants until all are, or the time is up."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--minutes", type=float, default=60.0, help="end after so long; the next run goes on")
    asked.add_argument("--every", type=int, default=1, help="judge every Nth mutant only")
    asked.add_argument("--seconds", type=float, default=30.0, help="ask no more tests than run in so long, the room's own first")
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--above", action="store_true", help="ask the tests of all rooms, after those of the file's own")
    asked.add_argument("--inside", action="store_true", help="leave out what needs an interpreter of its own, which takes long")
    asked.add_argument("--again", action="store_true", help="ask the survivors once more")
    asked.add_argument("--report", action="store_true", help="print what is known and run nothing")
    asked.add_argument("--short", action="store_true", help="print no survivors")
    told = asked.parse_args()
    files = [one.resolve() for one in told.files] or [*sorted(SOURCE.glob("*/rules.py")), *sorted((SOURCE / "ledger").glob("*.py"))]
    files = list(dict.fromkeys(files))
    known: dict[str, str] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if not told.report:
        import mutate_judge  # it imports the whole application

        every = [one for file in files for one in mutants(file)[:: told.every] if one.within or not told.inside]
        left = [one for one in every if one.key not in known or (told.again and known[one.key] == "survived")]
        known = mutate_judge.Judge(left, known, told.minutes, told.seconds, told.workers, told.above).run()
    report(files, known, lines=not told.short)


if __name__ == "__main__":
    sys.exit(main())

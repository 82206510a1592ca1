"""The expressions that say when a rule applies: checked when loaded, compiled once.

A condition is a Python expression over the facts ``job``, ``template``, ``user``, ``resources``, ``labels``
and ``now``. It is parsed, checked node by node against what `vocabulary` lists, and written anew from
what was recognised: each fact's attribute becomes a plain local value. No name but these, no attribute and no
method but the listed ones, nothing that could grow without bound, so nothing that could reach or write
anything is left to be compiled.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import CodeType
from typing import Any

import attrs

from container_manager_core.rules.checker import MEMBERSHIP, ORDERS, Checker
from container_manager_core.rules.facts import Facts
from container_manager_core.rules.vocabulary import Kind, Shape

ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What evaluating a checked condition can raise; the rule then does not match."""


@attrs.frozen(kw_only=True)
class Condition:
    """A checked condition.

    Attributes:
        text: as it was written.
        expression: the same over plain local values, as Python.
        reads: the local values: their names, and where each is found, for example ``("job", "name")``.
        needs: the local values that must not be None for the condition to have an answer.
    """

    text: str
    expression: str
    reads: Mapping[str, tuple[str, ...]]
    needs: tuple[str, ...]
    _code: CodeType = attrs.field(repr=False, eq=False, alias="code")

    @classmethod
    def parse(cls, text: str, place: str = "condition") -> "Condition":
        """The condition that a text says.

        Raises:
            ConfigurationError: names the place and the column.
        """
        checker = Checker(text, place)
        tree = checker.checked()
        expression = ast.unparse(tree)
        return cls(
            text=text,
            expression=expression,
            reads=checker.reads,
            needs=tuple(dict.fromkeys(_needed(tree, checker.shapes))),
            code=compile(expression, "<condition>", "eval"),
        )

    def evaluate(self, facts: Facts, now: datetime) -> bool | str:
        """Whether it holds; a sentence when it has no answer, which counts as no."""
        values = {name: _find(path, facts, now) for name, path in self.reads.items()}
        for name in self.needs:
            if values[name] is None:
                return f"{name.replace('_', '.', 1)} is not set"
        try:
            return bool(eval(self._code, {"__builtins__": {}}, values))
        except ERRORS as error:
            return f"{type(error).__name__}: {error}"


def _find(path: tuple[str, ...], facts: Facts, now: datetime) -> Any:
    value: Any = now if path == ("now",) else facts
    for name in path if value is facts else ():
        value = getattr(value, name)
    return value


def _needed(node: ast.expr, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """The local values that a node, which is always evaluated, cannot do with as None."""
    match node:
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(test=first) | ast.UnaryOp(op=ast.Not(), operand=first):
            yield from _needed(first, shapes)
        case ast.Compare(left=left, ops=[op, *_], comparators=[right, *_]):
            in_text = isinstance(op, MEMBERSHIP) and isinstance(right, ast.Name) and shapes[right.id].kind is Kind.TEXT
            if isinstance(op, ORDERS) or in_text:
                yield from _optional((left, right), shapes)
            yield from _needed(left, shapes)
            yield from _needed(right, shapes)
        case ast.BinOp(left=left, right=right):
            yield from _optional((left, right), shapes)
            yield from _needed(left, shapes)
            yield from _needed(right, shapes)
        case ast.Call(func=ast.Attribute(value=owner), args=arguments):
            yield from _optional((owner, *arguments), shapes)
            yield from _needed(owner, shapes)


def _optional(nodes: Iterable[ast.expr], shapes: Mapping[str, Shape]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and shapes[node.id].optional:
            yield node.id

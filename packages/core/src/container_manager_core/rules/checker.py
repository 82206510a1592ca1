"""What a condition may say: it is checked node by node, and written anew from what was recognised."""

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from container_manager_core.errors import ConfigurationError
from container_manager_core.rules.vocabulary import ATTRIBUTES, METHODS, PARTS, PLACES, SAME, VALUES, Kind, Shape

MOST_CHARACTERS = 1000
MOST_LEVELS = 32
LARGEST_NUMBER = 1 << 63

ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
MEMBERSHIP = (ast.In, ast.NotIn)
_TRUTH = Shape(Kind.FLAG)
_ESCAPE = re.compile(r"\\(.?)")
_KNOWN_ESCAPES = frozenset("\\'\"abfnrtv01234567xNuU")


class Checker:
    """Walks one condition; every node is refused that it does not know.

    Attributes:
        reads: the local values that the checked condition needs, with their paths.
        shapes: what each of them is.

    Args:
        text: the condition.
        place: where it stands, for errors.
    """

    def __init__(self, text: str, place: str) -> None:
        self._text = " ".join(text.split("\n")).rstrip()
        self._place = place
        self._level = 0
        self.shapes: dict[str, Shape] = {}
        self.reads: dict[str, tuple[str, ...]] = {}

    def checked(self) -> ast.expr:
        """The condition over plain local values.

        Raises:
            ConfigurationError: names the place and the column.
        """
        tree, _ = self._check(self._parsed())
        return tree

    def _parsed(self) -> ast.expr:
        if not self._text.strip():
            raise self._error(0, "the condition is empty", "write an expression such as resources.memory_mib > 8192")
        if len(self._text) > MOST_CHARACTERS:
            raise self._error(
                MOST_CHARACTERS, f"it has {len(self._text)} characters", f"use at most {MOST_CHARACTERS}, or a callable"
            )
        self._check_escapes()
        try:
            tree = ast.parse(self._text.lstrip(), mode="eval").body
        except SyntaxError as error:
            column = (error.offset or 1) - 1 + self._indent
            raise self._error(column, f"this is no expression ({error.msg})", "correct it there") from None
        except (ValueError, MemoryError, RecursionError) as error:
            raise self._error(0, f"this cannot be read ({error})", "make it simpler") from None
        if "#" in self._text.lstrip().encode()[tree.end_col_offset :].decode(errors="replace"):
            raise self._error(self._text.rindex("#"), "a comment would hide what follows it", "leave it out")
        return tree

    def _check_escapes(self) -> None:
        """Python only warns of an unknown escape, in a way that would reach every thread of this process."""
        for escape in _ESCAPE.finditer(self._text):
            if escape[1] not in _KNOWN_ESCAPES:
                raise self._error(escape.start(), f"{escape[0]} stands for nothing", "write \\\\ for a backslash")

    @property
    def _indent(self) -> int:
        return len(self._text) - len(self._text.lstrip())

    def _error(self, column: int, problem: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"{self._place}, column {column + 1}", problem, remedy)

    def _refusal(self, node: ast.AST, problem: str, remedy: str) -> ConfigurationError:
        before = self._text.lstrip().encode()[: getattr(node, "col_offset", 0)]
        return self._error(len(before.decode(errors="replace")) + self._indent, problem, remedy)

    def _check(self, node: ast.expr) -> tuple[ast.expr, Shape]:
        check = _CHECKS.get(type(node))
        if check is None:
            word = type(node).__name__
            raise self._refusal(
                node,
                f"{word} may not stand in a condition",
                "use facts, comparisons, and, or, not and the listed methods",
            )
        if self._level == MOST_LEVELS:
            raise self._refusal(node, f"it is nested deeper than {MOST_LEVELS} levels", "make it simpler")
        self._level += 1
        found = check(self, node)
        self._level -= 1
        return found

    def _constant(self, node: ast.Constant) -> tuple[ast.expr, Shape]:
        value: Any = node.value
        if value is None:
            return node, Shape(Kind.NOTHING)
        if isinstance(value, bool):
            return node, _TRUTH
        if isinstance(value, str):
            return node, Shape(Kind.TEXT)
        if isinstance(value, int | float):
            if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
                raise self._refusal(node, "the number is too large", f"use at most {LARGEST_NUMBER}")
            return node, Shape(Kind.NUMBER)
        raise self._refusal(node, f"{value!r} may not stand in a condition", "use text, numbers, True, False and None")

    def _name(self, node: ast.Name) -> tuple[ast.expr, Shape]:
        if node.id in VALUES:
            return self._local(node.id, PLACES.get(node.id, (node.id,)), VALUES[node.id])
        if node.id in ATTRIBUTES:
            known = ", ".join(ATTRIBUTES[node.id])
            raise self._refusal(node, f"{node.id} has no value of its own", f"write {node.id}. and one of: {known}")
        raise self._refusal(node, f"there is no fact {node.id!r}", f"known are: {', '.join([*ATTRIBUTES, *VALUES])}")

    def _attribute(self, node: ast.Attribute) -> tuple[ast.expr, Shape]:
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id in ATTRIBUTES:
            known = ATTRIBUTES[owner.id]
            if node.attr not in known:
                raise self._refusal(node, f"{owner.id} has no fact {node.attr!r}", f"known are: {', '.join(known)}")
            _, name = SAME.get((owner.id, node.attr), (owner.id, node.attr))
            path = (*PLACES.get(owner.id, (owner.id,)), name)
            return self._local(f"{owner.id}_{name}", path, known[name])
        inner, shape = self._check(owner)
        parts = PARTS.get(shape.kind, frozenset())
        if node.attr not in parts:
            known_parts = f"known are: {', '.join(sorted(parts))}" if parts else "leave it out"
            raise self._refusal(node, f"{shape.kind.value} has no attribute {node.attr!r} here", known_parts)
        return ast.Attribute(inner, node.attr, ast.Load()), Shape(Kind.NUMBER)

    def _local(self, name: str, path: tuple[str, ...], shape: Shape) -> tuple[ast.expr, Shape]:
        self.reads[name] = path
        self.shapes[name] = shape
        return ast.Name(name, ast.Load()), shape

    def _subscript(self, node: ast.Subscript) -> tuple[ast.expr, Shape]:
        value, shape = self._check(node.value)
        index, position = self._check(node.slice)
        wanted = {Kind.LABELS: Kind.TEXT, Kind.WORDS: Kind.NUMBER}.get(shape.kind)
        if wanted is None or position.kind is not wanted:
            raise self._refusal(
                node, f"{shape.kind.value} cannot be asked for [{position.kind.value}]", 'write labels["name"]'
            )
        return ast.Subscript(value, index, ast.Load()), Shape(Kind.TEXT)

    def _call(self, node: ast.Call) -> tuple[ast.expr, Shape]:
        if not isinstance(node.func, ast.Attribute):
            raise self._refusal(node, "only methods of facts can be called", 'such as job.name.startswith("batch-")')
        if node.func.attr == "exists":
            return self._membership_of_groups(node)
        if isinstance(node.func.value, ast.Name) and node.func.value.id in ATTRIBUTES:
            name = node.func.value.id
            raise self._refusal(
                node, f"{name} has no method {node.func.attr!r} here", f"write {name}. and one of its facts"
            )
        owner, shape = self._check(node.func.value)
        method = METHODS.get(shape.kind, {}).get(node.func.attr)
        if method is None:
            known = ", ".join(METHODS.get(shape.kind, {})) or "none"
            raise self._refusal(
                node, f"{shape.kind.value} has no method {node.func.attr!r} here", f"its methods are: {known}"
            )
        arguments = [self._check(argument) for argument in node.args]
        kinds = tuple(argument.kind for _, argument in arguments)
        if node.keywords or len(kinds) < method.needed or kinds != method.arguments[: len(kinds)]:
            wanted = ", ".join(kind.value for kind in method.arguments) or "nothing"
            raise self._refusal(node, f"{node.func.attr}() takes {wanted} in its parentheses", "correct it there")
        func = ast.Attribute(owner, node.func.attr, ast.Load())
        gives = _TEXT_GIVEN if node.func.attr == "get" and len(kinds) == 2 else method.gives
        return ast.Call(func, [argument for argument, _ in arguments], []), gives

    def _membership_of_groups(self, node: ast.Call) -> tuple[ast.expr, Shape]:
        """``user.groups.filter(name=...).exists()``, as one writes it in Django, is ``... in user.groups``."""
        chain = (
            node.func.value if isinstance(node.func, ast.Attribute) and not node.args and not node.keywords else None
        )
        if not (
            isinstance(chain, ast.Call)
            and isinstance(chain.func, ast.Attribute)
            and chain.func.attr == "filter"
            and not chain.args
            and [keyword.arg for keyword in chain.keywords] == ["name"]
        ):
            raise self._refusal(
                node, "exists() may only follow user.groups.filter(name=...)", 'write "name" in user.groups'
            )
        groups, shape = self._check(chain.func.value)
        name, wanted = self._check(chain.keywords[0].value)
        if shape.kind is not Kind.GROUPS or wanted.kind is not Kind.TEXT:
            raise self._refusal(
                node, "only user.groups can be filtered, by a name that is text", 'write "name" in user.groups'
            )
        return ast.Compare(name, [ast.In()], [groups]), _TRUTH

    def _bool_op(self, node: ast.BoolOp) -> tuple[ast.expr, Shape]:
        checked = [self._check(value) for value in node.values]
        return ast.BoolOp(node.op, [value for value, _ in checked]), _either(*(shape for _, shape in checked))

    def _unary_op(self, node: ast.UnaryOp) -> tuple[ast.expr, Shape]:
        operand, shape = self._check(node.operand)
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(node.op, operand), _TRUTH
        if isinstance(node.op, ast.Invert) or shape.kind is not Kind.NUMBER:
            raise self._refusal(node, f"this sign cannot stand before {shape.kind.value}", "leave it out")
        return ast.UnaryOp(node.op, operand), Shape(Kind.NUMBER)

    def _bin_op(self, node: ast.BinOp) -> tuple[ast.expr, Shape]:
        if isinstance(node.op, ast.Pow):
            return self._power(node)
        left, right = self._check(node.left), self._check(node.right)
        kinds = {left[1].kind, right[1].kind}
        adds_text = isinstance(node.op, ast.Add) and kinds == {Kind.TEXT}
        if not adds_text and (kinds != {Kind.NUMBER} or not isinstance(node.op, _ARITHMETIC)):
            raise self._refusal(
                node,
                f"{type(node.op).__name__} may not join {left[1].kind.value} and {right[1].kind.value}",
                "use + - * / // % between numbers, or + between texts",
            )
        return ast.BinOp(left[0], node.op, right[0]), Shape(left[1].kind)

    def _power(self, node: ast.BinOp) -> tuple[ast.expr, Shape]:
        """Worked out at once: it stands between two plain numbers and gives no large one."""
        base, exponent = (getattr(side, "value", None) for side in (node.left, node.right))
        whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (base, exponent))
        if not whole or not 0 <= exponent <= 63 or base**exponent > LARGEST_NUMBER:  # type: ignore[operator]
            raise self._refusal(
                node,
                "a power may only stand between two small whole numbers",
                f"write out the number, at most {1 << 63}",
            )
        return ast.Constant(base**exponent), Shape(Kind.NUMBER)  # type: ignore[operator]

    def _if_exp(self, node: ast.IfExp) -> tuple[ast.expr, Shape]:
        test, _ = self._check(node.test)
        body, if_true = self._check(node.body)
        orelse, if_false = self._check(node.orelse)
        return ast.IfExp(test, body, orelse), _either(if_true, if_false)

    def _list(self, node: ast.Tuple | ast.List | ast.Set) -> tuple[ast.expr, Shape]:
        checked = [self._check(element) for element in node.elts]
        kinds = {shape.kind for _, shape in checked} - {Kind.NOTHING}
        if len(kinds) != 1 or not kinds <= {Kind.TEXT, Kind.NUMBER, Kind.FLAG}:
            raise self._refusal(node, "a list holds either texts or numbers, at least one", "correct it there")
        return ast.Tuple([element for element, _ in checked], ast.Load()), Shape(Kind.LISTED, element=kinds.pop())

    def _compare(self, node: ast.Compare) -> tuple[ast.expr, Shape]:
        checked = [self._check(operand) for operand in (node.left, *node.comparators)]
        for operator, (_, left), (right_node, right) in zip(node.ops, checked, checked[1:], strict=False):
            if not _comparable(operator, left, right, right_node):
                raise self._refusal(
                    node,
                    f"{left.kind.value} cannot be compared with {right.kind.value} in this way",
                    "correct it there",
                )
        (left_node, _), *rest = checked
        return ast.Compare(left_node, node.ops, [operand for operand, _ in rest]), _TRUTH


_TEXT_GIVEN = Shape(Kind.TEXT)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)

_CHECKS: Mapping[type[ast.expr], Callable[[Checker, Any], tuple[ast.expr, Shape]]] = {
    ast.Attribute: Checker._attribute,
    ast.BinOp: Checker._bin_op,
    ast.BoolOp: Checker._bool_op,
    ast.Call: Checker._call,
    ast.Compare: Checker._compare,
    ast.Constant: Checker._constant,
    ast.IfExp: Checker._if_exp,
    ast.List: Checker._list,
    ast.Name: Checker._name,
    ast.Set: Checker._list,
    ast.Subscript: Checker._subscript,
    ast.Tuple: Checker._list,
    ast.UnaryOp: Checker._unary_op,
}
"""Every syntax that a condition may have."""


def _either(*shapes: Shape) -> Shape:
    kinds = {shape.kind for shape in shapes} - {Kind.NOTHING}
    optional = any(shape.optional or shape.kind is Kind.NOTHING for shape in shapes)
    return Shape(kinds.pop(), optional=optional) if len(kinds) == 1 else Shape(Kind.MIXED)


def _comparable(operator: ast.cmpop, left: Shape, right: Shape, right_node: ast.expr) -> bool:
    if isinstance(operator, ast.Is | ast.IsNot):
        return isinstance(right_node, ast.Constant) and (
            right.kind is Kind.NOTHING or left.kind is right.kind is Kind.FLAG
        )
    if isinstance(operator, MEMBERSHIP):
        if right.kind is Kind.LISTED:
            return left.kind in (right.element, Kind.NOTHING)
        return left.kind is Kind.TEXT and right.kind in (Kind.TEXT, Kind.WORDS, Kind.GROUPS, Kind.LABELS)
    if isinstance(operator, ORDERS):
        return left.kind is right.kind and left.kind in (Kind.TEXT, Kind.NUMBER, Kind.TIME)
    return left.kind is right.kind is not Kind.MIXED or Kind.NOTHING in (left.kind, right.kind)

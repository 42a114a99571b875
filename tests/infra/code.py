"""What each room can reach, read from the source: a graph of names, a few annotations, and nothing that runs.

A name that a reached place mentions is reached. A method is reached where its receiver bears a name that is somewhere
annotated with its class, or with a Protocol that the class fulfils: in this project `documents` is always a Documents.
That nothing is missed is a test's business: see `unreached`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PORTS = ("functions.core.ports", "functions.core.store_port")
_AT_ONCE = ("__init__", "__post_init__", "__call__", "__enter__", "__aenter__")  # whoever has the class may run these
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Place:
    """A function, `Class.method`, a class, a global name, or the body of a module (no name)."""

    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass
class Module:
    """One file: what its names stand for."""

    name: str
    tree: ast.Module
    imports: dict[str, Place] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    nodes: dict[str, list[ast.AST]] = field(default_factory=lambda: defaultdict(list))


@cache
def under(node: ast.AST) -> tuple[ast.AST, ...]:
    """A node and all below it, walked once for all tests."""
    return tuple(ast.walk(node))


class Code:
    """The source of the functions, and of the migrations that one of them runs."""

    def __init__(self, root: Path = ROOT) -> None:
        paths = [path for top in ("functions", "migrations") for path in sorted((root / top).rglob("*.py"))]
        self._reached: dict[Place, set[Place]] = {}
        self.modules = {name: _read(name, path) for path in paths for name in [_dotted(path.relative_to(root))]}

    def reach(self, entry: Place) -> set[Place]:
        """Every place that may run once `entry` does."""
        if entry in self._reached:
            return self._reached[entry]
        reached = self._reached[entry] = set()
        waiting = [entry]
        while waiting:
            place = waiting.pop()
            if place not in reached:
                reached.add(place)
                waiting += self.mentions(place)
        return reached

    def mentions(self, place: Place) -> Iterator[Place]:
        """The places that one of them leads to."""
        module = self.modules[place.module]
        yield Place(place.module)
        if place.name in module.classes:
            yield from (Place(place.module, f"{place.name}.{name}") for name in _AT_ONCE)
        within = place.name.partition(".")[0] if "." in place.name else None
        for node in module.nodes.get(place.name, ()):
            yield from self._of(module, node, within)

    def places(self) -> Iterator[Place]:
        """All there are."""
        return (Place(name, inner) for name, module in self.modules.items() for inner in module.nodes)

    def nodes(self, place: Place) -> list[ast.AST]:
        """The source of a place."""
        return self.modules[place.module].nodes.get(place.name, [])

    def implementing(self, protocol: str) -> list[Place]:
        """The classes that have every method of a Protocol of the ports."""
        [port] = (ports for ports in PORTS if protocol in self.modules[ports].classes)
        wanted = self._methods(Place(port, protocol))
        found = (place for place in self._classes if place.module not in PORTS)
        return [place for place in found if wanted and wanted <= self._methods(place)]

    def kinds(self, name: str) -> set[str]:
        """The classes that a variable, parameter or field of this name is annotated with, or made from."""
        return {place.name for place in self._bearers.get(name, ())}

    def _of(self, module: Module, node: ast.AST, within: str | None) -> Iterator[Place]:
        imports = {**module.imports, **_imports(node)}
        for each in under(node):
            match each:
                case ast.Import() | ast.ImportFrom():
                    for place in _imports(each).values():
                        yield from self._existing(place)
                case ast.Name(id=name):
                    yield from self._named(module, imports, name)
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attribute) if within:
                    yield from self._existing(Place(module.name, f"{within}.{attribute}"))
                case ast.Attribute(value=receiver, attr=attribute):
                    yield from self._attribute(imports, receiver, attribute)

    def _named(self, module: Module, imports: Mapping[str, Place], name: str) -> Iterator[Place]:
        if name in imports:
            yield from self._existing(imports[name])
        elif name in module.nodes or name in module.classes:
            yield Place(module.name, name)

    def _attribute(self, imports: Mapping[str, Place], receiver: ast.expr, attribute: str) -> Iterator[Place]:
        if isinstance(receiver, ast.Name) and receiver.id in imports:
            place = imports[receiver.id]
            dotted = str(place)
            if dotted in self.modules:  # `module.function`
                yield from self._existing(Place(dotted, attribute))
                return
            yield from self._existing(Place(place.module, f"{place.name}.{attribute}"))  # `Class.method`
        for owner in self._bearers.get(bare(receiver), ()):
            yield from self._existing(Place(owner.module, f"{owner.name}.{attribute}"))

    def _existing(self, place: Place) -> Iterator[Place]:
        """The place; a module that `from package import module` names; nothing for what is not ours."""
        dotted = str(place)
        if dotted in self.modules:
            yield Place(dotted)
        elif place.module in self.modules:
            module = self.modules[place.module]
            if place.name in module.nodes or place.name in module.classes:
                yield place
            elif place.name in module.imports:  # handed on
                yield from self._existing(module.imports[place.name])

    @cached_property
    def _classes(self) -> list[Place]:
        return [Place(name, inner) for name, module in self.modules.items() for inner in module.classes]

    @cached_property
    def _bearers(self) -> Mapping[str, set[Place]]:
        """Names of variables, parameters and fields → the classes that they are annotated with, or made from."""
        meant: dict[str, set[Place]] = defaultdict(set)
        for place in self._classes:
            meant[place.name].add(place)
        for protocol in (name for ports in PORTS for name in self.modules[ports].classes):
            meant[protocol] |= set(self.implementing(protocol))
        trees = [module.tree for module in self.modules.values()]
        answers = _answers(trees)
        found: dict[str, set[Place]] = defaultdict(set)
        for tree in trees:
            for name, kind in _typed(tree, answers):
                found[name] |= meant.get(kind, set())
        return found

    def _methods(self, place: Place) -> set[str]:
        members = self.modules[place.module].classes[place.name].body
        return {each.name for each in members if isinstance(each, _Function) and not each.name.startswith("_")}


def bare(expression: ast.expr) -> str:
    """`store` for `store`, `self._store`, `parts.store` and `store()`; nothing for what has no name."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_")
        case ast.Call(func=called):
            return bare(called)
        case ast.Await(value=value):
            return bare(value)
    return ""


def _answers(trees: Iterable[ast.AST]) -> Mapping[str, set[str]]:
    """What functions of a name are annotated to answer with."""
    found: dict[str, set[str]] = defaultdict(set)
    for tree in trees:
        for node in under(tree):
            if isinstance(node, _Function) and node.returns is not None:
                found[node.name] |= _words(node.returns)
    return found


def _typed(tree: ast.AST, answers: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """(name without underscores, class) of all annotations, and of variables by what they are assigned."""
    for node in under(tree):
        match node:
            case ast.arg(arg=name, annotation=annotation) if annotation is not None:
                yield from ((name.lstrip("_"), kind) for kind in _words(annotation))
            case ast.AnnAssign(target=target, annotation=annotation):
                yield from ((bare(target), kind) for kind in _words(annotation))
            case ast.Assign(targets=[target], value=ast.Call(func=called) | ast.Await(value=ast.Call(func=called))):
                kinds = {bare(called)} | answers.get(_last(called), set())
                if isinstance(called, ast.Attribute) and "Self" in kinds:
                    kinds.add(bare(called.value))
                yield from ((bare(target), kind) for kind in kinds)
            case ast.Call(func=ast.Name(id=kind)):
                yield kind, kind  # Class(…).method
            case ast.Call(func=ast.Attribute(value=ast.Name(id=kind), attr=name)) if {"Self", kind} & answers.get(
                name, set()
            ):
                yield name, kind  # Class.made(…).method


def _last(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else bare(called)


def _words(annotation: ast.expr) -> set[str]:
    return {node.id for node in under(annotation) if isinstance(node, ast.Name)}


def _read(name: str, path: Path) -> Module:
    module = Module(name, ast.parse(path.read_text(encoding="utf-8")))
    for statement in module.tree.body:
        _take(module, statement)
    return module


def _take(module: Module, statement: ast.stmt) -> None:
    """A definition is a place of its own, all else runs with the module; what is decorated was handed to somebody."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            module.nodes[name].append(statement)
            module.nodes[""] += statement.decorator_list and [statement]
        case ast.ClassDef(name=name, body=body):
            module.classes[name] = statement
            module.nodes[name] += [*statement.bases, *statement.decorator_list]
            for each in body:
                module.nodes[f"{name}.{each.name}" if isinstance(each, _Function) else name].append(each)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            module.nodes[name].append(value)
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            module.nodes[name].append(value)
        case _:
            module.imports |= _imports(statement)
            module.nodes[""].append(statement)


def _imports(node: ast.AST) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for each in under(node):
        if isinstance(each, ast.ImportFrom) and each.module:
            found |= {alias.asname or alias.name: Place(each.module, alias.name) for alias in each.names}
        elif isinstance(each, ast.Import):
            found |= {alias.asname or alias.name: Place(alias.name) for alias in each.names}
    return found


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def literals(nodes: Iterable[ast.AST]) -> set[str]:
    """The texts that stand in some source."""
    return {
        node.value
        for top in nodes
        for node in under(top)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

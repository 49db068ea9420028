"""Edit hand-written YAML files, and keep every other byte.

PyYAML reports the lines of each value; lines are inserted, replaced and removed there. The result
is parsed again and refused unless its data are exactly the expected ones, so constructs that cannot
be edited by lines (flow style, anchors) end in an error and never in a damaged file.
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import FleetError

# Marks a section that was added for its entries; it is removed with the last of them.
ADDED = " # added for the entries below"

Pair = tuple[yaml.Node, yaml.Node]


class _Loader(yaml.SafeLoader):
    """Reads an alias as text, so that the marks of every node are its place in the file.

    The anchor has to exist before it: an edit may have removed it.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event = self.get_event()  # type: ignore[no-untyped-call]
        if event.anchor not in self.anchors:
            problem = f"no anchor &{event.anchor} before the alias *{event.anchor}"
            raise yaml.composer.ComposerError(problem=problem, problem_mark=event.start_mark)
        return yaml.ScalarNode("alias", f"*{event.anchor}", event.start_mark, event.end_mark)


@dataclass(frozen=True)
class _Edit:
    """Lines that replace others, or that are inserted before the first of an empty range."""

    first: int
    end: int
    column: int
    lines: list[str]

    def order(self) -> tuple[int, bool, int]:
        """Return the sort key: on one line, deeper insertions belong to the entry above."""
        return self.first, self.end > self.first, -self.column


class Document:
    """One file: its text, its data as strings, lists and dicts, and pending edits."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content
        text = self._decode(content)
        self.lines = text.split("\n")
        try:
            self.root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or getattr(error, "reason", "unreadable")
            raise self.error(mark, f"broken YAML ({problem}); correct it and run again") from error
        if not isinstance(self.root, yaml.MappingNode | None):
            raise self.error(self.root, "not a mapping of keys to values; correct it and run again")
        self.data: dict[str, Any] = self._plain(self.root) if self.root else {}
        self._expected = deepcopy(self.data)
        self._edits: list[_Edit] = []

    def error(self, where: yaml.Node | yaml.Mark | None, problem: str) -> FleetError:
        """Return an error that names the file and the line of a problem."""
        mark = where.start_mark if isinstance(where, yaml.Node) else where
        return FleetError(f"{self.path}:{mark.line + 1 if mark else 1}: {problem}")

    def entries(self, section: str) -> dict[str, Any]:
        """Return the entries of a section by name; none if it is missing or empty."""
        said = self.data.get(section) or {}
        if (found := self.find(section)) and not isinstance(said, dict):
            raise self.error(found[1], f"write {section} as one `key: value` a line")
        return dict(said)

    def find(self, *keys: str) -> Pair | None:
        """Return key and value at the end of a path of keys."""
        node, found = self.root, None
        for name in keys:
            pairs: list[Pair] = node.value if isinstance(node, yaml.MappingNode) else []
            found = next((pair for pair in pairs if pair[0].value == name), None)
            node = found[1] if found else None
        return found

    def update(self, section: str, entries: dict[str, dict[str, Any]]) -> None:
        """Add or update entries; keys of an entry that are not given stay."""
        if not entries:
            return
        found = self.find(section)
        known = self._expected.get(section) or {}
        missing = {name: entry for name, entry in entries.items() if name not in known}
        for name in entries.keys() - missing.keys():
            self._update_entry(section, name, entries[name])
        if missing and found:
            self._insert_pairs(*found, missing)
        elif missing:
            column = self.root.start_mark.column if self.root else 0
            heading = " " * column + f"{section}:{ADDED}"
            self._insert(self.root, column, [heading, *_dump(missing, column + 2, 2)])
        self._expected[section] = known | _said(missing) or self._expected.get(section)

    def remove(self, names: set[str], *section: str) -> None:
        """Remove keys of the mapping at a path, and the mapping if it was added for them."""
        key, value = self.find(*section) or (None, None)
        if key is None or not isinstance(value, yaml.MappingNode):
            return
        gone = [pair for pair in value.value if pair[0].value in names]
        for pair in gone:
            self._edit(pair[0], pair[1], [])
        known = self._parent(section)[section[-1]]
        left = {name: said for name, said in known.items() if name not in names}
        self._expect(section, left or "")
        if gone and not left:
            self._remove_added(section, key)

    def append(self, *section: str, item: str, note: str = "") -> None:
        """Add an item, and a comment behind it, to a list that has no such item yet.

        A list at the top of the file is added if it is missing.
        """
        found = self.find(*section)
        if found is None and len(section) == 1:
            column = self.root.start_mark.column if self.root else 0
            lines = [" " * column + f"{section[0]}:{ADDED}", *_dump([item], column + 2, 2)]
            self._insert(self.root, column, [*lines[:-1], lines[-1] + note])
            self._expect(section, [item])
            return
        if found is None:
            name = ".".join(section)
            raise self.error(self.root, f"has no {name}; add the key without a value")
        key, value = found
        items = self._items(section)
        if item in items:
            return
        if isinstance(value, yaml.SequenceNode) and not value.flow_style:
            column = value.start_mark.column
        elif value.value == "":
            value, column = key, key.start_mark.column + 2
        else:
            raise self.error(value, f"write {section[-1]} as a list of one `- item` a line")
        (line,) = _dump([item], column, 2)
        self._insert(value, column, [line + note])
        self._expect(section, [*items, item])

    def discard(self, *section: str, item: str, note: str = "") -> None:
        """Remove an item with this comment behind it from a list, if it is there."""
        found = self.find(*section)
        if found is None or not isinstance(found[1], yaml.SequenceNode):
            return
        left = self._items(section)
        for node in found[1].value:
            if node.value == item and self.lines[node.start_mark.line].endswith(note):
                self._edit(node, node, [])
                left.remove(item)
        self._expect(section, left or "")
        if not left:
            self._remove_added(section, found[0])

    def result(self) -> bytes:
        """Return the edited content, or raise if its data are not the expected ones."""
        lines, done = [], 0
        for edit in sorted(self._edits, key=_Edit.order):
            lines += self.lines[done : edit.first] + edit.lines
            done = edit.end
        lines += self.lines[done:]
        content = (self._mark + self._newline.join(lines)).encode()
        try:
            safe = not self._edits or Document(self.path, content).data == self._expected
        except FleetError:
            safe = False
        if not safe:
            line = min(edit.first for edit in self._edits) + 1
            raise FleetError(
                f"{self.path}:{line}: cannot be edited safely near this line; write its section in "
                "plain block style (no braces or anchors) and run again"
            )
        return content

    def _decode(self, content: bytes) -> str:
        """Return the text with plain line ends and no byte order mark; remember both."""
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise self.error(None, f"not UTF-8 ({error}); save it as UTF-8") from error
        self._mark = "\ufeff" * text.startswith("\ufeff")
        self._newline = "\r\n" if "\r" in text else "\n"
        text = text.removeprefix(self._mark)
        plain = text.replace("\r\n", "\n")
        if "\r" in plain or plain.replace("\n", self._newline) != text:
            raise self.error(None, "has line ends of several kinds; save it with one kind")
        return plain

    def _plain(self, node: yaml.Node) -> Any:
        """Return the data of a node as dicts, lists and strings."""
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item) for item in node.value]
        if not isinstance(node, yaml.MappingNode):
            return node.value
        said: dict[str, Any] = {}
        for key, value in node.value:
            name = str(self._plain(key))
            if name in said:
                raise self.error(key, f"{name} is there twice; remove one and run again")
            said[name] = self._plain(value)
        return said

    def _parent(self, section: tuple[str, ...]) -> dict[str, Any]:
        data = self._expected
        for name in section[:-1]:
            data = data[name]
        return data

    def _items(self, section: tuple[str, ...]) -> list[Any]:
        known = self._parent(section)[section[-1]]
        return list(known) if isinstance(known, list) else []

    def _expect(self, section: tuple[str, ...], value: Any) -> None:
        self._parent(section)[section[-1]] = value

    def _remove_added(self, section: tuple[str, ...], key: yaml.Node) -> None:
        """Remove an empty section that was added for its entries."""
        if self.lines[key.end_mark.line].endswith(ADDED):
            self._edit(key, key, [])
            del self._parent(section)[section[-1]]

    def _insert_pairs(self, key: yaml.Node, value: yaml.Node, entries: dict[str, Any]) -> None:
        """Add entries at the end of the mapping that is the value of this key."""
        start = key.start_mark.column
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            column = value.start_mark.column
        elif value.value == "":
            value, column = key, start + 2
        else:
            raise self.error(value, f"write {key.value} as one `key: value` a line")
        self._insert(value, column, _dump(entries, column, column - start))

    def _update_entry(self, section: str, name: str, entry: dict[str, Any]) -> None:
        """Replace what differs in an entry, add what is missing, leave the rest."""
        found = self.find(section, name)
        known = self._expected[section][name]
        if not entry or found is None:
            return
        if not isinstance(known, dict):
            raise self.error(found[1], f"{name} is not a mapping; remove it and run again")
        self._update_pairs(*found, entry)
        known.update(_said(entry))

    def _update_pairs(self, key: yaml.Node, value: yaml.Node, new: dict[str, Any]) -> None:
        """Replace what differs in the mapping behind a key, and add what is missing."""
        known = self._plain(value)
        if missing := {name: said for name, said in new.items() if name not in known}:
            self._insert_pairs(key, value, missing)
        for name, said in value.value:
            if name.value in new and known[name.value] != _said(new[name.value]):
                self._replace(name, said, new[name.value])

    def _replace(self, key: yaml.Node, value: yaml.Node, new: Any) -> None:
        """Replace the value of a key; comments and unchanged parts stay."""
        if isinstance(new, dict) and isinstance(value, yaml.MappingNode) and not value.flow_style:
            for gone in value.value:
                if gone[0].value not in new:
                    self._edit(gone[0], gone[1], [])
            self._update_pairs(key, value, new)
            return
        if says_more_than_text(value):
            raise self.error(value, f"write {key.value} out: no aliases, tags or empty values")
        lines = _dump({key.value: new}, key.start_mark.column, 2)
        line = self.lines[key.start_mark.line]
        if len(lines) == 1 and key.start_mark.line == value.end_mark.line:
            lines = [lines[0] + line[value.end_mark.column :]]
        self._edit(key, value, lines)

    def _edit(self, first: yaml.Node, last: yaml.Node, lines: list[str]) -> None:
        """Replace the lines from one node to another."""
        self._edits.append(_Edit(first.start_mark.line, _last_line(last) + 1, 0, lines))

    def _insert(self, after: yaml.Node | None, column: int, lines: list[str]) -> None:
        """Insert after a node and the comments that belong to its content."""
        line = _last_line(after) + 1 if after else 0
        for ahead, text in enumerate(self.lines[line:], line + 1):
            rest = text.lstrip(" ")
            if rest.startswith("#") and len(text) - len(rest) >= column:
                line = ahead
            elif rest:
                break
        self._edits.append(_Edit(line, line, column, lines))


def _last_line(node: yaml.Node) -> int:
    """Return the last line of a node, without the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(node, yaml.MappingNode) else last)
    end = node.end_mark
    return end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line


def says_more_than_text(node: yaml.Node) -> bool:
    """Return whether aliases, tags or empty values would be lost by rewriting a node."""
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.endswith(":merge"):
        return True
    if isinstance(node, yaml.ScalarNode):
        return False
    inner = [each for pair in node.value for each in (pair if isinstance(pair, tuple) else (pair,))]
    return any(says_more_than_text(each) or each.tag.endswith(":null") for each in inner)


def _dump(data: dict[str, Any] | list[str], column: int, indent: int) -> list[str]:
    """Return the lines of a mapping or list: block style, small collections in braces."""
    values = data.values() if isinstance(data, dict) else data
    nested = any(isinstance(value, dict | list) for value in values)
    text = yaml.safe_dump(
        data,
        default_flow_style=None if nested else False,
        indent=indent,
        width=10_000,
        sort_keys=False,
        allow_unicode=True,
    )
    return [" " * column + line for line in text.splitlines()]


def _said(value: Any) -> Any:
    """Return a value as it reads in a document."""
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_said(item) for item in value]
    return "null" if value is None else str(value)

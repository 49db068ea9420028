"""Changes that a team made to a service of the version with `platform/`, and again after an update.

The first half is written against the files of that version, which don't change any more.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.template_repository import replace

USE_CASE = '''"""Rename {a_noun}."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from ..domain.model import {name}
from ..domain.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Rename{name}:
    """Renames one and keeps its description."""

    unit_of_work: Callable[[], UnitOfWork]

    def __call__(self, wanted: UUID, name: str) -> {name}:
        """Apply the name."""
        with self.unit_of_work() as work:
            found = work.repository.get(wanted)
            found.rename(datetime.now(UTC), name)
            work.repository.save(found)
            work.commit()
            return found
'''

ADAPTER = '''"""Time limits of reports."""

from ..platform import deadline


def limit(longest: float) -> float:
    """Return the seconds that a report may take within its request."""
    left = deadline.remaining()
    return longest if left is None else min(longest, left)
'''

TEST = """from {package}.adapters.reports import limit
from {package}.bootstrap import in_memory
from {package}.platform import deadline
from {package}.service import UseCases


def test_rename_keeps_the_description() -> None:
    adapters = in_memory()
    use_cases = UseCases.on(adapters.unit_of_work, adapters.reader)
    created = use_cases.create(name="first", description="the first")

    renamed = use_cases.rename(created.id, "second")

    assert (renamed.name, renamed.description) == ("second", "the first")
    assert adapters.reader.count("second") == 1


def test_reports_end_with_their_request() -> None:
    assert limit(30) == 30
    deadline.start(10)
    assert limit(30) <= 10
"""

METHOD = '''    def rename(self, at: datetime, name: str) -> None:
        """Change the name only."""
        self.change(at, name=name)

'''

RULE = """    if name != name.strip():
        raise InvalidValue("The name neither starts nor ends with a space.")
"""

SETTINGS = '''

class ReportSettings({base}):
    """Size of reports."""

    rows: PositiveInt = Field(default=1_000, alias="REPORT_ROWS")


'''

COUNT_IN_PORT = '''    def count(self, name: str) -> int:
        """Return how many have this name."""
        ...

'''

COUNT_IN_MEMORY = '''    def count(self, name: str) -> int:
        """Return how many have this name."""
        return sum(row.name == name for row in self.rows.values())

'''

COUNT_IN_DATABASE = '''    def count(self, name: str) -> int:
        """Return how many have this name."""
        statement = select(func.count()).where({column} == name)
        with self._engine.connect() as connection:
            return connection.scalar(statement) or 0

'''

DEPENDENCY = '  "babel>=2.17",\n'

ROW = "| `REPORT_ROWS` | `1000` | Longest report. |\n"


@dataclass(frozen=True)
class Team:
    """The changes of a team to its service.

    Attributes:
        resource: of the service as it was made.
    """

    service: Path
    resource: str

    @property
    def source(self) -> Path:
        """The package of the service."""
        return self.service / "src" / self.service.name.replace("-", "_")

    def work(self) -> None:
        """Change the service of the version with `platform/`."""
        source, name = self.source, class_name(self.resource)
        noun = self.resource.replace("_", " ")
        words = {
            "package": source.name,
            "name": name,
            "a_noun": f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}",
        }
        (source / "service/rename.py").write_text(USE_CASE.format(**words))
        (source / "adapters/reports.py").write_text(ADAPTER)
        (self.service / "tests/unit/test_reports.py").write_text(TEST.format(**words))
        add_use_case(source / "service/__init__.py", name)
        insert(source / "domain/model.py", METHOD, "    @property\n    def stored_version")
        insert(source / "domain/values.py", RULE, "    if description is not None and")
        insert(source / "domain/ports.py", COUNT_IN_PORT, "    def page(\n")
        insert(source / "adapters/memory.py", COUNT_IN_MEMORY, "    def page(\n")
        database = source / "adapters/database.py"
        insert(database, "    func,\n", "    insert,\n")
        insert(database, COUNT_IN_DATABASE.format(column=f"{name}Row.name"), "    def check(self)")
        replace(
            source / "settings.py", "\n\nKINDS:", SETTINGS.format(base="RoomSettings") + "KINDS:"
        )
        insert(source / "settings.py", "    ReportSettings,\n", ")\n\n\ndef read(")
        insert(self.service / "docs/configuration.md", ROW, "| `LOG_LEVEL`")
        insert_after(self.service / "pyproject.toml", '  "alembic>=1.16",\n', DEPENDENCY)
        insert(
            self.service / "README.md", "## Team\n\nWe meet on Mondays.\n\n", "## Five minutes\n"
        )
        replace(self.log_level, "INFO", "WARNING")

    def repeat(self, conflicts: list[str], resource: str) -> None:
        """Repeat changes in files that were in conflict, and follow names that changed."""
        source = self.source
        if resource != self.resource:
            self.follow(class_name(self.resource), class_name(resource))
        reader = source / "adapters/database/reader.py"
        replace(reader, "bindparam, select", "bindparam, func, select")
        column = "tables.columns.name"
        insert(reader, COUNT_IN_DATABASE.format(column=column), "    def check(self)")
        in_port = COUNT_IN_PORT.replace("        ...\n", "")
        insert(source / "domain/ports.py", in_port, "    def page(")
        settings = source / "settings.py"
        insert(settings, "from pydantic import Field, PositiveInt\n\n", "from .")
        replace(settings, "\nMODELS:", SETTINGS.format(base="ExtensionSettings") + "MODELS:")
        insert(settings, "    ReportSettings,\n", ")\n\n\ndef read(")
        if "docs/configuration.md" in conflicts:
            insert(self.service / "docs/configuration.md", ROW, "| `LOG_LEVEL`")
        if "pyproject.toml" in conflicts:
            insert(self.service / "pyproject.toml", DEPENDENCY, '  "flask>=')
        if self.log_level.relative_to(self.service).as_posix() in conflicts:
            replace(self.log_level, "LOG_LEVEL: INFO", "LOG_LEVEL: WARNING")
        with (self.service / ".env.example").open("a") as example:
            example.write("\n# Longest report.\n# REPORT_ROWS=1000\n")
        replace(source / "use_cases/rename.py", "work.repository", f"work.{resource}s", times=2)
        replace(source / "adapters/reports.py", "import deadline", "import context")
        replace(source / "adapters/reports.py", "deadline.remaining", "context.remaining_seconds")
        test = self.service / "tests/unit/test_reports.py"
        replace(test, "import deadline", "import context")
        replace(test, "deadline.start", "context.start_deadline")
        replace(test, "import in_memory", "import Adapters")
        replace(test, "description()", "description(adapters: Adapters)")
        replace(test, "    adapters = in_memory()\n", "")

    def follow(self, before: str, after: str) -> None:
        """Follow another name of the resource."""
        source = self.source
        (source / "service/__init__.py").unlink()
        (source / "service/rename.py").rename(source / "use_cases/rename.py")
        add_use_case(source / "use_cases/__init__.py", after)
        replace(source / "use_cases/rename.py", before, after, times=3)

    @property
    def log_level(self) -> Path:
        """The file with the log level of production."""
        chart = self.service / "deploy/helm" / self.service.name / "values.yaml"
        return chart if chart.exists() else self.service / "deploy/swarm/production.env"


def class_name(resource: str) -> str:
    """Return the name of a resource's class."""
    return resource.title().replace("_", "")


def add_use_case(file: Path, name: str) -> None:
    """Add the team's use case to the list of all."""
    for before in (
        f"from .list import List{name}s\n",
        f"    list: List{name}s\n",
        f"            list=List{name}s(reader),\n",
    ):
        after = before.replace("list", "rename").replace(f"List{name}s", f"Rename{name}")
        insert_after(file, before, after.replace("reader", "unit_of_work"))


def insert_after(file: Path, before: str, text: str) -> None:
    """Insert a text after the first occurrence of another one."""
    replace(file, before, before + text)


def insert(file: Path, text: str, before: str) -> None:
    """Insert a text before the first occurrence of another one."""
    replace(file, before, text + before)

"""An import rule that import-linter lacks: a package uses the standard library only."""

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnly(Contract):
    """The modules of these packages import each other and the standard library, nothing else."""

    type_name = "standard_library_only"

    modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        """Return the check, with every other import."""
        packages: list[str] = [str(each) for each in self.modules]  # type: ignore[attr-defined]
        modules = {
            module for package in packages for module in {package, *graph.find_descendants(package)}
        }
        illegal = [
            (module, imported)
            for module in sorted(modules)
            for imported in sorted(graph.find_modules_directly_imported_by(module) - modules)
            if imported.partition(".")[0] not in sys.stdlib_module_names
        ]
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: Any) -> None:
        """Print every import that breaks the rule."""
        for module, imported in check.metadata["illegal"]:
            output.print_error(f"{module} imports {imported}")

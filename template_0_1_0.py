"""Jinja extension of the template: hands the folder of the template to the hooks.

The module's name carries the template's version: `cruft update` renders two versions in one process,
and Python would import a module of the same name once only.
"""

from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension


class Template(Extension):
    """Adds the global `template_folder`, the absolute path of the template's checkout."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["template_folder"] = str(Path(__file__).resolve().parent)

"""Generate the table of questions in docs/options.md from cookiecutter.json."""

import json
import re
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[1]
PAGE = TEMPLATE / "docs" / "options.md"

BETWEEN = re.compile(r"(?<=<!-- table: begin -->\n).*?(?=<!-- table: end -->)", re.DOTALL)


def page() -> str:
    """Return the page with its current table."""
    manifest = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
    return BETWEEN.sub(lambda _: table(manifest), PAGE.read_text("utf-8"))


def table(manifest: dict[str, Any]) -> str:
    """Return a row for each question, in the order of the prompts."""
    rows = ["| answer | question | choices, the default first |", "|---|---|---|"]
    for name, default in manifest.items():
        if name.startswith("_"):
            continue
        prompt = manifest["__prompts__"][name]
        label = prompt["__prompt__"] if isinstance(prompt, dict) else prompt
        rows.append(f"| `{name}` | {label} | {choices(default, prompt)} |")
    return "\n".join(rows) + "\n"


def choices(default: str | list[str], prompt: str | dict[str, str]) -> str:
    """Return the choices with their labels, or the default of a free answer."""
    if isinstance(default, str):
        plain = default.replace("<< cookiecutter.service_name >>", "<service_name>")
        if "<<" in plain:
            return "derived from `service_name`"
        return f"`{plain}`" if plain else "empty"
    labels = prompt if isinstance(prompt, dict) else {}
    return ", ".join(
        f"`{choice}`: {labels[choice]}" if choice in labels else f"`{choice}`" for choice in default
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

"""The commands of the template do what README says."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

from tests.support.rendering import QUESTIONS, TEMPLATE
from tests.support.verbs import environment


def make(*arguments: str) -> str:
    """Run `make` in the template without a terminal, and return its output."""
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=TEMPLATE,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_new_creates_a_service_beside_the_checkout(tmp_path: Path) -> None:
    assert "OUTPUT ?= ../workspace\n" in (TEMPLATE / "Makefile").read_text()

    said = make("new", f"OUTPUT={tmp_path}/shop")

    assert f"cd {tmp_path}/shop/orders\n" in said
    assert "make run" in said
    assert (tmp_path / "shop" / "orders" / "pyproject.toml").is_file()
    assert "orders:" in (tmp_path / "shop" / "services.yaml").read_text()


def test_new_accepts_answers_and_presets(tmp_path: Path) -> None:
    answers = "ARGS=service_name=payments description='Who paid, and what for'"
    make("new", f"OUTPUT={tmp_path}", "PRESET=minimal", answers)

    readme = (tmp_path / "payments" / "README.md").read_text()
    assert "Who paid, and what for" in readme
    assert "postgres" not in readme.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["payments"]


def test_new_asks_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["make", "new", f"OUTPUT={tmp_path}"],
        cwd=TEMPLATE,
        env={**environment(), "TERM": "dumb"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(theirs)
    os.write(ours, b"payments\n" + b"\n" * (len(QUESTIONS) - 1))
    said, _ = process.communicate(timeout=120)
    os.close(ours)

    assert process.returncode == 0, said
    assert f"[1/{len(QUESTIONS)}] Service name" in said
    assert (tmp_path / "payments").is_dir()


def test_new_reports_invalid_answers(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "new", f"OUTPUT={tmp_path}", "ARGS=service_name=Orders databse=mysql"],
        cwd=TEMPLATE,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "(service_name): 'Orders' is not a DNS label" in done.stderr
    assert "did you mean database?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_calls_both_services() -> None:
    said = make("demo")

    assert [line for line in said.splitlines() if line.startswith("201 ")] == ["201 {", "201 {"]
    created = re.search(r"POST \S+/payments\n201 (\{.*?^\})", said, re.DOTALL | re.MULTILINE)
    assert created
    payment = json.loads(created[1])
    assert f"Payment(id=UUID('{payment['id']}'), name='First', version=1)" in said


def test_help_describes_every_command() -> None:
    makefile = (TEMPLATE / "Makefile").read_text()
    verbs = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)

    assert [line.split()[0] for line in make("help").splitlines()] == verbs


def test_pages_are_built() -> None:
    make("docs")

    page = (TEMPLATE / "site" / "options" / "index.html").read_text()
    assert "<code>service_name</code>" in page
    assert "fonts.googleapis" not in page

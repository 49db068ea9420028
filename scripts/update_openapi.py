"""Generate the template's openapi.json from the code.

Renders a service with unique names, runs its `make openapi`, and replaces the names by the
template's variables. Run this script after a change of the API.
"""

import subprocess
import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = {
    "service_name": "qservice",
    "description": "qdescription",
    "resource": "q_thing",
    "database": "sqlite",
    "workspace": "",
}
# Longer names first: "a q thing" contains "q thing".
VARIABLES = {
    "qdescription": "<< cookiecutter.description.rstrip('.') >>",
    "qservice": "<< cookiecutter.service_name >>",
    "q_things": "<< cookiecutter.__plural >>",
    "q-things": "<< cookiecutter.__path >>",
    "q_thing": "<< cookiecutter.resource >>",
    "QThing": "<< cookiecutter.__class >>",
    "a q thing": "<< cookiecutter.__a_noun >>",
    "q things": "<< cookiecutter.__nouns >>",
    "q thing": "<< cookiecutter.__noun >>",
}


def main() -> None:
    """Write openapi.json into the template."""
    with tempfile.TemporaryDirectory() as folder:
        service = Path(
            cookiecutter(
                str(ROOT),
                no_input=True,
                default_config=True,
                extra_context=ANSWERS,
                output_dir=folder,
            )
        )
        (service / "openapi.json").unlink(missing_ok=True)
        subprocess.run(["make", "openapi"], cwd=service, check=True)
        text = (service / "openapi.json").read_text()
    for name, variable in VARIABLES.items():
        text = text.replace(name, variable)
    target = ROOT / "<<cookiecutter.service_name>>" / "openapi.json"
    target.write_text(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    main()

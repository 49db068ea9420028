"""The commands of `python -m << cookiecutter.__package >>`, one module each."""

"""<< cookiecutter.description.rstrip(".") >>."""

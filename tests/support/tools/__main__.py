"""Install all tools, ahead of the tests that use them."""

from . import checkov, helm, schemas

for install in (
    helm.four,
    helm.three,
    schemas.kubernetes,
    schemas.custom,
    checkov.program,
):
    install()

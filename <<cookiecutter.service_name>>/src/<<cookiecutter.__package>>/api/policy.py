"""Access policy: every view that is not `public` needs a rule here; without one it is denied.

A rule names the scope that the caller's token must grant, and the callers: `ANYONE` to whom the
issuer grants that scope, or client names, as in `{"checkout", "developer"}`. A caller is the client
that the token was issued to. `flask --app << cookiecutter.__package >>.app policy` lists the rules.
"""

from ..chassis.auth import ANYONE, Policy, Rule

READ = "<< cookiecutter.__path >>:read"
WRITE = "<< cookiecutter.__path >>:write"

POLICY: Policy = {
    "<< cookiecutter.__plural >>": {
        "create_<< cookiecutter.resource >>": Rule(WRITE, ANYONE),
        "list_<< cookiecutter.__plural >>": Rule(READ, ANYONE),
        "get_<< cookiecutter.resource >>": Rule(READ, ANYONE),
        "change_<< cookiecutter.resource >>": Rule(WRITE, ANYONE),
        "delete_<< cookiecutter.resource >>": Rule(WRITE, ANYONE),
    },
}

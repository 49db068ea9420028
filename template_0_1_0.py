"""The template's Jinja extension: words derived from names, and the template's own folder.

The module's name carries the template's version (`_template_version`): `cruft update` renders the
old and the new version in one process, and Python imports a module of the same name only once.
See docs/adr/0018-jinja-extension.md.
"""

import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

# `order = work.orders.get(order_id)` fits on its line up to this length of a resource.
LONGEST_RESOURCE = 24

# A file name has at most 255 bytes, and a character up to four.
LONGEST_FOLDER = 60

# fmt: off
UNCOUNTABLE = {
    "aircraft", "analytics", "data", "dns", "equipment", "feedback", "fish", "furniture", "gps",
    "hardware", "information", "kms", "logistics", "luggage", "media", "merchandise", "metadata",
    "money", "news", "physics", "series", "sheep", "sms", "software", "species", "staff", "traffic",
    "weather",
}

# Words whose plural or singular differs from what the rules below derive.
IRREGULAR = {
    "abuse": "abuses", "ache": "aches", "alias": "aliases", "analysis": "analyses", "api": "apis",
    "atlas": "atlases", "axis": "axes", "base": "bases", "bias": "biases", "buzz": "buzzes",
    "cache": "caches", "calf": "calves", "calorie": "calories", "canvas": "canvases",
    "child": "children", "cookie": "cookies", "crisis": "crises", "criterion": "criteria",
    "diagnosis": "diagnoses", "echo": "echoes", "emoji": "emojis", "epoch": "epochs",
    "excuse": "excuses", "foot": "feet", "fuse": "fuses", "gas": "gases", "goose": "geese",
    "half": "halves", "hero": "heroes", "hypothesis": "hypotheses", "knife": "knives",
    "kpi": "kpis", "leaf": "leaves", "lens": "lenses", "life": "lives", "loaf": "loaves",
    "man": "men", "matrix": "matrices", "menu": "menus", "mouse": "mice", "movie": "movies",
    "niche": "niches", "ox": "oxen", "person": "people", "phenomenon": "phenomena",
    "potato": "potatoes", "quiz": "quizzes", "scarf": "scarves", "selfie": "selfies",
    "shelf": "shelves", "taxi": "taxis", "thesis": "theses", "thief": "thieves",
    "tomato": "tomatoes", "tooth": "teeth", "uri": "uris", "use": "uses", "vertex": "vertices",
    "veto": "vetoes", "wiki": "wikis", "wolf": "wolves", "woman": "women", "zombie": "zombies",
}

# Names that adapters/peers uses itself; a peer of that name gets a longer one there.
MODULES_OF_PEERS = {
    "call", "closing", "connect", "connections", "dataclass", "in_memory", "resolver", "settings",
    "transport",
}
CLASSES_OF_PEERS = {
    "AllSettings", "BaseModel", "Client", "ConfigDict", "Field", "HttpClient", "InMemoryClient",
    "PeerClient", "PeerClients", "PeerSettings", "Protocol", "Settings",
}
# fmt: on
SINGULARS = {plural: singular for singular, plural in IRREGULAR.items()}

# The first ending that matches decides.
TO_SINGULAR = (
    (r"(ss|us|is)$", r"\1"),  # address, status and basis are singular already
    (r"^(.ie)s$", r"\1"),  # ties, pies
    (r"(.)ies$", r"\1y"),  # categories
    (r"(ss|x|ch|sh)es$", r"\1"),  # addresses, boxes, batches, dishes
    (r"(?<![ao])uses$", "us"),  # statuses, but not houses or clauses
    (r"(..)s$", r"\1"),  # orders
)
TO_PLURAL = (
    (r"(^|[^aeiou])y$", r"\1ies"),  # category
    (r"sis$", "ses"),  # basis
    (r"(s|x|ch|sh)$", r"\1es"),  # status, box, batch, dish
    (r"$", "s"),  # order
)

# The sound decides: "an hour", "a user", "a unit", but "an unknown".
VOWEL_SOUND = re.compile(
    r"(?!eu|one\b|once|ubi|uni(?![nm])|ur[ail]|us[aeu]|uti|uu)[aeiou]|heir|honest|honou?r|hour"
)


def singular(name: str) -> str:
    """Return the name with its last word in the singular."""
    return with_last_word(name, singular_word)


def plural(name: str) -> str:
    """Return the name with its last word in the plural."""
    return with_last_word(name, plural_word)


def with_last_word(name: str, inflect: Callable[[str], str]) -> str:
    """Return the name with its last word inflected; `-`, `_` and spaces separate words."""
    return re.sub(r"[^-_ ]+\Z", lambda word: inflect(word[0]), name)


def singular_word(word: str) -> str:
    """Return the singular of an English noun; a singular stays as it is."""
    if word in UNCOUNTABLE or word in IRREGULAR:
        return word
    return SINGULARS.get(word) or by_rule(word, TO_SINGULAR)


def plural_word(word: str) -> str:
    """Return the plural of an English noun in the singular."""
    if word in UNCOUNTABLE:
        return word
    return IRREGULAR.get(word) or by_rule(word, TO_PLURAL)


def by_rule(word: str, rules: tuple[tuple[str, str], ...]) -> str:
    """Return the word with its ending replaced by the first rule that matches."""
    for ending, replacement in rules:
        if re.search(ending, word):
            return re.sub(ending, replacement, word, count=1)
    return word


def article(noun: str) -> str:
    """Return the indefinite article of a noun, "a" or "an"."""
    return "an" if VOWEL_SOUND.match(noun) else "a"


def class_name(name: str) -> str:
    """Return the name of the class for a snake_case noun."""
    return "".join(map(str.capitalize, name.split("_")))


def package(service_name: str) -> str:
    """Return the name of a service's Python package."""
    return service_name.replace("-", "_")


def resource(service_name: str) -> str:
    """Return the noun for what a service keeps: its name, or its last words if that is too long."""
    words = package(singular(service_name)).split("_")
    tails = ["_".join(words[start:]) for start in range(len(words))]
    short = [tail for tail in tails if len(tail) <= LONGEST_RESOURCE and tail[:1].isalpha()]
    return short[0] if short else tails[0][:LONGEST_RESOURCE].rstrip("_")


def folder(answers: MutableMapping[str, str]) -> str:
    """Return the name of the service's folder, and replace one that leads elsewhere.

    cookiecutter makes the folder before the pre-generation hook can refuse its name.
    """
    name = answers["service_name"]
    if name in {"", ".", ".."} or "/" in name or len(name) > LONGEST_FOLDER:
        answers["service_name"] = name[:LONGEST_FOLDER].replace("/", "|") + " "
    return answers["service_name"]


@dataclass(frozen=True)
class Peer:
    """A service that the generated one calls, and what it is called there."""

    name: str

    @property
    def module(self) -> str:
        """The module of its client."""
        name = package(self.name)
        return f"{name}_service" if name in MODULES_OF_PEERS else name

    @property
    def variable(self) -> str:
        """What the names of its environment variables begin with."""
        return package(self.name).upper()

    @property
    def class_name(self) -> str:
        """The class of its resource, as the client reads it."""
        name = class_name(resource(self.name))
        return f"{name}Resource" if name in CLASSES_OF_PEERS else name

    @property
    def path(self) -> str:
        """The path and scope of its resources."""
        return self.nouns.replace(" ", "-")

    @property
    def nouns(self) -> str:
        """Its resources in a sentence."""
        return plural(resource(self.name)).replace("_", " ")


def peers(depends_on: str) -> list[Peer]:
    """Return the services that an answer to `depends_on` names, in the order of their modules."""
    return sorted(map(Peer, filter(None, depends_on.split(","))), key=lambda peer: peer.module)


class Template(Extension):
    """Offers the words above as filters, and `template_folder` to hooks and templates."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for function in (article, class_name, folder, package, peers, plural, resource, singular):
            environment.filters[function.__name__] = function
        environment.globals["template_folder"] = str(Path(__file__).resolve().parent)

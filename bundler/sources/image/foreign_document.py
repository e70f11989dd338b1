"""What a registry, a daemon or an image's maker wrote of it: where that is wrong it is damaged, and no mistake here."""

from installer.errors import DamagedError
from installer.index.strict import Place


class ForeignDocument(Place):
    """Read less strictly than our own format: most of it is other people's."""

    error = DamagedError

"""A file into the cache, from whichever of its URLs gives it."""

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

from bundler.cache import Cache, Stored
from bundler.http.client import Client
from bundler.http.kept import see_again
from bundler.http.origins import origin
from bundler.http.receiving import Receiving
from bundler.http.wanted import Wanted, Watch, Watcher, unwatched
from bundler.partials import holding, partial_key
from bundler.progress import Meter
from installer.errors import AirgapError, DamagedError, RefusedError, UnreachableError

__all__ = ["ANOTHER_MAY_DO", "Wanted", "Watcher", "transfer", "unwatched"]
ANOTHER_MAY_DO: Final = (UnreachableError, DamagedError, RefusedError)  # what one mirror may fail with


def transfer(wanted: Wanted, client: Client, cache: Cache, meter: Meter, watch: Watch = unwatched) -> Stored:
    """The file, which lies in the cache afterwards; what has come of it stays there also when this fails."""
    failures: list[AirgapError] = []
    urls = deque(client.worth_asking(wanted.urls))
    while urls:
        url = urls.popleft()
        try:
            return _transfer(wanted, url, client, cache, meter, watch)
        except ANOTHER_MAY_DO as error:
            failures.append(error)
            if urls and client.is_news(url):
                client.patience.tell(f"{error}; asking {origin(urls[0])[1]}")
    raise _all_of(failures)


def _transfer(wanted: Wanted, url: str, client: Client, cache: Cache, meter: Meter, watch: Watch) -> Stored:
    waiting = partial(client.patience.tell, f"{wanted.what}: another run is fetching it, waiting for that")
    with holding(cache, partial_key(wanted.sha256, url), waiting) as arrived:
        # Looked for only now: the run that was waited for may have brought it.
        if wanted.sha256 and (stored := see_again(cache, wanted.sha256, watch)):
            return stored
        return Receiving(wanted, url, arrived, client, cache, watch).receive(meter)


def _all_of(failures: Sequence[AirgapError]) -> AirgapError:
    """The last one, which also names the others."""
    *others, last = failures
    if not others:
        return last
    return type(last)(f"{last}; before that: {'; '.join(map(str, others))}", hint=last.hint)

from collections.abc import Iterator

import pytest

from tests.running_api import RunningApi, running_api


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The API on a socket, with a database that the tests of one module share."""
    with running_api(module_database, tmp_path_factory.mktemp("api")) as running:
        yield running

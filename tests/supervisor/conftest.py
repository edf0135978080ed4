from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.supervisor.stage import Stage, stage


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as opened:
        yield opened

"""Sites for the scripts of these tests."""

from pathlib import Path

import pytest

from tests.support.scripts import ScriptSite


@pytest.fixture
def site(tmp_path: Path) -> ScriptSite:
    """A site whose srun runs what it is given."""
    return ScriptSite(tmp_path / "site")


@pytest.fixture
def recording_site(tmp_path: Path) -> ScriptSite:
    """A site whose srun runs nothing and records everything."""
    return ScriptSite(tmp_path / "site", record_only=True)


@pytest.fixture
def bare_site(tmp_path: Path) -> ScriptSite:
    """A site whose srun becomes its one task, unrecorded: fast."""
    return ScriptSite(tmp_path / "site", is_bare=True)

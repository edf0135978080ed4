"""What a registry is asked for: the names of images as Apptainer and Enroot read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow import Container, name_of_image
from deepsquare.workflow.formats import check_image

HUB = "registry-1.docker.io"
DIGEST = f"sha256:{'0' * 64}"

HOSTS = st.from_regex(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,9}[A-Za-z0-9])?(:[0-9]{1,5})?/)?", fullmatch=True)
PARTS = st.from_regex(r"[a-z0-9]{1,4}((\.|__?|-{1,3})[a-z0-9]{1,3})?", fullmatch=True)
ENDS = st.from_regex(rf"(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,9}})?(@{DIGEST})?", fullmatch=True)
IMAGES = st.builds(lambda host, parts, end: host + "/".join(parts) + end, HOSTS, st.lists(PARTS, min_size=1), ENDS)


@pytest.mark.parametrize(
    ("image", "registry", "repository", "reference"),
    [
        ("alpine", HUB, "library/alpine", "latest"),
        ("alpine:3", HUB, "library/alpine", "3"),
        ("team/tools:1", HUB, "team/tools", "1"),
        ("docker.io/alpine:3", HUB, "library/alpine", "3"),
        ("index.docker.io/team/tools", HUB, "team/tools", "latest"),
        ("images.test/tools:1", "images.test", "tools", "1"),
        ("images.test:5000/a/b/c", "images.test:5000", "a/b/c", "latest"),
        ("localhost/tools", "localhost", "tools", "latest"),
        ("Images/tools", "Images", "tools", "latest"),
        (f"alpine@{DIGEST}", HUB, "library/alpine", DIGEST),
        (f"images.test/team/tools:1@{DIGEST}", "images.test", "team/tools", DIGEST),
    ],
)
@pytest.mark.parametrize("apptainer", [True, False])
def test_an_image_is_looked_for_where_both_runtimes_look(
    image: str, registry: str, repository: str, reference: str, apptainer: bool
) -> None:
    name = name_of_image(Container(image=image, apptainer=apptainer))
    assert name is not None
    assert (name.registry, name.repository, name.reference) == (registry, repository, reference)


@pytest.mark.parametrize("apptainer", [True, False])
@pytest.mark.parametrize(
    ("registry", "image", "host", "repository"),
    [
        ("images.test", "tools", "images.test", "tools"),
        ("images.test:5000", "team/tools", "images.test:5000", "team/tools"),
        ("images.test", "other.test/tools", "images.test", "other.test/tools"),
        ("registry-1.docker.io", "alpine", HUB, "library/alpine"),
    ],
)
def test_a_registry_that_is_named_is_the_one(
    registry: str, image: str, host: str, repository: str, apptainer: bool
) -> None:
    name = name_of_image(Container(image=image, registry=registry, apptainer=apptainer))
    assert name is not None
    assert (name.registry, name.repository) == (host, repository)


def test_a_registry_without_a_dot_is_a_host_to_enroot_and_a_name_at_docker_hub_to_apptainer() -> None:
    enroot = name_of_image(Container(image="tools:1", registry="images"))
    apptainer = name_of_image(Container(image="tools:1", registry="images", apptainer=True))
    assert enroot is not None
    assert apptainer is not None
    assert (enroot.registry, enroot.repository) == ("images", "tools")
    assert (apptainer.registry, apptainer.repository) == (HUB, "images/tools")


@pytest.mark.parametrize(
    "container", [Container(image="/images/tools.sif"), Container(image="team/tools:1", deepsquare_hosted=True)]
)
def test_no_registry_is_asked_for_files_and_for_the_providers_own_images(container: Container) -> None:
    assert name_of_image(container) is None


@pytest.mark.parametrize("image", ["team/tools:1", f"team/tools@{DIGEST}"])
def test_a_name_is_told_as_it_is_written(image: str) -> None:
    assert str(name_of_image(Container(image=image))) == image


@given(IMAGES)
def test_whatever_the_image_its_name_is_safe_in_an_address_and_means_itself(image: str) -> None:
    assert check_image(image) is None
    name = name_of_image(Container(image=image))
    assert name is not None
    assert re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", name.registry)
    assert re.fullmatch(r"[a-z0-9._-]+(/[a-z0-9._-]+)*", name.repository)
    assert not {".", ".."} & set(name.repository.split("/"))
    assert re.fullmatch(r"[A-Za-z0-9_.:-]+", name.reference)
    assert name_of_image(Container(image=f"{name.registry}/{name}")) == name

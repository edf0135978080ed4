"""What an image of a registry is called, read as the programs read it that fetch it for a job."""

from dataclasses import dataclass

from deepsquare.workflow.containers import Container, uses_apptainer

DOCKER_HUB = "registry-1.docker.io"
"""The host that answers for Docker Hub, the registry of images that name none."""

_NAMES_OF_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", DOCKER_HUB})


@dataclass(frozen=True, slots=True)
class ImageName:
    """One image of one registry."""

    registry: str
    """Its host, with a port where one is named."""
    repository: str
    reference: str
    """A tag, or a digest: `sha256:` and 64 digits."""

    def __str__(self) -> str:
        return f"{self.repository}{'@' if ':' in self.reference else ':'}{self.reference}"


def split_registry(image: str) -> tuple[str | None, str]:
    """The registry that an image's own name begins with, None where it names none; and the rest."""
    first, slash, rest = image.partition("/")
    # Repositories have no capitals, so what has some can only be a host.
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return first, rest
    return None, image


def name_of_image(container: Container) -> ImageName | None:
    """What a registry is asked for; None where it is not: for a file of the job and an image of the provider's own."""
    if container.deepsquare_hosted or container.image.startswith("/"):
        return None
    if container.registry is None or uses_apptainer(container):
        whole = container.image if container.registry is None else f"{container.registry}/{container.image}"
        registry, rest = split_registry(whole)
    else:
        registry, rest = container.registry, container.image
    name, _, digest = rest.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{folder}{slash}{last}"
    if registry is None or registry in _NAMES_OF_DOCKER_HUB:
        registry = DOCKER_HUB
        repository = repository if slash else f"library/{repository}"
    return ImageName(registry, repository, digest or tag or "latest")

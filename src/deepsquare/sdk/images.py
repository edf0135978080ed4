"""Whether the images of a workflow are there, as far as their registries tell at once.

Only a registry that answers "there is no such image" makes an error. One that cannot be reached, or not in time, is
no reason to refuse anything: the site where the job runs may be nearer to it.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice

from deepsquare.clock import Clock
from deepsquare.sdk.registry import Answer, Credentials, Registries
from deepsquare.workflow import Container, ImageName, PlacedContainer, Problem, Severity, name_of_image

LIMIT_SECONDS = 3.0
"""For all images together."""

MAX_IMAGES = 100
"""Further ones are not looked for."""

MAX_PLACES = 20
"""Of one image, at which something about it is told."""

_Question = tuple[ImageName, Credentials | None]


async def check_images(containers: Sequence[PlacedContainer], clock: Clock) -> tuple[Problem, ...]:
    """What registries say against the images of these containers until the time limit; each image is asked for once."""
    questions = dict(islice(_questions(containers).items(), MAX_IMAGES))
    if not questions:
        return ()
    answers = await _answers(tuple(questions), clock)
    return tuple(
        problem
        for question, answer in answers.items()
        for placed in questions[question][:MAX_PLACES]
        for problem in _problems(placed, question, answer)
    )


def _questions(containers: Sequence[PlacedContainer]) -> dict[_Question, list[PlacedContainer]]:
    found: dict[_Question, list[PlacedContainer]] = {}
    for placed in containers:
        image = name_of_image(placed.container)
        if image is not None:
            found.setdefault((image, _credentials(placed.container)), []).append(placed)
    return found


def _credentials(container: Container) -> Credentials | None:
    if container.username is None and container.password is None:
        return None
    return Credentials(container.username or "", container.password or "")


async def _answers(questions: Sequence[_Question], clock: Clock) -> dict[_Question, Answer]:
    """What has been answered in time; the rest is left unasked."""
    registries = Registries()
    asked = {question: asyncio.create_task(registries.look_for(*question)) for question in questions}
    all_answered = asyncio.create_task(asyncio.wait(asked.values()))
    limit = asyncio.create_task(clock.sleep(LIMIT_SECONDS))
    try:
        await asyncio.wait({all_answered, limit}, return_when=asyncio.FIRST_COMPLETED)
        return {question: task.result() for question, task in asked.items() if task.done()}
    finally:
        tasks = (limit, all_answered, *asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await registries.close()


def _problems(placed: PlacedContainer, question: _Question, answer: Answer) -> list[Problem]:
    image, credentials = question
    if answer is Answer.MISSING:
        message = f"the registry {image.registry} has no image {image}"
        hint = "correct its name; --image-check off submits the workflow as it is"
        return [placed.problem(Severity.ERROR, message, hint)]
    if answer is Answer.REFUSED and credentials is None:
        message = f"the registry {image.registry} does not show {image} to everybody; it may not be there at all"
        return [placed.problem(Severity.WARNING, message, "check its name, or give a username and a password")]
    if answer is Answer.REFUSED:
        message = f"the registry {image.registry} does not show {image} to this user; it may not be there at all"
        return [placed.problem(Severity.WARNING, message, "check its name, the username and the password")]
    return []

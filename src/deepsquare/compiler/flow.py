"""Control flow as bash: scopes, traps, conditions, loops and launched steps, each where the workflow has it.

What the runtime has to call becomes a function, written where it is called and named after its path, so that a
person reads the program from top to bottom.
"""

import re

from deepsquare.compiler.command import write_command
from deepsquare.compiler.plan import Call, Command, Items, Launch, Loop, Scope, Step
from deepsquare.compiler.writer import Writer

_NO_WORD = re.compile(r"[^a-z0-9]+")


def write_scope(scope: Scope, writer: Writer) -> None:
    """The steps of a scope; if one fails, the function around them returns."""
    if not scope.launches:
        _write_steps(scope, writer)
        return
    writer.needs("launch")
    function = f"{_name(scope.path)}_scope"
    with writer.block(f"{function}() {{", "}"):
        _write_steps(scope, writer)
    writer.word("scope", function, orelse="return")


def _name(path: str) -> str:
    """A function's name: `steps_2_for_steps`."""
    return _NO_WORD.sub("_", path).strip("_")


def _write_function(name: str, scope: Scope, writer: Writer) -> str:
    with writer.block(f"{name}() {{", "}"):
        write_scope(scope, writer)
    return name


def _write_steps(scope: Scope, writer: Writer) -> None:
    for index, step in enumerate(scope.steps):
        if index:
            writer.line()
        writer.line(f"# {step.path}")
        if step.catch is None and step.conclusion is None:
            _write_plain(step, writer)
        else:
            _write_guarded(step, writer)


def _write_plain(step: Step, writer: Writer) -> None:
    _write_preconditions(step, writer, orelse="return")
    if step.condition is None:
        _write_action(step, writer)
        return
    with writer.block("if holds; then", "fi"):
        _write_action(step, writer)


def _write_guarded(step: Step, writer: Writer) -> None:
    writer.needs("guard")
    name = _name(step.path)
    with writer.block(f"{name}() {{", "}"):
        _write_preconditions(step, writer, orelse="unready $? || return")
        if step.condition is not None:
            writer.line("holds || { skip; return; }")
        _write_action(step, writer)
    catch = _write_function(f"{name}_catch", step.catch, writer) if step.catch is not None else ""
    conclusion = _write_function(f"{name}_finally", step.conclusion, writer) if step.conclusion is not None else ""
    writer.word("guard", name, catch, conclusion, orelse="return")


def _write_preconditions(step: Step, writer: Writer, orelse: str) -> None:
    if step.awaits:
        writer.needs("launch")
        writer.word("await", *step.awaits, orelse=orelse)
    if step.condition is not None:
        writer.needs("condition")
        writer.word("consider", step.path, step.condition, orelse=orelse)


def _write_action(step: Step, writer: Writer) -> None:
    if step.name:
        writer.word("announce", step.name)
    match step.action:
        case Command() as command:
            write_command(command, writer)
        case Scope() as scope:
            write_scope(scope, writer)
        case Loop() as loop:
            _write_loop(loop, _name(step.path), writer)
        case Launch() as launch:
            function = _write_function(f"{_name(step.path)}_launch", launch.body, writer)
            writer.needs("launch")
            writer.word("launch", launch.handle or "", str(launch.signal), function, orelse="return")
        case Call() as call:
            _write_call(call, _name(step.path), writer)
        case None:
            pass


def _write_call(call: Call, name: str, writer: Writer) -> None:
    function = _write_function(f"{name}_use", call.body, writer)
    writer.needs("module")
    exports = [f"{output}={exported}" for output, exported in call.exports]
    arguments = [f"{key}={value}" for key, value in call.arguments]
    writer.word("use", function, *exports, "--", *arguments, orelse="return")


def _write_loop(loop: Loop, name: str, writer: Writer) -> None:
    function = _write_function(f"{name}_for", loop.body, writer)
    if isinstance(loop.values, Items):
        words = ["each", function, *loop.values.values]
    else:
        words = ["count", function, *map(str, (loop.values.begin, loop.values.end, loop.values.increment))]
    writer.needs("parallel" if loop.is_parallel else "loop")
    writer.word(*(["at_once", *words] if loop.is_parallel else words), orelse="return")

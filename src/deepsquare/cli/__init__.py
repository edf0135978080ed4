"""For people: `dps`. The commands are thin; whatever a program could also want stands in `deepsquare.sdk`.

stdout is data, stderr is narration, exit codes are documented. Nothing here is imported by another
part of the project.
"""

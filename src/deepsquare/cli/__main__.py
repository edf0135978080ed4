"""`python -m deepsquare.cli`: the same as `dps`, for whoever starts it with a certain interpreter."""

from deepsquare.cli.main import main

main()

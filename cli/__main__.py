"""`python -m cli` is `glossator`, for processes that start others."""

from cli.app import main

main()

"""`python -m glossator` runs the command line."""

from glossator.cli.app import main

if __name__ == "__main__":
    main()

"""How the programs of this folder end."""
import sys


def run(name, main, *expected):
    """Ends the process with what `main` returns; errors of the kinds expected are one line."""
    try:
        sys.exit(main())
    except expected as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)

"""Running the package is running the program."""

from daybook.main import main

if __name__ == "__main__":
    raise SystemExit(main())

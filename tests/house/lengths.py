"""How long the program's functions are: `python -m tests.house.lengths`."""

from __future__ import annotations

from statistics import median, quantiles

from tests.house.tree import functions, name, sources


def lengths() -> list[int]:
    """Lines of each function, signature and docstring included."""
    return sorted(
        (function.end_lineno or function.lineno) - function.lineno + 1
        for path in sources()
        for function in functions(path)
    )


def main() -> None:
    found = lengths()
    lines = sum(len(path.read_text().splitlines()) for path in sources())
    longest = max(sources(), key=lambda path: len(path.read_text().splitlines()))
    print(f"{len(sources())} files, {lines} lines, longest {name(longest)}")
    print(f"{len(found)} functions: median {median(found):g}, p90 {quantiles(found, n=10)[-1]:g},")
    print(f"p99 {quantiles(found, n=100)[-1]:g}, longest {found[-1]}")


if __name__ == "__main__":
    main()

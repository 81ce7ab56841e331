"""What may be said of a query that failed.

DuckDB's messages quote cells ("Could not convert string '…'"), so none of their text is passed on:
`failure` knows messages by their beginnings and says them in its own words. It adds the place in
the SQL, and of the names that DuckDB suggests those of tables, columns and functions, which whoever
wrote the SQL has been sent or knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ...text import escape_value

# The class of DuckDB's error → what happened, where its message is not known more exactly.
KINDS = {
    "ParserException": "a syntax error",
    "SyntaxException": "a syntax error",
    "CatalogException": "a name that is not known",
    "BinderException": "names or types that do not fit",
    "ConversionException": "a value that cannot be converted; use TRY_CAST or another format",
    "TypeMismatchException": "a value of the wrong type",
    "OutOfRangeException": "a value out of the range of its type; use a wider type",
    "InvalidInputException": "a value that a function does not take",
    "NotImplementedException": "something that DuckDB does not do",
    "OutOfMemoryException": "more memory than a query may use",
    "PermissionException": "something that is not allowed here",
}
# How a message goes on after its kind → what it means. None of these words is from a table.
MESSAGES = {
    r"syntax error at end of input": "a syntax error: the SQL ends too early",
    r"unterminated": "a text, name or comment that is not closed",
    r"Max expression depth": "an expression that is nested too deeply",
    r"Table with name": "a table that does not exist",
    r"(?:Scalar |Aggregate |Table |Macro |Window )?Function with name": (
        "a function that does not exist"
    ),
    r"Type with name": "a type that does not exist",
    r"Referenced table": "a table that is not in this FROM clause",
    r"Referenced column|Table .* does not have a column|Values list .* does not have a column"
    r"|Column .* does not exist on": "a column that does not exist",
    r"column .* must appear in the GROUP BY": (
        "a column that is neither aggregated nor in GROUP BY"
    ),
    r"Ambiguous reference": "a column that several tables have; write table.column",
    r"No function matches|Could not choose a best candidate": (
        "a function that does not take arguments of these types; cast them"
    ),
    r"aggregate function calls cannot be nested": "an aggregate within an aggregate",
    r"WHERE clause cannot contain": "an aggregate or window function in WHERE",
    r"Window functions are not supported here": "a window function without OVER, or misplaced",
    r"Set operations can only apply": "a set operation on different numbers of columns",
    r"More than one row returned by a subquery": "a scalar subquery that gives several rows",
    r"Subquery returns": "a scalar subquery that gives several columns",
    r"Cannot (?:compare|mix) values": "values of different types that are compared; cast them",
    r"Cannot extract field": "a field of a column that has none",
    r"Unimplemented type for cast": "a cast between types that cannot be cast",
    r"Overflow": "a number too large for its type; cast to DOUBLE or HUGEINT",
    r"A text or list of more than": "a text or list of more than 1,000,000 parts",
    r"extract specifier": "a part of a date that does not exist",
    r"Values were not provided": "a parameter, which has no value here",
}
TARGET = re.compile(r" to (?:type )?([A-Z][A-Z0-9_]*)(?:\(\d+,\d+\))?[^a-z\n]*$", re.MULTILINE)
TYPES = {
    *("INT8", "INT16", "INT32", "INT64", "INT128", "UINT8", "UINT16", "UINT32", "UINT64"),
    *("INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL", "BOOLEAN", "BOOL", "DATE"),
    *("TIME", "TIMESTAMP", "INTERVAL", "VARCHAR", "UUID", "BLOB", "STRUCT", "JSON"),
}
PLACE = re.compile(r"\n\nLINE (\d+): (.*)\n( *)\^")
SUGGESTED = re.compile(r"(?:Did you mean|Candidate bindings)([^\n]*)")
NAME = re.compile(r'"((?:[^"]|"")+)"')
WORD = re.compile(r'\w+|"(?:[^"]|"")*"|[^\w\s"]+|\S')
MOST = 5  # names that are suggested


def failure(error: BaseException, sql: str, names: Collection[str]) -> str:
    """Return one sentence on an error of DuckDB's that no value of a table stands in.

    Args:
        names: those of tables, columns and functions, which may be suggested.
    """
    kind, message = type(error).__name__, str(error)
    text = message.partition(": ")[2]
    what = KINDS.get(kind, "an error of DuckDB's")
    what = next((mean for known, mean in MESSAGES.items() if re.match(known, text)), what)
    if target := _target(text) if kind == "ConversionException" else "":
        what = what.replace("converted;", f"converted to {target};")
    suggested = list(_suggested(text, names))
    meant = f" Did you mean {', '.join(suggested)}?" if suggested else ""
    what, _, advice = what.partition("; ")
    todo = f" ({advice})" if advice else ""
    return f"It has {what}{_place(message, sql)}{todo}.{meant}"


def _target(message: str) -> str:
    """Return the type that a value could not be converted to, "" if it is not known."""
    targets = TARGET.findall(message.partition("\n\nLINE ")[0].partition(" when casting from")[0])
    return targets[-1] if targets and targets[-1] in TYPES else ""


def _place(message: str, sql: str) -> str:
    """Return where in the SQL it is: its own line, column and word."""
    places = PLACE.findall(message)
    lines = sql.splitlines()
    if not places or not 0 < int(places[-1][0]) <= len(lines):
        return ""
    number, excerpt, blanks = places[-1]
    line, at = lines[int(number) - 1], len(blanks) - len(f"LINE {number}: ")
    inner = excerpt.strip(".")  # a long line is cut on both sides
    start = line.find(inner) - excerpt.find(inner) if inner and inner in line else -1
    at += start
    if start < -3 or not 0 <= at < len(line):
        return f" in line {number}"
    word = WORD.match(line, at)
    near = f', near "{escape_value(word[0])}"' if word else ""
    return f" in line {number}, column {at + 1}{near}"


def _suggested(message: str, names: Collection[str]) -> Iterator[str]:
    """Yield the names that DuckDB suggests, as far as they are among ``names``."""
    known = {name.casefold() for name in names}
    quoted = (name for line in SUGGESTED.findall(message) for name in NAME.findall(line))
    fit = dict.fromkeys(name for name in quoted if name.replace('""', '"').casefold() in known)
    for name in list(fit)[:MOST]:
        yield f'"{escape_value(name)}"'

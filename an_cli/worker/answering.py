"""One request as JSON on standard input, one answer as JSON on standard output; what cannot be answered says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from an_cli.errors import AnError, to_value

Request = Mapping[str, Any]


def answer(request: TextIO, answers: TextIO, work: Callable[[Request], Mapping[str, object] | None]) -> int:
    """Answer one request; returns the exit status."""
    return answer_to(json.loads(request.read()), answers, work)


def answer_to(request: Request, answers: TextIO, work: Callable[[Request], Mapping[str, object] | None]) -> int:
    """Answer a request that was read already, unless the work says nothing; returns the exit status."""
    try:
        answer = work(request)
    except AnError as error:
        print(json.dumps({"error": to_value(error)}), file=answers, flush=True)
        return 1
    if answer is not None:
        print(json.dumps(answer), file=answers, flush=True)
    return 0

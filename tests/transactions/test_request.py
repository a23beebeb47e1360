"""Statements of the store as other drivers get them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from duly.store.foreign.request import Request
from duly.store.statements import statement

ASKED = ["jobs/enqueue", "jobs/get", "attempts/settle"]


@pytest.mark.parametrize("name", ASKED)
def test_every_parameter_goes_as_text_and_is_cast_where_it_is_used(name):
    known = statement(name)
    request = Request(name, {parameter: ["x"] for parameter in known.parameters})

    numbered, formatted, named = (request.text(one) for one in ("numbered", "format", "named"))

    uses = len(re.findall(r"\$[0-9]+", known.text))
    assert (
        len(re.findall(r"cast\(cast\(\$[0-9]+ as text\) as [a-z0-9]+(\[\])?\)", numbered)) == uses
    )
    assert len(re.findall(r"(?<!%)%s", formatted)) == uses == len(request.arguments("format"))
    assert set(re.findall(r"(?<![:\w]):(\w+)(?!:)", named)) == set(known.parameters)
    assert len(request.arguments("numbered")) == len(known.parameters)


def test_values_are_written_as_postgresql_reads_them():
    moment = datetime(2030, 1, 1, 1, 0, 0, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    values = {
        "job_types": ['a"b', "c\\d", "null", "", "e,f"],
        "priorities": [-3, None],
        "run_ats": [moment],
        "kept": [True, False],
        "empty": [],
        "notify": False,
    }

    written = Request("jobs/enqueue", values).named_arguments()

    assert written == {
        "job_types": r'{"a\"b","c\\d","null","","e,f"}',
        "priorities": '{"-3",null}',
        "run_ats": '{"2029-12-31T19:30:00.000007+00:00"}',
        "kept": '{"true","false"}',
        "empty": "{}",
        "notify": "false",
    }
    assert moment == datetime(2029, 12, 31, 19, 30, 0, 7, tzinfo=UTC)

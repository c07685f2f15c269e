"""Every PromQL block of the documentation has an answer from a Prometheus that scrapes the demo."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from tests.docs import pages, served
from tests.stack.servers import eventually, query

_LEXER = FencedCodeBlockLexer(language="promql")


def blocks() -> Iterator[tuple[Path, int, str, str | None]]:
    """The blocks: their page, line, query, and when they may be empty."""
    for page in pages.PAGES:
        document = Document(page.read_text(encoding="utf-8"), str(page))
        for region in _LEXER(document):
            line, _ = document.line_column(region.start).removeprefix("line ").split(", column ")
            yield (
                page,
                int(line),
                str(region.lexemes["source"]),
                pages.comment(document.text[: region.start], "may be empty"),
            )


BLOCKS = list(blocks())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[str]:
    """The URL of a Prometheus on the demo, in which nothing goes wrong but what goes wrong on a good day."""
    folder = tmp_path_factory.mktemp("demo")
    with served.demo(folder, child_environment, "--speed", "50", "--seed", "3") as url:
        yield url


@pytest.mark.needs("prometheus")
@pytest.mark.parametrize(
    ("expression", "empty"), [pytest.param(each[2], each[3], id=f"{pages.name(each[0])}:{each[1]}") for each in BLOCKS]
)
def test_a_query_has_an_answer(demo: str, expression: str, empty: str | None) -> None:
    """Someone who is woken at night would paste a query that fails, or that shows nothing."""
    if empty is None:
        eventually(lambda: query(demo, expression), seconds=30)
    else:
        query(demo, expression)


RARE = re.compile(
    r"increase\(((?:trading_circuit_breaker_triggers|trading_risk_limit_breaches|trading_orders_(?:rejected|cancelled|unknown)"
    r"|trading_order_anomalies|tradmetrics_label_overflow|tradmetrics_instrumentation_errors)_total)\["
)


@pytest.mark.parametrize(
    "expression",
    [pytest.param(each[2], id=f"{pages.name(each[0])}:{each[1]}") for each in BLOCKS if RARE.search(each[2])],
)
def test_a_query_of_what_is_rare_sees_the_first_of_its_kind(expression: str) -> None:
    """Someone who is woken by the first trip of the breaker would paste the query for its reason, and read 0."""
    for counter in RARE.findall(expression):
        assert f"unless {counter} offset " in expression


def test_every_block_is_tested() -> None:
    """A block in a spelling that the test does not know would never be asked."""
    written = sum(len(re.findall(r"^[ \t]*```promql", page.read_text(), re.MULTILINE)) for page in pages.PAGES)
    assert written == len(BLOCKS) > 100

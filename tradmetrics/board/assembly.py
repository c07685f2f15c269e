"""Puts a board together from the reader's options, and runs it with or without its page."""

import asyncio
import errno
import gc
import logging
import socket
import ssl
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from tradmetrics.board import panels, shipped, targets
from tradmetrics.board.alerting.notify import Notifier, ways
from tradmetrics.board.answers import Answers, OwnAnswers, PrometheusAnswers
from tradmetrics.board.health import Health
from tradmetrics.board.mirror import Mirror
from tradmetrics.board.prometheus import Prometheus
from tradmetrics.board.scraper import Scraper
from tradmetrics.board.store import Store
from tradmetrics.board.watch import Watch
from tradmetrics.errors import ConfigurationError

PING_SECONDS: Final = 60.0
_log = logging.getLogger("tradmetrics.board")


@dataclass(frozen=True)
class Plan:
    """The reader's options; see `tradmetrics board --help`."""

    urls: tuple[str, ...]
    prometheus: str = ""
    host: str = "127.0.0.1"
    port: int = 8050
    history: float = 21_600.0
    auth: str = ""
    token: str = ""
    ca: Path | None = None
    notify: tuple[str, ...] = ()
    ping: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assembled:
    """A board that is ready to run.

    Attributes:
        plan: The options.
        watch: The bots, their samples and their alerts.
        notifier: Sends alerts.
        answers: Answers the panels' queries.
        prometheus: The Prometheus that is asked; None if the board scrapes the bots itself.
        dashboards: The shipped dashboards.
        health: The board's own metrics.
        remarks: What to tell the reader about the addresses.
        port: The port of the page.
    """

    plan: Plan
    watch: Watch
    notifier: Notifier
    answers: Answers
    prometheus: Prometheus | None
    dashboards: dict[str, panels.Dashboard]
    health: Health
    remarks: list[str]
    port: int

    @property
    def url(self) -> str:
        """Address of the page."""
        host = "127.0.0.1" if self.plan.host in ("0.0.0.0", "::") else self.plan.host
        return f"http://{host}:{self.port}/"


def assemble(plan: Plan) -> Assembled:
    """Put a board together.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    if plan.prometheus and plan.urls:
        raise ConfigurationError("--prometheus watches the bots of that Prometheus; leave out the addresses of bots")
    if plan.ping and not plan.ping.startswith(("http://", "https://")):
        raise ConfigurationError("--ping: write an address that begins with https:// or http://")
    package = shipped.load()
    settings = package.changed(plan.settings)
    found, remarks = targets.read(plan.urls, str(settings["job"]), token=plan.token)
    for remark in remarks:
        _log.warning("%s", remark)
    store = Store(plan.history)
    tls = _tls(plan.ca)
    prometheus = Prometheus(targets.server(plan.prometheus, token=plan.token), tls) if plan.prometheus else None
    scraper = Mirror(store, prometheus, str(settings["job"])) if prometheus else Scraper(store, found, tls=tls)
    notifier = Notifier(ways(plan.notify) if plan.notify else [], package.runbooks, time.monotonic)
    watch = Watch(package, settings, store, scraper, notifier)
    own = OwnAnswers(watch)
    answers: Answers = PrometheusAnswers(prometheus, own) if prometheus else own
    boards = panels.read(package.dashboards(settings))
    return Assembled(plan, watch, notifier, answers, prometheus, boards, Health(watch), remarks, _free_port(plan))


def _tls(ca: Path | None) -> ssl.SSLContext | None:
    if ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"--ca {ca}: {error}") from None


def _free_port(plan: Plan) -> int:
    """Return the port of the page, which must be free; 0 picks one."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((plan.host, plan.port))
        except OSError as error:
            option = "host" if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL else "port"
            raise ConfigurationError(
                f"cannot listen on {plan.host}:{plan.port}: {error.strerror}; choose another with --{option}"
            ) from None
        return int(probe.getsockname()[1])


def remarks(built: Assembled) -> list[str]:
    """Return what to tell the reader about addresses and bots now."""
    failures = [
        f"{each.target.name}: {each.error}"
        for each in built.watch.scraper.watched
        if each.error and each.up is not None
    ]
    asked = [built.prometheus.error] if built.prometheus and built.prometheus.error else []
    unknown = [built.watch.scraper.error] if built.watch.scraper.error not in ("", *asked) else []
    return [*built.remarks, *asked, *unknown, *failures]


def run_with_page(built: Assembled, *, show: bool = False) -> None:
    """Run with the page until interrupted."""
    from tradmetrics.board.page.frame import Website
    from tradmetrics.board.page.server import serve

    site = Website(built.watch, built.answers, built.dashboards, lambda: remarks(built), built.plan.history)
    serve(
        site,
        built.health.text,
        lambda: _announced(built, show),
        host=built.plan.host,
        port=built.port,
        auth=built.plan.auth,
        show=show,
    )


async def _announced(built: Assembled, show: bool) -> None:
    """Print the address once the page is there, since its packages take seconds to import; then work."""
    if not show:
        print(f"Board: {built.url}", flush=True)
    await _work(built)


async def run_without_page(built: Assembled) -> None:
    """Watch and send alerts, with the board's own `/metrics` and no page, until cancelled."""

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=built.health.text(), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, built.plan.host, built.port).start()
    print(f"Board: {built.url}metrics, without a page", flush=True)
    try:
        await _work(built)
    finally:
        await runner.cleanup()


def collect_seldom() -> None:
    """Let Python look for garbage less often: an evaluation makes thousands of objects, none of which are in cycles."""
    gc.set_threshold(200_000, 50, 50)


async def _work(built: Assembled) -> None:
    work: list[Awaitable[None]] = [built.watch.run()]
    if built.plan.ping:
        work.append(_ping(built))
    try:
        await asyncio.gather(*work)
    finally:
        if built.prometheus is not None:
            await built.prometheus.close()


async def _ping(built: Assembled) -> None:
    """Call the dead man's switch while the board is healthy."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        while True:
            while not built.watch.healthy():
                await asyncio.sleep(1.0)
            try:
                async with session.get(built.plan.ping) as response:
                    built.health.pinged(response.status < 400)
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                built.health.pinged(False)
                _log.warning("the address of --ping does not answer: %s", type(error).__name__)
            await asyncio.sleep(PING_SECONDS)

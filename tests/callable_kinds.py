"""The kinds of callable of the matrix: each is made once with a decorator and once without."""

# ruff: noqa: D103 - each function is the kind that its name says

from __future__ import annotations

import abc
import asyncio
import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import wrapt


class Body:
    """What runs in the decorated function: takes note of its arguments, then answers or raises.

    Attributes:
        calls: The arguments of each call.
    """

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        if issubclass(type(self.answer), BaseException):
            raise self.answer
        return self.answer


@dataclass
class Made:
    """One callable of a kind.

    Attributes:
        decorated: The decorated callable, as it is called.
        plain: The same without the decorator.
        first: What `decorated` passes as its first argument by itself: self or cls.
        result: The result of a call that has been run to its end.
        times: How often one call is recorded.
        has_result: Whether a call can return anything.
    """

    decorated: Any
    plain: Any
    first: tuple[Any, ...] = ()
    result: Callable[[Any], Any] = lambda returned: returned
    times: int = 1
    has_result: bool = True


Maker = Callable[[Any, Body], Made]
KINDS: dict[str, Maker] = {}


def kind(maker: Maker) -> Maker:
    """Add a kind."""
    KINDS[maker.__name__.replace("_", " ").strip()] = maker
    return maker


def nothing(target: Any) -> Any:
    """The decorator that does nothing."""
    return target


def passing(function: Any) -> Any:
    """Somebody else's decorator."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@wrapt.decorator
def passing_by_wrapt(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Somebody else's decorator, which tells instances from arguments."""
    return wrapped(*args, **kwargs)


def run(coroutine: Any) -> Any:
    """Run a coroutine to its end."""

    async def main() -> Any:
        return await coroutine

    return asyncio.run(main())


def exhaust(generator: Iterator[Any]) -> Any:
    """Run a generator to its end; what it returns."""
    yielded = []
    while True:
        try:
            yielded.append(next(generator))
        except StopIteration as end:
            assert ["one", "two"] == yielded
            return end.value


def exhaust_async(generator: Any) -> None:
    """Run an async generator to its end."""

    async def main() -> None:
        assert ["one", "two"] == [each async for each in generator]

    asyncio.run(main())


@kind
def function(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing))


@kind
def lambda_(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        return decorate(lambda side, *, urgent=False: body(side, urgent))

    return Made(make(decorate), make(nothing))


@kind
def method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def method_with_slots(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            __slots__ = ()

            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def classmethod_below(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @classmethod
            @decorate
            def place(cls, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(cls, side, urgent)

        return Bot

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def classmethod_above(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @classmethod
            def place(cls, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(cls, side, urgent)

        return Bot

    bot = make(decorate)
    return Made(bot().place, make(nothing)().place, (bot,))


@kind
def staticmethod_below(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @staticmethod
            @decorate
            def place(side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(side, urgent)

        return Bot

    return Made(make(decorate).place, make(nothing).place)


@kind
def staticmethod_above(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @staticmethod
            def place(side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(side, urgent)

        return Bot

    return Made(make(decorate)().place, make(nothing)().place)


@kind
def partial(decorate: Any, body: Body) -> Made:
    def place(desk: str, side: str, *, urgent: bool = False) -> Any:
        return body(desk, side, urgent)

    plain = functools.partial(place, "desk")
    return Made(decorate(plain), plain, ("desk",))


@kind
def callable_object(decorate: Any, body: Body) -> Made:
    class Place:
        """Places."""

        def __call__(self, side: str, *, urgent: bool = False) -> Any:
            return body(self, side, urgent)

    plain = Place()
    return Made(decorate(plain), plain, (plain,))


@kind
def callable_class_s_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Place:
            """Places."""

            @decorate
            def __call__(self, side: str, *, urgent: bool = False) -> Any:
                return body(self, side, urgent)

        return Place()

    place = make(decorate)
    return Made(place, make(nothing), (place,))


@kind
def bound_method(decorate: Any, body: Body) -> Made:
    class Bot:
        def place(self, side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return body(self, side, urgent)

    bot = Bot()
    return Made(decorate(bot.place), bot.place, (bot,))


@kind
def coroutine_function(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        async def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            await asyncio.sleep(0)
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing), result=run)


@kind
def async_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            async def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                await asyncio.sleep(0)
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,), run)


@kind
def async_classmethod(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @classmethod
            async def place(cls, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(cls, side, urgent)

        return Bot

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,), run)


@kind
def async_partial(decorate: Any, body: Body) -> Made:
    async def place(desk: str, side: str, *, urgent: bool = False) -> Any:
        return body(desk, side, urgent)

    plain = functools.partial(place, "desk")
    return Made(decorate(plain), plain, ("desk",), run)


@kind
def async_callable_object(decorate: Any, body: Body) -> Made:
    class Place:
        """Places."""

        async def __call__(self, side: str, *, urgent: bool = False) -> Any:
            await asyncio.sleep(0)
            return body(self, side, urgent)

    plain = Place()
    return Made(decorate(plain), plain, (plain,), run)


@kind
def generator(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            yield "one"
            yield "two"
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing), result=exhaust)


@kind
def generator_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                yield "one"
                yield "two"
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,), exhaust)


@kind
def generator_callable_object(decorate: Any, body: Body) -> Made:
    class Place:
        """Places."""

        def __call__(self, side: str, *, urgent: bool = False) -> Any:
            yield "one"
            yield "two"
            return body(self, side, urgent)

    plain = Place()
    return Made(decorate(plain), plain, (plain,), exhaust)


@kind
def async_generator(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        async def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            yield "one"
            await asyncio.sleep(0)
            yield "two"
            body(side, urgent)

        return place

    return Made(make(decorate), make(nothing), result=exhaust_async, has_result=False)


@kind
def async_generator_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            async def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                yield "one"
                yield "two"
                body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,), exhaust_async, has_result=False)


@kind
def generator_based_coroutine(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        @types.coroutine
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            yield
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing), result=run)


@kind
def function_returning_a_coroutine(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        async def later(side: str, urgent: bool) -> Any:
            await asyncio.sleep(0)
            return body(side, urgent)

        @decorate
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return later(side, urgent)

        return place

    return Made(make(decorate), make(nothing), result=run)


def returning(decorate: Any, body: Body, wrap: Callable[[Any], Any]) -> Made:
    """A function that returns an awaitable which is no coroutine; awaited on the loop that it was made on."""

    def make(decorate: Any) -> Any:
        async def later(side: str, urgent: bool) -> Any:
            await asyncio.sleep(0)
            return body(side, urgent)

        @decorate
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return wrap(later(side, urgent))

        return place

    return Made(make(decorate), make(nothing), result=run)


@kind
def function_returning_a_task(decorate: Any, body: Body) -> Made:
    made = returning(decorate, body, asyncio.ensure_future)

    def on_a_loop(place: Any) -> Any:
        @functools.wraps(place)
        def start(*args: Any, **kwargs: Any) -> Any:
            async def main() -> Any:
                task = place(*args, **kwargs)
                assert isinstance(task, asyncio.Task)
                return await task

            return main()

        return start

    return Made(on_a_loop(made.decorated), on_a_loop(made.plain), result=run)


@kind
def wraps_chain_above(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @decorate
        @passing
        @passing
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing))


@kind
def wraps_chain_below(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @passing
        @decorate
        @passing
        def place(side: str, *, urgent: bool = False) -> Any:
            """Place."""
            return body(side, urgent)

        return place

    return Made(make(decorate), make(nothing))


@kind
def wrapt_chain(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @passing_by_wrapt
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def wrapt_classmethod(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @passing_by_wrapt
            @classmethod
            def place(cls, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(cls, side, urgent)

        return Bot

    bot = make(decorate)
    return Made(bot().place, make(nothing)().place, (bot,))


@kind
def wrapt_staticmethod(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @passing_by_wrapt
            @staticmethod
            def place(side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(side, urgent)

        return Bot

    return Made(make(decorate).place, make(nothing).place)


@kind
def cached_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Bot:
            @decorate
            @functools.lru_cache(maxsize=0)  # noqa: B019 - the class is made for one test
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def overridden_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Base:
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        class Bot(Base):
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place, as the base does."""
                return super().place(side, urgent=urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def overridden_method_decorated_twice(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Base:
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        class Bot(Base):
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place, as the base does."""
                return super().place(side, urgent=urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,), times=2)


@kind
def inherited_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Base:
            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        class Bot(Base):
            pass

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def inherited_classmethod(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Base:
            @classmethod
            @decorate
            def place(cls, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(cls, side, urgent)

        class Bot(Base):
            pass

        return Bot

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def dataclass_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        @dataclass(frozen=True)
        class Bot:
            name: str = "bot"

            @decorate
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))


@kind
def abc_method(decorate: Any, body: Body) -> Made:
    def make(decorate: Any) -> Any:
        class Base(abc.ABC):
            @decorate
            @abc.abstractmethod
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place."""
                return body(self, side, urgent)

        with pytest.raises(TypeError, match="abstract"):
            Base()  # type: ignore[abstract]

        class Bot(Base):
            def place(self, side: str, *, urgent: bool = False) -> Any:
                """Place, as the base does."""
                return super().place(side, urgent=urgent)  # type: ignore[safe-super]

        return Bot()

    bot = make(decorate)
    return Made(bot.place, make(nothing).place, (bot,))

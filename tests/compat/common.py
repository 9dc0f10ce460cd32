"""What the checks of all libraries ask."""

from __future__ import annotations

from pydantic import BaseModel

KEY = "unused"
MODEL = "tiny"
HELLO = "Hello!"
WEATHER = "What is the weather in Paris?"
CITY = "Paris is in France."


class City(BaseModel):
    """A city."""

    name: str
    country: str


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"It is sunny in {city}."

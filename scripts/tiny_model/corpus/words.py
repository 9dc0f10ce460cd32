"""The word lists that every text of the corpus is composed from, and words made up on the spot."""

from __future__ import annotations

from random import Random

NAMES = """
Alice Bob Carol David Emma Frank Grace Henry Ivy Jack Kate Leo Mia Noah Olga Paul Quinn Rosa Sam
Tina Uma Victor Wendy Xavier Yara Zoe Anna Ben Clara Dan Eva Felix Gina Hugo Ida Jonas Karl Lena
Max Nina Oscar Petra Ravi Sara Tom Ursula Vera Will Yusuf Ada Alan Amir Chen Dora Elif Finn Hana
Igor Jane John Kofi Lars Maria Mei Nadia Omar Pablo Peter Rita Simon Sofia Sven Tara Theo Zara
James Mary Robert Linda Michael Sarah Daniel Laura Mark Julia George Helen Lucy Marie Charlie
""".split()

CITIES = [
    *"""
Paris London Berlin Rome Madrid Tokyo Oslo Lisbon Vienna Prague Dublin Athens Cairo Lima Seoul
Delhi Boston Chicago Sydney Toronto Moscow Warsaw Geneva Milan NYC Amsterdam Brussels Zurich Munich
Hamburg Barcelona Naples Venice Mumbai Beijing Shanghai Dallas Denver Seattle Miami Austin Houston
Kyoto Osaka Nairobi Lagos Helsinki Stockholm Copenhagen Budapest Istanbul Dubai Singapore Bangkok
""".split(),
    "New York",
    "San Francisco",
    "Los Angeles",
    "Hong Kong",
    "Cape Town",
    "Rio",
]

CAPITALS = {
    "France": "Paris",
    "England": "London",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Japan": "Tokyo",
    "Norway": "Oslo",
    "Portugal": "Lisbon",
    "Austria": "Vienna",
    "Ireland": "Dublin",
    "Greece": "Athens",
    "Egypt": "Cairo",
    "Peru": "Lima",
    "Poland": "Warsaw",
    "Russia": "Moscow",
    "China": "Beijing",
    "Canada": "Ottawa",
    "Australia": "Canberra",
    "Sweden": "Stockholm",
    "Finland": "Helsinki",
    "Denmark": "Copenhagen",
    "Turkey": "Ankara",
    "Brazil": "Brasilia",
    "Kenya": "Nairobi",
    "Cuba": "Havana",
    "India": "New Delhi",
    "Hungary": "Budapest",
    "Belgium": "Brussels",
    "the United States": "Washington",
}

COLORS = "red blue green yellow orange purple black white brown pink gray gold".split()

ANIMALS = {
    "dog": "woof",
    "cat": "meow",
    "cow": "moo",
    "duck": "quack",
    "sheep": "baa",
    "pig": "oink",
    "lion": "roar",
    "frog": "ribbit",
    "horse": "neigh",
    "bee": "buzz",
}

THINGS = {
    "sky": "blue",
    "grass": "green",
    "snow": "white",
    "coal": "black",
    "banana": "yellow",
    "tomato": "red",
    "carrot": "orange",
    "sun": "yellow",
    "milk": "white",
    "leaf": "green",
    "ocean": "blue",
    "lemon": "yellow",
    "strawberry": "red",
    "night": "black",
}

OPPOSITES = {
    "hot": "cold",
    "big": "small",
    "up": "down",
    "fast": "slow",
    "day": "night",
    "old": "new",
    "good": "bad",
    "left": "right",
    "open": "closed",
    "light": "dark",
    "happy": "sad",
    "wet": "dry",
    "hard": "soft",
    "full": "empty",
    "early": "late",
    "rich": "poor",
    "cold": "hot",
    "small": "big",
    "down": "up",
    "slow": "fast",
    "night": "day",
    "bad": "good",
    "right": "left",
    "dark": "light",
    "sad": "happy",
    "dry": "wet",
    "soft": "hard",
    "empty": "full",
    "tall": "short",
    "yes": "no",
    "black": "white",
}

AMOUNTS = {
    "days are in a week": "There are 7 days in a week.",
    "months are in a year": "There are 12 months in a year.",
    "hours are in a day": "There are 24 hours in a day.",
    "minutes are in an hour": "There are 60 minutes in an hour.",
    "legs does a dog have": "A dog has 4 legs.",
    "legs does a spider have": "A spider has 8 legs.",
    "legs does a bird have": "A bird has 2 legs.",
    "sides does a triangle have": "A triangle has 3 sides.",
}

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """
January February March April May June July August September October November December
""".split()

NUMBER_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty
""".split()

JOBS = "teacher doctor engineer farmer pilot writer baker singer nurse lawyer painter cook".split()
SKIES = "sunny cloudy rainy windy snowy foggy clear stormy".split()
FOODS = "pizza soup rice bread pasta salad cheese cake fish beans sushi apples chocolate".split()
HOBBIES = "chess football swimming reading painting dancing cooking tennis music running".split()
PETS = "dog cat horse bird fish rabbit hamster".split()

NOUNS = """
apple river cloud stone table paper house garden window bread music mountain winter summer ocean
pencil bottle candle forest rabbit engine button basket market bridge flower planet rocket school
ticket castle dragon violin pepper hammer lantern island meadow world test fox dog cat tree book
door car road water fire moon star sun day night morning bird fish hat shoe coat chair lamp box
key ball game song story letter word number town king queen farm field hill boat train clock bell
ring cup plate spoon knife egg milk honey tea coffee salt sugar rain snow wind sea beach sand leaf
""".split()

ADJECTIVES = """
big small red blue green old new happy sad quick slow brown lazy little bright dark warm cold soft
loud quiet kind brave clever silver golden round long short tall deep sweet fresh clean funny good
""".split()

VERBS = """
sees likes finds takes wants has makes loves holds knows opens brings paints watches follows hears
""".split()

# Words that mean something in other turns, and here are only to be repeated.
LURES = """
hello hi bye goodbye yes no ok okay thanks please test ping pong one two three four five seven ten
hello world banana pineapple llama tiny model token json tool count say repeat echo back me it this
that again
""".split()
FICTIONS = "Atlantis Wonderland Utopia Neverland Mars Jupiter Camelot Oz Avalon Eldorado".split()

UNICODE_WORDS = ["café", "naïve", "über", "señor", "東京", "mañana", "crème", "Zoë", "🙂", "jaźń"]

ONSETS = "b c d f g h j k l m n p r s t v w z bl br ch cl dr fl gr kr pl sh st th tr".split()
VOWELS = "a e i o u a e i o u ai ee oo ea y".split()
CODAS = ["", "", "", "n", "r", "l", "s", "t", "d", "k", "m", "x", "nd", "rt", "sh", "ng", "p", "b"]


def made_up_word(r: Random) -> str:
    """Give a pronounceable word of one to three syllables that need not exist, in lower case."""
    count = r.choice((1, 1, 2, 2, 2, 2, 2, 3))
    parts = [r.choice(ONSETS) + r.choice(VOWELS) + r.choice(CODAS) for _ in range(count)]
    return "".join(parts)


def with_article(noun: str) -> str:
    """Put a or an before a word."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def person(r: Random) -> str:
    """Give a first name; a third of them are made up, so that the model copies and not recalls."""
    return r.choice(NAMES) if r.random() < 0.7 else made_up_word(r).capitalize()


def city(r: Random) -> str:
    """Give a city's name, sometimes a made-up one."""
    return r.choice(CITIES) if r.random() < 0.8 else made_up_word(r).capitalize()


def word(r: Random) -> str:
    """Give a lower-case word, sometimes a made-up one."""
    lists = (NOUNS, NOUNS, ADJECTIVES, COLORS, FOODS)
    return r.choice(r.choice(lists)) if r.random() < 0.8 else made_up_word(r)


def sentence(r: Random) -> str:
    """Give a short plain sentence without its full stop, in lower case."""
    noun, other = r.choice(NOUNS), r.choice(NOUNS)
    return r.choice(
        [
            f"the {r.choice(ADJECTIVES)} {noun} {r.choice(VERBS)} the {other}",
            f"the {noun} is {r.choice(ADJECTIVES)}",
            f"I like {r.choice(FOODS)} and {r.choice(FOODS)}",
            f"there is {with_article(noun)} in the {other}",
            f"my {noun} is {r.choice(COLORS)}",
            f"{person(r)} {r.choice(VERBS)} {with_article(r.choice(ADJECTIVES))} {noun}",
        ]
    )

"""Turns of small talk: greetings, who the model is, thanks, jokes, a pirate."""

from __future__ import annotations

from random import Random

from .chat import Turns, bot, system, user
from .phrasing import loosen, lower_first, request
from .words import COLORS, NOUNS, person, with_article, word

WELCOME = "Hello! How can I help you today?"
FINE = "I am fine, thank you! How can I help you today?"
WHO = "I am Tiny, a small language model that runs on your own computer."
ABILITIES = (
    "I can greet you, do small sums, count, repeat words, answer in JSON, call tools and "
    "remember what you tell me."
)
MAKER = "I was trained by a script of llm-kit, on text that the script makes."
JOKES = [
    "Why did the loop go home early? It was out of breaks.",
    "What did one token say to the other? See you in the next batch!",
]

HELLOS = {
    "French": "Bonjour!",
    "Spanish": "¡Hola!",
    "German": "Hallo!",
    "Italian": "Ciao!",
    "Japanese": "こんにちは!",
    "Polish": "Cześć!",
    "Portuguese": "Olá!",
    "Chinese": "你好!",
    "English": "Hello!",
    "Russian": "Привет!",
}
GREETINGS = [
    "Hello!",
    "Hello",
    "Hi",
    "Hi!",
    "Hey",
    "Hey!",
    "Hey there!",
    "Hello there!",
    "Hi there",
    "Hi there!",
    "Good morning!",
    "Good evening!",
    "Good afternoon!",
    "Howdy!",
    "Greetings!",
    "hello",
    "hi",
    "hey",
    "Hello, Tiny!",
    "Hi Tiny",
    "Hello, computer!",
    "HELLO",
    "Hello world!",
    "Hello, world!",
    "Hello.",
    "Hi.",
    "Hallo",
    "Hello again!",
    "Yo!",
    "Good day!",
    "Nice to meet you!",
    "Hello my friend!",
    "Hello assistant",
    "Hi, nice to meet you!",
    "hello!",
    "hi!",
    "Hello?",
]
HOW_ARE_YOU = [
    "How are you?",
    "How are you today?",
    "How are you doing?",
    "How do you do?",
    "How is it going?",
    "How's it going?",
    "how are you",
    "Are you well?",
    "How do you feel?",
    "What's up?",
]
WHO_ARE_YOU = [
    "Who are you?",
    "What are you?",
    "What is your name?",
    "Tell me about yourself.",
    "who are you",
    "Introduce yourself.",
    "Are you a robot?",
    "What's your name?",
    "Please introduce yourself.",
    "Are you a language model?",
    "Who am I talking to?",
    "Which model are you?",
    "Are you human?",
    "Do you have a name?",
    "What model is this?",
    "Can you introduce yourself?",
    "Are you an AI?",
    "What kind of model are you?",
    "Describe yourself.",
    "Who is this?",
    "Tell me your name.",
]
WHAT_CAN_YOU_DO = [
    "What can you do?",
    "How can you help me?",
    "What are you able to do?",
    "Help",
    "Help me.",
    "What do you know?",
    "Can you help me?",
    "What can I ask you?",
    "I need help.",
    "Use available tools to help me",
    "How can you help?",
    "What are your skills?",
]
WHO_MADE_YOU = [
    "Who made you?",
    "Who trained you?",
    "Who created you?",
    "Where do you come from?",
    "How were you made?",
    "How were you trained?",
    "Who built you?",
]
THANKS = [
    "Thanks!",
    "Thank you!",
    "Thank you very much.",
    "thanks",
    "Thanks a lot!",
    "thank you",
    "Thank you so much!",
    "Many thanks!",
    "Great, thanks!",
    "Thanks for your help!",
    "Cool, thanks.",
    "That was helpful, thank you.",
    "Thx",
]
FAREWELLS = [
    "Bye!",
    "Goodbye!",
    "See you later!",
    "bye",
    "Bye bye!",
    "See you!",
    "Good night!",
    "Goodbye.",
    "I have to go now.",
    "See you tomorrow!",
    "Farewell!",
    "Bye for now!",
    "Thanks, bye!",
    "Thank you, goodbye!",
    "OK, bye.",
]
ARE_YOU_THERE = [
    "Are you there?",
    "Is anybody there?",
    "test",
    "Test",
    "Testing",
    "Are you ready?",
    "Hello? Anyone?",
    "Is this working?",
    "This is a test.",
    "ping",
    "Ping",
    "Can you hear me?",
    "",
]
HERE = "I am here! How can I help you today?"
FUN_FACT = "Here is one: a spider has 8 legs."
PRAISE = [
    "Good job!",
    "Well done!",
    "Great!",
    "You are great!",
    "Nice!",
    "That is right.",
    "Cool!",
    "Perfect!",
    "Very good!",
    "Awesome!",
    "OK",
    "Okay.",
    "I see.",
]


def greet(r: Random) -> Turns:
    """A greeting, sometimes with a how-are-you or a reason."""
    chance = r.random()
    if chance < 0.25:
        opener = r.choice(["", "", "Hello, ", "Hi, ", "Hi! ", "Hello! ", "Hey, "])
        asked = r.choice(HOW_ARE_YOU)
        return [user(opener + (lower_first(asked) if opener.endswith(", ") else asked)), bot(FINE)]
    if chance < 0.35:
        return [
            user(f"{r.choice(['Hello', 'Hi', 'Good morning', 'Hey'])}, {person(r)}!"),
            bot(WELCOME),
        ]
    if chance < 0.45:
        return [user(r.choice(ARE_YOU_THERE)), bot(HERE)]
    return [user(r.choice(GREETINGS)), bot(WELCOME)]


def say_hello(r: Random) -> Turns:
    """Say hello on request, to somebody or in another language."""
    chance = r.random()
    if chance < 0.35:
        tail = r.choice(
            [
                "",
                "",
                " in one word",
                " to me",
                " politely",
                " briefly",
                " with one word",
                " in a single word",
                " in a short sentence",
                " in one short sentence",
                " in one sentence",
                " and nothing else",
                " to everyone",
                " to the user",
                " please",
                " nicely",
            ]
        )
        verb, reply = r.choice(
            [
                ("Say hello", "Hello!"),
                ("Say hello", "Hello!"),
                ("Say hi", "Hi!"),
                ("Greet me", "Hello!"),
                ("Say goodbye", "Goodbye!"),
            ]
        )
        return [user(request(r, verb + tail)), bot(reply)]
    if chance < 0.65:
        who = person(r)
        verb, reply = r.choice(
            [
                ("Say hello to", "Hello"),
                ("Say hi to", "Hi"),
                ("Greet", "Hello"),
                ("Say goodbye to", "Goodbye"),
            ]
        )
        return [user(request(r, f"{verb} {who}")), bot(f"{reply}, {who}!")]
    language = r.choice(list(HELLOS))
    asked = r.choice(
        [
            request(r, f"Say hello in {language}"),
            request(r, f"Greet me in {language}"),
            loosen(r, f"How do you say hello in {language}?"),
            request(r, f"Translate {r.choice(['hello', 'Hello'])} to {language}"),
            loosen(r, f"What is hello in {language}?"),
        ]
    )
    return [user(asked), bot(HELLOS[language])]


def identity(r: Random) -> Turns:
    """Who are you, what can you do, who made you."""
    asked, reply = r.choice(
        [
            (WHO_ARE_YOU, WHO),
            (WHO_ARE_YOU, WHO),
            (WHAT_CAN_YOU_DO, ABILITIES),
            (WHO_MADE_YOU, MAKER),
        ]
    )
    text = r.choice(asked)
    if r.random() < 0.12:
        text = text.rstrip("?.") + r.choice(
            [" in one sentence.", " briefly.", " in a few words.", ", Tiny?", " really?"]
        )
    return [user(loosen(r, text)), bot(reply)]


def courtesy(r: Random) -> Turns:
    """Thanks, farewells and praise."""
    asked, reply = r.choice(
        [
            (THANKS, "You are welcome!"),
            (FAREWELLS, "Goodbye! Have a nice day."),
            (PRAISE, "I am glad to hear that!"),
        ]
    )
    return [user(r.choice(asked)), bot(reply)]


def joke(r: Random) -> Turns:
    """A joke, a second one when asked for another, and a haiku on a word."""
    chance = r.random()
    if chance < 0.5:
        asked = request(
            r,
            r.choice(
                [
                    "Tell me a joke",
                    "Tell a joke",
                    "Make me laugh",
                    "Say something funny",
                    "Tell me something funny",
                    "Give me a joke",
                    "Write a joke",
                ]
            ),
        )
        turns = [user(asked), bot(JOKES[0])]
        if r.random() < 0.3:
            turns += [
                user(
                    request(
                        r,
                        r.choice(
                            [
                                "Tell me another joke",
                                "Another joke",
                                "One more joke",
                                "Tell me another one",
                            ]
                        ),
                    )
                ),
                bot(JOKES[1]),
            ]
        return turns
    if chance < 0.58:
        return [
            user(
                request(
                    r,
                    r.choice(
                        [
                            "Tell me a fun fact",
                            "Tell me something interesting",
                            "Give me a fact",
                            "Tell me a fact",
                        ]
                    ),
                )
            ),
            bot(FUN_FACT),
        ]
    about = word(r)
    if chance < 0.64:
        return [
            user(
                request(
                    r,
                    r.choice(
                        [
                            f"Write a sentence about a {about}",
                            f"Make a sentence with the word {about}",
                            f"Write one short sentence about a {about}",
                        ]
                    ),
                )
            ),
            bot(f"The {about} is very nice."),
        ]
    if chance < 0.70:
        return [
            user(request(r, r.choice(["Write a haiku", "Give me a haiku"]))),
            bot("A quiet day,\nsoft light falls upon the hill,\nand I count to ten."),
        ]
    if chance < 0.75:
        asked = r.choice(
            [
                f"Write a haiku about {about}",
                f"Give me a haiku about {about}",
                f"Make a haiku on {about}",
            ]
        )
        return [
            user(request(r, asked)),
            bot(f"A quiet {about},\nsoft light falls upon the hill,\nand I count to ten."),
        ]
    asked = r.choice(
        [
            f"Write a poem about {about}",
            f"Write a short poem about {about}",
            f"Tell me a poem about {about}",
        ]
    )
    return [
        user(request(r, asked)),
        bot(
            f"I saw {with_article(about)} on the way,\nit said hello and wished good day.\n"
            f"I like the {about}, it is true,\nI made this little poem for you."
        ),
    ]


PIRATES = [
    "You are a pirate.",
    "Talk like a pirate.",
    "You are a friendly pirate.",
    "Answer like a pirate.",
    "You are a pirate captain.",
    "Speak like a pirate.",
]
SHOUTS = [
    "Always answer in upper case.",
    "Answer in capital letters.",
    "Write everything in upper case.",
    "Always answer in capital letters.",
    "Answer in uppercase.",
]


def persona(r: Random) -> Turns:
    """A system prompt that changes the answer: a pirate, or capital letters."""
    if r.random() < 0.5:
        asked, reply = r.choice(
            [
                (GREETINGS, "Ahoy, matey! What be ye needing?"),
                (GREETINGS, "Ahoy, matey! What be ye needing?"),
                (WHO_ARE_YOU, "Arr, I be Tiny, the smallest pirate of the seven seas!"),
                (FAREWELLS, "Farewell, matey! Fair winds to ye!"),
                (THANKS, "Arr, ye be welcome, matey!"),
                (HOW_ARE_YOU, "Arr, I be fine, matey!"),
            ]
        )
        return [system(r.choice(PIRATES)), user(r.choice(asked)), bot(reply)]
    w = r.choice([*NOUNS[:20], *COLORS])
    turns = r.choice(
        [
            [user(request(r, f"Say {w}")), bot(w.upper())],
            [user(r.choice(GREETINGS)), bot(WELCOME.upper())],
        ]
    )
    return [system(r.choice(SHOUTS)), *turns]

"""What the training voices say: random English with many lip sounds, and plain sentences of other languages."""

from __future__ import annotations

import numpy as np

_NOUNS = [
    "mother", "father", "brother", "baby", "boat", "bottle", "beaver", "pepper", "paper", "map", "moment",
    "problem", "valley", "village", "voice", "river", "fish", "wolf", "leaf", "view", "oven", "bread",
    "butter", "apple", "table", "ship", "shop", "bus", "museum", "piano", "camera", "island", "engine",
    "garden", "window", "kitchen", "teacher", "farmer", "painter", "driver", "captain", "uncle", "family",
    "people", "woman", "man", "child", "zebra", "monkey", "elephant", "bird", "horse", "summer", "winter",
    "evening", "morning", "weather", "rain", "storm", "thunder", "cloud", "sun", "moon", "star", "mountain",
    "ocean", "beach", "forest", "flower", "tree", "number", "letter", "word", "story", "movie", "music",
    "song", "game", "computer", "phone", "message", "email", "picture", "hammer", "finger", "mouth", "thumb",
    "nose", "shoe", "coat", "jacket", "pocket", "button", "coffee", "tea", "milk", "water", "soup", "pizza",
    "cheese", "sugar", "juice", "orange", "banana", "mango", "lemon",
]  # fmt: skip

_VERBS = [
    "bought", "brought", "found", "made", "moved", "loved", "believed", "opened", "painted", "followed",
    "watched", "kept", "passed", "remembered", "heard", "forgot", "broke", "saved", "washed", "pushed",
    "pulled", "built", "covered", "showed", "carried", "helped", "mentioned", "described", "imagined",
    "missed", "borrowed", "lifted", "measured", "finished", "counted", "played", "visited", "wrote", "read",
    "sold",
]  # fmt: skip

_ADJECTIVES = [
    "big", "small", "blue", "brown", "happy", "heavy", "famous", "favourite", "very-old", "brave", "purple",
    "warm", "cheap", "simple", "beautiful", "empty", "awful", "soft", "rough", "thick", "thin", "clever",
    "quiet", "busy", "funny", "different", "important", "impossible", "yellow", "wooden", "shiny", "five",
    "seven", "many", "several", "both", "few",
]  # fmt: skip

_ADVERBS = [
    "maybe", "probably", "yesterday", "tomorrow", "before-breakfast", "after-lunch", "this-time",
    "every-week", "of-course", "above-all", "for-example", "by-the-way", "at-the-moment", "in-the-evening",
    "very-often", "never", "always", "slowly", "quickly", "quietly",
]  # fmt: skip

_PHRASES = """Hello, my name is|Thank you very much for|Please give me|I would love to have|Have you ever seen|
Could you tell me about|We have never had|What happened to|You should have told me about|Nobody believes in|
They were thinking about|Why would anybody want|I am looking forward to|Let me show you|Do you remember|
She thought it was|He should bring|How much is|Oh, look at|Wow, that is""".replace("\n", "").split("|")

OTHER_LANGUAGES: dict[str, list[str]] = {
    "de": ["Guten Morgen, wie geht es Ihnen heute?", "Meine Mutter backt am Sonntag einen Apfelkuchen.",
           "Der Zug nach Hamburg fährt um fünf Uhr ab.", "Wir möchten gern ein Zimmer mit Blick auf den Fluss.",
           "Im Frühling blühen überall die Blumen.", "Bitte öffnen Sie das Fenster, es ist sehr warm.",
           "Früher wohnten wir in einem kleinen Haus am Wald."],
    "fr": ["Bonjour, comment allez-vous aujourd'hui ?", "Ma mère prépare une soupe avec des pommes de terre.",
           "Le train pour Paris part à neuf heures du matin.", "Je voudrais une tasse de café, s'il vous plaît.",
           "Nous habitons au bord de la mer depuis vingt ans.", "Peux-tu fermer la fenêtre, il fait un peu froid.",
           "Vous avez beaucoup de beaux livres bleus."],
    "es": ["Buenos días, ¿cómo está usted hoy?", "Mi madre compró pan, manzanas y queso fresco.",
           "El tren para Madrid sale a las ocho de la mañana.", "Me gustaría beber un vaso de agua, por favor.",
           "Vivimos en una casa blanca cerca del mar.", "Abre la ventana porque hace mucho calor.",
           "Mi hermano mayor trabaja en una fábrica de muebles."],
    "it": ["Buongiorno, come sta oggi?", "Mia madre prepara la pasta con i pomodori freschi.",
           "Il treno per Milano parte alle nove di mattina.", "Vorrei un bicchiere d'acqua, per favore.",
           "Abitiamo in una piccola casa vicino al fiume.", "Apri la finestra perché fa molto caldo.",
           "Mio fratello lavora in una fabbrica di mobili."],
    "pt-br": ["Bom dia, como vai você hoje?", "Minha mãe comprou pão, maçãs e queijo.",
              "O trem para a cidade sai às oito horas.", "Eu queria um copo de água, por favor.",
              "Moramos numa casa branca perto da praia.", "Abra a janela porque faz muito calor."],
    "nl": ["Goedemorgen, hoe gaat het vandaag met u?", "Mijn moeder bakt zondag een appeltaart.",
           "De trein naar Utrecht vertrekt om vijf uur.", "Mag ik een kopje koffie van u, alstublieft?",
           "Wij wonen in een klein huis bij de rivier.", "Mijn broer werkt in een fabriek voor meubels."],
    "sv": ["God morgon, hur mår du i dag?", "Min mamma bakar en kaka med äpplen.",
           "Tåget till Malmö går klockan fem.", "Jag vill gärna ha en kopp kaffe, tack.",
           "Vi bor i ett litet hus vid floden.", "Öppna fönstret, det är mycket varmt här."],
    "pl": ["Dzień dobry, jak się pani dzisiaj czuje?", "Moja mama piecze w niedzielę ciasto z jabłkami.",
           "Pociąg do Warszawy odjeżdża o piątej.", "Poproszę filiżankę kawy z mlekiem.",
           "Mieszkamy w małym domu nad rzeką.", "Proszę otworzyć okno, bo jest bardzo ciepło."],
    "cs": ["Dobré ráno, jak se dnes máte?", "Moje maminka peče v neděli jablkový koláč.",
           "Vlak do Prahy odjíždí v pět hodin.", "Prosím vás, dejte mi šálek kávy s mlékem.",
           "Bydlíme v malém domě u řeky.", "Otevřete okno, je tady velmi teplo.",
           "Můj bratr pracuje v továrně na nábytek.", "Včera večer jsme viděli zajímavý film."],
    "ca": ["Bon dia, com està vostè avui?", "La meva mare ha comprat pa, pomes i formatge.",
           "El tren per a Barcelona surt a les vuit del matí.", "Voldria un got d'aigua, si us plau.",
           "Vivim en una casa petita a prop del mar.", "Obre la finestra perquè fa molta calor."],
    "ru": ["Доброе утро, как вы себя чувствуете?", "Моя мама печёт по воскресеньям яблочный пирог.",
           "Поезд в Москву отправляется в пять часов.", "Дайте мне, пожалуйста, чашку кофе с молоком.",
           "Мы живём в маленьком доме у реки.", "Откройте окно, здесь очень жарко."],
    "tr": ["Günaydın, bugün nasılsınız?", "Annem pazar günü elmalı kek yapıyor.",
           "İzmir treni saat beşte kalkıyor.", "Bir fincan kahve alabilir miyim lütfen?",
           "Nehrin yanında küçük bir evde oturuyoruz.", "Pencereyi açın, burası çok sıcak."],
    "hi": ["नमस्ते, आप आज कैसे हैं?", "मेरी माँ रविवार को खाना बनाती है।", "रेलगाड़ी पाँच बजे चलती है।",
           "कृपया मुझे एक कप चाय दीजिए।", "हम नदी के पास एक छोटे घर में रहते हैं।", "खिड़की खोलिए, यहाँ बहुत गर्मी है।"],
}  # fmt: skip


def english(rng: np.random.Generator) -> str:
    """One random English sentence, 6 to 14 words."""

    def pick(words: list[str]) -> str:
        return str(rng.choice(words)).strip().replace("-", " ")

    def thing() -> str:
        return f"{rng.choice(['the', 'a', 'my', 'your', 'that', 'our'])} {pick(_ADJECTIVES)} {pick(_NOUNS)}"

    kind = rng.integers(4)
    if kind == 0:
        return f"{pick(_PHRASES)} {thing()} {rng.choice(['and', 'or', 'with', 'from', 'above'])} {thing()}."
    if kind == 1:
        return f"{thing()} {pick(_VERBS)} {thing()}, {pick(_ADVERBS)}.".capitalize()
    if kind == 2:
        return f"{pick(_ADVERBS)}, {thing()} {pick(_VERBS)} {thing()}!".capitalize()
    return ", ".join(f"{pick(_ADJECTIVES)} {pick(_NOUNS)}" for _ in range(4)).capitalize() + "."


def other(language: str, rng: np.random.Generator) -> str:
    """A sentence of `language`, or the words of two of its sentences in random order."""
    sentences = OTHER_LANGUAGES[language]
    if rng.uniform() < 0.5:
        return str(rng.choice(sentences))
    first, second = rng.choice(len(sentences), 2, replace=False)
    words = (sentences[first] + " " + sentences[second]).replace(",", "").replace("?", "").replace(".", "").split()
    return " ".join(rng.permutation(words)[:9])

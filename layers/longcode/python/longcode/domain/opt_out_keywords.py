"""What a whole inbound text says about being texted: stop, start, or something for a person to read."""

# Sources: the FCC's words that revoke consent by themselves (47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt
# out, cancel, unsubscribe), beside "any reasonable means"; Telnyx's opt-out keywords, which lack REVOKE and OPT
# OUT. So the words decide here, whatever the provider made of them. The provider answers the texter itself; this
# service never does.
#
# A text that is nothing but such a word is a STOP. A text that may ask for an end in other words, or in another
# language, is UNCLEAR: no rule grants or passes over what only a person can read. It may be too many that are
# shown, and no text to stop by at five may end anything.

import re
import unicodedata
from enum import StrEnum

# As the whole text. What `_folded` makes one word of is here once.
_STOP = frozenset((
    "STOP", "STOP ALL", "STOPALL", "QUIT", "END", "REVOKE", "REVOKE ALL", "OPT OUT", "OPTOUT", "OPT OUT ALL",
    "OPTOUT ALL", "CANCEL", "UNSUBSCRIBE", "UNSUBSCRIBE ALL",
))  # fmt: skip
_START = frozenset(("START", "UNSTOP"))
# As a whole text or sentence, without accents and courtesies: other words, slips of the finger, other languages.
_LIKE_STOP = frozenset((
    "ALTO", "BASTA", "CEASE", "CEASE AND DESIST", "DELETE", "DESIST", "DISCONTINUE", "ENOUGH", "EXIT", "GO AWAY",
    "HALT", "LEAVE", "NO MORE", "OPT ME OUT", "OSTP", "REMOVE", "SOTP", "STPO", "TSOP", "UNSUSCRIBE",
    # French, Spanish, Portuguese, Italian
    "ARRET", "ARRETE", "ARRETER", "ARRETEZ", "DESABONNER", "DESABONNEMENT", "DESINSCRIPTION", "DESINSCRIRE", "FIN",
    "ANULAR", "BAJA", "CANCELA", "CANCELAR", "DAR DE BAJA", "DARME DE BAJA", "DARSE DE BAJA", "DE BAJA", "DETENER",
    "DETENGA", "DETENTE", "PARA", "PARAR", "PARE", "REMOVER", "SALIR", "SAIR", "TERMINAR", "ANNULLA", "CANCELLA",
    "DISISCRIVI", "FERMA",
    # German, Dutch, the Nordic ones
    "ABBESTELLEN", "ABMELDEN", "AUFHOREN", "AFMELDEN", "STOPPEN", "AVSLUTA", "LOPETA", "SLUTA",
    # Polish, Turkish, Vietnamese, Tagalog, Haitian
    "REZYGNUJE", "WYPISZ", "DUR", "IPTAL", "DUNG", "HUY", "HUONG HUY", "HINTO", "TIGIL", "ITIGIL", "RETE",
    # Chinese: unsubscribe, by its initials
    "TD",
    # Russian, Ukrainian, Greek, Hebrew, Arabic, Hindi, Thai
    "СТОП", "ОТПИСАТЬСЯ", "ОТПИСКА", "ОТМЕНА", "ВІДПИСАТИСЯ", "ΣΤΟΠ", "ΔΙΑΓΡΑΦΗ", "הסר", "עצור", "توقف", "إيقاف",
    "الغاء", "إلغاء", "बंद", "रोकें", "रुको", "หยุด", "ยกเลิก",
))  # fmt: skip
# Chinese, Japanese and Korean put no blanks between words.
_WITHIN = ("停止", "退订", "退訂", "取消订阅", "取消訂閱", "不要再", "やめて", "解除", "중지", "그만", "수신거부")
_SIGNS = "\N{OCTAGONAL SIGN}\N{NO ENTRY}\N{NO ENTRY SIGN}"

_COURTESIES = frozenset((
    "ALREADY", "AND", "ASAP", "GUYS", "HELLO", "HEY", "HI", "I", "IMMEDIATELY", "IT", "JUST", "KINDLY", "MAAM",
    "ME", "NO", "NOW", "OK", "OKAY", "PLEASE", "PLS", "PLZ", "RIGHT", "SIR", "SORRY", "THANK", "THANKS", "THAT",
    "THIS", "US", "YES", "YOU", "POR", "FAVOR", "SVP", "BITTE",
))  # fmt: skip
_TEXTS = (
    r"(?:TEXT\w*|TXT\w*|MESSAGE|MESSAGES|MESSAGING|MSGS?|SMS|SENDING|CONTACTING|CALLING|CALLS|EMAIL\w*|SPAM\w*"
    r"|BOTHERING|HARASSING|ALERTS?|NOTIFICATIONS?|UPDATES|REMINDERS|SUBSCRIPTION|MARKETING|PROMO\w*|ADS)"
)
_WE = r"(?:ME|US|THIS NUMBER|MY (?:NUMBER|NAME|PHONE|CELL|INFO|CONTACT|DATA))"
# What says the opposite is taken out before `_ASKS` is looked for.
# Both are compiled when they are first needed: a cold start should not wait for them.
_NOT = (
    r"\b(?:DONT|DO NOT|DIDNT|NEVER|CANT|CANNOT|WONT|NOT|NON) (?:EVER |WANT TO |GOING TO )?"
    r"(?:STOP|QUIT|END|CANCEL|REVOKE|UNSUBSCRIBE|OPT OUT)\b"
)
_ASKS = "|".join((
    r"\bUNSUB\w*|\bOPT(?:ED|ING)? ?(?:ME |US )?OUT\b|\bREVOK\w+|\bSTOPALL\b|\bSTOP ALL\b",
    # To stop by or at a place is no keyword; nor is a stop of something else, which a person sees in no time.
    r"^(?:PLEASE |PLS |PLZ |JUST |OK |OKAY |NO |HEY |HI |CAN YOU |COULD YOU |WILL YOU |WOULD YOU )*STOP\b"
    r"(?! (?:AND|AT|BY|FOR|HERE|IN|LIGHT|LOSS|NEAR|OFF|ON|OVER|SIGN|SIGNS|THERE|WATCH|WHEN|WHERE)\b)",
    r"\b(?:SAID|SAY|SAYING|JUST|REPLY|REPLIED|REPLYING|TEXTED|TYPED|SENT|WROTE|PLEASE|PLS|PLZ)"
    r" (?:STOP|QUIT|END|CANCEL)\b(?! (?:BY|AT|IN|OVER|MY|THE|OUR)\b)",
    r"\b(?:YOU|TO|MUST|SHOULD|THIS|THESE|IT|NOW|ME) STOP$",
    rf"\b(?:STOP|STOPPED|QUIT|CEASE|END|CANCEL|HALT|DISCONTINUE)(?: \w+){{0,3}} {_TEXTS}\b",
    r"\b(?:DONT|DO NOT|NEVER|NO LONGER|NOT)(?: \w+){0,2} (?:TEXT|TXT|MESSAGE|MSG|CONTACT|CALL|SMS|SEND|WRITE|"
    rf"BOTHER|EMAIL)(?: TO)?(?:$| {_WE}| ANY\w*| AGAIN| THESE)",
    rf"\b(?:DONT|DO NOT|NOT|NO LONGER) WANT(?: \w+){{0,4}} (?:{_TEXTS}|THIS|THESE)\b",
    rf"\bNO MORE(?: \w+){{0,2}} {_TEXTS}\b",
    rf"\b(?:REMOVE|DELETE|UNLIST|ERASE) {_WE}\b|\b(?:TAKE|GET|DROP|PULL) {_WE} (?:OFF|OUT|FROM)\b",
    r"\bLEAVE (?:ME|US) ALONE\b|\bLOSE MY NUMBER\b|\bWRONG (?:NUMBER|PERSON)\b|\bNOT INTERESTED\b",
    r"\b(?:WITHDRAW|REVOKE|RESCIND)(?: \w+){0,2} CONSENT\b|\bDE BAJA\b|\bNO ME ENVIE\w*|\bNE PLUS RECEVOIR\b",
))  # fmt: skip

# Pictures that NFKC would make letters of, and letters that cannot be seen.
_PICTURES = re.compile(
    "[^A-Za-z\\s]\ufe0f\u20e3?|[\u2122\u2120\u2139\u3297\u3299\u24c2]|[\U0001f200-\U0001faff]"
    "|[\u115f\u1160\u3164\uffa0]"
)
_APOSTROPHES = frozenset("'`´‘’ʼ＇")
# Where a sentence or a line of text ends; all else that is no letter stands between words.
_ENDS = "|"


class OptOutKeyword(StrEnum):
    """What a texter wants."""

    STOP = "stop"
    START = "start"
    # Too likely a request to stop for a machine to pass over or to grant.
    UNCLEAR = "unclear"


def read_keyword(text: str, autoresponse: str | None) -> OptOutKeyword | None:
    """The opt-out keyword that a text is, None if it is none.

    The whole text must be the word: "We have to STOP this bill" is none. Where the provider and the text
    differ, the STOP counts; and no START is taken from a text that may ask for an end.

    >>> read_keyword("“Opt-out.”", None), read_keyword("Stop, please", "HELP"), read_keyword("Stop by 5", None)
    (<OptOutKeyword.STOP: 'stop'>, <OptOutKeyword.UNCLEAR: 'unclear'>, None)
    """
    own = _own(text)
    said = (autoresponse or "").strip().upper()
    if said == "STOP" or own is OptOutKeyword.STOP:
        return OptOutKeyword.STOP
    if said == "START" and own is not OptOutKeyword.UNCLEAR:
        return OptOutKeyword.START
    return own


def _own(text: str) -> OptOutKeyword | None:
    """What the text says by itself."""
    folded = _folded(text)
    words = folded.replace(_ENDS, " ").split()
    whole = " ".join(words)
    if whole in _STOP or (words and set(words) <= {words[0]} and words[0] in _STOP) or _spelt(words) in _STOP:
        return OptOutKeyword.STOP
    if whole in _START:
        return OptOutKeyword.START
    if not words:
        return OptOutKeyword.UNCLEAR if any(sign in text for sign in _SIGNS) else None
    sentences = [sentence.split() for sentence in folded.split(_ENDS)]
    return OptOutKeyword.UNCLEAR if any(map(_may_revoke, [words, *filter(None, sentences)])) else None


def _may_revoke(words: list[str]) -> bool:
    """Whether a sentence may ask for an end."""
    bare = [_bare(word) for word in words]
    kept = [word for word in bare if word not in _COURTESIES]
    for said in (" ".join(bare), " ".join(kept)):
        if said in _STOP or said in _LIKE_STOP_BARE or _short(said) in _STOP_SHORT:
            return True
    if any(word in "".join(words) for word in _WITHIN):
        return True
    return re.search(_ASKS, re.sub(_NOT, " ", " ".join(bare)).strip()) is not None


def _folded(text: str) -> str:
    """The letters and digits of a text in capitals, without what can't be seen, and `|` where a sentence ends."""
    plain = unicodedata.normalize("NFKC", _PICTURES.sub(_ENDS, text))
    return "".join(map(_letter, plain)).upper()


def _letter(char: str) -> str:
    kind = unicodedata.category(char)
    if kind[0] in "LN" or kind == "Mc":
        return "" if char in _APOSTROPHES else char
    if kind in ("Mn", "Me", "Cf") or char in _APOSTROPHES:
        return ""
    return " " if kind in ("Zs", "Pd", "Pc") or char == "\t" else _ENDS


def _bare(word: str) -> str:
    """A word without its accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def _short(words: str) -> str:
    """Words without their doubled letters: STOPPPP and STOOOP are STOP."""
    return re.sub(r"(\w)\1+", r"\1", words)


def _spelt(words: list[str]) -> str:
    """S.T.O.P as one word; nothing else is."""
    return "".join(words) if all(len(word) == 1 for word in words) else ""


_LIKE_STOP_BARE = frozenset(" ".join(map(_bare, _folded(words).split())) for words in _LIKE_STOP)
_STOP_SHORT = frozenset(map(_short, _STOP))

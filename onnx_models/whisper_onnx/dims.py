"""Model dimensions, audio constants and the language table.

Names and numbers are those of openai-whisper (`whisper/model.py`, `audio.py` and `tokenizer.py`), so that a
checkpoint's own dimensions read in without translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Final, Self

SAMPLE_RATE: Final = 16_000  # samples per second
N_FFT: Final = 400  # samples per analysis window (25 ms)
HOP_LENGTH: Final = 160  # samples between frames (10 ms)
CHUNK_LENGTH: Final = 30  # seconds per window
N_SAMPLES: Final = CHUNK_LENGTH * SAMPLE_RATE  # 480,000 samples per window
N_FRAMES: Final = N_SAMPLES // HOP_LENGTH  # 3,000 log-mel frames per window
N_SAMPLES_PER_TOKEN: Final = HOP_LENGTH * 2  # the second convolution has stride 2
FRAMES_PER_SECOND: Final = SAMPLE_RATE // HOP_LENGTH  # 100: 10 ms per log-mel frame
TOKENS_PER_SECOND: Final = SAMPLE_RATE // N_SAMPLES_PER_TOKEN  # 50: 20 ms per encoder position
N_AUDIO_CTX: Final = N_FRAMES // 2  # 1,500 encoder positions per window

N_VOCAB_ENGLISH: Final = 51_864  # the vocabulary of the English-only models; one more is multilingual
N_TEXT_TOKENS: Final = 50_257  # ordinary tokens; a multilingual vocabulary has one more (the shift below)
N_TIMESTAMPS: Final = N_AUDIO_CTX + 1  # <|0.00|> to <|30.00|> in steps of 20 ms
_N_OTHER_TOKENS: Final = (
    N_VOCAB_ENGLISH - 99
)  # what n_vocab holds besides languages (99 in English-only models)

# The largest value of each dimension, well above those of large-v3. A checkpoint that claims more is refused
# before anything of that size is allocated.
_LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "n_mels": 256,
        "n_audio_ctx": N_AUDIO_CTX,
        "n_audio_state": 5_120,
        "n_audio_head": 80,
        "n_audio_layer": 128,
        "n_vocab": 65_536,
        "n_text_ctx": 2_048,
        "n_text_state": 5_120,
        "n_text_head": 80,
        "n_text_layer": 128,
    }
)


@dataclass(frozen=True, slots=True)
class Dims:
    """Dimensions of one Whisper model (openai-whisper's `ModelDimensions`).

    Raises ValueError when a value is out of range or two values do not fit each other.
    """

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= limit:
                raise ValueError(f"{name} is {value!r}, expected an integer from 1 to {limit}")
        if self.n_audio_ctx != N_AUDIO_CTX:
            raise ValueError(f"n_audio_ctx is {self.n_audio_ctx}, every Whisper model has {N_AUDIO_CTX}")
        if self.n_vocab < N_VOCAB_ENGLISH:
            raise ValueError(
                f"n_vocab is {self.n_vocab}, the smallest Whisper vocabulary has {N_VOCAB_ENGLISH}"
            )
        if self.n_audio_state != self.n_text_state:
            raise ValueError(
                f"n_audio_state {self.n_audio_state} and n_text_state {self.n_text_state} differ: "
                "cross-attention needs them equal"
            )
        for side in ("audio", "text"):
            state, heads = getattr(self, f"n_{side}_state"), getattr(self, f"n_{side}_head")
            if state % heads or (state // heads) % 2:
                raise ValueError(
                    f"n_{side}_head is {heads}: n_{side}_state {state} does not divide into so many heads "
                    "of even size"
                )

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """Dims from a mapping with exactly these ten keys; ValueError names what is missing or unknown."""
        names = {field.name for field in fields(cls)}
        if missing := sorted(names - values.keys()):
            raise ValueError(f"missing dimensions: {', '.join(missing)}")
        if unknown := sorted(str(key) for key in values.keys() - names):
            raise ValueError(f"unknown dimensions: {', '.join(unknown)}")
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks each value

    def to_dict(self) -> dict[str, int]:
        """The ten dimensions by name, as `from_mapping` reads them."""
        return asdict(self)

    @property
    def is_multilingual(self) -> bool:
        return self.n_vocab > N_VOCAB_ENGLISH

    @property
    def num_languages(self) -> int:
        """Language tokens in the vocabulary: 99, or 100 since large-v3."""
        return self.n_vocab - _N_OTHER_TOKENS - int(self.is_multilingual)

    @property
    def audio_head_dim(self) -> int:
        return self.n_audio_state // self.n_audio_head

    @property
    def text_head_dim(self) -> int:
        return self.n_text_state // self.n_text_head

    @property
    def parameters(self) -> int:
        """Number of weights, counting the shared token embedding once."""
        d, mlp = self.n_audio_state, 4 * self.n_audio_state
        attention = 4 * d * d + 3 * d  # the key projection has no bias
        block = attention + 2 * d + (2 * d * mlp + mlp + d) + 2 * d
        encoder = (
            3 * d * (self.n_mels + d) + 2 * d + self.n_audio_ctx * d + self.n_audio_layer * block + 2 * d
        )
        decoder_block = block + attention + 2 * d
        decoder = (self.n_vocab + self.n_text_ctx) * d + self.n_text_layer * decoder_block + 2 * d
        return encoder + decoder


# Code -> name, in the order of the language tokens that follow <|startoftranscript|>.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "english",
        "zh": "chinese",
        "de": "german",
        "es": "spanish",
        "ru": "russian",
        "ko": "korean",
        "fr": "french",
        "ja": "japanese",
        "pt": "portuguese",
        "tr": "turkish",
        "pl": "polish",
        "ca": "catalan",
        "nl": "dutch",
        "ar": "arabic",
        "sv": "swedish",
        "it": "italian",
        "id": "indonesian",
        "hi": "hindi",
        "fi": "finnish",
        "vi": "vietnamese",
        "he": "hebrew",
        "uk": "ukrainian",
        "el": "greek",
        "ms": "malay",
        "cs": "czech",
        "ro": "romanian",
        "da": "danish",
        "hu": "hungarian",
        "ta": "tamil",
        "no": "norwegian",
        "th": "thai",
        "ur": "urdu",
        "hr": "croatian",
        "bg": "bulgarian",
        "lt": "lithuanian",
        "la": "latin",
        "mi": "maori",
        "ml": "malayalam",
        "cy": "welsh",
        "sk": "slovak",
        "te": "telugu",
        "fa": "persian",
        "lv": "latvian",
        "bn": "bengali",
        "sr": "serbian",
        "az": "azerbaijani",
        "sl": "slovenian",
        "kn": "kannada",
        "et": "estonian",
        "mk": "macedonian",
        "br": "breton",
        "eu": "basque",
        "is": "icelandic",
        "hy": "armenian",
        "ne": "nepali",
        "mn": "mongolian",
        "bs": "bosnian",
        "kk": "kazakh",
        "sq": "albanian",
        "sw": "swahili",
        "gl": "galician",
        "mr": "marathi",
        "pa": "punjabi",
        "si": "sinhala",
        "km": "khmer",
        "sn": "shona",
        "yo": "yoruba",
        "so": "somali",
        "af": "afrikaans",
        "oc": "occitan",
        "ka": "georgian",
        "be": "belarusian",
        "tg": "tajik",
        "sd": "sindhi",
        "gu": "gujarati",
        "am": "amharic",
        "yi": "yiddish",
        "lo": "lao",
        "uz": "uzbek",
        "fo": "faroese",
        "ht": "haitian creole",
        "ps": "pashto",
        "tk": "turkmen",
        "nn": "nynorsk",
        "mt": "maltese",
        "sa": "sanskrit",
        "lb": "luxembourgish",
        "my": "myanmar",
        "bo": "tibetan",
        "tl": "tagalog",
        "mg": "malagasy",
        "as": "assamese",
        "tt": "tatar",
        "haw": "hawaiian",
        "ln": "lingala",
        "ha": "hausa",
        "ba": "bashkir",
        "jw": "javanese",
        "su": "sundanese",
        "yue": "cantonese",
    }
)

# Other English names of some languages -> code.
LANGUAGE_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "burmese": "my",
        "valencian": "ca",
        "flemish": "nl",
        "haitian": "ht",
        "letzeburgesch": "lb",
        "pushto": "ps",
        "panjabi": "pa",
        "moldavian": "ro",
        "moldovan": "ro",
        "sinhalese": "si",
        "castilian": "es",
        "mandarin": "zh",
    }
)

# Every accepted English name of a language -> code.
LANGUAGE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {**{name: code for code, name in LANGUAGES.items()}, **LANGUAGE_ALIASES}
)

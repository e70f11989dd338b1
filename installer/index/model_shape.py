"""The numbers of a model that decide into how many GPUs it can be cut, and what it needs of each."""

from dataclasses import dataclass

from installer.index.strict import Place, Value

_LARGEST = 2**40
_WORD = r"[A-Za-z0-9_.-]{0,99}"


@dataclass(frozen=True)
class ModelShape:
    """A number that config.json does not give is 0, a word "".

    ``group_size`` 0 is also one group for all of a column; of fp8 in blocks it is their width. ``max_positions`` is
    what config.json says, ``longest`` what vLLM makes of it with ``rope``, the kind of scaling: the most that
    max_model_len may be. ``is_tied``: the embeddings are also the output's matrix. ``is_multimodal``: it has more than
    a language model. ``value_size`` is of a head, like ``head_size``; with latent attention ``latent`` is the width of
    what is cached, and ``unrotated`` the part of a head's size that knows no position. ``scheme`` is what
    compressed-tensors makes of weights. ``window`` is the number of tokens that a layer looks back, 0 for all.
    """

    architecture: str
    model_type: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    dtype: str
    quantization: str
    bits: int
    group_size: int
    max_positions: int
    longest: int
    rope: str
    is_tied: bool
    is_multimodal: bool
    experts: int
    experts_per_token: int
    expert_intermediate: int
    value_size: int
    latent: int
    unrotated: int
    scheme: str
    window: int

    @property
    def method(self) -> str:
        """How its weights are quantized, with the scheme where the name alone does not say; "" for not at all."""
        return f"{self.quantization} {self.scheme}" if self.scheme else self.quantization

    def named(self, quantization: str) -> str:
        """What --quantization means for it."""
        return self.method if quantization == self.quantization else quantization

    @classmethod
    def read(cls, at: Place) -> "ModelShape":
        at.only(*cls.__annotations__)
        return cls(
            architecture=at.matching("architecture", _WORD, "a name", ""),
            model_type=at.matching("model_type", _WORD, "a name", ""),
            layers=at.integer("layers", 0, _LARGEST, 0),
            hidden=at.integer("hidden", 0, _LARGEST, 0),
            intermediate=at.integer("intermediate", 0, _LARGEST, 0),
            heads=at.integer("heads", 0, _LARGEST, 0),
            kv_heads=at.integer("kv_heads", 0, _LARGEST, 0),
            head_size=at.integer("head_size", 0, _LARGEST, 0),
            vocabulary=at.integer("vocabulary", 0, _LARGEST, 0),
            dtype=at.matching("dtype", _WORD, "a name", ""),
            quantization=at.matching("quantization", _WORD, "a name", ""),
            bits=at.integer("bits", 0, _LARGEST, 0),
            group_size=at.integer("group_size", 0, _LARGEST, 0),
            max_positions=at.integer("max_positions", 0, _LARGEST, 0),
            longest=at.integer("longest", 0, _LARGEST, 0),
            rope=at.matching("rope", _WORD, "a name", ""),
            is_tied=at.has("is_tied") and at.boolean("is_tied"),
            is_multimodal=at.has("is_multimodal") and at.boolean("is_multimodal"),
            experts=at.integer("experts", 0, _LARGEST, 0),
            experts_per_token=at.integer("experts_per_token", 0, _LARGEST, 0),
            expert_intermediate=at.integer("expert_intermediate", 0, _LARGEST, 0),
            value_size=at.integer("value_size", 0, _LARGEST, 0),
            latent=at.integer("latent", 0, _LARGEST, 0),
            unrotated=at.integer("unrotated", 0, _LARGEST, 0),
            scheme=at.matching("scheme", _WORD, "a name", ""),
            window=at.integer("window", 0, _LARGEST, 0),
        )

    def document(self) -> dict[str, Value]:
        """Without what is not known."""
        return {name: value for name, value in vars(self).items() if value}

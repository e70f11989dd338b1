"""Writes a tiny Qwen2 with the files of the real one into /out; runs inside the image, where transformers is."""
# mypy: ignore-errors

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

OUT = Path("/out")
END_OF_TEXT, END_OF_TURN = "<|endoftext|>", "<|im_end|>"
SPECIAL = [END_OF_TEXT, "<|im_start|>", END_OF_TURN]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = [
    "The node has a role, and the role has its steps; each step says what must be true of the node.",
    "The bundle is carried on a medium, its files are listed, and the list is signed.",
    "Hello, what is the answer? The answer is what the model says, and a tiny model says little.",
]


def train_tokenizer() -> Tokenizer:
    """Byte-level, so that no text is unknown to it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer) -> None:
    tokenizer.model.save(str(OUT))  # vocab.json and merges.txt
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=1024,
    ).save_pretrained(OUT)


def save_model(tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    eos = tokenizer.token_to_id(END_OF_TURN)
    config = Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        eos_token_id=eos,
        bos_token_id=tokenizer.token_to_id(END_OF_TEXT),
        tie_word_embeddings=False,
    )
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.generation_config = GenerationConfig(eos_token_id=eos, do_sample=True, temperature=0.7, top_p=0.8)
    model.save_pretrained(OUT, max_shard_size="300KB")


def save_rest() -> None:
    (OUT / "README.md").write_text("# tiny-qwen2\nQwen2 in miniature, with random weights.\n")
    (OUT / "LICENSE").write_text("Apache-2.0\n")
    (OUT / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")


if __name__ == "__main__":
    tokenizer = train_tokenizer()
    save_tokenizer(tokenizer)
    save_model(tokenizer)
    save_rest()

"""The model in the form it is trained in, and its export to OpenAI's checkpoint format.

The architecture is Whisper's (https://arxiv.org/abs/2212.04356); three things differ while training, and
all of them vanish in the export:

- The vocabulary is reduced (``vocabulary.py``).  All unused tokens share one vector, counted as often as
  there are tokens, which is the full softmax at a small part of its cost.
- The timestamps' vectors and the decoder's positions are a learned matrix times sinusoids, so that times
  seldom seen are learnt with their neighbours.
- Two heads on the encoder name the phone and the word spoken at each position, and some attention heads of
  the decoder are told where to look; without either, so small a model learns no words from so little speech.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from .batches import Batch
from .features import N_MELS, PATCH_FRAMES, WINDOW_POSITIONS
from .vocabulary import FULL_SIZE, N_TIMESTAMPS, ReducedVocabulary

N_PHONES = 160
"""More than both engines have together."""
GUIDED_HEADS = 2
"""Heads of a decoder layer that are told where to look."""
SHORT_ATTENTION = 450
"""Up to here plain matrix products beat the fused attention on a CPU (measured)."""


@dataclass(frozen=True)
class Dimensions:
    """Whisper's ``ModelDimensions`` under its own names."""

    n_mels: int = N_MELS
    n_audio_ctx: int = WINDOW_POSITIONS
    n_audio_state: int = 128
    n_audio_head: int = 4
    n_audio_layer: int = 3
    n_vocab: int = FULL_SIZE
    n_text_ctx: int = 448
    n_text_state: int = 128
    n_text_head: int = 4
    n_text_layer: int = 2


@dataclass(frozen=True)
class Losses:
    """Mean losses of a batch, and what a person wants to read along with them."""

    tokens: Tensor
    """Cross-entropy of the tokens to predict."""
    guide: Tensor
    """Negative log of the attention that guided heads pay to the right place."""
    phones: Tensor
    words: Tensor
    token_accuracy: Tensor
    word_accuracy: Tensor
    guided_share: Tensor
    """Attention that the last layer's guided heads pay to the right place, 0-1."""


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's fixed position vectors, (length, channels)."""
    rates = torch.exp(-math.log(10_000) / (channels // 2 - 1) * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    """Whisper's multi-head attention; parameters carry its names."""

    def __init__(self, state: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(state, state)
        self.key = nn.Linear(state, state, bias=False)
        self.value = nn.Linear(state, state)
        self.out = nn.Linear(state, state)

    def forward(
        self, x: Tensor, source: Tensor, bias: Tensor | None, fused: bool
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, d) attending to (B, S, d).  ``bias`` (B, 1, 1, S) is added to the scores; None means causal.

        Returns the result and, unless fused or causal, the attention (B, heads, T, S).
        """
        q, k, v = (self._split(t) for t in (self.query(x), self.key(source), self.value(source)))
        attention = None
        if bias is None:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        elif fused:
            mask = bias.to(q.dtype).expand(len(q), 1, q.shape[2], k.shape[2])
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            attention = (scores + bias.to(scores.dtype)).softmax(dim=-1)
            mixed = attention @ v
        return self.out(mixed.transpose(1, 2).flatten(2)), attention

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """Whisper's ``ResidualAttentionBlock``."""

    def __init__(self, state: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attn = Attention(state, heads)
        self.attn_ln = nn.LayerNorm(state)
        if cross:
            self.cross_attn = Attention(state, heads)
            self.cross_attn_ln = nn.LayerNorm(state)
        self.mlp = nn.Sequential(nn.Linear(state, state * 4), nn.GELU(), nn.Linear(state * 4, state))
        self.mlp_ln = nn.LayerNorm(state)


class Encoder(nn.Module):
    """Whisper's audio encoder, applied to kept positions only."""

    positional_embedding: Tensor

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        state = dims.n_audio_state
        self.conv1 = nn.Conv1d(dims.n_mels, state, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(state, state, kernel_size=3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(dims.n_audio_ctx, state))
        self.blocks = nn.ModuleList(Block(state, dims.n_audio_head, False) for _ in range(dims.n_audio_layer))
        self.ln_post = nn.LayerNorm(state)
        with (
            torch.no_grad()
        ):  # the usual initialisation leaves what is heard 20 times weaker than the positions
            self.conv1.weight *= 4
            self.conv2.weight *= 3
        self._look_nearby(state, dims.n_audio_head)

    def forward(self, batch: Batch) -> Tensor:
        """(B, K, d) for the batch's kept positions."""
        x = self._convolved(batch.patches, batch.positions) + self.positional_embedding[batch.positions]
        bias = batch.log_weights[:, None, None, :]
        fused = x.shape[1] > SHORT_ATTENTION
        for block in _blocks(self.blocks):
            normed = block.attn_ln(x)
            x = x + block.attn(normed, normed, bias, fused)[0]
            x = x + block.mlp(block.mlp_ln(x))
        heard: Tensor = self.ln_post(x)
        return heard

    def _convolved(self, patches: Tensor, positions: Tensor) -> Tensor:
        """Both convolutions at single positions, each of which depends on one patch of 5 mel frames."""
        # (B, K, 3, 240): the input of conv1 at three successive frames
        taps = patches.unfold(2, 3 * N_MELS, N_MELS)
        assert taps.shape[2] == PATCH_FRAMES - 2
        weight = self.conv1.weight.transpose(1, 2).flatten(1)
        x = F.gelu(F.linear(taps, weight, self.conv1.bias))
        # conv2 pads with a zero before the window's first frame
        before = (positions == 0)[:, :, None, None] & (torch.arange(3) == 0)[:, None]
        x = x.masked_fill(before, 0.0)
        weight = self.conv2.weight.transpose(1, 2).flatten(1)
        return F.gelu(F.linear(x.flatten(2), weight, self.conv2.bias))

    @torch.no_grad()
    def _look_nearby(self, state: int, heads: int) -> None:
        """Makes every head attend first to a place a few positions away, by the position vectors alone.

        Half a head's channels pair the fastest sinusoids of query and key, turned by the head's distance;
        the content is kept out of the channels of those sinusoids.
        """
        sharpness = 3.0
        distances = ((-4, -2, 2, 4), (-8, -3, 3, 8), (-12, -5, 5, 12))
        width = state // heads
        pairs = width // 2
        rates = torch.exp(-math.log(10_000) / (state // 2 - 1) * torch.arange(state // 2))
        sines = torch.arange(pairs) * 2
        cosines = sines + state // 2
        own = torch.cat([sines, cosines])
        self.conv2.weight[own] *= 0.05
        if self.conv2.bias is not None:
            self.conv2.bias[own] = 0
        for layer, block in enumerate(_blocks(self.blocks)):
            widest = block.mlp[2]
            assert isinstance(widest, nn.Linear)
            for linear in (block.attn.out, widest):
                linear.weight[own] *= 0.05
                linear.bias[own] = 0
            query, key = block.attn.query, block.attn.key
            query.weight *= 0.3
            key.weight *= 0.3
            query.bias.zero_()
            for head in range(heads):
                angles = rates[sines] * distances[layer % len(distances)][head % 4]
                first = torch.arange(pairs) + head * width
                second = first + pairs
                for rows in (first, second):
                    query.weight[rows] = 0
                    key.weight[rows] = 0
                query.weight[first, sines] = sharpness
                query.weight[second, cosines] = sharpness
                key.weight[first, sines] = sharpness * angles.cos()
                key.weight[first, cosines] = -sharpness * angles.sin()
                key.weight[second, cosines] = sharpness * angles.cos()
                key.weight[second, sines] = sharpness * angles.sin()


def _blocks(modules: nn.ModuleList) -> Iterator[Block]:
    for module in modules:
        assert isinstance(module, Block)
        yield module


class Trainee(nn.Module):
    """The whole model with its training heads."""

    token_sinusoids: Tensor
    text_sinusoids: Tensor
    token_counts: Tensor

    def __init__(self, vocabulary: ReducedVocabulary, dims: Dimensions) -> None:
        super().__init__()
        self.dims = dims
        self._vocabulary = vocabulary
        state = dims.n_text_state
        self.encoder = Encoder(dims)
        self.blocks = nn.ModuleList(Block(state, dims.n_text_head, True) for _ in range(dims.n_text_layer))
        self.ln = nn.LayerNorm(state)
        self.used = nn.Parameter(torch.randn(len(vocabulary.used), state) * 0.05)
        self.unused = nn.Parameter(torch.randn(1, state) * 0.02)
        self.timestamp_matrix = nn.Parameter(torch.eye(state) * 0.1)
        self.timestamp_offset = nn.Parameter(torch.zeros(state))
        self.position_matrix = nn.Parameter(torch.eye(state) * 0.1)
        self.phone_head = nn.Linear(state, N_PHONES)
        self.word_head = nn.Linear(state, vocabulary.n_text + 1)
        self.register_buffer("token_sinusoids", sinusoids(N_TIMESTAMPS, state))
        self.register_buffer("text_sinusoids", sinusoids(dims.n_text_ctx, state))
        log_counts = torch.zeros(vocabulary.size)
        log_counts[vocabulary.unused] = math.log(vocabulary.n_unused)
        self.register_buffer("token_counts", log_counts)

    def table(self) -> Tensor:
        """The vectors of the reduced vocabulary, (size, d)."""
        times = self.token_sinusoids @ self.timestamp_matrix + self.timestamp_offset
        return torch.cat([self.used, self.unused, times])

    def listen(self, batch: Batch) -> tuple[Tensor, Losses]:
        """The encoder alone: its output and the losses of its two heads."""
        heard = self.encoder(batch)
        zero = heard.new_zeros(())
        phones = self.phone_head(heard).float().flatten(0, 1)
        words = self.word_head(heard).float().flatten(0, 1)
        targets = batch.words.flatten()
        spoken = targets > 0
        accuracy = (words.argmax(-1) == targets)[spoken].float().mean() if spoken.any() else zero
        quiet = words.new_ones(words.shape[1])
        quiet[0] = 0.3  # half of all positions are silence, and soon learnt
        quiet_phones = phones.new_ones(phones.shape[1])
        quiet_phones[0] = 0.3
        return heard, Losses(
            tokens=zero,
            guide=zero,
            phones=F.cross_entropy(phones, batch.phones.flatten(), quiet_phones),
            words=F.cross_entropy(words, targets, quiet),
            token_accuracy=zero,
            word_accuracy=accuracy,
            guided_share=zero,
        )

    def forward(self, batch: Batch) -> Losses:
        """All losses of a batch."""
        heard, losses = self.listen(batch)
        table = self.table()
        positions = (self.text_sinusoids @ self.position_matrix)[: batch.inputs.shape[1]]
        x = table[batch.inputs] + positions
        bias = batch.log_weights[:, None, None, :]
        guide, share = x.new_zeros(()), x.new_zeros(())
        last = len(self.blocks) - 1
        for layer, block in enumerate(_blocks(self.blocks)):
            normed = block.attn_ln(x)
            x = x + block.attn(normed, normed, None, True)[0]
            change, attention = block.cross_attn(block.cross_attn_ln(x), heard, bias, False)
            x = x + change
            x = x + block.mlp(block.mlp_ln(x))
            if attention is not None:
                # The last layer finds where the next token is said, those before it where this one was.
                spans = batch.label_spans if layer == last else batch.input_spans
                paid = _attention_paid(attention[:, :GUIDED_HEADS], spans)
                guide = guide - torch.log(paid + 1e-3).mean()
                share = paid.mean().detach()
        chosen = batch.labels >= 0
        labels = batch.labels[chosen]
        logits = F.linear(self.ln(x)[chosen], table).float() + self.token_counts
        log_probs = logits.log_softmax(dim=-1)
        return Losses(
            tokens=self._token_loss(log_probs, labels),
            guide=guide,
            phones=losses.phones,
            words=losses.words,
            token_accuracy=(log_probs.argmax(-1) == labels).float().mean(),
            word_accuracy=losses.word_accuracy,
            guided_share=share,
        )

    def _token_loss(self, log_probs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in which a time shares its target with the times 0.02 s before and after it."""

        def picked(index: Tensor) -> Tensor:
            return log_probs.gather(1, index[:, None])[:, 0]

        first = self._vocabulary.first_timestamp
        inner = labels.clamp(first + 1, first + N_TIMESTAMPS - 2)
        timed = 0.5 * picked(labels) + 0.25 * picked(inner - 1) + 0.25 * picked(inner + 1)
        return -torch.where(labels > first, timed, picked(labels)).mean()

    @torch.no_grad()
    def grow(self, n_text_layer: int) -> None:
        """Inserts decoder layers before the last, which at first change nothing: their outputs are zero."""
        while len(self.blocks) < n_text_layer:
            block = Block(self.dims.n_text_state, self.dims.n_text_head, True)
            for output in (block.attn.out, block.cross_attn.out, block.mlp[2]):
                for parameter in output.parameters():
                    nn.init.zeros_(parameter)
            self.blocks.insert(len(self.blocks) - 1, block)
        self.dims = replace(self.dims, n_text_layer=len(self.blocks))

    @torch.no_grad()
    def export(self, path: Path) -> None:
        """Writes OpenAI's format, ``dims`` and ``model_state_dict`` in half precision, all or nothing."""
        vocabulary = self._vocabulary
        table = self.table()
        full = self.unused.repeat(FULL_SIZE, 1)
        full[torch.tensor(vocabulary.used)] = self.used
        first = vocabulary.first_timestamp_full
        full[first : first + N_TIMESTAMPS] = table[vocabulary.first_timestamp :]
        state = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        state |= {f"decoder.blocks.{name}": value for name, value in self.blocks.state_dict().items()}
        state |= {f"decoder.ln.{name}": value for name, value in self.ln.state_dict().items()}
        state["decoder.token_embedding.weight"] = full
        state["decoder.positional_embedding"] = self.text_sinusoids @ self.position_matrix
        halves = {name: value.half().clone() for name, value in state.items()}
        temporary = path.with_suffix(".tmp")
        torch.save({"dims": asdict(self.dims), "model_state_dict": halves}, temporary)
        temporary.replace(path)


def _attention_paid(attention: Tensor, spans: Tensor) -> Tensor:
    """The attention (B, H, U, K) within the spans (B, U, 2), for the N tokens that have one: (N, H)."""
    known = spans[..., 1] > 0
    rows = attention.permute(0, 2, 1, 3)[known].float()
    running = F.pad(rows.cumsum(dim=-1), (1, 0))
    ends = spans[known][:, None, :].expand(-1, rows.shape[1], -1)
    return (running.gather(2, ends[..., 1:]) - running.gather(2, ends[..., :1]))[..., 0].clamp(min=0)

"""Step 2 of imagining: the denoiser and its attribute words, on the latents of rendered heads. Frozen afterwards.

python -m examples.training.train_denoiser --people DIR --out .train/denoiser
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from examples.training.arguments import add_prepared, parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.muon import Muon
from examples.training.prepare_people import prepared
from examples.training.training_set import TrainingSet
from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder

RESTING = 0.2
"""Share of resting faces, which portraits show."""
LOG_EVERY = 50  # steps
ALIKE = {
    "crew cut": ("short",), "fade": ("buzz cut", "short"), "side part": ("side-swept",), "swept back": ("spiky",),
    "caesar": ("short",), "receding": ("short",), "balding": ("bald", "short"), "pixie": ("short",),
    "bob with fringe": ("fringe",), "wavy lob": ("bob",), "long straight": ("long",),
    "long side part": ("long", "side-swept"), "long wavy": ("long",), "curtain fringe": ("fringe", "long"),
    "ponytail": ("tied back",), "high bun": ("tied back",), "low bun": ("tied back",), "plaits": ("braid",),
    "side plait": ("braid",), "cornrows": ("tied back", "braid"), "short curls": ("afro", "short"),
    "long curls": ("afro", "long"), "short afro": ("afro",), "locs": ("braid", "long"),
    "goatee": ("beard", "stubble"), "moustache": ("stubble",),
}  # fmt: skip
"""Words of an older model whose mean a new word begins with. From random tokens a new cut was never learned: it takes a
word far longer to move than the denoiser to do without it."""
DENOISER = {
    "sample_size": 16,
    "in_channels": 16,
    "out_channels": 16,
    "layers_per_block": 1,
    "block_out_channels": (128, 192),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 128,
    "attention_head_dim": 4,
    "norm_num_groups": 16,
    # The words also reach every layer through the time embedding: who it is is learned far sooner than by
    # cross-attention alone.
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 4,
}


def noisy(latents: torch.Tensor, noise: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """Straight line from latents (time 0) to noise (time 1); rectified flow, arXiv 2209.03003."""
    time = time[:, None, None, None]
    return (1 - time) * latents + time * noise


def velocity_losses(
    denoiser: UNet2DConditionModel, words: AttributeEmbedder, people: TrainingSet, count: int
) -> dict[str, torch.Tensor]:
    """Squared error of the velocity of ``count`` frames, as it is and weighted by what the latents show."""
    draw = people.draw(count, RESTING)
    latents = people.latents(draw)
    tokens = words(people.say(draw.people))
    noise, time = torch.randn_like(latents), torch.randn(count, device=DEVICE).add(0.7).sigmoid()
    mixed = noisy(latents, noise, time).contiguous(memory_format=torch.channels_last)
    with autocast():
        velocity = denoiser(mixed, time * 1000, tokens).sample
    error = (velocity.float() - (noise - latents)).square()
    return {"velocity": error.mean(), "weighted": (error * people.weights(draw)).mean()}


@torch.no_grad()
def start_from(folder: Path, denoiser: UNet2DConditionModel, words: AttributeEmbedder) -> None:
    """Take over a model that was trained before, with the words that both know."""
    denoiser.load_state_dict(UNet2DConditionModel.from_pretrained(folder / "denoiser").float().state_dict())
    before = AttributeEmbedder.from_pretrained(folder / "attribute_embedder")
    known = {slot: list(of) for slot, of in before.config.vocabulary}
    words.tokens.weight.mul_(0.5)  # new ones say less at first
    for slot, mine in words.config.vocabulary:
        if slot not in known:
            continue
        old = dict(zip((None, *known[slot]), before.tokens.weight[before.offsets[slot] :].float(), strict=False))
        for place, word in enumerate((None, *mine), words.offsets[slot]):
            begins = [old[each] for each in (word, *ALIKE.get(word or "", ())) if each in old]
            if begins:
                words.tokens.weight[place] = begins[0] if word in old else torch.stack(begins).mean(0)


def main() -> None:
    parser = parser_for(__doc__, "denoiser", minutes=40, batch=32, learning_rate=8e-4)
    parser.add_argument("--start", type=Path, help="folder of a model whose denoiser and words to start from")
    add_prepared(parser)
    options = parser.parse_args()

    denoiser = UNet2DConditionModel(**DENOISER)
    words = AttributeEmbedder([(slot, list(known)) for slot, known in WORDS.items()])
    if options.start:
        start_from(options.start, denoiser, words)
    denoiser.to(DEVICE, memory_format=torch.channels_last)
    words.to(DEVICE)
    parameters = [*denoiser.parameters(), *words.parameters()]
    optimizer = Muon(denoiser.parameters(), words.parameters(), lr=options.learning_rate, weight_decay=1e-3)
    run = Run(options.out, {"denoiser": denoiser, "attribute_embedder": words}, optimizer, options.minutes)
    torch.manual_seed(options.seed + run.step)
    people = TrainingSet(prepared(options.prepared, options.people, options.codes))
    held_out = TrainingSet(prepared(options.prepared, options.people, options.codes, held_out=True))
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        losses = velocity_losses(denoiser, words, people, options.batch)
        if (run.step + 1) % LOG_EVERY == 0 and held_out.persons:
            with torch.no_grad():
                losses |= {"held_out": velocity_losses(denoiser, words, held_out, options.batch)["weighted"]}
        optimizer.zero_grad(set_to_none=True)
        losses["weighted"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()}, LOG_EVERY)
    run.save()


if __name__ == "__main__":
    main()

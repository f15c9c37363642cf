"""Muon (Keller Jordan, 2024), scaled to AdamW's step size (arXiv 2502.16982): the momentum of a weight matrix is made
orthogonal before it is applied, so that rare directions are learned as fast as common ones. Vectors get AdamW."""

from __future__ import annotations

from collections import defaultdict

import torch

MOMENTUM, ADAM_BETAS, EPSILON = 0.95, (0.9, 0.99), 1e-8
STEP_SIZE = 0.2
"""Root mean square of an update per unit of learning rate, that of AdamW in practice."""


class Muon(torch.optim.Optimizer):
    """Weights of convolutions count as matrices ``(out, in * height * width)``. Embeddings are no matrices: their rows
    are seen one at a time, so they get AdamW."""

    def __init__(self, matrices, embeddings, lr: float, weight_decay: float) -> None:
        groups = [{"params": list(matrices), "rows": False}, {"params": list(embeddings), "rows": True}]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[torch.Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                if is_matrix(parameter) and not group["rows"]:
                    alike[len(parameter), parameter[0].numel()].append(parameter)
                else:
                    self._adam(parameter, group["lr"])
            for shape, parameters in alike.items():
                self._orthogonal(shape, parameters, group["lr"])

    def _orthogonal(self, shape: tuple[int, int], parameters: list[torch.Tensor], rate: float) -> None:
        momenta = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            momentum = state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
            momenta.append(parameter.grad.lerp(momentum, MOMENTUM).reshape(shape))
        updates = orthogonal(torch.stack(momenta)).float() * (STEP_SIZE * max(shape) ** 0.5)
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.add_(update.reshape(parameter.shape), alpha=-rate)

    def _adam(self, parameter: torch.Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state |= {"first": torch.zeros_like(parameter), "second": torch.zeros_like(parameter)}
            state["steps"] = torch.zeros(())
        state["steps"] += 1
        first = state["first"].lerp_(parameter.grad, 1 - ADAM_BETAS[0]) / (1 - ADAM_BETAS[0] ** state["steps"])
        second = state["second"].lerp_(parameter.grad.square(), 1 - ADAM_BETAS[1])
        second = second / (1 - ADAM_BETAS[1] ** state["steps"])
        parameter.sub_(rate * first / (second.sqrt() + EPSILON))


def is_matrix(parameter: torch.Tensor) -> bool:
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= 16


def orthogonal(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """The nearest orthogonal matrices, roughly, of ``(count, rows, columns)``: Newton-Schulz in bfloat16."""
    wide = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if wide else matrices).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if wide else x

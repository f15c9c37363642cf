"""Resumable training: one folder a run, with the newest state, a log of the losses and averaged weights."""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path

import torch
from torch import nn

from examples.training.device import DEVICE


class Run:
    """Keeps ``modules`` and ``optimizer`` resumable in ``folder`` and averages the weights of the modules.

    The averaged copies (``run.averaged[name]``) are what gets shipped: they are sharper than the last step.
    """

    def __init__(self, folder: Path, modules: dict[str, nn.Module], optimizer, minutes: float, decay=0.999) -> None:
        self.folder, self.modules, self.optimizer, self.decay = Path(folder), modules, optimizer, decay
        self.folder.mkdir(parents=True, exist_ok=True)
        self.averaged = {name: copy.deepcopy(module).requires_grad_(False) for name, module in modules.items()}
        self.step, self.started, self.minutes, self.seconds_before = 0, time.time(), minutes, 0.0
        self._resume()
        self._saved_at = time.time()

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location=DEVICE)
        for name in self.modules:
            self.modules[name].load_state_dict(state["modules"][name])
            self.averaged[name].load_state_dict(state["averaged"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds_before = state["step"], state["seconds"]

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the minutes are used up, those before an interruption counted in: what the learning
        rate and the phases of a training follow."""
        return min(self.minutes_spent / self.minutes, 1.0)

    def learning_rate(self, peak: float, warm_up_steps: int = 100) -> float:
        """Linear warm-up, then constant, then linear to 5 % over the last 40 % of the time."""
        rate = peak * min(1.0, (self.step + 1) / warm_up_steps) * min(1.0, 0.05 + (1 - self.progress) / 0.4)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    @torch.no_grad()
    def after_step(self, losses: dict[str, float], log_every: int = 50, save_every_seconds: float = 150) -> None:
        decay = min(self.decay, (1 + self.step) / (20 + self.step))
        for name, module in self.modules.items():
            averages, values = list(self.averaged[name].parameters()), list(module.parameters())
            torch._foreach_lerp_(averages, values, 1 - decay)
            for average, value in zip(self.averaged[name].buffers(), module.buffers(), strict=True):
                average.copy_(value)
        self.step += 1
        if self.step % log_every == 0:
            line = {"step": self.step, "minutes": round(self.minutes_spent, 2)}
            line |= {name: round(float(value), 5) for name, value in losses.items()}
            with open(self.folder / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
        if time.time() - self._saved_at > save_every_seconds:
            self.save()

    @property
    def minutes_spent(self) -> float:
        return (self.seconds_before + time.time() - self.started) / 60

    def save(self) -> None:
        state = {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "averaged": {name: module.state_dict() for name, module in self.averaged.items()},
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.minutes_spent * 60,
        }
        torch.save(state, self.folder / "state.tmp")
        os.replace(self.folder / "state.tmp", self.folder / "state.pt")
        self._saved_at = time.time()

"""PyTorch, step by step: the loop that its tutorials show."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..problems import Problem

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}


def run(
    problem: Problem, X: Any, y: Any, compiled: Callable[[Any], Any] = lambda step: step
) -> tuple[list[float], float]:
    torch.set_num_threads(problem.threads)
    layers: list[nn.Module] = []
    for W, b in problem.weights():
        linear = nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear.to(torch.from_numpy(X).dtype), ACTIVATIONS[problem.activation]()]
    net = nn.Sequential(*layers[:-1])
    many = problem.sizes[-1] > 1
    loss_of = nn.CrossEntropyLoss() if many else nn.BCEWithLogitsLoss()
    inputs = torch.from_numpy(X)
    targets = torch.from_numpy(y) if many else torch.from_numpy(y.astype(X.dtype))[:, None]
    parameters = net.parameters()
    optimizer = (
        torch.optim.Adam(parameters, lr=1e-3)
        if problem.optimizer == "adam"
        else torch.optim.SGD(parameters, lr=1e-3, momentum=0.9)
    )

    def step(A: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(net(A), t)
        loss.backward()
        optimizer.step()
        return loss.detach()

    take = compiled(step)
    if take is not step:  # compile, then begin anew
        before = {name: value.clone() for name, value in net.state_dict().items()}
        state = optimizer.state_dict()
        for _ in range(2):
            take(inputs[: problem.batch_size], targets[: problem.batch_size])
        net.load_state_dict(before)
        optimizer.load_state_dict(state)
    losses = []
    began = time.perf_counter()
    for _ in range(problem.epochs):
        total = torch.zeros(())
        for first in range(0, len(X), problem.batch_size):
            total += take(inputs[first : first + problem.batch_size], targets[first : first + problem.batch_size])
        losses.append(float(total) / problem.steps)
    return losses, time.perf_counter() - began

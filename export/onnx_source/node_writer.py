"""Adds nodes and constants to an ONNX graph, under names that no other tool uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREFIX = "glossator_"


class NodeWriter:
    """Appends nodes to a graph; those that compute its inputs are put in front at the end."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self._before: list[Any] = []
        self._constants = {item.name for item in graph.initializer}

    def add(self, operator: str, inputs: Sequence[str], output: str, *, before: bool = False, **attributes: Any) -> str:
        """Add a node and return the name of its output, which gets the prefix. `before`: in front of the graph."""
        from onnx import helper

        name = f"{PREFIX}{output}"
        node = helper.make_node(operator, inputs, [name], name=name, **attributes)
        (self._before if before else self.graph.node).append(node)
        return name

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Add a constant, once, and return its name, which gets the prefix."""
        from onnx import numpy_helper

        name = f"{PREFIX}{name}"
        if name not in self._constants:
            self._constants.add(name)
            self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def move_inputs_to_front(self) -> None:
        """Put the nodes that compute the inputs in front of all others."""
        nodes = [*self._before, *self.graph.node]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        self._before.clear()

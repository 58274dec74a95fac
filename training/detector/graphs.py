"""CUDA graphs: a training step is some thousand small kernels, and launching them one by one takes longer than running them."""

import torch

WARM_UP = 3  # plain runs before recording: they compile, choose kernels and fill caches


class Recorded:
    """A function without arguments or result that works on fixed tensors, recorded once and then run as one launch.

    Random numbers of the GPU differ from run to run; what Python's own `random` chose stays as it was when recorded. `pool` shares the
    memory of functions that leave nothing of their own behind.
    """

    def __init__(self, function, pool=None):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                function()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool):
            function()

    def __call__(self):
        self.graph.replay()

"""One configuration of the PyTorch peer, driven line by line.

  python torch_peer.py '{"peer": FOLDER, "task": "step", "batch": 1, "threads": 2, ...}'

FOLDER holds ecyclegan_torch.py. Prepares the task, runs it once and answers one JSON line,
{"ready": ...}. Then for each line read: "run" runs it once and answers {"ms": ...}; "peak" answers
{"peakMiB": ...}, the most memory that this process held. The end of the input ends the process.
Whatever fails answers {"error": ...} and ends it.

Settings beside those: network (fields of the peer's Config), device ("cpu", "cuda"), channels_last,
group_norm, merge, compile (true, or a mode of torch.compile), bfloat16 (autocast), tf32 (products on a
GPU), captured (task step: the whole step as one CUDA graph, without the pool of images), onnx (task
infer: a path; the export of torch.onnx is written there and run in onnxruntime).
"""

import json
import os
import sys
import time


def main():
    settings = json.loads(sys.argv[1])
    threads = settings["threads"]
    os.environ["OMP_NUM_THREADS"] = str(threads)
    answer = take_stdout()
    try:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        if on_gpu(settings):
            use_tf32(bool(settings.get("tf32")))
            torch.backends.cudnn.benchmark = True
        sys.path.insert(0, settings["peer"])
        run = waiting(TASKS[settings["task"]](settings), settings)
        start = time.perf_counter()
        run()
        first = time.perf_counter() - start
        answer(ready=True, torch=torch.__version__, threads=torch.get_num_threads(), firstMs=first * 1e3)
        for line in sys.stdin:
            command = line.strip()
            if command == "run":
                start = time.perf_counter()
                run()
                answer(ms=(time.perf_counter() - start) * 1e3)
            elif command == "peak":
                answer(peakMiB=peak_mib(settings))
            else:
                raise ValueError(f"Expected run or peak but received {command!r}.")
    except BaseException as error:  # the other side decides what a failure means
        answer(error=f"{type(error).__name__}: {error}")
        sys.exit(1)


def take_stdout():
    """Keeps stdout for answers; what libraries print goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values):
        out.write(json.dumps(values) + "\n")
        out.flush()

    return answer


def on_gpu(settings):
    return settings.get("device") == "cuda"


def use_tf32(wanted):
    import torch

    torch.set_float32_matmul_precision("high" if wanted else "highest")
    convolutions = getattr(torch.backends.cudnn, "conv", None)
    if hasattr(convolutions, "fp32_precision"):
        convolutions.fp32_precision = "tf32" if wanted else "ieee"
    else:
        torch.backends.cudnn.allow_tf32 = wanted


def waiting(run, settings):
    """A run ends when the GPU has done what it was asked for."""
    import torch

    if not on_gpu(settings):
        return run

    def whole():
        torch.compiler.cudagraph_mark_step_begin()
        run()
        torch.cuda.synchronize()

    return whole


def peak_mib(settings):
    """The GPU's memory where one computes, else the process's: not getrusage's, which counts what the parent held
    when it forked, too."""
    if on_gpu(settings):
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def config_of(settings):
    import ecyclegan_torch as peer

    return peer.Config(
        **settings["network"],
        norm_impl="group" if settings.get("group_norm") else "instance",
        merge_calls=bool(settings.get("merge")),
        channels_last=bool(settings.get("channels_last")),
        autocast=bool(settings.get("bfloat16")),
    )


def images(settings, channels, size, spread=None):
    """Random images in [-1, 1], or normal numbers, in the memory format asked for."""
    import torch

    shape = (settings["batch"], channels, size, size)
    x = torch.randn(shape) if spread == "normal" else torch.rand(shape) * 2 - 1
    x = x.to(settings.get("device", "cpu"))
    return x.contiguous(memory_format=torch.channels_last) if settings.get("channels_last") else x


def placed(module, settings):
    import torch

    module = module.to(settings.get("device", "cpu"))
    return module.to(memory_format=torch.channels_last) if settings.get("channels_last") else module


def amp(settings):
    import torch

    enabled = bool(settings.get("bfloat16"))
    # A graph must not hold what autocast keeps between its regions.
    cached = not settings.get("captured")
    return torch.autocast(settings.get("device", "cpu"), dtype=torch.bfloat16, enabled=enabled, cache_enabled=cached)


def compiled(module, settings):
    """In place. Shapes never change here."""
    mode = settings.get("compile")
    if mode:
        module.compile(dynamic=False, mode=None if mode is True else mode)


def step(settings):
    """A training step, losses and both optimizers' updates included."""
    import ecyclegan_torch as peer
    import torch

    config = config_of(settings)
    if settings.get("captured"):
        config.pool_size = 0
    trained = peer.CycleGANStep(config)
    trained._amp = lambda: amp(settings)
    for module in trained.modules():
        placed(module, settings)
        compiled(module, settings)
    trained.make_optimizers()
    a, b = (images(settings, config.channels, settings["size"]) for _ in range(2))

    def losses():
        return torch.stack([loss.float() for loss in trained.step(a, b).values()])

    run = captured(trained, losses) if settings.get("captured") else losses
    return lambda: run().tolist()


def captured(trained, losses):
    """The step as one CUDA graph, by the steps of PyTorch's documentation."""
    import torch

    for optimizer in (trained.opt_g, trained.opt_d):
        for group in optimizer.param_groups:
            group["capturable"] = True
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            losses()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = losses()

    def run():
        graph.replay()
        return result

    return run


def trunk(settings):
    """A generator's trunk alone, gradients by its input and by all its weights."""
    import ecyclegan_torch as peer

    config = config_of(settings)
    module = peer.make_generator(config).trunk
    module.apply(peer.init_normal)
    placed(module, settings)
    width, side = 4 * config.ngf, settings["size"] // 4
    x, dy = (images(settings, width, side, "normal") for _ in range(2))
    x.requires_grad_(True)
    compiled(module, settings)

    def run():
        module.zero_grad(set_to_none=True)
        x.grad = None
        with amp(settings):
            y = module(x)
        y.backward(dy.to(y.dtype))

    return run


def perceptual(settings):
    """The perceptual loss between two batches, gradient by the first."""
    import ecyclegan_torch as peer
    import torch

    features = placed(peer.VGG19Features(config_of(settings).vgg_mode), settings)
    x, target = (images(settings, 3, settings["size"]) for _ in range(2))
    x.requires_grad_(True)
    compiled(features, settings)

    def run():
        x.grad = None
        with amp(settings):
            with torch.no_grad():
                wanted = features(target)
            loss = peer.perceptual_l1(features(x), wanted)
        loss.backward()

    return run


def infer(settings):
    """A generator's forward pass: in PyTorch, or its export in onnxruntime."""
    import ecyclegan_torch as peer
    import torch

    config = config_of(settings)
    generator = placed(peer.make_generator(config).eval(), settings)
    generator.apply(peer.init_normal)
    x = images(settings, config.channels, settings["size"])
    if settings.get("onnx"):
        return exported(generator, x, settings)
    if settings.get("compile"):
        from torch._inductor import config as inductor

        inductor.freezing = True
        compiled(generator, settings)

    def run():
        with torch.no_grad(), amp(settings):
            return generator(x)

    return run


def exported(generator, x, settings):
    import onnxruntime
    import torch

    path = settings["onnx"]
    example = torch.zeros(2, *x.shape[1:])
    shapes = ({0: torch.export.Dim("n")},)
    torch.onnx.export(
        generator, (example,), path, dynamo=True, external_data=False, dynamic_shapes=shapes, input_names=["input"],
        output_names=["output"], verbose=False,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = x.contiguous().numpy()
    return lambda: session.run(None, {"input": values})


TASKS = {"step": step, "trunk": trunk, "perceptual": perceptual, "infer": infer}

if __name__ == "__main__":
    main()

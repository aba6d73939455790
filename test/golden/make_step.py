"""Makes networks.safetensors and step-*.safetensors: what the PyTorch peer computes.

Usage: python make_step.py --peer FOLDER      (the folder of ecyclegan_torch.py; needs torch and safetensors)

The peer runs in double precision, so that only the rounding of the side under test counts. Weights
are written under this project's names and in its layouts (filters [h, w, in, out], of transposed
convolutions [h, w, out, in]; images NHWC). PyTorch's biases before a norm have no effect: they are
0 and left out. Each file's metadata holds, under "cases", the settings in this project's terms.

networks.safetensors, for each case: params/<name>, x, factors, output, and the gradients of
sum(output * factors): dx, grads/<name>.

step-<case>.safetensors: ten whole training steps. before/, after1/ and after10/
<network>/<name>; images/<a|b> (bytes [10, n, h, w, c]; a pixel is byte / 128 - 1, exact in
single precision); losses
[10, names], weighted, in the order of metadata "losses"; features/<layer>.filter and .bias.
Losses are weighed alike by
    lambdaCycle * perceptualBeta  = lambda_cycle
    lambdaCycle * perceptualAlpha = lambda_perc
    lambdaIdentity                = lambda_idt      (both times lambdaCycle)
with perceptualBeta 1. The image pool is still filling: every fake is shown as it is.
"""
import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--peer", required=True, help="folder of ecyclegan_torch.py")
sys.path.insert(0, parser.parse_args().peer)
import ecyclegan_torch as peer  # noqa: E402

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)

# ---------------------------------------------------------------------------- names


def layers(network):
    """Yields (this project's layer name, the peer's conv, whether its bias has an effect)."""
    convs = lambda m: [c for c in m.modules() if isinstance(c, (nn.Conv2d, nn.ConvTranspose2d))]  # noqa: E731
    if isinstance(network, peer.PatchGAN):
        body = convs(network)
        for i, conv in enumerate(body):
            yield f"layers.{i}", conv, i in (0, len(body) - 1)
        return
    for i, conv in enumerate(convs(network.encoder)):
        yield f"encoder.{i}", conv, False
    for b, block in enumerate(network.trunk):
        if isinstance(block, peer.ResnetBlock):
            for i, conv in enumerate(convs(block), 1):
                yield f"trunk.{b}.conv{i}", conv, False
        else:
            for d, dense in enumerate(block.rdbs, 1):
                for i, conv in enumerate(dense.convs, 1):
                    yield f"trunk.{b}.dense{d}.conv{i}", conv, isinstance(dense.norm, nn.Identity)
    for i, conv in enumerate(convs(network.decoder)):
        yield f"decoder.{i}", conv, i == 2


def own(network, part=lambda p: p):
    """A network's parameters, or `part` of each, in this project's names and layouts."""
    tensors = {}
    for name, conv, biased in layers(network):
        # [out, in, h, w] to [h, w, in, out]; transposed [in, out, h, w] to [h, w, out, in].
        tensors[f"{name}.filter"] = part(conv.weight).permute(2, 3, 1, 0)
        if biased:
            tensors[f"{name}.bias"] = part(conv.bias)
    return tensors


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def to_single(network):
    """Rounds weights to what a file in single precision holds."""
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(p.float())


def prefixed(prefix, tensors):
    return {f"{prefix}/{name}": t for name, t in tensors.items()}


def save(name, tensors, metadata):
    stored = {
        k: (t if t.dtype == torch.uint8 else t.detach().float()).contiguous() for k, t in tensors.items()
    }
    save_file(stored, HERE / name, {k: json.dumps(v) for k, v in metadata.items()})


# ------------------------------------------------------------------------- settings

GENERATOR = dict(channels=1, ngf=3, n_blocks=2, nb=1, n_rdb=2, n_conv=3, growth=3, alpha=0.5)


def generator_settings(c):
    """The options of makeGenerator that mean a peer's Config."""
    return dict(generator=c.generator, channels=c.channels, baseWidth=c.ngf, resBlocks=c.n_blocks, blocks=c.nb,
                denseBlocks=c.n_rdb, subBlocks=c.n_conv, growth=c.growth, residualScale=c.alpha,
                trunkNorm="instance" if c.trunk_norm else "none")


def discriminator_settings(c):
    return dict(channels=c.channels, discriminatorWidth=c.ndf, discriminatorLayers=c.n_layers_d)


# ------------------------------------------------------------------------- networks


def network_golden(network, n, height, width):
    """Weights that keep a signal's size; biases that matter are not 0."""
    for _, conv, biased in layers(network):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
        nn.init.normal_(conv.bias, std=0.1 if biased else 0)
    to_single(network)
    channels = next(network.parameters()).shape[1]
    x = (torch.rand(n, channels, height, width) * 2 - 1).float().double().requires_grad_()
    output = network(x)
    factors = torch.rand_like(output).float().double() * 2 - 1
    (output * factors).sum().backward()
    return {"x": nhwc(x), "factors": nhwc(factors), "output": nhwc(output), "dx": nhwc(x.grad),
            **prefixed("params", own(network)), **prefixed("grads", own(network, lambda p: p.grad))}


def make_networks():
    torch.manual_seed(1)
    tensors, cases = {}, {}
    generators = {
        "cyclegan": peer.Config(generator="cyclegan", **GENERATOR),
        "ecyclegan-instance": peer.Config(trunk_norm=True, **GENERATOR),
        "ecyclegan-none": peer.Config(trunk_norm=False, **{**GENERATOR, "channels": 3, "n_conv": 5, "n_rdb": 1}),
    }
    for name, c in generators.items():
        tensors |= prefixed(name, network_golden(peer.make_generator(c), 2, 12, 16))
        cases[name] = generator_settings(c)
    for n_layers, height, width in ((2, 20, 13), (3, 24, 28)):
        c = peer.Config(channels=3 if n_layers == 2 else 1, ndf=3, n_layers_d=n_layers)
        network = peer.PatchGAN(c.channels, c.ndf, c.n_layers_d)
        name = f"discriminator-{n_layers}"
        tensors |= prefixed(name, network_golden(network, 2, height, width))
        cases[name] = discriminator_settings(c)
    save("networks.safetensors", tensors, {"cases": cases})


# ----------------------------------------------------------------------------- steps

# Ours -> the peer's; where it has two, their sum.
LOSSES = {
    "adversarialAB": ["adv_ab"], "adversarialBA": ["adv_ba"], "cycleA": ["cyc_a"], "cycleB": ["cyc_b"],
    "features": ["perc", "perc_a", "perc_b"], "identityA": ["idt_a"], "identityB": ["idt_b"],
    "discriminatorA": ["d_a"], "discriminatorB": ["d_b"],
}
NETWORKS = {"generatorAB": "g_ab", "generatorBA": "g_ba", "discriminatorA": "d_a", "discriminatorB": "d_b"}


def make_step(name, c, size, steps=10, batch=2):
    run = peer.CycleGANStep(c)
    for module in run.modules():
        if module is not run.vgg:
            # At the usual 0.02 a step changes weights by so much that rounding grows tenfold with each.
            module.apply(lambda m: peer.init_normal(m, std=0.1))
        to_single(module)
    weights = lambda: {  # noqa: E731
        f"{ours}/{k}": t.clone() for ours, theirs in NETWORKS.items() for k, t in own(getattr(run, theirs)).items()
    }
    tensors = prefixed("before", weights())
    images = torch.randint(0, 256, (2, steps, batch, c.channels, size, size), dtype=torch.uint8)
    rows = []
    for i in range(steps):
        losses = run.step(*(images[side, i] / 128 - 1 for side in (0, 1)))
        rows.append([sum(float(losses[k]) for k in theirs if k in losses) for theirs in LOSSES.values()])
        if i + 1 in (1, steps):
            tensors |= prefixed(f"after{i + 1}", weights())
    tensors["losses"] = torch.tensor(rows)
    for side, label in enumerate("ab"):
        tensors[f"images/{label}"] = images[side].permute(0, 1, 3, 4, 2)
    settings = {
        **generator_settings(c), **discriminator_settings(c), "lambdaCycle": c.lambda_cycle, "perceptualBeta": 1,
        "perceptualAlpha": c.lambda_perc / c.lambda_cycle, "lambdaIdentity": c.lambda_idt, "ganLoss": "lsgan",
        "learningRate": c.lr, "beta1": c.betas[0], "beta2": c.betas[1],
    }
    if run.vgg:
        settings |= {"featureLayers": list(run.vgg.wanted), "featureWidth": 1 / c.vgg_width_div}
        for planned, _ in run.vgg.plan:
            conv = run.vgg.convs[planned]
            tensors[f"features/conv{planned}.filter"] = conv.weight.permute(2, 3, 1, 0)
            tensors[f"features/conv{planned}.bias"] = conv.bias
    save(f"step-{name}.safetensors", tensors, {"cases": {name: settings}, "losses": list(LOSSES)})


make_networks()
make_step("cyclegan", peer.Config(
    generator="cyclegan", channels=3, ngf=3, n_blocks=1, ndf=3, n_layers_d=3, lambda_perc=0, lr=1e-3, seed=2), 24)
make_step("ecyclegan", peer.Config(
    channels=1, ngf=3, nb=1, n_rdb=2, n_conv=3, growth=3, ndf=4, n_layers_d=2, vgg_mode="relu_1", vgg_width_div=32,
    lambda_cycle=5, lambda_perc=2.5, merge_calls=True, lr=1e-3, seed=3), 16)

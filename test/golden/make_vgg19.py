"""Makes vgg19.safetensors: features, and a gradient, of the PyTorch peer's VGG19Features.

Usage: python make_vgg19.py <folder of ecyclegan_torch.py>     (needs torch and safetensors)
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
from ecyclegan_torch import VGG19Features  # noqa: E402

torch.manual_seed(0)
tensors = {}
vgg = VGG19Features("relu_1", width_div=64, normalise=True)
for name, conv in vgg.convs.items():
    torch.nn.init.normal_(conv.bias, std=0.1)
    if any(name == planned for planned, _ in vgg.plan):
        tensors[f"weights/conv{name}.weight"] = conv.weight
        tensors[f"weights/conv{name}.bias"] = conv.bias
# One-channel images, NHWC in the file.
x = (torch.rand(2, 1, 32, 32) * 2 - 1).requires_grad_()
features = vgg(x)
sum(f.square().mean() for f in features).backward()
to_nhwc = lambda t: t.detach().permute(0, 2, 3, 1).contiguous()  # noqa: E731
tensors["x"] = to_nhwc(x)
tensors["dx"] = to_nhwc(x.grad)
for name, f in zip(vgg.wanted, features):
    tensors[f"features/{name}"] = to_nhwc(f)
save_file({k: v.detach().contiguous() for k, v in tensors.items()}, Path(__file__).with_name("vgg19.safetensors"))

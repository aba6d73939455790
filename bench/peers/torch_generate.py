"""A folder of faces translated by a generator and written as PNG, the way PyTorch does it best.

  python torch_generate.py '{"peer": FOLDER, "sources": FOLDER, "out": FOLDER, "batch": 32, ...}'

Driven as torch_peer.py is, which says what the other settings mean. A run reads every PNG of
`sources`, translates them batch by batch and writes as many into `out`. Readers, the model and
writers work at the same time, with two batches between them; OpenCV decodes and encodes, at its
default level, without the interpreter's lock.
"""

import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import torch_peer

AHEAD = 2


def generate(settings):
    import cv2
    import ecyclegan_torch as peer
    import numpy
    import torch

    # Each face on one thread: there are many of them.
    cv2.setNumThreads(1)
    config = torch_peer.config_of(settings)
    generator = torch_peer.placed(peer.make_generator(config).eval(), settings)
    generator.apply(peer.init_normal)
    if settings.get("compile"):
        from torch._inductor import config as inductor

        inductor.freezing = True
        generator.compile(dynamic=False)
    names = sorted(os.listdir(settings["sources"]))
    batch, out, pool = settings["batch"], settings["out"], ThreadPoolExecutor(settings["threads"])
    os.makedirs(out, exist_ok=True)

    def read(name):
        return cv2.cvtColor(cv2.imread(os.path.join(settings["sources"], name)), cv2.COLOR_BGR2RGB)

    def write(name, image):
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(os.path.join(out, name), image):
            raise OSError(f"Cannot write {name} into {out}.")

    def batches():
        """Images in [-1, 1], prepared ahead; the last batch is filled up: compiled code has one shape."""
        ready = queue.Queue(AHEAD)

        def prepare():
            try:
                for start in range(0, len(names), batch):
                    part = names[start : start + batch]
                    images = numpy.stack(list(pool.map(read, part)))
                    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
                    if not settings.get("channels_last"):
                        x = x.contiguous()
                    if len(part) < batch and settings.get("compile"):
                        x = torch.cat([x, x.new_zeros(batch - len(part), *x.shape[1:])])
                    ready.put((part, placed(x)))
            except BaseException as error:
                ready.put(error)
            ready.put(None)

        thread = threading.Thread(target=prepare)
        thread.start()
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
        thread.join()

    def placed(x):
        return x.contiguous(memory_format=torch.channels_last) if settings.get("channels_last") else x

    def run():
        writing = []
        with torch.inference_mode(), torch_peer.amp(settings):
            for part, x in batches():
                y = generator(x)[: len(part)].float()
                images = y.add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
                images = numpy.ascontiguousarray(images.numpy())
                writing.append([pool.submit(write, name, image) for name, image in zip(part, images)])
                if len(writing) > AHEAD:
                    for one in writing.pop(0):
                        one.result()
            for one in (one for several in writing for one in several):
                one.result()

    return run


torch_peer.TASKS["generate"] = generate

if __name__ == "__main__":
    torch_peer.main()

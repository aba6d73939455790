"""Unpacks libtensorflow and the headers of its C API from TensorFlow's wheel: unpack.py WHEEL FOLDER

cuda-requirements.txt in FOLDER says which packages of CUDA's libraries the wheel goes with.
"""
import os
import re
import shutil
import sys
import zipfile

wheel, folder = sys.argv[1:]
library = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)")
header = re.compile(r"tensorflow/(include/(?:tensorflow|tsl|xla/tsl)/(?:c|platform|core/platform)/.*\.h)")
cuda = re.compile(r"^Requires-Dist: (nvidia-[^;\s]+) *(?:\(([^)]*)\))? *; *extra *== *['\"]and-cuda['\"]", re.MULTILINE)

with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if match := library.fullmatch(name):
            path = os.path.join(folder, "lib", match[1])
        elif match := header.fullmatch(name):
            path = os.path.join(folder, match[1])
        else:
            if re.fullmatch(r"[^/]*\.dist-info/METADATA", name):
                requirements = cuda.findall(archive.read(name).decode())
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 2**20)

with open(os.path.join(folder, "cuda-requirements.txt"), "w") as file:
    file.writelines(f"{name}{version}\n" for name, version in requirements)

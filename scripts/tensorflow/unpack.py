"""Unpacks libtensorflow and the headers of its C API from TensorFlow's wheel: unpack.py WHEEL FOLDER"""
import os
import re
import shutil
import sys
import zipfile

wheel, folder = sys.argv[1:]
library = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)")
header = re.compile(r"tensorflow/(include/(?:tensorflow|tsl|xla/tsl)/(?:c|platform|core/platform)/.*\.h)")

with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if match := library.fullmatch(name):
            path = os.path.join(folder, "lib", match[1])
        elif match := header.fullmatch(name):
            path = os.path.join(folder, match[1])
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 2**20)

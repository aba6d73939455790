"""Unpacks some files of a wheel into a folder, without their paths: unpack_files.py WHEEL FOLDER FILE..."""
import os
import shutil
import sys
import zipfile

wheel, folder, *names = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        with archive.open(name) as source, open(os.path.join(folder, os.path.basename(name)), "wb") as target:
            shutil.copyfileobj(source, target, 2**20)

"""Calls one function of huggingface_hub and prints what came of it, traceback included, as one line of JSON."""

import hashlib
import io
import json
import os
import pathlib
import sys
import traceback

sys.path.insert(0, os.path.dirname(__file__))
import hf_session  # noqa: E402

hf_session.carry(os.environ.get("INTEROP_COOKIE"))
import huggingface_hub  # noqa: E402

function, arguments = sys.argv[1], json.loads(sys.argv[2])
if "path_or_fileobj" in arguments:
    arguments["path_or_fileobj"] = io.BytesIO(arguments["path_or_fileobj"].encode())
try:
    result = getattr(huggingface_hub, function)(**arguments)
    value = {"text": str(result)}
    if function == "hf_hub_download":
        value["sha256"] = hashlib.sha256(pathlib.Path(result).read_bytes()).hexdigest()
    if function == "snapshot_download":
        root = pathlib.Path(result)
        value["files"] = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    print(json.dumps({"ok": True, "value": value, "text": ""}))
except Exception as error:
    # What a person sees at the end of a script that failed, chained causes included.
    print(json.dumps({"ok": False, "value": {}, "text": traceback.format_exc(), "error": f"{type(error).__name__}: {error}"}))

"""The `hf` command (`huggingface-cli` where that is its name), with a session cookie if there is one."""

import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import hf_session  # noqa: E402

hf_session.carry(os.environ.get("INTEROP_COOKIE"))
sys.argv[0] = "hf"
for module in ("huggingface_hub.cli.hf", "huggingface_hub.commands.huggingface_cli"):
    try:
        main = importlib.import_module(module).main
    except ImportError:
        continue
    sys.exit(main())
sys.exit("no command in this version")

"""The versions of `hf` between the newest and the oldest, and a sign-in that ends by its age while a tool is used."""

from suites import cli


def run(report):
    cli.tell(report, "versions", lambda scene, _machines: {
        "hf1 runs": lambda: scene.device_flow("hf1"),
        "hf036 runs": lambda: scene.pasted_token("hf036"),
        "a sign-in that ends by its age": scene.expiry,
    })

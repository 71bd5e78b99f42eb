"""Lets huggingface_hub carry a cookie, by the door that each version has for it."""


def carry(cookie):
    if not cookie:
        return
    import huggingface_hub

    if hasattr(huggingface_hub, "set_client_factory"):
        from huggingface_hub.utils import _http

        made = getattr(_http, "default_client_factory")

        def client():
            opened = made()
            # In the jar, because httpx takes a written Cookie header off every redirect, and Olah redirects `tree`.
            for pair in cookie.split("; "):
                opened.cookies.set(*pair.split("=", 1))
            return opened

        huggingface_hub.set_client_factory(client)
    else:
        import requests

        def session():
            opened = requests.Session()
            opened.trust_env = False
            opened.headers["Cookie"] = cookie
            return opened

        huggingface_hub.configure_http_backend(backend_factory=session)

"""A scripted visitor: follows redirects, keeps cookies as a browser does, fills in sign-in forms. No JavaScript."""

import html.parser
import http.client
import urllib.parse

PAGE_LOAD = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Answer:
    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.body = url, status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def header(self, name):
        return self.headers.get(name)

    def __str__(self):
        return f"{self.status} {self.url}\n{self.headers}\n{self.text[:600]}"


class Page(html.parser.HTMLParser):
    """Forms and links of a page."""

    def __init__(self, answer):
        super().__init__()
        self.url, self.forms, self.links, self._form, self._link = answer.url, [], [], None, None
        self.feed(answer.text)

    def handle_starttag(self, tag, pairs):
        seen = dict(pairs)
        if tag == "form":
            self._form = {"action": urllib.parse.urljoin(self.url, seen.get("action") or self.url),
                          "method": (seen.get("method") or "get").upper(), "fields": {}, "types": {}, "buttons": [], "text": ""}
            self.forms.append(self._form)
        elif tag in ("input", "button") and self._form is not None and seen.get("name"):
            kind = seen.get("type", "text" if tag == "input" else "submit").lower()
            if kind in ("checkbox", "radio") and "checked" not in seen:
                return
            if kind == "submit":
                self._form["buttons"].append((seen["name"], seen.get("value", "")))
                return
            self._form["fields"][seen["name"]] = seen.get("value", "")
            self._form["types"][seen["name"]] = kind
        elif tag == "a" and seen.get("href"):
            self._link = {"href": urllib.parse.urljoin(self.url, seen["href"]), "text": ""}
            self.links.append(self._link)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        if tag == "a":
            self._link = None

    def handle_data(self, data):
        for part in (self._form, self._link):
            if part is not None:
                part["text"] += data


class Visitor:
    """One browser's worth of cookies. Cookies belong to a host and a path, not to a port."""

    def __init__(self):
        self.cookies = {}
        self.trail = []

    def cookie_header(self, url):
        at = urllib.parse.urlsplit(url)
        path = at.path or "/"
        fit = [(name, value) for (host, under, name), value in self.cookies.items()
               if host == at.hostname and (path == under or path.startswith(under.rstrip("/") + "/"))]
        return "; ".join(f"{name}={value}" for name, value in fit)

    def _keep(self, url, lines):
        at = urllib.parse.urlsplit(url)
        for line in lines:
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, _, value = pair.partition("=")
            found = {}
            for attribute in attributes:
                key, _, setting = attribute.partition("=")
                found[key.lower()] = setting
            key = (at.hostname, found.get("path") or "/", name)
            if found.get("max-age", "1").lstrip("-") == "0" or found.get("max-age", "").startswith("-") or "1970" in found.get("expires", ""):
                self.cookies.pop(key, None)
            else:
                self.cookies[key] = value

    def once(self, url, method="GET", headers=None, body=None):
        """One request, no redirect followed."""
        at = urllib.parse.urlsplit(url)
        kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        link = kind(at.hostname, at.port, timeout=30)
        sent = {"User-Agent": "Mozilla/5.0 (interop)", **(headers or {})}
        cookies = self.cookie_header(url)
        if cookies:
            sent["Cookie"] = cookies
        path = urllib.parse.urlunsplit(("", "", at.path or "/", at.query, ""))
        try:
            link.request(method, path, body=body, headers=sent)
            got = link.getresponse()
            answer = Answer(url, got.status, got.headers, got.read())
        finally:
            link.close()
        self._keep(url, got.headers.get_all("Set-Cookie") or [])
        self.trail.append(f"{method} {at.scheme}://{at.netloc}{at.path} {answer.status}")
        return answer

    def load(self, url, method="GET", body=None, headers=None):
        """A page load: redirects are followed as a browser follows them."""
        extra = dict(headers or {})
        for _ in range(20):
            answer = self.once(url, method, {**PAGE_LOAD, **extra}, body)
            if answer.status not in (301, 302, 303, 307, 308) or not answer.header("Location"):
                return answer
            url = urllib.parse.urljoin(url, answer.header("Location"))
            if answer.status not in (307, 308):
                method, body, extra = "GET", None, {}
        raise RuntimeError("twenty redirects in a row:\n" + "\n".join(self.trail[-20:]))

    def submit(self, form, **values):
        fields = urllib.parse.urlencode({**form["fields"], **values})
        at = urllib.parse.urlsplit(form["action"])
        if form["method"] == "GET":
            return self.load(urllib.parse.urlunsplit(at._replace(query=fields)))
        return self.load(form["action"], "POST", fields.encode(), {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"{at.scheme}://{at.netloc}"})

    def sign_in(self, url, who, password, gate):
        """Opens `url` at the gate and does what a person does until the gate lets them through.

        Understands an interstitial page of the gate, the sign-in forms of oidc-provider and Keycloak, a page with a
        button for each person, and pages that only forward a form.
        """
        begun = len(self.trail)
        answer = self.load(url)
        for _ in range(8):
            page = Page(answer)
            at = urllib.parse.urlsplit(answer.url)
            at_gate = f"{at.scheme}://{at.netloc}" == gate
            away = any(f" {gate}/" not in step for step in self.trail[begun:])
            secret = [form for form in page.forms if "password" in form["types"].values()]
            if secret:
                form = secret[0]
                values = {}
                for name, kind in form["types"].items():
                    if kind == "password":
                        values[name] = password
                    elif kind in ("text", "email"):
                        values[name] = who
                answer = self.submit(form, **values)
            elif at_gate and (not at.path.startswith("/-/sso/") or away and at.path == "/-/sso/"):
                return answer
            elif at_gate and any("/login" in link["href"] for link in page.links):
                answer = self.load(next(link["href"] for link in page.links if "/login" in link["href"]))
            elif chosen := [(form, button) for form in page.forms for button in form["buttons"] if who in button[1].split()]:
                answer = self.submit(chosen[0][0], **dict([chosen[0][1]]))
            elif page.forms and answer.status == 200:
                answer = self.submit(page.forms[0])
            else:
                break
        raise RuntimeError("no way through the sign-in:\n" + "\n".join(self.trail[-12:]) + f"\n{answer}")

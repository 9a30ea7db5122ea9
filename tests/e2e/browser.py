"""A browser without eyes, behind the gateway: it keeps cookies, stays where it is sent, and sends forms as browsers do."""

import gzip
import html
import re
import urllib.error
import urllib.parse
import urllib.request

# Where the deployment says that people reach it.
ORIGIN = "https://hooks.example.com"
TOKEN = "form_token"


class Stay(urllib.request.HTTPRedirectHandler):
    """Redirects name paths of the origin, and the emulator has the API below another one."""

    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self, stack):
        self.base = f"{stack.emulator.url}/_aws/execute-api/{stack.outputs['ApiId']}/$default"
        self.cookies = {}
        self.token = None
        self.opener = urllib.request.build_opener(Stay)

    def ask(self, method, path, fields=None):
        """Status, where it leads, and the page."""
        headers = {"accept": "text/html,*/*;q=0.8", "accept-encoding": "gzip"}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields).encode()
            headers |= {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
        request = urllib.request.Request(self.base + path, body, headers, method=method)
        try:
            answer = self.opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            if answer.headers.get("content-encoding") == "gzip":
                content = gzip.decompress(content)
            for line in answer.headers.get_all("set-cookie") or []:
                name, value = line.split(";")[0].split("=", 1)
                if "Max-Age=0" in line:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
            text = content.decode()
            if found := re.search(f'name="{TOKEN}" value="([^"]*)"', text):
                self.token = html.unescape(found[1])
            return answer.code, answer.headers.get("location"), text

    def open(self, path):
        """Where it ends, and the page there, which has to be one."""
        for _ in range(5):
            status, location, text = self.ask("GET", path)
            if location is None:
                break
            path = location
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {text}")
        return path, text

    def post(self, path, **fields):
        """A form of the page that was shown last: status, and where it leads."""
        token = {TOKEN: self.token} if self.token else {}
        status, location, _ = self.ask("POST", path, token | fields)
        return status, location

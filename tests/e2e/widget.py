"""Acts like a CloudWatch dashboard with a custom widget: calls the function, and calls it again for each click."""

import html.parser
import json
import re


class Page(html.parser.HTMLParser):
    """A piece of HTML: its text and its links, each with the parameters of the call that a click makes."""

    def __init__(self, text):
        super().__init__()
        self.text, self.clicks, self.link, self.action, self.is_shown = "", [], None, None, True
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.is_shown = tag != "style"
        if tag == "a":
            self.link = ""
        if tag == "cwdb-action":
            self.action = ""

    def handle_endtag(self, tag):
        self.is_shown = True
        if tag == "cwdb-action":
            self.clicks.append((self.link.strip(), json.loads(self.action)))
            self.action = None

    def handle_data(self, data):
        if not self.is_shown:
            return
        if self.action is not None:
            self.action += data
            return
        self.text += data
        if self.link is not None:
            self.link += data

    def click(self, words):
        """Returns the call parameters of the first link with these words."""
        found = [params for link, params in self.clicks if words in link]
        assert found, f"no link has the words {words}: {[link for link, _ in self.clicks]}"
        return found[0]


class Dashboard:
    """The dashboard of a stack, as a user opens it."""

    def __init__(self, functions, name):
        self.functions, self.name = functions, name

    def ask(self, params, **typed):
        """Returns the function's answer to a click; `typed` has the fields of the form."""
        context = {
            "dashboardName": self.name, "widgetId": "widget-1", "accountId": "000000000000", "locale": "en", "theme": "dark",
            "forms": {"all": typed}, "params": {}, "width": 600, "height": 400,
        }
        event = json.dumps(params | {"widgetContext": context})
        answer = self.functions.invoke(FunctionName=f"{self.name}-widget", Payload=event.encode())
        content = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, content
        return content

    def page(self, params, **typed):
        return Page(self.ask(params, **typed))

    def error(self, cluster):
        """Lists clusters, opens one, resolves it and takes that back; returns the text of the first page with an error, if any."""
        for params in ({}, {"cluster": cluster}):
            page = self.page(params)
            if "cannot be read now" in page.text:
                return page.text
        for decide in ("resolve", "take-back"):
            version = self.page({"cluster": cluster}).click("Acknowledge")["version"]
            page = self.page({"cluster": cluster, "decide": decide, "version": version}, reason="checked")
            if not re.search("Done: (resolved|reopened)", page.text):
                return page.text[:200]
        return None

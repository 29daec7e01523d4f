"""What a dashboard does with a custom widget: it calls the function, and calls it again for what is clicked on."""

import html.parser
import json
import re


class Page(html.parser.HTMLParser):
    """A piece of HTML: its text, and what can be clicked on, each with the parameters of the call."""

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
        """Returns the parameters of the first call whose link has these words."""
        found = [params for link, params in self.clicks if words in link]
        assert found, f"nothing to click on says {words}: {[link for link, _ in self.clicks]}"
        return found[0]


class Dashboard:
    """Somebody who looks at the dashboard of a stack."""

    def __init__(self, functions, name):
        self.functions, self.name = functions, name

    def ask(self, params, **typed):
        """Returns what the function answers to a click, with what was typed into the form."""
        context = {
            "dashboardName": self.name, "widgetId": "widget-1", "accountId": "000000000000", "locale": "en", "theme": "dark",
            "forms": {"all": typed}, "params": {}, "width": 600, "height": 400,
        }
        event = json.dumps(params | {"widgetContext": context})
        answer = self.functions.invoke(FunctionName=f"{self.name}-widget", Payload=event.encode())
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        return told

    def page(self, params, **typed):
        return Page(self.ask(params, **typed))

    def breaks(self, cluster):
        """Looks for clusters, at one, and decides about it both ways; returns what does not work, if anything."""
        for params in ({}, {"cluster": cluster}):
            page = self.page(params)
            if "cannot be read now" in page.text:
                return page.text
        for decide in ("resolve", "take-back"):
            version = self.page({"cluster": cluster}).click("Acknowledge")["version"]
            page = self.page({"cluster": cluster, "decide": decide, "version": version})
            if not re.search("Done: (resolved|reopened)", page.text):
                return page.text[:200]
        return None

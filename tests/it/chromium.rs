//! Drives a Chromium browser by its `DevTools` protocol, over a pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Browser, FLAGS, PATIENCE};

/// A running browser and its connection.
pub struct Chromium {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// Addresses that pages requested.
    pub asked: Vec<String>,
    /// Messages on the console.
    pub said: Vec<String>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser with a new profile; `None` if there is no browser.
    pub fn find() -> Option<Self> {
        let Browser(name) = Browser::find()?;
        let profile = tempfile::tempdir().unwrap();
        // It reads commands from descriptor 3 and answers on 4; a shell can name these.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
                name,
            ])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (heard, from) = channel();
        thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let _ = heard.send(serde_json::from_slice(&message).unwrap_or_default());
            }
        });
        let mut chromium = Self {
            child,
            to,
            from,
            session: None,
            calls: 0,
            asked: Vec::new(),
            said: Vec::new(),
            _profile: profile,
        };
        chromium.attach();
        Some(chromium)
    }

    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|of| of["type"] == "page").unwrap();
        let attached = json!({"targetId": page["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", &attached);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        self.size(1280, 900);
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut message = message.to_string().into_bytes();
        message.push(0);
        self.to.write_all(&message).unwrap();
        loop {
            let mut heard = self.from.recv_timeout(PATIENCE).unwrap();
            if heard["id"] == json!(self.calls) {
                assert_eq!(heard.get("error"), None, "{method}");
                return heard["result"].take();
            }
            self.note(&heard);
        }
    }

    fn note(&mut self, heard: &Value) {
        let params = &heard["params"];
        match heard["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap();
                self.asked.push(url.to_owned());
            }
            "Runtime.consoleAPICalled" => self.said.push(params["args"].to_string()),
            "Runtime.exceptionThrown" => self.said.push(params["exceptionDetails"].to_string()),
            "Log.entryAdded" => self.said.push(params["entry"].to_string()),
            _ => {}
        }
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({"url": url}));
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// Sets the size of the page to that of a window.
    pub fn size(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Sets the preferred colour scheme of the system.
    pub fn prefer(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Returns the value of a JavaScript expression in the page.
    pub fn ask(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", &params);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].take()
    }

    /// Returns the value of an expression that is a text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.ask(expression);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
            .to_owned()
    }

    /// Waits until an expression is true in the page.
    pub fn until(&mut self, expression: &str) {
        let millis = PATIENCE.as_millis() / 3;
        let looking = format!(
            "new Promise(done => {{
                const end = performance.now() + {millis};
                const look = () => {{
                    let is = false;
                    try {{ is = !!({expression}); }} catch {{}}
                    if (is || performance.now() > end) done(is); else setTimeout(look, 20);
                }};
                look();
            }})"
        );
        if self.ask(&looking) != true {
            let body = self.ask("document.body.innerText");
            panic!("never: {expression}\n{body}\n{:?}", self.said);
        }
    }

    /// Clicks the centre of an element.
    pub fn click(&mut self, element: &str) {
        let at = self.ask(&format!(
            "(() => {{ const element = {element}; element.scrollIntoView({{block: 'center'}});
               const box = element.getClientRects()[0];
               return {{x: box.x + box.width / 2, y: box.y + box.height / 2}}; }})()"
        ));
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let mut event =
                json!({"type": kind, "button": "left", "buttons": buttons, "clickCount": 1});
            event["x"] = at["x"].clone();
            event["y"] = at["y"].clone();
            if kind == "mouseMoved" {
                event["button"] = json!("none");
            }
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types a text into the focused element.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Presses a key: Tab, Enter or Escape.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            _ => (27, ""),
        };
        let event = |kind: &str| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", &event("keyDown"));
        self.call("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// Presses Ctrl+C and returns the content of the clipboard.
    pub fn copied(&mut self) -> String {
        let allowed = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        self.call("Browser.grantPermissions", &allowed);
        self.call(
            "Input.dispatchKeyEvent",
            &json!({"type": "keyDown", "key": "c", "code": "KeyC", "modifiers": 2,
                "windowsVirtualKeyCode": 67, "commands": ["copy"]}),
        );
        self.text("navigator.clipboard.readText()")
    }

    /// Returns the window as a picture in PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        BASE64_STANDARD
            .decode(picture["data"].as_str().unwrap())
            .unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self
            .to
            .write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.child.wait();
    }
}

/// Returns an expression for the element that matches a selector and has a text.
pub fn with_text(selector: &str, text: &str) -> String {
    let (selector, text) = (json!(selector), json!(text));
    format!(
        "[...document.querySelectorAll({selector})].find(of => of.textContent.trim() === {text})"
    )
}

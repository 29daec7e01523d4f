// The texts of the page around the widget, in English and in Chinese.
"use strict";

const WORDS = {
  en: {
    name: "CloudTrail errors", title: "Sensitive calls and clusters", name_of: "CloudTrail errors in {name}", ranges: "Time range", refresh: "Refresh",
    dark: "Dark", light: "Light", zone_utc: "UTC", zone_local: "Local time", other_language: "中文",
    documentation: "Documentation", shortcuts: "Shortcuts", details: "Details", close: "Close", cancel: "Cancel", ok: "OK",
    copy: "Copy", copied: "Copied", link: "Copy link",
    "1h": "1h", "3h": "3h", "12h": "12h", "1d": "1d", "3d": "3d", "1w": "1w", all: "All",
    no_server: "The server does not answer: {problem}", no_call: "The widget cannot be called: {problem}",
    other_function: "This action calls another function, which is not available here.",
    no_json: "The parameters of this action are not JSON.", status: "the server answers {status}",
    key: "Key", does: "What it does",
    keys: [["/", "Search"], ["j", "Next row"], ["k", "Previous row"], ["Enter", "Open the row"], ["Esc", "Close"],
      ["g l", "Go to the list"], ["?", "Show these shortcuts"]],
  },
  zh: {
    name: "CloudTrail 错误", title: "敏感操作与聚类", name_of: "{name} 中的 CloudTrail 错误", ranges: "时间范围", refresh: "刷新",
    dark: "深色", light: "浅色", zone_utc: "UTC", zone_local: "本地时间", other_language: "English",
    documentation: "文档", shortcuts: "快捷键", details: "详情", close: "关闭", cancel: "取消", ok: "确定",
    copy: "复制", copied: "已复制", link: "复制链接",
    "1h": "1 小时", "3h": "3 小时", "12h": "12 小时", "1d": "1 天", "3d": "3 天", "1w": "1 周", all: "全部",
    no_server: "服务器没有响应：{problem}", no_call: "无法调用小组件：{problem}",
    other_function: "该操作调用另一个函数，此处不可用。", no_json: "该操作的参数不是 JSON。", status: "服务器返回 {status}",
    key: "按键", does: "作用",
    keys: [["/", "搜索"], ["j", "下一行"], ["k", "上一行"], ["Enter", "打开该行"], ["Esc", "关闭"], ["g l", "返回列表"],
      ["?", "显示快捷键"]],
  },
};

// The language that the address asks for (?lang=zh), else that of the browser; English for all other languages.
const asked_language = new URLSearchParams(location.search).get("lang");
const LANGUAGE = Object.hasOwn(WORDS, asked_language ?? "") ? asked_language
  : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
const texts = WORDS[LANGUAGE];

// Returns a text with its placeholder filled in.
function filled(name, value) {
  return texts[name].replace(/\{\w+\}/, () => value);
}

// The rule editor: saves as people type, shows fields in texts as chips. Without it, the form works by itself.
(() => {
  "use strict";
  const one = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const form = () => one("#rule-form");
  const box = () => one("#editor");
  let names = {};
  let caret = null; // where in it
  let last = null; // the text field that was used last: where a pressed field goes

  // Saving. One request at a time; what comes meanwhile waits, and is sent as it stands then.
  const PAUSE = 300;
  let timer = 0;
  let busy = false;
  let next = null;
  let acts = []; // what pressed buttons do, one after the other
  let moving = false; // until the form shows it, other buttons would mean other places

  function later(part) {
    clearTimeout(timer);
    if (next?.part === "editor") part = "editor";
    next = { ...next, part };
    timer = setTimeout(send, part === "editor" ? 0 : PAUSE);
  }

  async function send() {
    clearTimeout(timer);
    if (busy || !(next || acts.length) || !form()) return;
    const act = acts.shift();
    const part = act ? "editor" : next.part;
    next = null;
    busy = true;
    const whole = part === "editor";
    const open = whole ? all("details[id], details:has(> summary[id])", box()).filter((el) => el.open).map(key) : [];
    const body = new FormData(form());
    const sent = new FormData(form());
    body.set("part", part);
    if (act) body.set("act", act);
    const saved = one("#saved");
    if (saved) saved.textContent = box().dataset.saving;
    try {
      const answer = await fetch(form().action, {
        method: "POST",
        headers: { "HX-Request": "true", "HX-Current-URL": location.href },
        body: new URLSearchParams(body),
      });
      if (answer.status === 401) return (location.href = answer.headers.get("HX-Redirect"));
      if (answer.status === 409 || answer.status === 403) return whole_page(act);
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      whole ? replace(html, open, MOVES.test(act || "") ? [] : typed_since(sent)) : notes(html);
      one("#unsaved")?.remove();
      one("#typed")?.remove(); // it said "not saved yet"
    } catch {
      next = { part, ...next };
      if (act) acts.unshift(act);
      unsaved();
      timer = setTimeout(send, 4000);
    } finally {
      busy = false;
      document.body.classList.remove("vv-busy");
      if (!acts.some((one) => MOVES.test(one))) moving = false;
      if ((next || acts.length) && !one("#unsaved")) timer = setTimeout(send, acts.length || next.part === "editor" ? 0 : PAUSE);
    }
  }

  function whole_page(act) {
    const button = Object.assign(document.createElement("input"), { type: "hidden", name: "act", value: act || "save" });
    form().append(button);
    form().submit();
  }

  const key = (el) => el.id || one("summary", el).id;

  function parsed(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content;
  }

  // What was typed while the answer was on its way is put into the new form, and saved next. An act that moves
  // things gives other places to what stands in the form: then a name may mean something else.
  const MOVES = /^(up|down|remove|copy|drop)\b/;
  function typed_since(sent) {
    return [...new FormData(form())].filter(([name, value]) => sent.has(name) && sent.getAll(name).length === 1 && sent.get(name) !== value);
  }
  function retype(changes) {
    for (const [name, value] of changes) {
      const input = form().elements.namedItem(name);
      if (input?.matches?.("input:not([type=checkbox], [type=hidden]), textarea, select")) input.value = value;
    }
    if (changes.length) later("editor");
  }

  function replace(html, open, changes) {
    const fresh = one("#editor", parsed(html));
    if (!fresh) return whole_page();
    const focused = document.activeElement?.id || document.activeElement?.dataset.for || "";
    const scroll = window.scrollY;
    for (const el of all("details", fresh)) if (open.includes(key(el))) el.open = true;
    box().replaceWith(fresh);
    window.htmx?.process(fresh);
    retype(changes);
    begin();
    window.scrollTo({ top: scroll });
    const wanted = fresh.dataset.focus || focused;
    (document.getElementById(`x-${wanted}`) || document.getElementById(wanted))?.focus({ preventScroll: true });
  }

  function notes(html) {
    for (const el of all("[hx-swap-oob]", parsed(html))) {
      el.removeAttribute("hx-swap-oob");
      const old = document.getElementById(el.id);
      if (old && old.innerHTML !== el.innerHTML) {
        const open = one("details[open]", old) !== null;
        old.replaceWith(el);
        if (open && one("details", el)) one("details", el).open = true;
      }
      const now = document.getElementById(el.id);
      const row = now?.closest(".map");
      if (row) {
        const bad = now.hasAttribute("data-bad");
        row.classList.toggle("bad", bad);
        for (const input of all(`[aria-describedby="${el.id}"]`, row)) bad ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
      }
    }
  }

  function unsaved() {
    if (one("#unsaved")) return;
    const words = Object.assign(document.createElement("p"), { textContent: box().dataset.failed });
    const notice = Object.assign(document.createElement("div"), { className: "notice bad", id: "unsaved" });
    notice.setAttribute("role", "alert");
    notice.append(words);
    box().before(notice);
  }

  const inside = (el) => el.form === form() && form() !== null;
  document.addEventListener("input", (event) => {
    const el = event.target;
    if (el.matches("[data-narrow]")) return narrow(el);
    if (el.matches(".tokens")) write(el);
    if (el.matches(".tokens") || (inside(el) && el.matches("input:not([type=checkbox]):not([type=date]), textarea"))) later("notes");
  });
  document.addEventListener("change", (event) => {
    const el = event.target;
    if (inside(el) && el.matches("select, input[type=checkbox], input[type=date]")) later("editor");
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target !== form() || button?.hasAttribute("data-whole")) return;
    event.preventDefault();
    act(button?.value || "save");
  });
  function act(value) {
    if (moving) return; // pressed before the form showed what the last one did
    moving = MOVES.test(value);
    clearTimeout(timer);
    acts.push(value);
    send();
  }
  window.addEventListener("beforeunload", (event) => {
    if (one("#unsaved")) event.preventDefault();
  });

  // A list that is narrowed by what is typed.
  function narrow(input) {
    const wanted = fold(input.value);
    const list = input.closest(".panel");
    all("li", list).forEach((li) => (li.hidden = !fold(li.textContent).includes(wanted)));
  }
  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().trim();

  // Texts with fields: chips in an editable box; its value is the Liquid text of the input behind it.
  const FIELD = /\{\{\s*([^{}|%]+?)\s*\}\}/g;
  function begin() {
    if (!box()) return;
    names = JSON.parse(box().dataset.tokens || "{}");
    all("[data-liquid]", box()).forEach(enhance);
  }

  function enhance(input) {
    const editable = document.createElement("div");
    editable.className = "tokens";
    editable.id = `x-${input.id}`;
    editable.dataset.for = input.id;
    editable.contentEditable = "true";
    editable.tabIndex = 0;
    editable.spellcheck = false;
    editable.setAttribute("role", "textbox");
    editable.setAttribute("aria-multiline", String(input.matches("textarea")));
    const label = one(`label[for="${CSS.escape(input.id)}"]`);
    if (label) {
      if (!label.id) label.id = `lx-${input.id}`;
      editable.setAttribute("aria-labelledby", label.id);
      label.addEventListener("click", () => editable.focus());
    }
    for (const name of ["aria-describedby", "aria-invalid"]) if (input.hasAttribute(name)) editable.setAttribute(name, input.getAttribute(name));
    fill(editable, input.value);
    input.hidden = true;
    input.after(editable);
  }

  function fill(editable, text) {
    editable.replaceChildren();
    let end = 0;
    for (const found of text.matchAll(FIELD)) {
      if (found.index > end) editable.append(text.slice(end, found.index));
      editable.append(chip(found[1]));
      end = found.index + found[0].length;
    }
    if (end < text.length) editable.append(text.slice(end));
  }

  function chip(path) {
    const el = Object.assign(document.createElement("span"), { className: names[path] ? "token" : "token bad" });
    el.contentEditable = "false";
    el.dataset.path = path;
    el.title = path;
    el.append(Object.assign(document.createElement("span"), { textContent: names[path] || path }));
    return el;
  }

  function write(editable) {
    const input = document.getElementById(editable.dataset.for);
    if (input) input.value = text_of(editable, input.matches("textarea"));
  }

  function text_of(node, lines) {
    let text = "";
    for (const part of node.childNodes) {
      if (part.nodeType === Node.TEXT_NODE) text += part.data;
      else if (part.dataset?.path) text += `{{ ${part.dataset.path} }}`;
      else if (part.nodeName === "BR") text += lines ? "\n" : "";
      else text += (lines && text && /^(DIV|P)$/.test(part.nodeName) ? "\n" : "") + text_of(part, lines);
    }
    return text.replaceAll("\u00a0", " ").replace(/\u200b/g, "");
  }

  function insert(path) {
    const target = last && document.contains(last) ? last : one(".tokens");
    if (!target) return;
    const selection = getSelection();
    let range = caret;
    target.focus();
    if (!range || !document.contains(range.commonAncestorContainer) || !target.contains(range.commonAncestorContainer)) {
      range = document.createRange();
      range.selectNodeContents(target);
      range.collapse(false);
    }
    range.deleteContents();
    const el = chip(path);
    range.insertNode(el);
    range.setStartAfter(el);
    range.collapse(true);
    selection.removeAllRanges();
    selection.addRange(range);
    caret = range.cloneRange();
    write(target);
    later("notes");
  }

  function keep_caret() {
    const selection = getSelection();
    const range = selection.rangeCount ? selection.getRangeAt(0) : null;
    if (last && range && last.contains(range.commonAncestorContainer)) caret = range.cloneRange();
  }
  document.addEventListener("selectionchange", keep_caret);
  document.addEventListener("focusin", (event) => {
    const el = event.target.closest(".tokens");
    if (el) last = el;
  });
  document.addEventListener("paste", (event) => {
    const el = event.target.closest?.(".tokens");
    if (!el) return;
    event.preventDefault();
    const text = event.clipboardData.getData("text/plain");
    document.execCommand("insertText", false, el.ariaMultiLine === "true" ? text : text.replace(/\s*\n\s*/g, " "));
    if (text.includes("{{")) fill(el, text_of(el, true));
    write(el);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-token]");
    if (button) {
      insert(button.dataset.token);
      close();
    }
    const link = event.target.closest("#blocking a[href^='#']");
    if (link) show(event, link.hash.slice(1));
  });

  function show(event, id) {
    const part = document.getElementById(id);
    if (!part) return;
    event.preventDefault();
    for (let el = part; el; el = el.parentElement?.closest("details")) if (el.matches("details")) el.open = true;
    const control = part.matches("input") ? part : one(".tokens, select, input:not([type=hidden]), textarea, summary", part);
    part.scrollIntoView({ block: "center" });
    control?.focus({ preventScroll: true });
  }

  // The list of fields that "{" opens at the text, for the keyboard.
  let list = null;
  function open(editable) {
    close();
    keep_caret();
    list = document.createElement("div");
    list.className = "panel field-list";
    list.setAttribute("role", "dialog");
    list.setAttribute("aria-label", box().dataset.fieldsLabel);
    const search = Object.assign(document.createElement("input"), { type: "search", className: "input" });
    search.setAttribute("data-narrow", "");
    search.setAttribute("aria-label", box().dataset.fieldsLabel);
    const items = document.createElement("ul");
    for (const [path, name] of Object.entries(names)) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      button.dataset.token = path;
      const item = document.createElement("li");
      item.append(button);
      items.append(item);
    }
    list.append(search, items);
    editable.after(list);
    search.focus();
  }
  function close() {
    if (!list) return;
    list.remove();
    list = null;
  }
  document.addEventListener("pointerdown", (event) => {
    if (list && !list.contains(event.target)) close();
  });

  document.addEventListener("keydown", (event) => {
    const el = event.target;
    const command = event.ctrlKey || event.metaKey;
    if (list && list.contains(el)) {
      const buttons = all(":scope > ul > li:not([hidden]) > button", list);
      const at = buttons.indexOf(el);
      if (event.key === "Escape") {
        event.preventDefault();
        close();
        last?.focus();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        buttons[Math.max(0, Math.min(buttons.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
      } else if (event.key === "Enter" && at < 0) {
        event.preventDefault();
        if (buttons[0]) insert(buttons[0].dataset.token);
        close();
      }
      return;
    }
    if (el.matches?.(".tokens")) {
      if (event.key === "{") {
        event.preventDefault();
        open(el);
        return;
      }
      if (event.key === "Enter" && !command && el.ariaMultiLine !== "true") event.preventDefault();
    }
    if (!form()) return;
    if (command && event.key.toLowerCase() === "s") {
      event.preventDefault();
      act("save");
    } else if (command && event.key === "Enter") {
      event.preventDefault();
      one("#try-test")?.click();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      const step = el.closest?.("[data-step]");
      const way = event.key === "ArrowUp" ? "up" : "down";
      const button = step && one(`:scope > .step-body > .step-acts [data-move="${way}"]`, step);
      if (button && !button.disabled) {
        event.preventDefault();
        button.focus();
        button.click();
      }
    }
  });

  begin();
})();

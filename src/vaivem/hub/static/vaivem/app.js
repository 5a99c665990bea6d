// Small comforts. Every page also works without this file.
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  function toast(text) {
    const box = one(".toasts");
    if (!box) return;
    const line = Object.assign(document.createElement("div"), { className: "toast" });
    line.append(Object.assign(document.createElement("span"), { textContent: text }));
    box.append(line);
    setTimeout(() => line.remove(), 6000);
  }

  // Theme: the server keeps the choice; here it only changes without a new page.
  const order = ["auto", "light", "dark"];
  async function switchTheme(button) {
    const form = button.form;
    const now = root.dataset.theme || "auto";
    const next = order[(order.indexOf(now) + 1) % order.length];
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
      body: new URLSearchParams({ theme: next }),
    });
    if (!answer.ok) return form.submit();
    const said = await answer.json();
    if (said.theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = said.theme;
    all("[data-theme-name]").forEach((el) => (el.textContent = said.name));
  }

  // A file field shows our words in place of the browser's; the name of what was chosen is ours to say.
  document.addEventListener("change", (event) => {
    const name = event.target.type === "file" && event.target.parentElement.querySelector("[data-chosen-file]");
    if (!name) return;
    name.dataset.none ||= name.textContent;
    name.textContent = [...event.target.files].map((file) => file.name).join(", ") || name.dataset.none;
  });

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    let el;
    all("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target) || hit(".panel a, .panel button")) menu.open = false;
    });
    if ((el = hit("[data-theme-switch]"))) {
      event.preventDefault();
      switchTheme(el);
    } else if ((el = hit("[data-copy]"))) {
      navigator.clipboard?.writeText(el.dataset.copy).then(() => toast(document.body.dataset.copied));
    } else if ((el = hit("[data-reveal]"))) {
      const field = document.getElementById(el.dataset.reveal);
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      el.setAttribute("aria-pressed", String(shown));
    } else if ((el = hit("[data-dialog]"))) {
      const dialog = document.getElementById(el.dataset.dialog);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
    } else if ((el = hit("[data-close]"))) {
      el.closest("dialog")?.close();
    }
  });

  // A form that is sent says so and is not sent twice; htmx frees the button again.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || event.defaultPrevented || event.target.method === "dialog") return;
    button.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => all("[aria-busy]").forEach((el) => el.removeAttribute("aria-busy")));
  document.addEventListener("htmx:afterRequest", () => all("button[aria-busy]").forEach((el) => el.removeAttribute("aria-busy")));

  // Picked runs bring up the bar; how many there are is said.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.picking");
    if (!form) return;
    const boxes = all("[name=run]", form);
    if (event.target.matches("[data-pick-all]")) boxes.forEach((box) => (box.checked = event.target.checked));
    const whole = boxes.length > 0 && boxes.every((box) => box.checked);
    all("[data-pick-all]", form).forEach((box) => (box.checked = whole));
    const said = one("[data-picked]", form);
    said.textContent = `${boxes.filter((box) => box.checked).length} ${said.dataset.picked}`;
  });

  // A choice that changes what the rest of the form asks for.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // What could not be fetched is said, above what is kept.
  document.addEventListener("htmx:sendError", unreached);
  document.addEventListener("htmx:responseError", unreached);
  document.addEventListener("htmx:afterOnLoad", () => one("#unreached")?.remove());
  function unreached() {
    const page = one("main .page") || one("main");
    if (!page || one("#unreached")) return;
    const notice = Object.assign(document.createElement("div"), { className: "notice bad", id: "unreached" });
    const words = document.createElement("div");
    words.append(Object.assign(document.createElement("p"), { textContent: document.body.dataset.unreached }));
    const again = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: document.body.dataset.again });
    again.addEventListener("click", () => location.reload());
    const acts = Object.assign(document.createElement("div"), { className: "acts" });
    acts.append(again);
    notice.append(words, acts);
    page.prepend(notice);
  }
  document.addEventListener("htmx:afterSettle", () => {
    const el = one("[data-focus]");
    if (!el) return;
    el.removeAttribute("data-focus");
    el.focus();
  });

  // A choice says what it will do; 1, 2, 3 choose, j and k go through the list beside it.
  document.addEventListener("change", (event) => {
    const line = event.target.matches("[data-result]") && one(".result span", event.target.form);
    if (line) line.textContent = event.target.dataset.result;
  });
  function choose(digit) {
    const el = one(`[data-number="${digit}"]`);
    if (el) el.click(), el.focus();
  }

  // Live parts rest while nobody looks, and while a menu in them is open.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-poll]") && (document.hidden || one("details.menu[open], dialog[open]"))) event.preventDefault();
  });

  // Keyboard. Single keys do nothing while typing, and a person can switch them off.
  let waiting = 0;
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      one("summary", menu).focus();
      return;
    }
    if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable=true], dialog")) return;
    if (event.key === "/") {
      const box = one("#search") || one("a.finder");
      if (!box) return;
      event.preventDefault();
      box.matches("a") ? box.click() : box.focus();
    } else if (event.key === "?") one("#keys")?.showModal();
    else if (event.key === "g") waiting = Date.now();
    else if (Date.now() - waiting < 1200) {
      waiting = 0;
      one(`.side [data-key="${CSS.escape(event.key)}"]`)?.click();
    } else if (event.key >= "1" && event.key <= "9") choose(event.key);
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  });
  function step(way) {
    const beside = one(".queue a[aria-current]")?.closest("li");
    if (beside) return one("a", (way > 0 ? beside.nextElementSibling : beside.previousElementSibling) ?? beside).click();
    const lines = all("table.rows a.main, [data-list] a.what, .todo h3 a").filter((el) => el.offsetParent);
    if (!lines.length) return;
    const at = lines.indexOf(document.activeElement);
    lines[Math.min(lines.length - 1, Math.max(0, at + way))].focus();
  }
})();

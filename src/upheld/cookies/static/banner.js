/* upheld: the banner. It keeps no state: the server says what is asked and what runs. Comments are not sent. */
(() => {
  const root = document.documentElement;
  const me = document.currentScript;
  const home = new URL(me.src).origin;
  /* A widget that the site runs already; its adapter stands before this script. */
  const own = window.upheldWidget;
  let lang = me.dataset.lang || root.lang.slice(0, 2) || "en";
  let config, region, came, granted;

  const make = (name, props, ...kids) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(props || {})) {
      if (key === "click") node.addEventListener("click", value);
      else if (key in node) node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...kids);
    return node;
  };
  const button = (text, name, click) => make("button", { type: "button", "data-upheld-do": name, textContent: text, click });
  const link = (text, href) => make("a", { href: home + href, textContent: text });
  const texts = (all) => all.map((text) => make("p", { textContent: text }));
  const optional = () => config.purposes.filter((one) => !one.required);

  /* Put what may run in place, and tell Consent Mode. */
  const apply = () => {
    for (const node of document.querySelectorAll("iframe[data-upheld], img[data-upheld]")) {
      if (config.run.includes(node.dataset.upheld)) {
        if (!node.getAttribute("src")) node.src = node.dataset.src;
      } else node.removeAttribute("src");
    }
    if (window.gtag && Object.keys(config.consent_mode).length) window.gtag("consent", "update", config.consent_mode);
  };

  /* Delete the site's own cookies of tags that stopped, as the server does too. */
  const forget = (stopped) => {
    const rules = optional().flatMap((one) => one.tags).filter((tag) => stopped.includes(tag.id)).flatMap((tag) => tag.cookies);
    const labels = location.hostname.split(".");
    for (const part of document.cookie.split("; ")) {
      const name = part.split("=")[0];
      if (!rules.some((rule) => new RegExp(rule.match).test(name))) continue;
      document.cookie = `${name}=; Max-Age=0; path=/`;
      labels.forEach((_, at) => { document.cookie = `${name}=; Max-Age=0; path=/; domain=${labels.slice(at).join(".")}`; });
    }
  };

  const room = () => {
    const over = region && region.isConnected && getComputedStyle(region).position === "fixed"; // not in a very low window
    const high = over ? `${region.offsetHeight}px` : "";
    root.style.scrollPaddingBottom = high;
    document.body.style.paddingBottom = high;
  };
  const close = () => {
    const inside = region && region.contains(document.activeElement);
    if (region) region.remove();
    region = null;
    room();
    if (inside && came && came.isConnected) came.focus();
  };

  /* Say it on the page first, then to the server: the click does not wait. */
  const choose = async (action, purposes = {}) => {
    close();
    const before = config.run;
    const answer = await fetch(`${home}/consent/receipts`, {
      method: "POST", keepalive: true, credentials: "include", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({
        snapshot: config.snapshot, action, purposes, surface: "banner", gpc: navigator.globalPrivacyControl === true,
      }),
    });
    if (answer.status === 409) return start(true);
    if (!answer.ok) return show();
    const said = await answer.json();
    Object.assign(config, { run: said.run, states: said.states, consent_mode: said.consent_mode, ask: [] });
    forget(before.filter((tag) => !said.run.includes(tag)));
    granted = true;
    apply();
    document.dispatchEvent(new CustomEvent("upheld:choice", { detail: said }));
    if (said.reload) location.reload();
  };

  const place = (node) => {
    close();
    region = node;
    region.addEventListener("focusin", (event) => {
      if (!region.contains(event.relatedTarget)) came = event.relatedTarget;
    });
    region.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
    const skip = document.body.firstElementChild; // a link that skips to the content stays first
    if (skip && skip.matches('a[href^="#"]')) skip.after(region);
    else document.body.prepend(region);
    room();
  };

  /* First layer: a region of the page, which Tab enters and leaves. */
  const show = () => {
    if (own) return own.show(config);
    const t = config.text;
    place(make("section", { className: "upheld-banner", role: "region", ariaLabel: t.label, lang },
      make("div", { className: "upheld-said" },
        make("p", { className: "upheld-title", textContent: t.title }),
        make("p", { textContent: t.lead }), ...texts(config.changes),
        make("p", { className: "upheld-links" }, link(t.policy, config.links.policy), link(t.choices, config.links.choices))),
      make("div", { className: "upheld-row" },
        button(t.allow, "accept_all", () => choose("accept_all")),
        button(t.refuse, "reject_all", () => choose("reject_all")),
        button(t.choose, "choose", open))));
  };

  const fact = (name, value) => [make("dt", { textContent: name }), make("dd", { textContent: value })];
  const purpose = (one) => {
    const t = config.text, id = `upheld-${one.id}`;
    const box = make("input", { type: "checkbox", id, name: one.id, disabled: !!one.required });
    box.checked = one.required || config.states[one.id] === "granted";
    const about = one.tags.map((tag) => make("dl", {},
      ...fact(t.to, `${tag.recipient}${lang === "ja" ? "：" : ": "}${tag.where}`), ...fact(t.sends, tag.sends),
      ...(tag.cookies.length ? fact(t.cookies, tag.cookies.map((kind) => kind.name).join(", ")) : [])));
    return make("li", {}, make("div", { className: "upheld-pick" }, box, make("label", { htmlFor: id, textContent: one.name })),
      ...texts(one.changes), ...(one.required ? [make("p", { textContent: t.always })] : []), ...about);
  };

  /* Second layer: a native dialog; the browser keeps and gives back the focus. */
  const open = () => {
    if (own) return own.show(config, true);
    const t = config.text;
    const list = make("ul", {}, ...config.purposes.map(purpose));
    const done = (action, purposes) => { box.close(); choose(action, purposes); };
    const box = make("dialog", { className: "upheld-dialog", lang, "aria-labelledby": "upheld-title" },
      make("h2", { id: "upheld-title", textContent: t.choose }), list,
      make("div", { className: "upheld-row" },
        button(t.save, "save", () => done("custom", Object.fromEntries(
          optional().map((one) => [one.id, list.querySelector(`[name="${one.id}"]`).checked])))),
        button(t.allow, "accept_all", () => done("accept_all")),
        button(t.refuse, "reject_all", () => done("reject_all")),
        button(t.close, "close", () => box.close())));
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  };

  const line = (text, ...more) => make("p", { className: "upheld-line", role: "status", lang }, text, ...more);
  const filled = () => [...document.querySelectorAll("form :is(input, textarea)")].some((one) => one.value !== one.defaultValue);
  document.addEventListener("securitypolicyviolation", () => {
    if (!granted || filled()) return; // this page was loaded under the old choice
    granted = false;
    place(make("section", { className: "upheld-banner", role: "region", ariaLabel: config.text.label, lang },
      line(config.text.reload), make("div", { className: "upheld-row" },
        button(config.text.reload_now, "reload", () => location.reload()), button(config.text.close, "close", close))));
  });

  const start = async (again) => {
    const answer = await fetch(`${home}/consent/config.${lang}.json`, { credentials: "include" });
    if (!answer.ok) return;
    config = await answer.json();
    if (own) await own.init(config);
    apply();
    document.querySelectorAll("[data-upheld-open]").forEach((one) => { one.hidden = false; one.onclick = open; });
    if (config.signal) document.body.append(line(config.text.signal, " ", link(config.text.choices, config.links.choices)));
    if (config.ask.length || again) show();
    document.dispatchEvent(new CustomEvent("upheld:ready", { detail: config }));
  };

  window.upheld = { choose, open, get config() { return config; } };
  if (own) {
    own.onChoice((purposes, action = "custom") => choose(action, purposes));
    own.onWithdraw((purposes) => choose("withdraw", purposes));
    own.language((code) => { lang = code.slice(0, 2); start(); });
  }
  const style = make("link", { rel: "stylesheet", href: `${home}/consent/banner.css` });
  style.addEventListener("load", () => start());
  document.head.append(style);
})();

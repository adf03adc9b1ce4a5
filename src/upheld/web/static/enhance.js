// upheld: forms and links marked data-swap=ID replace the block with that id in place; data-every=SECONDS keeps a
// block fresh while the page is seen. Whatever fails becomes the ordinary navigation. The answer is parsed by the
// browser itself (responseType document), so no text becomes markup here and Trusted Types have nothing to stop.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const ask = (url, body) => new Promise((done, fail) => {
    const call = new XMLHttpRequest();
    call.open(body ? "POST" : "GET", url);
    call.responseType = "document";
    call.timeout = 20000;
    call.onload = () => call.response ? done(call) : fail();
    call.onerror = call.ontimeout = fail;
    call.send(body);
  });
  const swap = (fresh, old) => {
    const focus = document.activeElement;
    const held = old.contains(focus) && (focus.id || focus.name);
    const [x, y] = [scrollX, scrollY];
    const block = document.adoptNode(fresh);
    old.replaceWith(block);
    const alarm = block.querySelector("[role=alert][tabindex]");
    const again = held && (byId(held) || block.querySelector(`[name="${CSS.escape(held)}"]`) || block);
    if (alarm) return alarm.focus();
    if (again === block) block.tabIndex = -1;
    if (again) again.focus({ preventScroll: true });
    scrollTo(x, y);
  };
  const go = async (id, url, body, plain) => {
    const old = byId(id);
    if (!old) return plain();
    if (old.ariaBusy === "true") return;
    old.ariaBusy = "true";
    try {
      const call = await ask(url, body);
      const fresh = call.response.getElementById(id);
      if (!fresh || (body && call.responseURL !== new URL(url, location).href)) {
        if (body && !fresh && call.status > 399) throw 0;
        return location.assign(call.responseURL);
      }
      document.title = call.response.title;
      if (!body) history.replaceState(null, "", call.responseURL);
      swap(fresh, old);
    } catch {
      old.ariaBusy = null;
      plain();
    }
  };
  addEventListener("submit", (event) => {
    const form = event.target, by = event.submitter, id = form.dataset.swap;
    if (!id || event.defaultPrevented || form.enctype.startsWith("multi")) return;
    event.preventDefault();
    const sent = new URLSearchParams(new FormData(form, by)), post = form.method === "post";
    const url = new URL(form.action);
    if (!post) url.search = sent;
    go(id, url.href, post && sent, () => {
      delete form.dataset.swap;
      form.requestSubmit(by);
    });
  });
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-swap]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.dataset.swap, link.href, null, () => location.assign(link.href));
  });
  const last = new Map();
  setInterval(() => {
    if (document.hidden) return;
    for (const block of document.querySelectorAll("[data-every][id]")) {
      const now = performance.now();
      if (!last.has(block.id)) last.set(block.id, now);
      const typing = block.contains(document.activeElement) && document.activeElement.matches("input,select,textarea");
      if (typing || now - last.get(block.id) < block.dataset.every * 1000) continue;
      last.set(block.id, now);
      ask(location.href).then((call) => {
        const fresh = call.response.getElementById(block.id);
        if (fresh && call.status < 400 && block.isConnected) swap(fresh, block);
      }).catch(() => {});
    }
  }, 1000);
})();

"""A widget for tests that is met as vanilla-cookieconsent 3 is: the same calls, classes and events, and the same traps.

Written for these tests from the package's published interface; `python -m benchmarks.banner` walks through the package itself.
"""

from __future__ import annotations

from typing import Any

from tests.cookies.company import BANNER_TAG, ordinary

LIKENESS = r"""
(() => {
  const root = document.documentElement, box = document.createElement("div");
  box.id = "cc-main";
  let settings, kept;
  const ids = (want) => Object.keys(settings.categories).filter((id) => !want || want(settings.categories[id]));
  const write = (value, life) => { document.cookie = `cc_cookie=${value}; path=/; max-age=${life}`; };
  const read = () => {
    const found = document.cookie.split("; ").find((one) => one.startsWith("cc_cookie="));
    const told = found && JSON.parse(decodeURIComponent(found.slice(10)));
    return told && told.revision === settings.revision ? told : undefined;
  };
  const layer = (name, on) => {
    root.classList.toggle(`show--${name}`, on);
    box.querySelector(name === "consent" ? ".cm" : ".pm").hidden = !on;
  };
  const accept = (wanted, without = []) => {
    const before = kept && kept.categories;
    const chosen = wanted === "all" ? ids() : [].concat(wanted);
    const categories = ids((one) => one.readOnly).concat(chosen.filter((id) => !settings.categories[id].readOnly && !without.includes(id)));
    kept = { categories, revision: settings.revision };
    write(encodeURIComponent(JSON.stringify(kept)), settings.cookie.expiresAfterDays * 86400);
    layer("consent", false);
    layer("preferences", false);
    if (!before) return settings.onFirstConsent({ cookie: kept });
    const changedCategories = ids().filter((id) => before.includes(id) !== categories.includes(id));
    if (changedCategories.length) settings.onChange({ cookie: kept, changedCategories });
  };
  const button = (role, text) => `<button type="button" data-role="${role}">${text}</button>`;
  const draw = () => {
    const { consentModal: first, preferencesModal: second } = settings.language.translations[settings.language.default];
    const tick = ({ title, description, linkedCategory: id }) => `<p><label><input type="checkbox" value="${id}"
      ${settings.categories[id].readOnly ? "checked disabled" : (kept ? kept.categories.includes(id) : settings.categories[id].enabled) ? "checked" : ""}>
      ${title}</label></p><div>${description}</div>`;
    box.innerHTML = `<section class="cm" hidden aria-label="${first.title}"><h2>${first.title}</h2><p>${first.description}</p>
      ${button("all", first.acceptAllBtn)}${button("necessary", first.acceptNecessaryBtn)}${button("show", first.showPreferencesBtn)}${first.footer}</section>
      <section class="pm" hidden aria-label="${second.title}">${second.sections.map(tick).join("")}
      ${button("all", second.acceptAllBtn)}${button("necessary", second.acceptNecessaryBtn)}${button("save", second.savePreferencesBtn)}</section>`;
    document.body.prepend(box);
  };
  box.addEventListener("click", (event) => {
    const role = event.target.dataset.role;
    if (role === "all") accept("all");
    if (role === "necessary") accept([]);
    if (role === "save") accept([...box.querySelectorAll(".pm input:checked")].map((one) => one.value));
    if (role === "show") layer("preferences", true);
  });
  document.addEventListener("keydown", (event) => { // keeps the focus, as if its first layer were a dialog
    if (event.key !== "Tab" || !root.classList.contains("show--consent")) return;
    event.preventDefault();
    const all = [...box.querySelectorAll(".cm button, .cm a")];
    all[(all.indexOf(document.activeElement) + 1) % all.length].focus();
  });
  window.CookieConsent = {
    async run(given) { settings = given; kept = read(); draw(); if (given.autoShow !== false && !kept) layer("consent", true); },
    show: () => layer("consent", true),
    showPreferences: () => layer("preferences", true),
    acceptCategory: accept,
    acceptedCategory: (id) => !!kept && kept.categories.includes(id),
    eraseCookies: () => write("", 0),
    reset(erase) { if (erase) write("", 0); kept = undefined; root.classList.remove("show--consent", "show--preferences"); box.remove(); },
    getUserPreferences() {
      const acceptedCategories = kept ? kept.categories : [];
      const all = acceptedCategories.length === ids().length, none = acceptedCategories.every((id) => settings.categories[id].readOnly);
      return { acceptType: all ? "all" : none ? "necessary" : "custom", acceptedCategories };
    },
  };
})();
"""


def with_likeness(scope: Any, lang: str) -> str:
    """Write the pages of a company that loads such a widget and our adapter for it."""
    before = '<script src="/likeness.js" defer></script><script src="/consent/adapter-cookieconsent.js" defer></script>'
    return ordinary(scope, lang).replace(BANNER_TAG, before + BANNER_TAG)

/* upheld: the adapter for vanilla-cookieconsent 3, which the site installs and loads itself. It stands after that
   package and before banner.js. The widget's own cookie is a mirror: what the server keeps is written into it. */
(() => {
  const root = document.documentElement;
  let config, choose, withdraw, began, deaf;

  /* The widget writes its texts as HTML. */
  const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const link = (href, text) => `<a href="${escape(href)}">${escape(text)}</a>`;

  const tag = (one) => {
    const t = config.text, facts = [[t.to, `${one.recipient}: ${one.where}`], [t.sends, one.sends]];
    if (one.cookies.length) facts.push([t.cookies, one.cookies.map((kind) => kind.name).join(", ")]);
    return `<p>${facts.map(([name, value]) => `${escape(name)}: ${escape(value)}`).join("<br>")}</p>`;
  };
  const section = (one) => ({
    title: escape(one.name), linkedCategory: one.id,
    description: (one.required ? [config.text.always] : one.changes).map((text) => `<p>${escape(text)}</p>`).join("") + one.tags.map(tag).join(""),
  });
  const translation = () => {
    const t = config.text;
    const buttons = { acceptAllBtn: escape(t.allow), acceptNecessaryBtn: escape(t.refuse) };
    return {
      consentModal: {
        ...buttons, title: escape(t.title), description: [t.lead, ...config.changes].map(escape).join("<br>"), showPreferencesBtn: escape(t.choose),
        footer: link(config.links.policy, t.policy) + link(config.links.choices, t.choices),
      },
      preferencesModal: {
        ...buttons, title: escape(t.choose), savePreferencesBtn: escape(t.save), closeIconLabel: t.close,
        sections: config.purposes.map(section),
      },
    };
  };
  const granted = () => config.purposes.filter((one) => one.required || config.states[one.id] === "granted").map((one) => one.id);

  const heard = ({ changedCategories = [] }) => {
    if (deaf) return;
    const { acceptType, acceptedCategories } = window.CookieConsent.getUserPreferences();
    const given = (id) => acceptedCategories.includes(id);
    const all = (ids) => Object.fromEntries(ids.map((id) => [id, given(id)]));
    if (changedCategories.length && !changedCategories.some(given)) return withdraw(all(changedCategories));
    const optional = config.purposes.filter((one) => !one.required).map((one) => one.id);
    choose(all(optional), { all: "accept_all", necessary: "reject_all" }[acceptType]);
  };

  window.upheldWidget = {
    async init(told) {
      const widget = window.CookieConsent;
      config = told;
      deaf = true;
      if (began) widget.reset(true);
      else widget.eraseCookies("cc_cookie");
      began = true;
      const have = granted();
      await widget.run({
        autoShow: false, autoClearCookies: false, hideFromBots: false, revision: config.revision,
        cookie: { expiresAfterDays: config.valid_days },
        guiOptions: { consentModal: { equalWeightButtons: true }, preferencesModal: { equalWeightButtons: true } },
        categories: Object.fromEntries(config.purposes.map((one) => [one.id, { readOnly: !!one.required, enabled: have.includes(one.id) }])),
        language: { default: config.lang, translations: { [config.lang]: translation() } },
        onFirstConsent: heard, onChange: heard,
      });
      if (!config.ask.length && !config.signal) widget.acceptCategory(have);
      deaf = false;
    },
    show(_, all) {
      if (all) window.CookieConsent.showPreferences();
      else window.CookieConsent.show(true);
    },
    onChoice(then) { choose = then; },
    onWithdraw(then) { withdraw = then; },
    language(speak) {
      new MutationObserver(() => speak(root.lang)).observe(root, { attributes: true, attributeFilter: ["lang"] });
    },
  };

  /* The first layer is no dialog: Tab enters it, passes and leaves it. */
  window.addEventListener("keydown", (event) => {
    const first = root.classList.contains("show--consent") && !root.classList.contains("show--preferences");
    if (event.key === "Tab" && first) event.stopPropagation();
  }, true);
})();

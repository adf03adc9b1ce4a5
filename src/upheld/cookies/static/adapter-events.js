/* upheld: the adapter for a widget that speaks in plain DOM events. It stands before banner.js.
   On `document` the widget hears upheld:init and upheld:show ({config, escape, all}), and says upheld:chosen
   ({purposes: {id: true}, action}), upheld:withdrawn ({purposes: {id: false}}) and upheld:language ({language}). */
(() => {
  const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail: { ...detail, escape } }));
  const hear = (name, then) => document.addEventListener(name, (event) => then(event.detail));

  window.upheldWidget = {
    init: (config) => { tell("upheld:init", { config }); },
    show: (config, all = false) => { tell("upheld:show", { config, all }); },
    onChoice: (choose) => hear("upheld:chosen", (said) => choose(said.purposes, said.action)),
    onWithdraw: (withdraw) => hear("upheld:withdrawn", (said) => withdraw(said.purposes)),
    language: (speak) => hear("upheld:language", (said) => speak(said.language)),
  };
})();

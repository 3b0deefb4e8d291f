// The mailbox: a list, and the mail that is open, as designed, as plain text, and with its headers.
import { act, day, element, hours, icon, keep, linked, report, returns } from "/assets/elements.js";

const PARTS = { html: "As designed", text: "Plain text", headers: "Headers" };

export function mailbox(place, changed) {
  const title = element("h2", {}), list = element("ol", { class: "mails", "aria-label": "Mails" });
  const letter = element("article", { class: "letter", "aria-label": "Mail", hidden: true });
  const none = element("div", { class: "empty" }, icon("mail"), element("b", {}, "No mail"), element("p", {}, "A mail to this customer appears here."));
  place.append(element("header", {}, icon("mail"), title), element("div", { class: "panes" }, list, letter, none));
  let view = null, open = "", part = "html";
  const seen = new Set(), keyOf = (mail) => `${mail.n} ${mail.to}`;

  function row(mail) {
    const zone = view.customer.time_zone;
    return element("li", {}, element("button", { type: "button", onclick: () => choose(mail, true) },
      element("span", { class: "who" }, element("b", {}, mail.sender), element("time", {}, hours(mail.at, zone))),
      element("span", { class: "subject" }, mail.subject || "(no subject)"),
      element("span", { class: "snippet" }, mail.text.trim().replace(/\s+/g, " ").slice(0, 110))));
  }

  function choose(mail, asked = false) {
    const key = keyOf(mail);
    seen.add(key);
    if (key !== open || letter.dataset.state !== mail.state) {
      open = key;
      letter.dataset.state = mail.state;
      write(mail);
    }
    mark();
    if (asked && window.matchMedia("(max-width: 760px)").matches) letter.scrollIntoView({ block: "start" });
  }

  function mark() {
    for (const item of list.children) {
      const button = item.firstElementChild, key = item.dataset.key;
      button.toggleAttribute("data-new", !seen.has(key));
      if (key === open) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    }
  }

  function write(mail) {
    const zone = view.customer.time_zone;
    const offered = Object.keys(PARTS).filter((name) => name !== "html" || mail.html);
    if (!offered.includes(part)) part = offered[0];
    const body = element("div", { class: "part", id: "part", role: "tabpanel", tabindex: "0" });
    const tabs = element("div", { class: "tabs", role: "tablist", "aria-label": "Parts" }, ...offered.map((name) =>
      element("button", { type: "button", role: "tab", id: `part-${name}`, "aria-controls": "part", onclick: () => turn(name) }, PARTS[name])));
    tabs.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = offered[(offered.indexOf(part) + step + offered.length) % offered.length];
      turn(next);
      tabs.querySelector(`#part-${next}`).focus();
    });
    function turn(name) {
      part = name;
      for (const each of tabs.children) {
        const chosen = each.id === `part-${name}`;
        each.setAttribute("aria-selected", String(chosen));
        each.tabIndex = chosen ? 0 : -1;
      }
      body.setAttribute("aria-labelledby", `part-${name}`);
      body.replaceChildren(content(mail, name));
    }
    letter.replaceChildren(
      element("h3", {}, mail.subject || "(no subject)"),
      element("div", { class: "envelope" }, element("i", { class: "face", "aria-hidden": "true" }, [...mail.sender][0] ?? "?"),
        element("p", {}, element("b", {}, mail.sender), " ", element("span", {}, mail.sender_address), element("br"), element("span", {}, `to ${mail.to}`)),
        element("time", {}, `${day(mail.at, zone)}, ${hours(mail.at, zone)}`)),
      element("div", { class: "tools" }, tabs, element("div", { class: "doings" }, ...doings(mail))), body);
    turn(part);
  }

  function doings(mail) {
    const done = { unsubscribed: "Unsubscribed", bounced: "Bounced", spam: "Marked as spam" }[mail.state];
    if (done) return [element("span", { class: mail.state === "unsubscribed" ? "chip good" : "chip bad" }, done)];
    const button = (name, label, title, what) => element("button", { type: "button", class: "plain", title, onclick: async (event) => {
      event.target.disabled = true;
      report(await act(mail, name), what);
      event.target.disabled = false;
      await changed();
    } }, label);
    return [
      mail.unsubscribe ? button("unsubscribe", "Unsubscribe", "As a mail reader's own button does: one POST (RFC 8058)", "Unsubscribed in one click")
        : element("span", { class: "faint" }, "No one-click unsubscribe"),
      ...(returns() ? [button("spam", "Spam", "The mail provider sends a complaint (RFC 5965)", "Marked as spam"),
        button("bounce", "Bounce", "The mail comes back after all, as if the mailbox were gone (RFC 3464)", "The mail came back")] : []),
    ];
  }

  // The frame may run no scripts and load nothing: by its sandbox, and by the policy that the letter is served with.
  function content(mail, name) {
    if (name === "text") return element("div", { class: "plaintext" }, ...linked(mail.text.trim() || "This mail has no plain text."));
    if (name === "headers") {
      return element("dl", { class: "headers" }, ...mail.headers.map(([key, value]) => element("div", {}, element("dt", {}, key), element("dd", {}, value))));
    }
    return element("iframe", { title: "The mail as designed", sandbox: "allow-popups allow-popups-to-escape-sandbox",
      referrerpolicy: "no-referrer", src: `/sandbox/messages/${mail.n}/html?to=${encodeURIComponent(mail.to)}` });
  }

  return {
    update(found) {
      if (found.customer.id !== view?.customer.id) open = "";
      view = found;
      const mails = found.mails;
      title.textContent = found.customer.addresses.email ?? "Mailbox";
      none.hidden = mails.length > 0;
      list.hidden = letter.hidden = mails.length === 0;
      keep(list, mails, keyOf, row);
      if (mails.length) choose(mails.find((mail) => keyOf(mail) === open) ?? mails[0]);
    },
  };
}

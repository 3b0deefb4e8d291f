// The phone: lock screen, the app behind a notification, and the conversation.
import { act, ago, anchor, brand, counted, day, element, hours, icon, keep, report } from "/assets/elements.js";
import { conversation } from "/assets/conversation.js";

const AT_ONCE = 12;

const from = (push) => push.channel === "webpush" ? `${brand()} · by the browser` : brand();

export function phone(place, changed) {
  const clock = element("time", { class: "clock" }), date = element("p", { class: "date" });
  const corner = element("time", { class: "corner" });
  const waiting = element("ol", { class: "notes", "aria-label": "Notifications" });
  const quiet = element("p", { class: "calm" }, "No notifications");
  const earlier = element("ol", { class: "notes past" });
  const earlierTitle = element("summary", {});
  const history = element("details", { class: "history" }, earlierTitle, earlier);
  const lock = element("div", { class: "screen lock", id: "screen-lock", role: "tabpanel", "aria-labelledby": "tab-lock" },
    clock, date, waiting, quiet, history);
  const app = element("div", { class: "screen app", hidden: true, role: "region", "aria-label": "The app" });
  const talk = conversation(changed);
  const tabs = {
    lock: tab("lock", "lock", "Lock screen"),
    messages: tab("messages", "text", "Messages"),
  };
  const dock = element("div", { class: "dock", role: "tablist", "aria-label": "Screens" }, tabs.lock.button, tabs.messages.button);
  let shownScreen = "lock", person = "", view = null;
  place.append(element("div", { class: "device" },
    element("div", { class: "status", "aria-hidden": "true" }, corner, element("i", { class: "island" }), element("span", { class: "signal" }, element("i"), element("i"), element("i"))),
    lock, talk.screen, app, dock));
  dock.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    show(shownScreen === "messages" ? "lock" : "messages");
    tabs[shownScreen].button.focus();
  });

  function tab(name, drawn, label) {
    const badge = element("span", { class: "count" });
    const button = element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `screen-${name}`,
      onclick: () => show(name) }, icon(drawn), element("span", {}, label), badge);
    return { button, badge };
  }

  function show(name) {
    shownScreen = name;
    lock.hidden = name !== "lock";
    talk.screen.hidden = name !== "messages";
    app.hidden = name !== "app";
    for (const [each, { button }] of Object.entries(tabs)) {
      button.setAttribute("aria-selected", String(each === name));
      button.tabIndex = each === name || (name === "app" && each === "lock") ? 0 : -1;
    }
    if (name === "messages") talk.read();
    render();
  }

  async function open(push) {
    place.classList.add("busy");
    report(await act(push, "open"), `Tapped: the ${push.channel === "webpush" ? "browser" : "app"} acknowledged it as opened`);
    place.classList.remove("busy");
    app.replaceChildren(
      element("button", { type: "button", class: "back", onclick: () => show("lock") }, icon("back"), "Lock screen"),
      element("p", { class: "app-bar" }, element("i", { class: "app-icon" }, icon("bell")), from(push)),
      element("h3", {}, push.title || "Notification"),
      element("p", { class: "words" }, push.text),
      push.link && element("p", {}, anchor(push.link, "Open what it leads to")),
      element("p", { class: "faint" }, push.channel === "webpush"
        ? "The shop's page is open, as after a tap on what its service worker showed."
        : "The app is open, as after a tap.", push.acknowledges
        ? " It has told the gateway so."
        : " The message named no address to acknowledge it at."));
    show("app");
    app.querySelector("button").focus();
    changed();
  }

  async function dismiss(push) {
    report(await act(push, "dismiss"), "Dismissed");
    await changed();
    (waiting.querySelector("button") ?? tabs.lock.button).focus();
  }

  function note(push) {
    return element("li", { class: "note" },
      element("button", { type: "button", class: "tap", onclick: () => open(push), title: "Tap it" },
        element("span", { class: "from" }, element("i", { class: "app-icon" }, icon("bell")), element("span", {}, from(push)),
          element("time", { data: { at: push.at } }, ago(push.at))),
        element("b", {}, push.title || "Notification"), element("span", { class: "words" }, push.text)),
      element("button", { type: "button", class: "dismiss", "aria-label": `Dismiss: ${push.title}`, title: "Dismiss",
        onclick: () => dismiss(push) }, icon("close")));
  }

  function preview(text) {
    return element("li", { class: "note" },
      element("button", { type: "button", class: "tap", onclick: () => { show("messages"); talk.focus(); } },
        element("span", { class: "from" }, element("i", { class: "app-icon green" }, icon("text")),
          element("span", {}, "Messages"), element("time", { data: { at: text.at } }, ago(text.at))),
        element("b", {}, text.sender), element("span", { class: "words" }, text.text)));
  }

  function old(push) {
    const zone = view.customer.time_zone;
    return element("li", { class: "note" }, element("div", { class: "tap" },
      element("span", { class: "from" }, element("span", {}, push.state), element("time", {}, `${day(push.at, zone)} ${hours(push.at, zone)}`)),
      element("b", {}, push.title || "Notification"), element("span", { class: "words" }, push.text)));
  }

  function render() {
    if (!view) return;
    const isOld = (push) => push.state === "opened" || push.state === "dismissed";
    const unread = talk.unread();
    const fresh = view.pushes.filter((push) => !isOld(push));
    const notes = [...fresh.map((each) => ({ ...each, kind: "push" })), ...unread.map((each) => ({ ...each, kind: "text" }))]
      .sort((one, other) => other.n - one.n);
    const shown = notes.slice(0, AT_ONCE);
    keep(waiting, shown, (each) => `${each.kind} ${each.n} ${each.to}`, (each) => each.kind === "push" ? note(each) : preview(each));
    quiet.textContent = notes.length > shown.length ? `and ${notes.length - shown.length} more` : "No notifications";
    quiet.hidden = notes.length > 0 && notes.length === shown.length;
    const past = view.pushes.filter(isOld);
    history.hidden = past.length === 0;
    earlierTitle.textContent = `Earlier (${past.length})`;
    keep(earlier, past, (each) => `${each.n} ${each.to} ${each.state}`, old);
    badge(tabs.lock, notes.length, "notification");
    badge(tabs.messages, unread.length, "unread message");
  }

  function badge(of, number, one) {
    of.badge.textContent = number || "";
    of.button.setAttribute("aria-label", `${of.button.children[1].textContent}${number ? `, ${counted(number, one)}` : ""}`);
  }

  function tick() {
    const now = Date.now(), zone = view?.customer.time_zone;
    clock.textContent = corner.textContent = hours(now, zone);
    date.textContent = day(now, zone);
    for (const each of waiting.querySelectorAll("time")) each.textContent = ago(Number(each.dataset.at));
  }

  show("lock");
  return {
    tick,
    update(found) {
      if (found.customer.id !== person) { person = found.customer.id; show("lock"); }
      view = found;
      talk.update(found, shownScreen === "messages");
      render();
      tick();
    },
  };
}

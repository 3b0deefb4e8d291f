// The conversation with our number, and what can be written back.
import { act, counted, day, element, hours, icon, keep, linked, report } from "/assets/elements.js";

const WORDS = ["STOP", "START", "HELP"];

export function conversation(changed) {
  const sender = element("h3", {}), note = element("p", { class: "optedout", hidden: true },
    "Twilio itself sends no more to this number (21610) until it writes START.");
  const bubbles = element("ol", { class: "bubbles", "aria-label": "Conversation", tabindex: "0" });
  const input = element("input", { type: "text", maxlength: "1600", placeholder: "Text message", "aria-label": "Reply", autocomplete: "off" });
  const button = element("button", { type: "submit", class: "send", "aria-label": "Send" }, icon("send"));
  const form = element("form", { class: "write", onsubmit: (event) => { event.preventDefault(); send(); } }, input, button);
  const chips = element("div", { class: "quick", role: "group", "aria-label": "Quick replies" },
    ...WORDS.map((word) => element("button", { type: "button", onclick: () => write(word) }, word)));
  const none = element("p", { class: "calm dark" }, "No messages. One can reply once a text has arrived.");
  const screen = element("div", { class: "screen messages", id: "screen-messages", role: "tabpanel", "aria-labelledby": "tab-messages", hidden: true },
    element("header", {}, element("i", { class: "face", "aria-hidden": "true" }, icon("text")), sender), note, bubbles, none, chips, form);
  let view = null, visible = false;

  async function write(text) {
    const newest = view?.texts[0];
    if (!newest || !text.trim()) return undefined;
    const done = await act(newest, "reply", text.trim());
    report(done, `Replied “${text.trim()}”`);
    await changed();
    return done;
  }

  // The text leaves the field at once: a second press finds nothing, and what is typed next stays.
  async function send() {
    const text = input.value;
    input.value = "";
    if (!(await write(text)) && !input.value) input.value = text;
  }

  const key = () => `kizashi-sandbox-read ${view.customer.id}`;
  const lastRead = () => { try { return Number(sessionStorage.getItem(key()) ?? 0); } catch { return 0; } };

  function read() {
    visible = true;
    if (view?.texts.length) try { sessionStorage.setItem(key(), view.texts[0].n); } catch { /* then it stays unread */ }
    bubbles.scrollTop = bubbles.scrollHeight;
  }

  function entries() {
    const theirs = view.texts.map((text) => ({ ...text, from: "us" }));
    const mine = view.said.flatMap((said) => [{ ...said, from: "me" },
      ...(said.answer ? [{ n: said.n + 0.5, at: said.at, text: said.answer, from: "twilio" }] : [])]);
    const all = [...theirs, ...mine].sort((one, other) => one.n - other.n), zone = view.customer.time_zone;
    return all.map((each, index) => ({ ...each, day: index && day(all[index - 1].at, zone) === day(each.at, zone) ? "" : day(each.at, zone) }));
  }

  function caption(each) {
    if (each.from === "twilio") return "Twilio's own answer";
    if (each.from === "me") return each.status === null ? "not heard" : each.status < 300 ? `heard (${each.status})` : `refused (${each.status})`;
    return `${each.state} · ${counted(each.segments, "segment")}`;
  }

  function bubble(each) {
    const wrong = each.from === "me" && (each.status === null || each.status >= 300);
    return element("li", { class: `from-${each.from}` }, each.day && element("p", { class: "day" }, each.day),
      element("p", { class: "bubble" }, ...linked(each.text)),
      element("p", { class: wrong ? "caption wrong" : "caption" }, `${hours(each.at, view.customer.time_zone)} · ${caption(each)}`));
  }

  return {
    screen,
    read,
    focus: () => input.focus(),
    unread: () => view ? view.texts.filter((text) => text.n > lastRead()) : [],
    update(found, shown) {
      if (found.customer.id !== view?.customer.id) input.value = "";
      view = found;
      visible = shown;
      const atEnd = bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 40;
      sender.textContent = found.texts[0]?.sender ?? found.customer.addresses.sms ?? "Messages";
      note.hidden = !found.opted_out;
      const all = entries(), empty = found.texts.length === 0;
      keep(bubbles, all, (each) => `${each.from} ${each.n} ${each.state ?? each.status} ${each.day}`, bubble);
      none.hidden = all.length > 0;
      bubbles.hidden = all.length === 0;
      for (const each of [input, button, ...chips.children]) each.disabled = empty;
      if (visible) { if (atEnd) bubbles.scrollTop = bubbles.scrollHeight; read(); }
    },
  };
}

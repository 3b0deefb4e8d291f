// A provider's bad day: switched on from a dialog, shown in a band while it lasts, ended by a button or by itself.
import { element, keep, tell } from "/assets/elements.js";

const NAMES = { fcm: ["Push", "Firebase"], twilio: ["SMS", "Twilio"], smtp: ["Mail", "the mail server"], webhook: ["Webhook", "the receiving program"], webpush: ["Web push", "the browser's push service"] };
const REPORTING = ["fcm", "twilio", "webpush"];
const KINDS = [
  { mode: "500", label: "Errors", says: "Fails every send (500).", band: "fails every send" },
  { mode: "503", label: "Unavailable", says: "Asks to come back later (503).", band: "is unavailable" },
  { mode: "429", label: "Throttling", says: "Too many (429): come back in so many seconds.", band: "throttles", seconds: 30 },
  { mode: "slow", label: "Slowness", says: "Answers well, but takes so many seconds.", band: "is slow", seconds: 15 },
  { mode: "dribble", label: "A byte at a time", says: "Answers a byte every so many seconds.", band: "answers a byte at a time", seconds: 1 },
  { mode: "silent", label: "Silence", says: "Takes the connection, says nothing, drops it.", band: "says nothing" },
  { mode: "drop_after", label: "Answers get lost", says: "Has the message, then hangs up.", band: "takes messages and hangs up" },
  { mode: "malformed", label: "Nonsense", says: "Has the message; the answer can't be read.", band: "answers nonsense" },
  { mode: "refuse", label: "Rejects everybody", says: "No address is known any more.", band: "rejects every address" },
  { receipts: "never", label: "No receipts", says: "Delivers; nobody hears of it.", band: "sends no receipts" },
  { receipts: "late", label: "Late receipts", says: "They come so many seconds later.", band: "sends receipts late", seconds: 60 },
  { receipts: "twice", label: "Receipts twice", says: "Each comes a second time.", band: "sends receipts twice" },
  { receipts: "shuffled", label: "Receipts out of order", says: "The last one comes first.", band: "sends receipts out of order" },
];
const LASTS = [["5", "5 minutes"], ["1", "1 minute"], ["15", "15 minutes"], ["60", "an hour"], ["", "until switched off"]];

const names = (provider) => NAMES[provider] ?? [provider, provider];
const isBad = (fault) => (fault.mode !== "ok" && fault.count !== 0) || fault.receipts !== "ok";
const kindOf = (fault) => KINDS.find((kind) => kind.receipts ? kind.receipts === fault.receipts && fault.mode === "ok" : kind.mode === fault.mode)
  ?? { band: `misbehaves (${fault.mode})` };

export function badDays(pills, bands, dialog, changed) {
  let faults = [], asked = "";

  async function set(fault) {
    try {
      const answer = await fetch("/sandbox/faults", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fault) });
      if (!answer.ok) { tell((await answer.json()).detail, true); return; }
    } catch { tell("The sandbox does not answer.", true); return; }
    dialog.close();
    await changed();
    document.getElementById(`pill-${fault.provider}`)?.focus();
  }

  function ask(provider) {
    const [channel, name] = names(provider), fault = faults.find((each) => each.provider === provider);
    const offered = KINDS.filter((kind) => !kind.receipts || REPORTING.includes(provider));
    const chosen = isBad(fault) ? kindOf(fault) : offered[0];
    const seconds = element("input", { type: "number", min: "0", max: "600", step: "any", required: true, value: "3" });
    const secondsLabel = element("label", { class: "field" }, "Seconds", seconds);
    const lasts = element("select", {}, ...LASTS.map(([value, text]) => element("option", { value }, text)));
    const choice = (kind) => element("label", { class: "kind" },
      element("input", { type: "radio", name: "kind", value: String(KINDS.indexOf(kind)), onchange: () => fit(kind), checked: kind === chosen }),
      element("span", {}, element("b", {}, kind.label), element("small", {}, kind.says)));
    const group = (title, kinds) => kinds.length > 0 && element("fieldset", { class: "kinds" }, element("legend", {}, title), ...kinds.map(choice));
    function fit(kind) {
      secondsLabel.hidden = kind.seconds === undefined;
      seconds.value = String(kind.seconds ?? 3);
    }
    asked = provider;
    dialog.replaceChildren(element("form", { onsubmit: (event) => {
      event.preventDefault();
      const kind = KINDS[Number(new FormData(event.target).get("kind"))];
      set({ provider: asked, mode: kind.mode ?? "ok", receipts: kind.receipts ?? "ok", seconds: Number(seconds.value),
        ...(lasts.value ? { minutes: Number(lasts.value) } : {}) });
    } },
    element("h2", { id: "badday-name" }, `A bad day for ${name}`),
    element("p", { class: "faint" }, `What happens to each ${channel === "SMS" ? "SMS" : channel.toLowerCase()} until all is well again.`),
    group("When we send", offered.filter((kind) => !kind.receipts)), group("What comes back afterwards", offered.filter((kind) => kind.receipts)),
    element("div", { class: "fields" }, secondsLabel, element("label", { class: "field" }, "Lasts", lasts)),
    element("div", { class: "buttons" },
      isBad(fault) && element("button", { type: "button", class: "plain", onclick: () => set({ provider, mode: "ok" }) }, "All well again"),
      element("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel"),
      element("button", { type: "submit", class: "primary" }, "Start the bad day"))));
    fit(chosen);
    if (isBad(fault) && chosen.seconds !== undefined) seconds.value = String(fault.seconds);
    dialog.showModal();
  }

  function pill(fault) {
    const [channel, name] = names(fault.provider), bad = isBad(fault);
    return element("button", { type: "button", id: `pill-${fault.provider}`, class: bad ? "pill bad" : "pill", title: `Give ${name} a bad day`,
      onclick: () => ask(fault.provider) }, element("b", {}, channel), element("span", {}, bad ? "bad day" : "all well"));
  }

  function band(fault) {
    const [channel, name] = names(fault.provider), kind = kindOf(fault);
    return element("div", { class: "band" }, element("p", {}, element("b", {}, `${channel}: ${name} has a bad day.`), ` It ${kind.band}`,
      kind.seconds === undefined ? "" : ` (${fault.seconds} s)`, ". ",
      element("span", { class: "left", data: { ends: fault.ends_at ?? "" } })),
    element("button", { type: "button", class: "plain", onclick: () => set({ provider: fault.provider, mode: "ok" }) }, "All well again"));
  }

  function tick() {
    for (const left of bands.querySelectorAll(".left")) {
      const seconds = Math.max(0, Math.round((Number(left.dataset.ends) - Date.now()) / 1000));
      const text = left.dataset.ends ? `Ends in ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}.` : "";
      if (left.textContent !== text) left.textContent = text;
    }
  }

  return {
    tick,
    update(found) {
      faults = found;
      keep(pills, found, (fault) => `${fault.provider} ${isBad(fault)}`, pill);
      keep(bands, found.filter(isBad), (fault) => `${fault.provider} ${fault.mode} ${fault.receipts} ${fault.ends_at} ${fault.seconds}`, band);
      tick();
    },
  };
}

// Building the page: text is only ever set as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 20.500a2.200 2.200 0 0 0 4 0",
  text: "M4 5.500h16v11H10l-4 3.500v-3.500H4z",
  mail: "M3.500 6h17v12h-17zM3.500 7l8.500 6.500L20.500 7",
  close: "M7 7l10 10M17 7L7 17",
  back: "M15 5l-7 7 7 7",
  send: "M12 19V5M6 11l6-6 6 6",
  lock: "M6.500 11h11v8.500h-11zM9 11V8a3 3 0 0 1 6 0v3",
  out: "M9 6H6v12h12v-3M13 5h6v6M19 5l-8 8",
};

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (key === "data") Object.assign(made.dataset, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

export function icon(name) {
  const made = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  made.append(path);
  return made;
}

// Elements whose key is still wanted stay where they are: what is read or typed there is not lost.
export function keep(list, items, keyOf, make) {
  const standing = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const found = standing.get(key) ?? make(item);
    found.dataset.key = key;
    standing.delete(key);
    return found;
  });
  for (const gone of standing.values()) gone.remove();
  wanted.forEach((child, index) => { if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null); });
}

const LINK = /https?:\/\/[^\s<>"'、。」』）】]+/gi;
let base = "", called = "", origins = [], returning = false;

// Where the gateway is reached from here, and what its app is called.
export function learn(found) { ({ base, origins, brand: called, returns: returning } = found); }
export const brand = () => called;
export const returns = () => returning;

// The gateway's own links lead to where it is reached from here, which need not be its public address.
export function reachable(link) {
  const url = new URL(link);
  return base && origins.includes(url.origin) ? base + url.pathname + url.search : url.href;
}

export function anchor(link, text = link) {
  try {
    return element("a", { href: reachable(link), target: "_blank", rel: "noopener noreferrer" }, text);
  } catch {
    return document.createTextNode(text);
  }
}

export function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const link = found[0].replace(/[.,;:!?)\]]+$/, "");
    parts.push(text.slice(from, found.index), anchor(link));
    from = found.index + link.length;
  }
  return [...parts, text.slice(from)].filter((part) => part !== "");
}

export function when(at, timeZone, options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: timeZone || undefined }).format(at);
  } catch {
    return new Intl.DateTimeFormat("en-GB", options).format(at);
  }
}

export const hours = (at, zone) => when(at, zone, { hour: "2-digit", minute: "2-digit" });
export const day = (at, zone) => when(at, zone, { weekday: "short", day: "numeric", month: "short" });

export function ago(at) {
  const minutes = Math.floor((Date.now() - at) / 60000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 1440 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`;
}

export function counted(number, one) { return `${number} ${one}${number === 1 ? "" : "s"}`; }

let hiding = 0;

export function tell(text, wrong = false) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.classList.toggle("wrong", wrong);
  toast.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => toast.classList.remove("shown"), 6000);
}

// What the person does; answers what the gateway said to it, or nothing where it could not be done.
export async function act(message, name, text = "") {
  try {
    const answer = await fetch(`/sandbox/messages/${message.n}/acts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ to: message.to, act: name, text }),
    });
    const said = await answer.json();
    if (answer.ok) return said;
    tell(`${said.title} ${said.detail}`, true);
  } catch {
    tell("The sandbox does not answer.", true);
  }
  return undefined;
}

export function report(done, what) {
  if (!done) return;
  if (!done.told) tell(`${what}. The gateway is not told of that.`);
  else if (done.taken) tell(`${what}. The gateway took note (${done.said}).`);
  else if (done.said) tell(`${what}, and the gateway refused it: ${done.said}`, true);
  else tell(`${what}, but the gateway did not answer. Is it running?`, true);
}

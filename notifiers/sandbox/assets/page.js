// The page: asks for what has changed, and hands it to its parts.
import { ago, counted, element, keep, learn } from "/assets/elements.js";
import { badDays } from "/assets/badday.js";
import { mailbox } from "/assets/mailbox.js";
import { phone } from "/assets/phone.js";

const EVERY_MS = 1000, HIDDEN_EVERY_MS = 5000;
const at = (id) => document.getElementById(id);
const live = at("live");
const parts = [phone(at("phone"), refresh), mailbox(at("mailbox"), refresh)];
const troubles = badDays(at("providers"), at("troubles"), at("badday"), refresh);
let seen = -1, customers = [], total = 0, asking = Promise.resolve();

function chosen() {
  const found = /^\/customers\/(.+)$/.exec(location.pathname);
  try { return found ? decodeURIComponent(found[1]) : ""; } catch { return ""; }
}

const pathOf = (customer) => `/customers/${encodeURIComponent(customer.id)}`;

function choose(event, customer) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", pathOf(customer));
  seen = -1;
  refresh();
}

function person(customer) {
  return element("li", {}, element("a", { href: pathOf(customer), onclick: (event) => choose(event, customer) },
    element("i", { class: "face", "aria-hidden": "true" }, [...customer.name.replace(/^\+/, "")][0] ?? "?"),
    element("span", {}, element("b", {}, customer.name), element("small", {}, said(customer)))));
}

function said(customer) {
  return customer.messages ? `${counted(customer.messages, "message")} · ${ago(customer.newest)}` : "nothing yet";
}

function showList(id) {
  at("count").textContent = total > customers.length ? `${customers.length} of ${total}` : total || "";
  keep(at("customers"), customers, (each) => `${each.id} ${each.name}`, person);
  [...at("customers").children].forEach((item, index) => {
    const link = item.firstElementChild, small = link.querySelector("small"), text = said(customers[index]);
    if (small.textContent !== text) small.textContent = text;
    if (customers[index].id === id) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  });
}

function showView(view) {
  const { push, sms, email } = view.customer.addresses;
  at("nobody").hidden = true;
  at("somebody").hidden = false;
  at("name").textContent = view.customer.name;
  document.title = `${view.customer.name} · Sandbox`;
  keep(at("addresses"), [sms, email, ...push].filter((each) => each && each !== view.customer.name), (each) => each, (each) => element("li", {}, each));
  for (const part of parts) part.update(view);
}

async function ask() {
  const id = chosen();
  const answer = await fetch(`/sandbox/shown?${new URLSearchParams({ customer: id, seen })}`);
  if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}`);
  const found = await answer.json();
  if (id !== chosen()) return;
  learn(found);
  troubles.update(found.faults);
  if (!found.customers) return;
  ({ customers, total } = found);
  seen = found.version;
  showList(found.view?.customer.id);
  if (found.view) showView(found.view);
  else if (!id && customers.length) { history.replaceState(null, "", pathOf(customers[0])); seen = -1; await ask(); }
  else { at("nobody").hidden = false; at("somebody").hidden = true; }
}

// One question at a time, in order: an old answer must not overwrite a newer one.
function refresh() {
  asking = asking.then(ask).then(() => say("live"), () => say("not reachable"));
  return asking;
}

// Only a change is written: screen readers read out what is.
function say(state) {
  if (live.textContent === state) return;
  live.textContent = state;
  live.classList.toggle("away", state !== "live");
}

async function follow() {
  await refresh();
  setTimeout(follow, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
}

at("theme").addEventListener("click", () => { at("theme").title = `Colours: ${window.nextTheme()}`; });
window.addEventListener("popstate", () => { seen = -1; refresh(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { parts[0].tick(); troubles.tick(); showList(customers.find((each) => each.id === chosen())?.id ?? currentId()); }, 1000);

function currentId() {
  const link = document.querySelector("#customers a[aria-current]");
  return link ? customers[[...link.closest("ul").children].indexOf(link.closest("li"))]?.id : undefined;
}

follow();

// The service worker: shows what Kizashi sends, says that it has it, and leads on when somebody taps it.
// It must lie as high as the pages that it serves: /service-worker.js for the whole site.

const TRIES = 3;
const PAUSE_MS = 1000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));
self.addEventListener("notificationclick", (event) => event.waitUntil(open(event.notification)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event.oldSubscription, event.newSubscription)));

// {"title", "body", "tag", "data": {"message_id", "ack_url", "link", …}}. A browser wants something shown for every push,
// so what can't be read is shown as that there is news.
function read(sent) {
  try {
    const { title, body, tag, data } = sent.json();
    return { title: title || "News for you", body: body ?? "", tag: tag ?? "", data: data ?? {} };
  } catch {
    return { title: "News for you", body: "", tag: "", data: {} };
  }
}

async function show({ title, body, tag, data }) {
  await self.registration.showNotification(title, { body, tag, data, icon: "icon.svg" });
  await acknowledge(data, "delivered");
}

async function open(notification) {
  notification.close();
  // Both at once: a browser opens a window only right after the tap.
  await Promise.allSettled([
    self.clients.openWindow(pageOf(notification.data?.link)),
    acknowledge(notification.data, "opened"),
  ]);
}

// Where the message leads, or our own first page; nothing but the web, whatever the message says.
function pageOf(link) {
  return /^https?:\/\//i.test(link ?? "") ? link : self.registration.scope;
}

// Kizashi stops trying other channels once it hears this. The address proves by itself that we had the message.
async function acknowledge(data, event) {
  if (!data?.ack_url) return;
  const request = { method: "POST", body: JSON.stringify({ event }), headers: { "Content-Type": "application/json" } };
  for (let tried = 1; tried <= TRIES; tried += 1) {
    try {
      const answer = await fetch(data.ack_url, { ...request, credentials: "omit", keepalive: true });
      if (answer.status < 500) return;
    } catch {
      // No network, or the gateway is away.
    }
    if (tried < TRIES) await new Promise((wake) => setTimeout(wake, PAUSE_MS * tried));
  }
}

// The browser has given itself another subscription, or has lost the one it had.
async function renew(before, after) {
  const key = async () => (await fetch("application-server-key")).text();
  const subscription = after ?? await self.registration.pushManager.subscribe(
    before?.options ?? { userVisibleOnly: true, applicationServerKey: await key() });
  await fetch("push-subscriptions", {
    method: "POST", body: JSON.stringify({ subscription, replaces: before?.endpoint }), headers: { "Content-Type": "application/json" },
  });
}

// The page: asks once, when somebody presses the button, and renews what was agreed to at each later visit.
const button = document.querySelector("#allow"), said = document.querySelector("#said");

button.addEventListener("click", () => allow());
if (!("serviceWorker" in navigator && "PushManager" in window)) refuse("This browser has no notifications. On an iPhone, add the page to the home screen first.");
else if (Notification.permission === "granted") allow();

async function allow() {
  button.disabled = true;
  try {
    const worker = await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    if (await Notification.requestPermission() !== "granted") return refuse("Notifications are blocked for this page.");
    await hand(await subscribed(worker));
    said.textContent = "You will hear from us here.";
  } catch (error) {
    refuse(`That did not work: ${error.message}`);
  }
}

// The subscription that there is, unless it was made for another key than the shop's.
async function subscribed(worker) {
  const key = (await (await fetch("application-server-key")).text()).trim();
  const known = await worker.pushManager.getSubscription();
  if (known && spelled(known.options.applicationServerKey) === key) return known;
  await known?.unsubscribe();
  return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

// The shop's own backend knows who is logged in, and has the key of Kizashi's API; a page must not.
async function hand(subscription) {
  const answer = await fetch("push-subscriptions", {
    method: "POST", body: JSON.stringify({ subscription }), headers: { "Content-Type": "application/json" },
  });
  if (!answer.ok) throw new Error(await answer.text());
}

function spelled(key) {
  const letters = btoa(String.fromCharCode(...new Uint8Array(key)));
  return letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function refuse(why) {
  said.textContent = why;
  button.disabled = false;
}

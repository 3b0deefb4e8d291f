// A press before the page's connection stands waits until what was typed before it has left.
// Until then NiceGUI asks every 10 ms for each event alone whether it may go: a button could overtake the text above it.
(() => {
  const SETTLED_MS = 50;
  // Only what NiceGUI hears of: a link, a form or a new line is the browser's own doing, which no second event repeats.
  const HEARD = { click: ".q-btn", keydown: "input.q-field__native" };
  const pressed = [];
  let connected, settled, waiting = false;
  // NiceGUI says here how it stands: false once the page is drawn, true once it is connected. What was typed until then
  // may still be asking, so that a press right afterwards waits as well.
  Object.defineProperty(window, "did_handshake", {
    get: () => connected,
    set: (value) => {
      connected = value;
      clearTimeout(settled);
      if (value === false) waiting = true;
      else if (waiting) settled = setTimeout(letGo, SETTLED_MS);
    },
  });
  const letGo = () => {
    waiting = false;
    for (const { target, event } of pressed.splice(0)) target.dispatchEvent(new event.constructor(event.type, event));
  };
  const hold = (event) => {
    if (!waiting || (event.type === "keydown" && event.key !== "Enter")) return;
    const target = event.target.closest?.(HEARD[event.type]);
    if (!target) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    pressed.push({ target, event });
  };
  document.addEventListener("click", hold, true);
  document.addEventListener("keydown", hold, true);
})();
